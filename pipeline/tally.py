"""Hashing and counting what passes: for files that are too large to be held in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

_CHUNK_BYTES = 1 << 20


def chunks_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield what an open file holds, in pieces."""
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


class Tally:
    """Hashes and counts the chunks that pass. `size` in bytes."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size = 0

    def over(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield each chunk, counted."""
        for chunk in chunks:
            self._digest.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        """The hash of what has passed so far."""
        return self._digest.hexdigest()

    def fits(self, sha256: str, size: int) -> bool:
        """Return whether what has passed is the file with this hash and size, to the last byte."""
        return (self.sha256, self.size) == (sha256, size)


def measured(chunks: Iterable[bytes], target: BinaryIO | None = None) -> Tally:
    """Return hash and size of all chunks, which are written to `target` where one is given."""
    tally = Tally()
    for chunk in tally.over(chunks):
        if target is not None:
            target.write(chunk)
    return tally
