"""The bot's mail with its workers: messages out to the queues, reports in, each acknowledged after it is stored."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import TimeoutError as NotDoneError
from dataclasses import dataclass

import structlog
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.exceptions import OperationalError
from kombu.message import Message as Delivery

from pipeline.contract import (
    REDELIVERY_S,
    REPORTS_QUEUE,
    TASK_NAME,
    Confirmation,
    ContractError,
    JobReport,
    JobSpec,
    LeaseAnswer,
    LeaseRequest,
    Message,
    SpecRefusal,
    WorkerHello,
    answers_queue,
    broker_options,
    broker_transport,
    read_any,
    task_id_of,
)
from pipeline.tracing import HEADER

log = structlog.get_logger()

_PAUSE_S = 1.0
_PROOF_EVERY_S = 0.5
_STORED_WITHIN_S = 60.0
_direct = Exchange("", type="direct")

Receive = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Heard:
    """The last span of time, in seconds ago, in which everything that workers told has reached us."""

    since_s: float = 0.0
    until_s: float = 0.0


class BrokerAwayError(Exception):
    """The broker cannot be reached now: nothing is lost, it is sent again later."""


class JobMail:
    """Sends to workers and reads what they report. Kombu blocks, so both happen in threads.

    After `deaf_after_s` without a sign of the broker, what was heard before no longer counts.
    """

    def __init__(self, address: str, redelivery_s: float = REDELIVERY_S, *, deaf_after_s: float = 30.0) -> None:
        self._address = address
        self._options = broker_options(address, redelivery_s)
        self._transport = broker_transport(address)
        self._sending = threading.Lock()
        self._outgoing: Connection | None = None
        self._stop = threading.Event()
        self._reader: threading.Thread | None = None
        self._deaf_after_s = deaf_after_s
        self._hearing: tuple[float, float] | None = None  # since when, and when the broker last gave a sign

    @property
    def heard(self) -> Heard:
        """When we have been hearing workers without a break; an empty span while the broker is away."""
        hearing, now = self._hearing, time.monotonic()
        return Heard() if hearing is None else Heard(now - hearing[0], now - hearing[1])

    def start(self, receive: Receive) -> None:
        """Begin to read; `receive` runs in this event loop, and a report is acknowledged once it returns."""
        loop = asyncio.get_running_loop()
        self._stop.clear()
        self._reader = threading.Thread(target=self._read, args=(receive, loop), name="job mail", daemon=True)
        self._reader.start()

    async def stop(self) -> None:
        """Stop reading, and close the connections."""
        self._stop.set()
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join, 5)
        await asyncio.to_thread(self._close)

    async def send_job(self, queue: str, spec: JobSpec, traceparent: str = "") -> None:
        """Put a job's message into its queue, as Celery writes it. Raises BrokerAwayError.

        `traceparent` names the trace that it belongs to; it goes into the headers, where older workers overlook it.
        """
        await asyncio.to_thread(self._publish, queue, _as_task(spec, traceparent), True)

    async def answer(self, worker: str, message: LeaseAnswer | Confirmation) -> None:
        """Answer a worker. Raises BrokerAwayError."""
        await asyncio.to_thread(self._publish, answers_queue(worker), _as_plain(message), False)

    async def lying_in(self, queues: Iterable[str]) -> int:
        """Return how many messages lie in some queues of jobs, not taken by anybody. Raises BrokerAwayError."""
        return await asyncio.to_thread(self._count, list(queues))

    def _count(self, queues: list[str]) -> int:
        with self._sending:
            try:
                if self._outgoing is None:
                    self._outgoing = self._connection()
                channel = self._outgoing.default_channel
                return sum(_queue(name)(channel).queue_declare().message_count for name in queues)
            except broken_by(self._outgoing) as error:
                self._drop()
                raise BrokerAwayError(type(error).__name__) from None

    def _publish(self, queue: str, wrapped: _Wrapped, durable: bool) -> None:
        with self._sending:
            try:
                if self._outgoing is None:
                    self._outgoing = self._connection()
                Producer(self._outgoing).publish(
                    wrapped.body,
                    routing_key=queue,
                    headers=wrapped.headers,
                    content_type="application/json",
                    content_encoding="utf-8",
                    declare=[_queue(queue, durable)],
                    retry=False,
                    **wrapped.properties,
                )
            except broken_by(self._outgoing) as error:
                self._drop()
                raise BrokerAwayError(type(error).__name__) from None

    def _connection(self) -> Connection:
        return Connection(
            self._address, connect_timeout=5, transport=self._transport, transport_options=self._options
        )

    def _close(self) -> None:
        with self._sending:
            self._drop()

    def _drop(self) -> None:
        if self._outgoing is not None:
            self._outgoing.release()
            self._outgoing = None

    def _read(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        queue = _queue(REPORTS_QUEUE)

        def take(_body: object, delivery: Delivery) -> None:
            if self._handled(delivery, receive, loop):
                delivery.ack()
            else:
                delivery.requeue()
                self._stop.wait(_PAUSE_S)

        while not self._stop.is_set():
            try:
                with (
                    self._connection() as connection,
                    Consumer(connection, queues=[queue], callbacks=[take], accept=["json"], prefetch_count=50),
                ):
                    while not self._stop.is_set():
                        self._have_it_proved(queue(connection.default_channel))
                        with contextlib.suppress(TimeoutError):
                            connection.drain_events(timeout=0.5)
            except Exception as error:  # whatever the transport raises: the thread goes on
                self._hearing = None
                log.warning("jobs.broker_away", error=type(error).__name__)
                self._stop.wait(_PAUSE_S)

    def _have_it_proved(self, queue: Queue) -> None:
        """Ask the broker for a sign, now and then: one that hangs is as silent as workers that are gone."""
        since, proved = self._hearing or (time.monotonic(), 0.0)
        if time.monotonic() - proved < _PROOF_EVERY_S:
            return
        queue.queue_declare()
        now = time.monotonic()
        self._hearing = (since if now - proved <= self._deaf_after_s else now, now)

    def _handled(self, delivery: Delivery, receive: Receive, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether a report needs no further try: it is stored, or nobody can read it."""
        try:
            message = read_any(delivery.body, LeaseRequest, JobReport, WorkerHello, SpecRefusal)
        except ContractError as error:
            log.error("jobs.unreadable_report", error=str(error))
            return True
        if self._stop.is_set():
            return False
        future = asyncio.run_coroutine_threadsafe(_awaited(receive, message), loop)
        try:
            future.result(_STORED_WITHIN_S)
        except NotDoneError:
            future.cancel()
            return False
        except Exception:
            log.exception("jobs.report_not_stored", kind=message.KIND)
            return False
        return True


