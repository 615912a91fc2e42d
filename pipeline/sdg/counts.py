"""What every block counts: rows in and kept, why others were dropped, requests, tokens and seconds."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field

from pipeline.sdg.rows import Dropped, Row
from pipeline.teacher_messages import Reply

MOST_DROPPED_KEPT = 500  # rows of one block that are kept to be looked at; all are counted


@dataclass(slots=True)
class BlockCount:
    """One block's tally. `seconds` is the time its requests took, which overlap."""

    block: str
    because: str = ""
    rows_in: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    asked_again: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)  # parts of replies that made no row
    unanswered: int = 0  # asked as often as is asked, and no answer came: another run may have more luck
    requests: int = 0
    from_cache: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    rows_dropped: list[Dropped] = field(default_factory=list)

    def drop(self, row: Row, reason: str) -> None:
        """Count a row that goes no further. The first of them are kept to be looked at, whoever came back first."""
        self.dropped[reason] += 1
        insort(self.rows_dropped, Dropped(row, self.block, reason), key=lambda dropped: dropped.row.place)
        del self.rows_dropped[MOST_DROPPED_KEPT:]

    def asked(self, reply: Reply, seconds: float) -> None:
        """Count a request that was answered."""
        self.requests += 1
        self.from_cache += reply.from_cache
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens
        self.seconds += seconds
