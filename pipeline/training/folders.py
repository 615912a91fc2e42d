"""Folders that are there whole or not at all, and disks that are full."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.training.errors import CheckpointError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """Yield a new folder to write into; it takes its name when all in it is on the disk, and replaces another.

    Raises CheckpointError when the disk is full, and leaves nothing behind then.
    """
    fresh = unfinished(folder)
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        yield fresh
        for file in sorted(fresh.rglob("*")):
            sync(file)
        sync(fresh)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.rename(folder)
        sync(folder.parent)
    except BaseException as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if why := out_of_room(error):
            raise CheckpointError(
                f"The disk is full ({why}): {folder.name} could not be written to {folder.parent}. What was "
                "written before is kept. Make room there, and run the same again to go on."
            ) from error
        raise


def unfinished(folder: Path) -> Path:
    """Return where a folder is written before it takes its name."""
    return folder.with_name(f".{folder.name}.new")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file and have it on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Have a file, or what a folder lists, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def out_of_room(error: BaseException) -> str:
    """Return what the system said when there was no room, "" for any other error."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return os.strerror(error.errno)
    if type(error).__name__ == "SafetensorError":  # it tells the system's error in words
        return next((os.strerror(number) for number in _FULL if f"(os error {number})" in str(error)), "")
    return ""
