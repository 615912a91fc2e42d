"""Whether the bot runs already: what only a running one can show is no fault of one that was never started."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import aiohttp

from bot.doctor.patient import Patient

UNREACHED = (TimeoutError, aiohttp.ClientError, ValueError)
START_IT = "Start it (`taxonomy-bot serve`), with the same settings as for this command, and examine again."

_ANSWERS_WITHIN_S = 2.0


def here(patient: Patient) -> str:
    """Return the bot's own address on this machine."""
    host = patient.settings.host
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - not listened on
    return f"http://{host}:{patient.settings.port}"


async def listens_here(patient: Patient) -> bool:
    """Return whether anything at all answers where the bot would on this machine."""

    async def look() -> bool:
        return await _answer(patient, here(patient)) is not None

    return await patient.once("listens here", look)


async def runs(patient: Patient) -> bool:
    """Return whether the bot answers, here or at its public address."""

    async def look() -> bool:
        public = patient.settings.public_url
        return await listens_here(patient) or (bool(public) and await _answer(patient, public) == HTTPStatus.OK)

    return await patient.once("runs", look)


async def _answer(patient: Patient, address: str) -> int | None:
    try:
        async with (
            asyncio.timeout(_ANSWERS_WITHIN_S),
            patient.http.get(f"{address}/healthz", allow_redirects=False) as answer,
        ):
            return answer.status
    except UNREACHED:
        return None
