"""The worker's mail: reports to the bot, answers from it. Every send may fail while the broker is away."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.exceptions import OperationalError
from kombu.message import Message as Delivery

from pipeline.contract import (
    REPORTS_QUEUE,
    Confirmation,
    ContractError,
    LeaseAnswer,
    Message,
    answers_queue,
    broker_transport,
    read_any,
)
from pipeline.settings import PipelineSettings

log = structlog.get_logger()

_direct = Exchange("", type="direct")


class MailError(Exception):
    """The broker could not be reached; try again."""


class Mail:
    """Sends to the bot, and hands its answers to whoever waits. One thread reads, any thread may send."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._address = settings.broker_address
        self._options = settings.broker_options
        self._transport = broker_transport(self._address)
        self.worker = settings.worker_name
        self._sending = threading.Lock()
        self._outgoing: Connection | None = None
        self._stop = threading.Event()
        self._reader: threading.Thread | None = None
        self._on_answer: Callable[[LeaseAnswer | Confirmation], None] = lambda _: None

    def start(self, on_answer: Callable[[LeaseAnswer | Confirmation], None]) -> None:
        """Begin to read answers; `on_answer` is called in the reader's thread."""
        self._on_answer = on_answer
        self._reader = threading.Thread(target=self._read, name="mail", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Stop reading and close the connections."""
        self._stop.set()
        if self._reader is not None:
            self._reader.join(timeout=5)
        with self._sending:
            self._drop_outgoing()

    @property
    def answers_to(self) -> str:
        """The queue that answers come to."""
        return answers_queue(self.worker)

    def send(self, message: Message) -> None:
        """Send to the bot. Raises MailError while the broker is away."""
        with self._sending:
            try:
                if self._outgoing is None:
                    self._outgoing = self._connection()
                producer = Producer(self._outgoing, serializer=None)
                producer.publish(
                    message.to_json().encode(),
                    routing_key=REPORTS_QUEUE,
                    content_type="application/json",
                    content_encoding="utf-8",
                    declare=[Queue(REPORTS_QUEUE, _direct, routing_key=REPORTS_QUEUE, durable=True)],
                    retry=False,
                )
            except broken_by(self._outgoing) as error:
                self._drop_outgoing()
                raise MailError(type(error).__name__) from None

    def _connection(self) -> Connection:
        return Connection(
            self._address, connect_timeout=5, transport=self._transport, transport_options=self._options
        )

    def _drop_outgoing(self) -> None:
        if self._outgoing is not None:
            self._outgoing.release()
            self._outgoing = None

    def _read(self) -> None:
        queue = Queue(self.answers_to, _direct, routing_key=self.answers_to, durable=False, expires=3600)
        while not self._stop.is_set():
            try:
                with (
                    self._connection() as connection,
                    Consumer(connection, queues=[queue], callbacks=[self._take], accept=["json"]),
                ):
                    while not self._stop.is_set():
                        try:
                            connection.drain_events(timeout=0.5)
                        except TimeoutError:
                            continue
            except Exception as error:  # whatever the transport raises: the thread goes on
                log.warning("mail.broken", error=type(error).__name__)
                self._stop.wait(1.0)

    def _take(self, _body: object, delivery: Delivery) -> None:
        try:
            answer = read_any(delivery.body, LeaseAnswer, Confirmation)
        except ContractError as error:
            log.error("mail.unreadable", error=str(error))
        else:
            if isinstance(answer, LeaseAnswer | Confirmation):
                self._on_answer(answer)
        delivery.ack()


def broken_by(connection: Connection | None) -> tuple[type[Exception], ...]:
    """Return what a transport raises while its broker is away."""
    known: tuple[type[Exception], ...] = (OperationalError, OSError)
    return known if connection is None else (*known, *connection.connection_errors, *connection.channel_errors)
