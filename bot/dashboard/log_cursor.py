"""How far somebody has seen a log, as a word that a browser keeps: with it nothing is missed and nothing comes twice.

Workers count their reports, but a report can overtake the one before it, and one without lines leaves a gap that
never fills. So the highest number alone does not say what was seen: the word says it of the last few one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from bot.store.board_logs import Key

BACK = 64  # reports that one may be late by

_WORD = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})-([0-9a-f]{1,16})")


@dataclass(frozen=True, slots=True)
class LogCursor:
    """The newest part that was seen, and as bits which of the 64 up to it were: bit 0 is that part itself."""

    attempt: int = 0
    highest: int = 0
    recent: int = 1

    @classmethod
    def read(cls, word: str) -> Self:
        """Return the cursor that a word says; for anything else the beginning of the log."""
        found = _WORD.fullmatch(word)
        return cls(int(found[1]), int(found[2]), int(found[3], 16) | 1) if found else cls()

    @classmethod
    def at_the_end_of(cls, keys: Iterable[Key]) -> Self:
        """Return the cursor of somebody who has seen these parts, and all before the first of them."""
        cursor = cls()
        for key in keys:
            cursor = cursor.after(key)
        return cursor

    def __str__(self) -> str:
        return f"{self.attempt}.{self.highest}-{self.recent:x}"

    @property
    def looks_from(self) -> Key:
        """The name after which there may be parts that were not seen."""
        return self.attempt, max(-1, self.highest - BACK)

    def has(self, key: Key) -> bool:
        """Return whether a part was seen; what lies too far back counts as seen."""
        attempt, sequence = key
        if attempt != self.attempt:
            return attempt < self.attempt
        back = self.highest - sequence
        return back >= BACK or (back >= 0 and bool(self.recent >> back & 1))

    def after(self, key: Key) -> Self:
        """Return the cursor once a part was seen, too."""
        if self.has(key):
            return self
        attempt, sequence = key
        if attempt > self.attempt:
            return type(self)(attempt, sequence, 1)
        ahead = sequence - self.highest
        if ahead <= 0:
            return type(self)(attempt, self.highest, self.recent | 1 << -ahead)
        kept = self.recent << ahead if ahead < BACK else 0
        return type(self)(attempt, sequence, (kept | 1) & (1 << BACK) - 1)
