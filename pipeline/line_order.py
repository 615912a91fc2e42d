"""An order that looks like chance and is the same everywhere, for more lines than fit into memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

_BUCKETS = 256  # a bucket's files are open at once; one at a time is in memory
_BUFFER_BYTES = 1 << 15
_KEY = 16  # hexadecimal digits


def in_order(lines: Iterable[tuple[int, bytes]], folder: Path) -> Iterator[tuple[bytes, int]]:
    """Yield the lines by their keys (64 bits), many joined at a time, with their number.

    They go through buckets in `folder`, which is made and removed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    paths = [folder / f"{i:02x}" for i in range(_BUCKETS)]
    try:
        _fill(paths, lines)
        for path in paths:
            with path.open("rb") as bucket:
                found = sorted(bucket)
            path.unlink()
            yield b"".join([line[_KEY:] for line in found]), len(found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(paths: Iterable[Path], lines: Iterable[tuple[int, bytes]]) -> None:
    with ExitStack() as stack:
        buckets: list[BinaryIO] = [stack.enter_context(path.open("wb", _BUFFER_BYTES)) for path in paths]
        write = [bucket.write for bucket in buckets]
        for key, line in lines:
            write[key >> 56](b"%016x%b" % (key, line))
