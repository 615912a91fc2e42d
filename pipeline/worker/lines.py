"""Log lines on their way to the bot: gathered, never more than fit into a report, and kept until one is sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from pipeline.contract import LogLevel, LogLine

MOST_LINES = 200  # in one report; the oldest of more are left out, and that is said


class GatheredLines:
    """The lines that no report has carried yet."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque()
        self._left_out = 0
        self._said_left_out = 0  # by the first of the lines that were taken last

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, line: LogLine) -> None:
        """Take a line; where there are too many, the oldest goes."""
        self._lines.append(line)
        self._shorten()

    def take(self) -> tuple[LogLine, ...]:
        """Return the lines for a report, the first of which says how many were left out; they are ours no more."""
        lines = tuple(self._lines)
        self._lines.clear()
        self._said_left_out, self._left_out = self._left_out, 0
        if not self._said_left_out:
            return lines
        text = f"({self._said_left_out} lines left out: too many at once)"
        return (LogLine(lines[0].at_s, LogLevel.WARNING, text), *lines)

    def put_back(self, lines: Sequence[LogLine]) -> None:
        """Take back, before all others, the lines that were taken last and could not be sent."""
        self._left_out += self._said_left_out
        self._lines.extendleft(reversed(lines[1:] if self._said_left_out else lines))
        self._said_left_out = 0
        self._shorten()

    def _shorten(self) -> None:
        while len(self._lines) >= MOST_LINES:
            self._lines.popleft()
            self._left_out += 1
