"""Parts of a log as people see them: one line each, harmless whatever was printed, and of a length to be read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from bot.dashboard.log_cursor import LogCursor
from bot.job_log_downloads import plain_line
from bot.store.board_logs import Key
from bot.store.job_logs import LogPart

LONGEST_LINE = 2_000  # characters; the whole log has more of them
_OF_TERMINALS = 8  # characters that are printed for each that is seen, at most


@dataclass(frozen=True, slots=True)
class LogEvent:
    """What is sent to all who watch a log. `key` names the part it shows; None where it shows none."""

    wire: bytes
    key: Key | None = None
    is_last: bool = False


HEARTBEAT = LogEvent(b": still here\n\n")
OVER = LogEvent(b'event: over\ndata: ""\n\n', is_last=True)


def shown(parts: Iterable[LogPart], before: int = 0) -> str:
    """Return the lines of some parts, each with when it came; `before` is the attempt of what stands above them."""
    return "".join(_shown(part, is_new=is_new) for part, is_new in _with_beginnings(parts, before))


def event_of(part: LogPart, cursor: LogCursor, before: int) -> LogEvent:
    """Return what shows a part; a browser that has it is where `cursor` says."""
    text = _shown(part, is_new=part.attempt != before)
    wire = f"id: {cursor}\nevent: lines\ndata: {json.dumps(text)}\n\n".encode()
    return LogEvent(wire, (part.attempt, part.sequence))


def _with_beginnings(parts: Iterable[LogPart], before: int) -> Iterable[tuple[LogPart, bool]]:
    for part in parts:
        yield part, part.attempt != before
        before = part.attempt


def _shown(part: LogPart, *, is_new: bool) -> str:
    head = f"== attempt {part.attempt} ==\n" if is_new else ""
    return head + "".join(f"{part.at:%H:%M:%S}  {_cut(line)}\n" for line in part.lines.split("\n"))


def _cut(line: str) -> str:
    seen = plain_line(line[: _OF_TERMINALS * LONGEST_LINE])
    if len(seen) <= LONGEST_LINE and len(line) <= _OF_TERMINALS * LONGEST_LINE:
        return seen
    return f"{seen[:LONGEST_LINE]}… (this line goes on in the whole log)"
