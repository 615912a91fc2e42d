"""What came of it: one line for each scenario, and every complaint in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_HEAD = (
    "scenario", "runs", "jobs", "ended once", "check runs", "results", "done twice", "orphans", "in progress",
    "files left", "s",
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What was counted in one scenario."""

    scenario: str
    runs: int = 0
    jobs: int = 0
    ended_once: int = 0
    check_runs: int = 0
    succeeded: int = 0
    results: int = 0
    done_twice: int = 0
    orphans: int = 0
    in_progress: int = 0
    files_left: int = 0
    seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """True when there is nothing to complain of, and something was tried at all."""
        return self.jobs > 0 and not self.complaints

    def cells(self) -> tuple[str, ...]:
        """Return the line of the table."""
        return (
            self.scenario, str(self.runs), str(self.jobs), str(self.ended_once), str(self.check_runs),
            f"{self.results} of {self.succeeded}", str(self.done_twice), str(self.orphans), str(self.in_progress),
            str(self.files_left), f"{self.seconds:.0f}",
        )  # fmt: skip


def as_text(tallies: Sequence[Tally]) -> Iterator[str]:
    """Yield the table for people, then notes and complaints."""
    rows = [_HEAD, *(tally.cells() for tally in tallies)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join((first, *others)).rstrip()
    yield ""
    for tally in tallies:
        yield from (f"{tally.scenario}: {note}" for note in tally.notes)
        yield from (f"WRONG, {tally.scenario}: {complaint}" for complaint in tally.complaints)


def as_markdown(tallies: Sequence[Tally]) -> Iterator[str]:
    """Yield the table for a document."""
    yield f"| {' | '.join(_HEAD)} |"
    yield "|---" * len(_HEAD) + "|"
    for tally in tallies:
        yield f"| {' | '.join(tally.cells())} |"
