"""Watching a job: how long each of its stages takes, what it asks of the model server, how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import structlog
from prometheus_client import start_http_server

from pipeline import tracing
from pipeline.contract import JobSpec, Outcome
from pipeline.gpus import gpu_memory
from pipeline.settings import PipelineSettings
from pipeline.teacher_tally import Tally
from pipeline.worker import metrics

log = structlog.get_logger()

_GPUS_EVERY_S = 10.0


class Watched:
    """One attempt that is being done."""

    def __init__(self, spec: JobSpec) -> None:
        self._task = spec.task.value
        self._began = self._stage_began = time.monotonic()
        self._stage = ""
        self._span = ExitStack()

    def at(self, words: str) -> None:
        """Note what the job says that it is busy with."""
        if (stage := metrics.stage_of(words)) == self._stage:
            return
        self._leave_stage()
        self._stage = stage
        self._span.enter_context(tracing.span(stage or "other"))

    def ended(self, outcome: Outcome) -> None:
        """Note the end."""
        self._leave_stage()
        metrics.JOBS.add(self._task, outcome.ending.value)
        metrics.JOB_S.note(time.monotonic() - self._began, self._task)
        tracing.note(ending=outcome.ending.value, gpu_s=outcome.gpu_s)

    def _leave_stage(self) -> None:
        now = time.monotonic()
        metrics.STAGE_S.add(self._task, self._stage, by=now - self._stage_began)
        self._stage_began = now
        self._span.close()


@contextmanager
def watched(spec: JobSpec) -> Iterator[Watched]:
    """Watch an attempt, from its lease on."""
    metrics.BUSY.set(1)
    job = Watched(spec)
    try:
        yield job
    finally:
        job._span.close()
        metrics.BUSY.set(0)


def teacher_did(tally: Tally) -> None:
    """Count what the process that does the work has asked of model servers since it last said so."""
    metrics.REQUESTS.add(by=tally.requests)
    metrics.TOKENS.add("prompt", by=tally.prompt_tokens)
    metrics.TOKENS.add("completion", by=tally.completion_tokens)
    for reason, count in tally.faults.items():
        metrics.FAULTS.add(reason, by=count)


class _GpuMemory:
    """Asks for the memory of the GPUs, now and then however many ask."""

    def __init__(self) -> None:
        self._asked_at = float("-inf")
        self._found: tuple[tuple[str, float, float], ...] = ()

    def used(self) -> dict[tuple[str, ...], float]:
        return {(index,): used for index, used, _ in self._look()}

    def whole(self) -> dict[tuple[str, ...], float]:
        return {(index,): whole for index, _, whole in self._look()}

    def _look(self) -> tuple[tuple[str, float, float], ...]:
        if time.monotonic() - self._asked_at >= _GPUS_EVERY_S:
            self._asked_at = time.monotonic()
            self._found = gpu_memory()
        return self._found


def listen(settings: PipelineSettings, unconfirmed: Callable[[], int]) -> None:
    """Answer Prometheus in a thread of its own; with port 0 nothing is done. Raises OSError."""
    if not settings.metrics_port:
        return
    memory = _GpuMemory()
    metrics.GPU_USED.ask(memory.used)
    metrics.GPU_MEMORY.ask(memory.whole)
    metrics.UNCONFIRMED.ask(lambda: {(): float(unconfirmed())})
    start_http_server(settings.metrics_port, settings.metrics_host, metrics.BOOK.registry)
    log.info("metrics.listening", host=settings.metrics_host, port=settings.metrics_port)
