"""The front door: verify the signature on the raw bytes, store the delivery durably, answer 202."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from pydantic import SecretStr
from pydantic_core import from_json

from bot.clock import Clock
from bot.events import PAGE, PAGE_ORDER, is_ignored, pull_number_of
from bot.metrics.deliveries import WEBHOOKS
from bot.store.deliveries import Delivery, DeliveryState, DeliveryStore

log = structlog.get_logger()

_MAX_BATCH = 256
_MAX_BATCH_BYTES = 8 * 1024 * 1024
_BODY_TIMEOUT_S = 15.0  # GitHub itself gives up after ten
_MOST_NUMBER = 2**31 - 1
_GUID = re.compile(r"[0-9A-Za-z-]{8,64}")
_EVENT = re.compile(r"[a-z_]{1,64}")


class Inbox:
    """Stores deliveries; those that arrive together share one commit, and each is on disk before its answer."""

    def __init__(self, store: DeliveryStore, on_stored: Callable[[], None]) -> None:
        self._store = store
        self._on_stored = on_stored
        self._waiting: list[tuple[Delivery, asyncio.Future[None]]] = []
        self._something_waits = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Begin to take deliveries."""
        self._writer = asyncio.create_task(self._write(), name="inbox")

    async def stop(self) -> None:
        """Store what still waits, then stop."""
        self._closing = True
        self._something_waits.set()
        if self._writer is not None:
            await self._writer

    async def put(self, delivery: Delivery) -> None:
        """Return once the delivery is on disk. Raises what the database raised; then it is not stored."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, stored))
        self._something_waits.set()
        await stored

    async def _write(self) -> None:
        while self._waiting or not self._closing:
            await self._something_waits.wait()
            size = _size_of_batch(self._waiting)
            batch, self._waiting = self._waiting[:size], self._waiting[size:]
            if not self._waiting and not self._closing:
                self._something_waits.clear()
            if not batch:
                continue
            try:
                await self._store.add([delivery for delivery, _ in batch])
            except Exception as error:
                log.exception("inbox.store_failed", deliveries=len(batch))
                _settle(batch, error)
            else:
                _settle(batch, None)
                if any(delivery.state is DeliveryState.RECEIVED for delivery, _ in batch):
                    self._on_stored()


def _size_of_batch(waiting: Sequence[tuple[Delivery, object]]) -> int:
    """Return how many go into one commit: several as long as they are small, and always one."""
    total = 0
    for number, (delivery, _) in enumerate(waiting[:_MAX_BATCH]):
        total += len(delivery.payload)
        if total > _MAX_BATCH_BYTES:
            return max(1, number)
    return min(len(waiting), _MAX_BATCH)


def _settle(batch: Iterable[tuple[Delivery, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, stored in batch:
        if stored.done():  # the client has gone; the delivery is stored all the same
            continue
        if error is None:
            stored.set_result(None)
        else:
            stored.set_exception(error)


class SignatureCheck:
    """Says whether one of our secrets signed these bytes. Several secrets let an operator rotate them."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        self._keys = tuple(secret.get_secret_value().encode() for secret in secrets)
        if not self._keys:
            raise ValueError("no webhook secret: every stranger could send deliveries")

    def accepts(self, body: bytes, signature: str) -> bool:
        """Compare in constant time with the signature of every secret."""
        accepted = False
        for key in self._keys:
            expected = b"sha256=" + hmac.digest(key, body, "sha256").hex().encode()
            accepted |= hmac.compare_digest(expected, signature.encode("utf-8", "replace"))
        return accepted


