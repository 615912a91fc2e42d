"""Whether GitHub's webhooks lead to us, and arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.apply import send_again
from bot.doctor.findings import Line, attention, broken, fine
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.github.errors import GitHubError, NotFoundError
from bot.github.hook_deliveries import HookConfig, HookDeliveries, Sending

_NEEDS = ("app_id", "private_key")
_SHOWN = 30
_ARRIVES_WITHIN_S = 15.0


@probe("webhook", "Webhook", order=40, needs=_NEEDS, remedy="See GitHub above.")
async def webhook(patient: Patient) -> Sequence[Line]:
    """Where it leads, and what became of the newest deliveries."""
    deliveries = HookDeliveries(patient.github.itself())
    try:
        config = await deliveries.config()
    except NotFoundError:
        return [
            attention(
                "The App has no webhook.", "Its settings page, “Webhook”: tick “Active” and name the address."
            )
        ]
    except GitHubError as error:
        return [broken(f"GitHub did not tell where its webhooks go ({error}).", "See GitHub above.")]
    found = _of_config(config, patient.settings.public_url)
    try:
        newest = await _newest(deliveries)
    except GitHubError as error:
        return [*found, attention(f"GitHub did not tell what became of them ({error}).", "Try again in a minute.")]
    return [*found, _of_deliveries(newest)]


@probe(
    "delivery",
    "Delivery test",
    order=41,
    needs=_NEEDS,
    remedy="Look at the App's settings page, “Advanced”, “Recent Deliveries”.",
    within_s=_ARRIVES_WITHIN_S + 10,
)
async def delivery(patient: Patient) -> Sequence[Line]:
    """Have GitHub send its newest webhook again, where the operator wants that, and see what becomes of it."""
    if not patient.tests_delivery:
        return [fine("Not tried: `taxonomy-bot doctor --test-delivery` has GitHub send its newest webhook again.")]
    client = patient.writing_github.itself()
    deliveries = HookDeliveries(client)
    try:
        newest = await _newest(deliveries)
        if not newest:
            return [attention("There is nothing to send again.", "Comment on a pull request, and try again.")]
        known = {sending.id for sending in newest}
        await send_again(client, newest[0].id)
        again = await _arrival(deliveries, newest[0].guid, known)
    except GitHubError as error:
        return [broken(f"GitHub did not send it again ({error}).", "See GitHub above.")]
    if again is None:
        said = f"GitHub told of no answer within {_ARRIVES_WITHIN_S:g} s."
        return [attention(said, "Look at the App's settings page, “Advanced”, “Recent Deliveries”.")]
    if again.arrived:
        return [fine(f"GitHub has sent “{again.event}” again, and the bot took it.")]
    return [broken(f"GitHub has sent “{again.event}” again, and it did not arrive.", _REMEDY)]


_REMEDY = (
    "Is the bot running (`taxonomy-bot serve`), does the proxy in front pass /webhooks on to it, and is "
    "TAXONOMY_BOT_WEBHOOK_SECRETS the App's webhook secret? The App's settings page, “Advanced”, shows each answer."
)


async def _newest(deliveries: HookDeliveries) -> list[Sending]:
    return [sending async for page in deliveries.newest_first(1) for sending in page][:_SHOWN]


async def _arrival(deliveries: HookDeliveries, guid: str, known: set[int]) -> Sending | None:
    """Return how it went this time, None where that is not told in time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _ARRIVES_WITHIN_S
    while loop.time() < until:
        for sending in await _newest(deliveries):
            if sending.guid == guid and sending.id not in known:
                return sending
        await asyncio.sleep(0.5)
    return None


def _of_config(config: HookConfig, public_url: str) -> list[Line]:
    found = []
    remedy = "The App's settings page, “Webhook”"
    if public_url and config.url.rstrip("/") != f"{public_url}/webhooks":
        said = f"GitHub sends to {config.url or 'nobody'}, and we are at {public_url}/webhooks."
        found.append(broken(said, f"{remedy}: set the address, or put TAXONOMY_BOT_PUBLIC_URL right."))
    if config.content_type != "json":
        said = f"GitHub sends “{config.content_type}”, which the bot does not read."
        found.append(broken(said, f"{remedy}, “Content type”: application/json."))
    if not config.verifies_certificate:
        found.append(attention("GitHub does not verify our certificate.", f"{remedy}: enable SSL verification."))
    if not found:
        found.append(fine(f"GitHub sends to {config.url or 'nobody: the webhook has no address'}."))
    return found


def _of_deliveries(newest: list[Sending]) -> Line:
    if not newest:
        return attention(
            "GitHub has sent nothing in the last three days.", "Comment on a pull request, and look again."
        )
    lost = sum(1 for sending in newest if not sending.arrived)
    last = f"{newest[0].at:%d %b, %H:%M} UTC"
    said = f"Of the newest {len(newest)} deliveries {lost} did not arrive; the last was sent {last}."
    if not newest[0].arrived:
        return broken(said, _REMEDY)
    if lost:
        return attention(said, "The sweep asks for those again; the newest did arrive.")
    return fine(f"The newest {len(newest)} deliveries arrived; the last {last}.")
