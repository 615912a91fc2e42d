"""Celery, as far as it is used: queues of job specs, one message at a time, JSON only.

A message is acknowledged when the bot has answered the lease request. From then on only the lease guards the job,
so no time-out of the broker can start it a second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import structlog
from celery import Celery, signals
from celery.worker import state as worker_state
from celery.worker.request import Request
from kombu import Exchange, Queue

from pipeline import tracing
from pipeline.contract import TASK_NAME, ContractError, JobSpec, broker_transport
from pipeline.gpus import gpus_here, held_gpus, visible_gpus
from pipeline.logs import configure_logs
from pipeline.settings import PipelineSettings
from pipeline.worker.supervisor import Supervisor

log = structlog.get_logger()

_AGAIN_S = 0.5


class HeldRequest(Request):
    """A message that is acknowledged by the task itself."""

    current: HeldRequest | None = None
    acknowledged: bool

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """Remember the message whose task runs now: there is one at a time."""
        HeldRequest.current = self
        super().on_accepted(pid, time_accepted)

    def acknowledge(self) -> None:
        """Acknowledge the message. Where the broker is away, it counts as done, and `settle` makes up for it."""
        if not self.acknowledged:
            self.acknowledged = True
            self._tell_the_broker()

    def settle(self, is_leaving: Callable[[], bool]) -> None:
        """Return once the broker knows what was acknowledged: until then it would never give us another message."""
        while not self.message.acknowledged and not is_leaving():
            time.sleep(_AGAIN_S)
            self._tell_the_broker()

    def _tell_the_broker(self) -> None:
        try:
            self.message.ack()
        except (OSError, *self._connection_errors) as error:
            log.warning("message.not_acknowledged", error=type(error).__name__)


def make_celery(settings: PipelineSettings) -> Celery:
    """Return the Celery application of one worker."""
    app = Celery("taxonomy-pipeline", broker=settings.broker_address, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_concurrency=1,
        worker_pool="solo",
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,  # what stops a job comes with the mail
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport=broker_transport(settings.broker_address),
        broker_transport_options=settings.broker_options,
        task_queues=[Queue(q.value, Exchange(""), routing_key=q.value) for q in settings.queues],
        task_create_missing_queues=False,
    )
    return app


def run_worker(settings: PipelineSettings) -> None:
    """Work until told to go: SIGTERM hands the job back, a second one ends at once.

    Raises GpuError, and TracingError.
    """
    configure_logs(settings.log_format)
    tracing.start("taxonomy-pipeline", version("taxonomy-bot"), settings.traces_url)
    named = settings.visible_gpus
    gpus = visible_gpus(named, gpus_here()) if named != () else ()
    with held_gpus(gpus, settings.runtime_dir, settings.worker_name):
        _work_until_told(settings)


def _work_until_told(settings: PipelineSettings) -> None:
    app = make_celery(settings)

    def is_leaving() -> bool:
        return worker_state.should_stop is not None

    supervisor = Supervisor(settings, is_leaving)

    @app.task(name=TASK_NAME, bind=True, acks_late=True, Request="pipeline.app:HeldRequest")  # type: ignore[untyped-decorator]
    def job(task: Any, spec: dict[str, Any]) -> None:
        held = HeldRequest.current
        if held is None:
            raise RuntimeError("a job was started outside of a worker")
        try:
            read = JobSpec.from_data(spec)
        except ContractError as error:
            supervisor.refuse(task.request.id, str(error), held.acknowledge)
        else:
            supervisor.do(read, held.acknowledge, str(task.request.get(tracing.HEADER) or ""))
        if not held.acknowledged:
            held.reject(requeue=True)
        held.settle(is_leaving)

    @signals.setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
    def leave_logs_alone(**_: Any) -> None:
        """Celery sets up none of its own where somebody hears this."""

    @signals.worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]
    def begin(**_: Any) -> None:
        supervisor.start()
        log.info("worker.ready", worker=settings.worker_name, queues=[queue.value for queue in settings.queues])

    worker = app.Worker(
        hostname=settings.worker_name,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
    )
    try:
        worker.start()
    finally:
        supervisor.stop()
        tracing.stop()
