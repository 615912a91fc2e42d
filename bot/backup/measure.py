"""Counting and hashing what passes, to tell later whether it is still the same."""

from __future__ import annotations

import hashlib

from bot.backup.manifest import Lines


class Measure:
    """Of lines, or of pieces of one file."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._size = 0
        self._count = 0

    def add(self, piece: bytes) -> None:
        """Count and hash one more."""
        self._digest.update(piece)
        self._size += len(piece)
        self._count += 1

    @property
    def lines(self) -> Lines:
        """What has passed, taken as lines."""
        return Lines(count=self._count, size=self._size, sha256=self._digest.hexdigest())

    def is_file(self, sha256: str, size: int) -> bool:
        """Return whether what has passed is the file with this hash and size."""
        return (self._digest.hexdigest(), self._size) == (sha256, size)
