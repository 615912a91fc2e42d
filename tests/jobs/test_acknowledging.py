"""A message is acknowledged in the end, whatever the broker does meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection, Consumer, Exchange, Queue
from pydantic import SecretStr

from bot.job_mail import JobMail
from pipeline.app import HeldRequest, make_celery
from pipeline.contract import TASK_NAME, JobSpec, TaskKind, broker_options
from pipeline.settings import PipelineSettings
from tests.jobs.redis_server import RedisServer


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    "A Redis of its own."
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


async def test_a_broker_that_goes_at_the_acknowledgement_is_told_when_it_is_back(redis: RedisServer) -> None:
    "Otherwise it would count the message as being worked on, and never give the worker another one."
    mail = JobMail(redis.url)
    await mail.send_job("cpu", JobSpec(1, 1, TaskKind.PRECHECK, 1, 12, "c0ffee", 60.0))
    await mail.stop()
    with Connection(redis.url, transport_options=broker_options(redis.url, 3600)) as connection:
        held = _taken(connection, redis)
        redis.stop()
        held.acknowledge()
        assert (held.acknowledged, held.message.acknowledged) == (True, False)
        assert not connection.default_channel.qos.can_consume()

        comes_back = threading.Timer(1.0, redis.start)
        comes_back.start()
        until = time.monotonic() + 20
        held.settle(lambda: time.monotonic() > until)
        comes_back.join()
        assert held.message.acknowledged
        assert connection.default_channel.qos.can_consume()


def _taken(connection: Connection, redis: RedisServer) -> HeldRequest:
    """Return the message that waits, as Celery hands it to a worker that takes one at a time."""
    app, taken = make_celery(PipelineSettings(broker_url=SecretStr(redis.url))), []

    @app.task(name=TASK_NAME)
    def job(spec: dict[str, object]) -> None:
        "What the message is for; it is not run here."

    queue = Queue("cpu", Exchange(""), routing_key="cpu")
    with Consumer(connection, [queue], on_message=taken.append, accept=["json"], prefetch_count=1):
        connection.drain_events(timeout=5)
    errors = (*connection.connection_errors, *connection.channel_errors)
    return HeldRequest(taken[0], app=app, task=job, on_ack=taken[0].ack_log_error, connection_errors=errors)
