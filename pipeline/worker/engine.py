"""The process that does the work: it may be killed at any moment, and keeps its models loaded between jobs."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import structlog

from pipeline.contract import Ending, JobSpec, Load, LogLevel, LogLine, Outcome, Progress
from pipeline.gpus import Gpu, GpuError, gpus_here, visible_gpus
from pipeline.logs import configure_logs, name_in_logs
from pipeline.machine import this_machine
from pipeline.model_server import ModelServerError
from pipeline.settings import PipelineSettings
from pipeline.tasks import Bench, ContributionError, InputError, run_task
from pipeline.teacher_tally import HERE, Tally
from pipeline.worker.held import held_folder, remove_abandoned

log = structlog.get_logger()

_LONGEST_LINE = 2_000
_FOLDERS = "job-"


@dataclass(frozen=True, slots=True)
class Said:
    """What the process says: how far it is, a line of its log, what it needs loaded now, or how it ended."""

    progress: Progress | None = None
    line: LogLine | None = None
    need: Load | None = None  # it waits for `Engine.loaded`
    outcome: Outcome | None = None
    tally: Tally | None = None  # what it has asked of model servers since it last said so


class Engine:
    """One process for one job after the other; started when first needed, replaced when it dies or is killed."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection[Any, Any] | None = None

    def start(self, spec: JobSpec, trace: str = "") -> None:
        """Begin a job; its log names the trace that it belongs to."""
        if self._process is None or not self._process.is_alive():
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_work, args=(theirs, self._settings, os.getpid()), name="engine")
            self._process.start()
            theirs.close()
        assert self._pipe is not None  # noqa: S101 - made with the process
        self._pipe.send((spec.to_json(), trace))

    def said(self, timeout_s: float) -> Said | None:
        """Return what the process says next, None when nothing within the time. Its death is an outcome."""
        assert self._pipe is not None and self._process is not None  # noqa: S101, PT018 - a job was started
        try:
            if self._pipe.poll(timeout_s):
                said: Said = self._pipe.recv()
                return said
        except (EOFError, OSError):
            self._process.join(timeout=1)
            message = f"The process that did the work died (exit code {self._process.exitcode})."
            self.kill()
            return Said(outcome=Outcome(Ending.INFRA_ERROR, message))
        return None

    def loaded(self, problem: str = "") -> None:
        """Tell the process that what it needs is loaded, or why it is not."""
        assert self._pipe is not None  # noqa: S101 - a job was started
        with contextlib.suppress(OSError):  # it died meanwhile: `said` finds out
            self._pipe.send(problem)

    def kill(self) -> None:
        """End the process and everything that it has started, at once; its memory, also on a GPU, is free then."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join(timeout=5)
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        self.tidy_up()

    def tidy_up(self) -> None:
        """Remove the work folders of processes that were killed, here or in a worker that died."""
        if count := remove_abandoned(self._settings.work_dir, _FOLDERS):
            log.info("work.abandoned_folders_removed", count=count)


def _work(pipe: Connection[Any, Any], settings: PipelineSettings, parent: int) -> None:
    """Do one job after the other until the pipe is closed or the parent is gone."""
    configure_logs(settings.log_format)
    _see_only(settings.visible_gpus)
    os.setsid()  # so that whatever a job starts dies with it
    threading.Thread(target=_die_with, args=(parent,), name="orphan watch", daemon=True).start()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gpus: tuple[Gpu, ...] | None = None
    while True:
        try:
            text, trace = pipe.recv()
        except EOFError:
            return
        spec = JobSpec.from_json(text)
        name_in_logs(spec, trace)
        outcome = _outcome_of(spec, settings, pipe)
        gpus = _gpus_of(settings) if gpus is None else gpus
        pipe.send(Said(outcome=replace(outcome, machine=this_machine(gpus)), tally=HERE.take()))


def _see_only(gpus: tuple[str, ...] | None) -> None:
    """Have CUDA, and whatever a job starts, see these GPUs alone, counted as nvidia-smi counts them."""
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    if gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)


def _gpus_of(settings: PipelineSettings) -> tuple[Gpu, ...]:
    named = settings.visible_gpus
    try:
        return visible_gpus(named, gpus_here()) if named != () else ()
    except GpuError as error:  # it was there when the worker started: the work itself finds out
        log.error("gpu.gone", error=str(error))
        return ()


def _die_with(parent: int) -> None:
    """End this process and all that it has started once the worker is gone: nobody would hear of the work."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(os.getpid(), signal.SIGKILL)


def _outcome_of(spec: JobSpec, settings: PipelineSettings, pipe: Connection[Any, Any]) -> Outcome:
    began = time.monotonic()

    def tell(share: float, stage: str) -> None:
        pipe.send(Said(progress=Progress(min(max(share, 0.0), 1.0), stage[:200]), tally=HERE.take()))

    def note(text: str, level: LogLevel = LogLevel.INFO) -> None:
        pipe.send(Said(line=LogLine(time.monotonic() - began, level, text[:_LONGEST_LINE])))

    def need(load: Load) -> None:
        if settings.gpu_profile == "single":
            pipe.send(Said(need=load))
            if problem := pipe.recv():
                raise ModelServerError(problem)

    try:
        with held_folder(settings.work_dir, f"{_FOLDERS}{spec.job_id}-") as folder:
            return run_task(spec, Bench(settings, folder, tell, note, need))
    except ContributionError as error:
        return Outcome(Ending.FAILED_BY_CONTRIBUTION, str(error), run_s=time.monotonic() - began)
    except InputError as error:
        log.error("job.input_unusable", job=spec.job_id, error=str(error), cause=str(error.__cause__))
        return Outcome(Ending.INFRA_ERROR, str(error), run_s=time.monotonic() - began)
    except Exception as error:
        note(traceback.format_exc()[-_LONGEST_LINE:], LogLevel.ERROR)
        message = f"The job broke down ({type(error).__name__}); that is our fault."
        return Outcome(Ending.INFRA_ERROR, message, run_s=time.monotonic() - began)
