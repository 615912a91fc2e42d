"""What a job keeps on disk while it is not done: whoever does the same again, goes on where it was broken off."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KEPT_S = 7 * 24 * 3600.0


@contextmanager
def kept_folder(parent: Path, key: str, spare: Path) -> Iterator[Path]:
    """Yield the folder of this key in `parent`, with what an earlier try has left in it; `spare` if another has it.

    It is removed once the work in it is done; whoever fails or is killed leaves it. What nobody came back to for a
    week is removed, too.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _remove_forgotten(parent)
    held = _held(parent / key)
    if held is None:
        yield spare
        return
    try:
        yield parent / key
        shutil.rmtree(parent / key, ignore_errors=True)
    finally:
        os.close(held)


def _held(folder: Path) -> int | None:
    """Return the lock of a folder that is ours now, None while another process has it."""
    while True:
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # it was removed just now: the work in it is done
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            if not _could_lock(lock):
                os.close(lock)
                return None
            if _is(folder, lock):
                os.utime(folder)
                return lock
            os.close(lock)


def _could_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is(folder: Path, lock: int) -> bool:
    """Return whether the folder is still the one that was opened."""
    return folder.is_dir() and os.path.samestat(folder.stat(), os.fstat(lock))


def _remove_forgotten(parent: Path) -> None:
    for folder in parent.iterdir():
        with contextlib.suppress(OSError):  # another process was quicker
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if time.time() - folder.stat().st_mtime > _KEPT_S and _could_lock(lock):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
