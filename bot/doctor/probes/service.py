"""The running bot: whether it answers here and at its public address, and which workers it hears."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from bot.doctor.findings import Line, attention, broken, fine
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.doctor.running import START_IT, UNREACHED, here, listens_here
from bot.roll_call import HEADER, ROUTE, proof
from pipeline.contract import Queue

_MOST_BYTES = 256 * 1024
_SILENT_S = 60.0
_PUBLIC_WITHIN_S = 2.5


@probe(
    "public-url", "Public address", order=45, needs=("public_url",), remedy="Look at the proxy in front of the bot."
)
async def public_url(patient: Patient) -> Sequence[Line]:
    """It leads to the bot, once that runs."""
    address = patient.settings.public_url
    if not address:
        return [fine("There is none (TAXONOMY_BOT_PUBLIC_URL): the bot links to no page and no file.")]
    remedy = "Is the bot running, does the name lead to the proxy, and does that pass requests on to HOST and PORT?"
    try:
        async with (
            asyncio.timeout(_PUBLIC_WITHIN_S),
            patient.http.get(f"{address}/healthz", allow_redirects=False) as answer,
        ):
            said = (await answer.content.read(100)).strip()
    except UNREACHED as error:
        problem = f"{address} cannot be reached from here ({type(error).__name__})."
        return [broken(problem, remedy) if await listens_here(patient) else _not_running(problem)]
    if answer.status != HTTPStatus.OK or said != b"ok":
        problem = f"{address}/healthz answers {answer.status}, and not as the bot does."
        is_anothers = answer.status == HTTPStatus.OK  # it would be, with a running bot, too
        return [broken(problem, remedy) if is_anothers or await listens_here(patient) else _not_running(problem)]
    if not address.startswith("https://"):
        return [attention(f"{address} leads to the bot, without encryption.", "Put a proxy with TLS in front.")]
    return [fine(f"{address} leads to the bot.")]


@probe(
    "workers",
    "Workers",
    order=75,
    needs=("webhook_secrets", "broker_url", "database_url"),
    remedy="Is the bot overloaded? It did not say whom it hears.",
)
async def workers(patient: Patient) -> Sequence[Line]:
    """Who is alive, and which queues nobody serves. The running bot knows."""
    if not patient.settings.broker:
        return [fine("None are needed: there is no broker.")]
    for address in filter(None, (here(patient), patient.settings.public_url)):
        told = await _roll(patient, address)
        if told is not None:
            return _of_workers(told)
    return [
        attention(
            f"The bot is not running yet: none answers at {here(patient)}, so nobody knows its workers.",
            START_IT,
        )
    ]


def _not_running(problem: str) -> Line:
    return attention(f"The bot is not running yet on this machine. {problem}", START_IT)


async def _roll(patient: Patient, address: str) -> dict[str, Any] | None:
    headers = {HEADER: proof(patient.settings.webhook_secrets[0], patient.clock.now())}
    try:
        async with patient.http.get(f"{address}{ROUTE}", headers=headers, allow_redirects=False) as answer:
            if answer.status != HTTPStatus.OK or (answer.content_length or 0) > _MOST_BYTES:
                return None
            told = await answer.json()
    except UNREACHED:
        return None
    return told if isinstance(told, dict) else None


def _of_workers(told: dict[str, Any]) -> list[Line]:
    alive = [each for each in told.get("workers", ()) if each["silent_s"] <= _SILENT_S]
    count = Counter(queue for each in alive for queue in each["queues"])
    found = []
    for each in told.get("workers", ()):
        queues = ", ".join(each["queues"])
        if each in alive:
            found.append(
                fine(f"{each['name']} serves {queues}, and is {'at work' if each['is_busy'] else 'free'}.")
            )
        else:
            said = f"{each['name']} ({queues}) has been silent for {each['silent_s']:.0f} s."
            found.append(attention(said, "If it was not ended on purpose, look at its log on its machine."))
    return found + [_unserved(queue.value) for queue in Queue if not count[queue.value]]


def _unserved(queue: str) -> Line:
    return attention(
        f"Nobody serves the queue {queue}: its jobs wait.",
        f"On a machine for it: TAXONOMY_PIPELINE_QUEUES={queue} taxonomy-pipeline worker, with the same broker and "
        "artifact store.",
    )
