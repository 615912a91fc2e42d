"""A file that a living worker touches: for whoever watches over processes, since a worker listens nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

log = structlog.get_logger()


class SignOfLife:
    """The file WORKER_NAME.alive in the runtime folder: touched with each hello, whether or not it gets through."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._path = folder / f"{worker}.alive"

    def give(self) -> None:
        """Touch the file. A folder that cannot be written to is said, and stops no work."""
        try:
            if not self._path.parent.is_dir():
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.parent.chmod(0o1777)  # workers of several people share it, as with their GPUs
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                os.utime(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("worker.no_sign_of_life", folder=str(self._path.parent), error=str(error))

    def end(self) -> None:
        """Remove the file: the worker has ended in an orderly way."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("worker.no_sign_of_life", folder=str(self._path.parent), error=str(error))
