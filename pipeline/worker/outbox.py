"""The ends of jobs that the bot has not confirmed: kept on disk and sent again until it does."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import structlog

from pipeline.contract import ContractError, JobReport
from pipeline.worker.mail import Mail, MailError

log = structlog.get_logger()

_WRITTEN_WITHIN_S = 60.0


class Outbox:
    """Keeps final reports until they are confirmed."""

    def __init__(self, folder: Path, mail: Mail, resend_s: float) -> None:
        self._folder = folder / "unconfirmed"
        self._mail = mail
        self._resend_s = resend_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send again what an earlier worker could not get confirmed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._remove_half_written()
        self._thread = threading.Thread(target=self._resend, name="outbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sending; what is not confirmed stays on disk."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def put(self, report: JobReport) -> None:
        """Keep a final report, durably, and send it for the first time."""
        path = self._path(report.job_id, report.attempt)
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(report.to_json())
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        self._send(path)

    def confirm(self, job_id: int, attempt: int) -> None:
        """The bot has it: forget it."""
        self._path(job_id, attempt).unlink(missing_ok=True)

    @property
    def waiting(self) -> int:
        """How many reports are not confirmed."""
        return len(list(self._folder.glob("*.json")))

    def _remove_half_written(self) -> None:
        """Remove what a worker was writing when it was killed; a younger file may be of one that lives."""
        for fresh in self._folder.glob("*.new"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - fresh.stat().st_mtime > _WRITTEN_WITHIN_S:
                    fresh.unlink()

    def _path(self, job_id: int, attempt: int) -> Path:
        return self._folder / f"{job_id}-{attempt}.json"

    def _resend(self) -> None:
        while not self._stop.wait(self._resend_s):
            for path in sorted(self._folder.glob("*.json")):
                self._send(path)

    def _send(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError, MailError):
            try:
                # the worker that it was written by may be gone: we are the one to answer
                report = JobReport.from_json(path.read_text(encoding="utf-8"))
                self._mail.send(replace(report, worker=self._mail.worker))
            except ContractError as error:
                log.error("outbox.unreadable", file=path.name, error=str(error))
                path.rename(path.with_suffix(".unreadable"))
