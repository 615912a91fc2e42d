"""The roll call: which workers the bot hears, told to whoever holds the webhook secret.

`taxonomy-bot doctor` asks it of the running bot, whichever replica that is. What is shown holds for a minute or
two, and proves the secret without sending it.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from bot.clock import Clock
from bot.presence import Presence

ROUTE = "/healthz/workers"
HEADER = "X-Roll-Call"
_STEP_S = 60


@dataclass(frozen=True, slots=True)
class RollCall:
    """Answers who is there."""

    secrets: Sequence[SecretStr]
    workers: Callable[[], Awaitable[Mapping[str, Presence]]]
    clock: Clock

    async def handle(self, request: web.Request) -> web.Response:
        """Tell the workers; nothing to anybody else, not even that there is something to tell."""
        shown, now = request.headers.get(HEADER, ""), self.clock.now()
        if not any(_proves(shown, secret, now) for secret in self.secrets):
            raise web.HTTPNotFound
        told: list[dict[str, Any]] = [
            {
                "name": name,
                "queues": sorted(queue.value for queue in worker.queues),
                "is_busy": worker.is_busy,
                "silent_s": round((now - worker.heard_at).total_seconds(), 1),
            }
            for name, worker in sorted((await self.workers()).items())
        ]
        return web.json_response({"workers": told})


def proof(secret: SecretStr, now: datetime) -> str:
    """Return what proves that one knows the secret, at about this time."""
    return _proof(secret, int(now.timestamp()) // _STEP_S)


def _proof(secret: SecretStr, step: int) -> str:
    return hmac.digest(secret.get_secret_value().encode(), f"roll call {step}".encode(), "sha256").hex()


def _proves(shown: str, secret: SecretStr, now: datetime) -> bool:
    step = int(now.timestamp()) // _STEP_S
    given = shown.encode(errors="replace")
    return any(hmac.compare_digest(given, _proof(secret, each).encode()) for each in (step - 1, step, step + 1))
