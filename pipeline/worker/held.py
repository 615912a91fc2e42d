"""What a job holds on disk, under a lock that its process drops when it dies: what a killed one left is known."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder that is removed at the end; killed before, it is left for `remove_abandoned`."""
    parent.mkdir(parents=True, exist_ok=True)
    folder, lock = _held(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned(parent: Path, prefix: str) -> int:
    """Remove the folders whose processes are gone, of whichever worker. Return how many."""
    count = 0
    for folder in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):  # another worker was quicker
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if _could_lock(lock):
                    shutil.rmtree(folder, ignore_errors=True)
                    count += 1
            finally:
                os.close(lock)
    return count


def _held(parent: Path, prefix: str) -> tuple[Path, int]:
    """Return a new folder and its lock; one that was cleared away before it was locked is made anew."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            if _could_lock(lock) and folder.is_dir():
                return folder, lock
            os.close(lock)


def _could_lock(lock: int) -> bool:
    """Take the lock, if nobody has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