def _queue(name: str, durable: bool = True) -> Queue:
    return Queue(name, _direct, routing_key=name, durable=durable, expires=None if durable else 3600)


def tried_out(address: str, token: str) -> float | None:
    """Return how long a message takes to the broker and back, None where it gets lost. Raises what kombu does."""
    began = time.monotonic()
    options, transport = broker_options(address, REDELIVERY_S), broker_transport(address)
    queue = Queue(f"taxonomy.doctor.{token}", _direct, routing_key=f"taxonomy.doctor.{token}", expires=60)
    with Connection(address, connect_timeout=3, transport=transport, transport_options=options) as connection:
        bound = queue(connection.default_channel)
        bound.declare()
        try:
            Producer(connection).publish({"token": token}, routing_key=queue.name, serializer="json", retry=False)
            message = bound.get(accept=["json"])
            if message is None or message.payload != {"token": token}:
                return None
            message.ack()
        finally:
            bound.delete()
    return time.monotonic() - began


def broken_by(connection: Connection | None) -> tuple[type[Exception], ...]:
    """Return what a transport raises while its broker is away."""
    known: tuple[type[Exception], ...] = (OperationalError, OSError)
    return known if connection is None else (*known, *connection.connection_errors, *connection.channel_errors)


async def _awaited(receive: Receive, message: Message) -> None:
    await receive(message)


class _Wrapped:
    """A message as it goes to kombu."""

    def __init__(self, body: bytes, headers: dict[str, object], properties: dict[str, object]) -> None:
        self.body = body
        self.headers = headers
        self.properties = properties


def _as_plain(message: Message) -> _Wrapped:
    return _Wrapped(message.to_json().encode(), {}, {})


def _as_task(spec: JobSpec, traceparent: str = "") -> _Wrapped:
    """Return a job as a message of Celery's protocol, version 2: positional arguments, then options."""
    task_id = task_id_of(spec.job_id, spec.attempt, uuid.uuid4().hex)
    body = json.dumps([[spec.to_data()], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    headers: dict[str, object] = {
        "lang": "py",
        "task": TASK_NAME,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "argsrepr": f"(job {spec.job_id})",
        "kwargsrepr": "{}",
    }
    if traceparent:
        headers[HEADER] = traceparent
    return _Wrapped(body.encode(), headers, {"correlation_id": task_id})
