"""Webhooks: signed deliveries, sent in the order of their repository, and kept with the answers they got."""

from __future__ import annotations

import asyncio
import hmac
import json
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count
from typing import Any

import aiohttp

ANSWER_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver a webhook; `status` is None where nobody answered."""

    id: int
    at: datetime
    status: int | None
    is_again: bool


@dataclass(slots=True, eq=False)
class Delivery:
    """One webhook, with its attempts, oldest first."""

    guid: str
    event: str
    action: str | None
    repository: str
    payload: dict[str, Any]
    body: bytes
    headers: dict[str, str]
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def statuses(self) -> list[int | None]:
        """What each attempt was answered."""
        return [attempt.status for attempt in self.attempts]

    @property
    def status(self) -> int | None:
        """The answer to the last attempt."""
        return self.attempts[-1].status if self.attempts else None


@dataclass(frozen=True, slots=True)
class Whim:
    """What becomes of a webhook on its way: it is sent after so many seconds, as often as there are such.

    `is_refused` says that a first attempt, which GitHub lists, finds nobody at home.
    """

    after_s: tuple[float, ...] = (0.0,)
    is_refused: bool = False


Whims = Callable[[Delivery], Whim]


class Outbox:
    """Sends deliveries in the background, one at a time for each repository."""

    def __init__(self, secret: str, app_id: int, now: Callable[[], datetime]) -> None:
        self.deliveries: list[Delivery] = []
        self.observers: list[Callable[[Delivery], None]] = []
        self.webhook_url: str | None = None
        self.whims: Whims | None = None
        self._late: set[asyncio.Task[None]] = set()
        self.secret = secret
        self._app_id = app_id
        self._now = now
        self._attempt_ids = count(700_000_000_001)
        self._waiting: dict[str, deque[Delivery]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    def post(self, event: str, repository: str, payload: dict[str, Any]) -> Delivery:
        """Record a webhook and have it sent."""
        body = json.dumps(payload, separators=(",", ":")).encode()
        guid = str(uuid.uuid4())
        delivery = Delivery(
            guid, event, payload.get("action"), repository, payload, body, self._headers(guid, event, body)
        )
        self.deliveries.append(delivery)
        for observe in self.observers:
            observe(delivery)
        if self.whims is None:
            self.send(delivery)
        else:
            self._send_at_whim(delivery, self.whims(delivery))
        return delivery

    def _send_at_whim(self, delivery: Delivery, whim: Whim) -> None:
        if whim.is_refused:
            delivery.attempts.append(Attempt(next(self._attempt_ids), self._now(), None, is_again=False))
        for seconds in whim.after_s:
            if seconds:
                task = asyncio.get_running_loop().create_task(self._send_in(delivery, seconds))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
            else:
                self.send(delivery)

    async def _send_in(self, delivery: Delivery, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.send(delivery)

    def send(self, delivery: Delivery) -> None:
        """Queue a delivery, for the first time or once more under the same id."""
        if self.webhook_url is None:
            return
        key = delivery.repository
        self._waiting.setdefault(key, deque()).append(delivery)
        if key not in self._workers:
            self._workers[key] = asyncio.get_running_loop().create_task(self._deliver(key))

    @property
    def attempts(self) -> list[tuple[Delivery, Attempt]]:
        """Every attempt that was made, the newest first."""
        made = chain.from_iterable(((d, attempt) for attempt in d.attempts) for d in self.deliveries)
        return sorted(made, key=lambda each: each[1].id, reverse=True)

    async def settle(self) -> None:
        """Wait until everything has been delivered."""
        while self._workers or self._late:
            await asyncio.gather(*self._workers.values(), *self._late)

    async def close(self) -> None:
        """Stop sending."""
        workers = [*self._workers.values(), *self._late]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _deliver(self, key: str) -> None:
        waiting = self._waiting[key]
        try:
            while waiting:
                delivery = waiting.popleft()
                number, at = next(self._attempt_ids), self._now()
                status = await self._attempt(delivery)
                delivery.attempts.append(Attempt(number, at, status, bool(delivery.attempts)))
        finally:
            del self._workers[key]

    async def _attempt(self, delivery: Delivery) -> int | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S))
        url = self.webhook_url
        if url is None:
            return None
        try:
            async with self._session.post(url, data=delivery.body, headers=delivery.headers) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None

    def _headers(self, guid: str, event: str, body: bytes) -> dict[str, str]:
        key = self.secret.encode()
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": "292430182",
            "X-GitHub-Hook-Installation-Target-ID": str(self._app_id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature": "sha1=" + hmac.digest(key, body, "sha1").hex(),
            "X-Hub-Signature-256": "sha256=" + hmac.digest(key, body, "sha256").hex(),
        }
