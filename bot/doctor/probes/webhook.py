"""Whether GitHub's webhooks lead to us, and arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from bot.apply import send_again
from bot.doctor.findings import Line, attention, broken, fine
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.doctor.running import START_IT, runs
from bot.github.errors import GitHubError, NotFoundError
from bot.github.hook_deliveries import HookConfig, HookDeliveries, Sending
from bot.settings import BotSettings
from bot.setup.plan import NOBODY_HOME

_NEEDS = ("app_id", "private_key", "public_url", "poll_seconds", "relay_url")
_SHOWN = 30
_ARRIVES_WITHIN_S = 15.0
_PAGE = "The App's settings page, “Webhook”"
_IF_A_RELAY = (
    "If that is a relay which the bot listens to, set TAXONOMY_BOT_RELAY_URL, so that this command knows it."
)
_REMEDY = (
    "Is the bot running (`taxonomy-bot serve`), does the proxy in front pass /webhooks on to it, and is "
    "TAXONOMY_BOT_WEBHOOK_SECRETS the App's webhook secret? The App's settings page, “Advanced”, shows each answer."
)
_RELAY_REMEDY = (
    "Does the relay of TAXONOMY_BOT_RELAY_URL answer, and is the App's webhook address that channel? The App's "
    "settings page, “Advanced”, shows each answer."
)


@probe("webhook", "Webhook", order=40, needs=_NEEDS, remedy="See GitHub above.", within_s=10.0)
async def webhook(patient: Patient) -> Sequence[Line]:
    """Where it leads, and what became of the newest deliveries. A bot that asks by itself needs none."""
    deliveries, held = HookDeliveries(patient.github.itself()), patient.settings
    if held.poll_seconds and not _relay(held):
        return [_asks_itself(held), *await _sent_beside(deliveries)]
    try:
        config = await deliveries.config()
    except NotFoundError:
        return [attention("The App has no webhook.", _no_webhook(held))]
    except GitHubError as error:
        return [broken(f"GitHub did not tell where its webhooks go ({error}).", "See GitHub above.")]
    if config.url in ("", NOBODY_HOME):
        return [_leads_nowhere(held)]
    found = [_asks_itself(held)] if held.poll_seconds else []
    found += _of_config(config, held)
    try:
        newest = await _newest(deliveries)
    except GitHubError as error:
        return [*found, attention(f"GitHub did not tell what became of them ({error}).", "Try again in a minute.")]
    return [*found, await _of_deliveries(patient, newest)]


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
        if not newest and patient.settings.poll_seconds:
            return [fine("There is nothing to send again, and need not be: the bot asks GitHub itself.")]
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
        who = "the relay" if _relay(patient.settings) else "the bot"
        return [fine(f"GitHub has sent “{again.event}” again, and {who} took it.")]
    return [broken(f"GitHub has sent “{again.event}” again, and it did not arrive.", _remedy(patient.settings))]


def _remedy(held: BotSettings) -> str:
    """Return what to look at where webhooks do not arrive."""
    return _RELAY_REMEDY if _relay(held) else _REMEDY


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


def _relay(held: BotSettings) -> str:
    """Return the channel that the bot listens to. Whoever knows it reads along: it is compared, never said."""
    return held.relay_url.get_secret_value().rstrip("/")


def _asks_itself(held: BotSettings) -> Line:
    return fine(f"The bot asks GitHub itself, every {held.poll_seconds:g} s: it needs no webhook.")


async def _sent_beside(deliveries: HookDeliveries) -> list[Line]:
    """Say where GitHub sends in vain, beside a bot that asks by itself."""
    try:
        newest = await _newest(deliveries)
    except GitHubError:  # an App without a webhook; whether GitHub answers at all is told above
        return []
    if not newest or newest[0].arrived:
        return []
    said = f"GitHub sends webhooks as well, and the last ({_when(newest[0])}) did not arrive."
    return [attention(said, f"{_PAGE}: untick “Active”, or set an address that leads to the bot.")]


def _no_webhook(held: BotSettings) -> str:
    """Return what to do where GitHub sends nothing to anybody."""
    if _relay(held):
        return f"{_PAGE}: tick “Active”, and set the address that TAXONOMY_BOT_RELAY_URL holds."
    if held.public_url:
        return f"{_PAGE}: tick “Active”, and set the address {held.public_url}/webhooks."
    return (
        f"{_PAGE}: tick “Active” and set the address of the bot. Where GitHub cannot reach it, have it ask: "
        "TAXONOMY_BOT_POLL_SECONDS=20 (as `taxonomy-bot serve --poll` does, of which this command knows nothing)."
    )


def _leads_nowhere(held: BotSettings) -> Line:
    said = "GitHub sends to nobody: the webhook has no address but the one of a webhook that is switched off."
    if _relay(held) and held.poll_seconds:
        return attention(f"{said} The bot asks GitHub itself, and its relay hears nothing.", _no_webhook(held))
    if _relay(held) or held.public_url:
        return broken(said, _no_webhook(held))
    return attention(said, _no_webhook(held))


def _shown(url: str) -> str:
    """Return as much of an address as may be read by everybody: the path of a relay's channel is a secret."""
    try:
        found = urlsplit(url)
    except ValueError:
        return "what is no address"
    path = "webhooks" if found.path == "/webhooks" and not found.query else "…"
    return f"{found.scheme}://{found.netloc.rpartition('@')[2]}/{path}"