class WebhookEndpoint:
    """`POST /webhooks`: 202 stored, and never before; 503 could not be stored.

    Else 400 unreadable, 401 not signed, 408 too slow, 413 too large, 415 no JSON.
    """

    def __init__(
        self, inbox: Inbox, signatures: SignatureCheck, repositories: frozenset[int], clock: Clock, app_id: int
    ) -> None:
        self._inbox = inbox
        self._signatures = signatures
        self._repositories = repositories
        self._clock = clock
        self._app_id = app_id

    async def handle(self, request: web.Request) -> web.Response:
        """Take one delivery."""
        answer = await self._take(request)
        WEBHOOKS.add(request.headers.get("X-GitHub-Event", ""), str(answer.status))
        return answer

    async def _take(self, request: web.Request) -> web.Response:
        try:
            body = await _body_of(request)
        except TimeoutError:
            return _answer(HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time")
        except ConnectionError:  # nobody is there to hear it; but no stranger shall fill our log with tracebacks
            return _answer(HTTPStatus.BAD_REQUEST, "the body broke off")
        return await self.take(body, request.headers)

    async def take(self, body: bytes, headers: Mapping[str, str]) -> web.Response:
        """Take one delivery, whoever has carried it here. `headers` are found whatever their letters' case."""
        if not self._signatures.accepts(body, headers.get("X-Hub-Signature-256", "")):
            return _answer(HTTPStatus.UNAUTHORIZED, "the signature is missing or wrong")
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            hint = "set the content type of the App's webhook to application/json"
            return _answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, hint)
        guid = headers.get("X-GitHub-Delivery", "")
        event = headers.get("X-GitHub-Event", "")
        if not _GUID.fullmatch(guid) or not _EVENT.fullmatch(event):
            return _answer(HTTPStatus.BAD_REQUEST, "X-GitHub-Delivery or X-GitHub-Event is missing or malformed")
        if event == PAGE_ORDER or guid.startswith(
            PAGE
        ):  # whoever signs webhooks speaks for GitHub, for nobody else
            return _answer(HTTPStatus.BAD_REQUEST, "orders are given on the pages, never by webhook")
        try:
            payload = _read_json(body)
        except (ValueError, RecursionError):
            return _answer(HTTPStatus.BAD_REQUEST, "the body is not JSON")
        repository_id = _repository_id(payload)
        if repository_id not in self._repositories:
            return _answer(HTTPStatus.ACCEPTED, "not for a repository that this bot serves")
        delivery = Delivery(guid, event, repository_id, _subject(payload, repository_id), body, self._clock.now())
        if is_ignored(event, payload, app_id=self._app_id):
            delivery = replace(delivery, payload=b"", state=DeliveryState.DONE)
        try:
            await self._inbox.put(delivery)
        except Exception:  # the inbox has logged it; GitHub notes that it failed, and a sweep has it sent again
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "it could not be stored: send it again")
        return _answer(HTTPStatus.ACCEPTED, "stored")


def _answer(status: HTTPStatus, text: str) -> web.Response:
    return web.Response(status=status, text=text + "\n")


async def _body_of(request: web.Request) -> bytes:
    """Return the bytes of a request. Raises TimeoutError when they take too long."""
    if request.content.is_eof():  # all of it came with the headers, as nearly always
        return await request.read()
    async with asyncio.timeout(_BODY_TIMEOUT_S):
        return await request.read()


def _read_json(body: bytes) -> Any:
    """Return what JSON says. Raises ValueError or RecursionError."""
    try:
        return from_json(body, cache_strings="keys")
    except ValueError:  # it is stricter than GitHub may be: half a surrogate, a byte order mark, many levels
        return json.loads(body)


def _repository_id(payload: Any) -> int:
    repository = payload.get("repository") if isinstance(payload, dict) else None
    identifier = repository.get("id") if isinstance(repository, dict) else None
    return identifier if isinstance(identifier, int) and not isinstance(identifier, bool) else 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_NUMBER


def _subject(payload: dict[str, Any], repository_id: int) -> str:
    """Name what a delivery is about, so that deliveries about the same thing are handled in order."""
    for key in ("pull_request", "issue"):
        item = payload.get(key)
        if isinstance(item, dict) and _is_number(item.get("number")):
            return f"{repository_id}#{item['number']}"
    check_run = payload.get("check_run")
    if isinstance(check_run, dict) and (number := pull_number_of(check_run.get("external_id"))):
        return f"{repository_id}#{number}"
    return str(repository_id)