def _of_config(config: HookConfig, held: BotSettings) -> list[Line]:
    found, sends_to, relay = [], config.url.rstrip("/"), _relay(held)
    ours = f"{held.public_url}/webhooks" if held.public_url else ""
    shown = ours if sends_to == ours else "the relay" if sends_to == relay else _shown(sends_to)
    if relay and sends_to == ours:
        said = f"GitHub sends to {shown} itself, so nothing comes by the relay."
        found.append(attention(said, f"{_PAGE}: set the relay's address, or take TAXONOMY_BOT_RELAY_URL out."))
    elif relay and sends_to != relay:
        said = f"GitHub sends to {shown}, and the bot listens to another address, its relay's."
        found.append(
            broken(said, f"{_PAGE}: set the address that TAXONOMY_BOT_RELAY_URL holds, or put that right.")
        )
    elif ours and not relay and sends_to != ours:
        said = f"GitHub sends to {shown}, and we are at {ours}."
        found.append(broken(said, f"{_PAGE}: set the address, or put TAXONOMY_BOT_PUBLIC_URL right. {_IF_A_RELAY}"))
    if config.content_type != "json":
        said = f"GitHub sends “{config.content_type}”, which the bot does not read."
        found.append(broken(said, f"{_PAGE}, “Content type”: application/json."))
    if not config.verifies_certificate:
        whose = "the relay's" if relay else "our"
        found.append(
            attention(f"GitHub does not verify {whose} certificate.", f"{_PAGE}: enable SSL verification.")
        )
    return found or [fine(f"GitHub sends to {shown}.")]


async def _of_deliveries(patient: Patient, newest: list[Sending]) -> Line:
    held = patient.settings
    if not newest and held.poll_seconds:
        return fine("GitHub has sent nothing in the last three days.")
    if not newest:
        return attention(
            "GitHub has sent nothing in the last three days.", "Comment on a pull request, and look again."
        )
    lost = sum(1 for sending in newest if not sending.arrived)
    last = _when(newest[0])
    said = f"Of the newest {len(newest)} deliveries {lost} did not arrive; the last was sent {last}."
    if not newest[0].arrived:
        if not _relay(held) and not await runs(patient):
            return attention(f"{said} The bot is not running yet.", f"{START_IT} It has GitHub send those again.")
        return broken(said, _remedy(held))
    if lost:
        return attention(said, "The sweep asks for those again; the newest did arrive.")
    arrived = "arrived at the relay" if _relay(held) else "arrived"
    return fine(f"The newest {len(newest)} deliveries {arrived}; the last {last}.")


def _when(sending: Sending) -> str:
    return f"{sending.at:%d %b, %H:%M} UTC"
