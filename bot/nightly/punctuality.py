"""The dead-man check: what should have happened by now and has not. Silence is never success. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from bot.nightly.builds import Build
from bot.nightly.schedule import Schedule

# the chores by which signs of life are kept (bot/store/history.py)
SCHEDULER, PLANNED = "nightly look", "nightly plan"
FOREMAN, REPORTER = "nightly foreman", "nightly reporter"

LOOKS_WITHIN = timedelta(minutes=30)  # whoever looks after builds does so every few minutes
_GRACE = timedelta(minutes=15)  # for a report that is being written, and for a bot that has just started
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Expected:
    """A night whose report was to be there: when its build was due, and when the report was."""

    due: datetime
    report_due: datetime


class Lateness(StrEnum):
    """What is late."""

    SCHEDULER = "scheduler"
    FOREMAN = "foreman"
    REPORTER = "reporter"
    PLAN = "plan"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Late:
    """One thing that is late, in a sentence for operators and maintainers."""

    what: Lateness
    text: str


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of life of one repository's builds.

    `since` is when we began to watch, `known_since` when the repository was first heard of. `decided_until` is the
    newest due moment about which somebody decided whether there is a build. `build` is that of the expected night.
    """

    now: datetime
    since: datetime
    known_since: datetime
    expected: Expected | None
    decided_until: datetime | None
    build: Build | None
    is_reported: bool
    scheduler_looked_at: datetime | None
    foreman_looked_at: datetime | None
    reporter_looked_at: datetime | None
    is_one_running: bool = False


def expected_by(now: datetime, schedule: Schedule, report_at: time) -> Expected | None:
    """Return the night whose report was due last; None if no build was due in the day before it."""
    today = datetime.combine(now.astimezone(UTC).date(), report_at, UTC)
    report_due = today if today <= now else today - _DAY
    due = schedule.latest_until(report_due)
    return Expected(due, report_due) if due > report_due - _DAY else None


def late(signs: Signs) -> Iterator[Late]:
    """Yield what is late."""
    yield from _silent(signs, Lateness.SCHEDULER, signs.scheduler_looked_at, "Nobody plans builds")
    if signs.is_one_running:
        yield from _silent(
            signs, Lateness.FOREMAN, signs.foreman_looked_at, "Nobody looks after the build that runs"
        )
    yield from _silent(signs, Lateness.REPORTER, signs.reporter_looked_at, "Nobody writes reports")
    expected = signs.expected
    if expected is None or expected.due <= signs.known_since or _has_time(signs, expected):
        return
    if signs.decided_until is None or signs.decided_until < expected.due:
        yield Late(
            Lateness.PLAN,
            f"The build due at {_at(expected.due)} was not planned by {_at(expected.report_due)}: the bot was "
            "down, or GitHub did not answer.",
        )
    elif signs.build is not None and not signs.is_reported:
        yield Late(
            Lateness.REPORT,
            f"The report of the build {signs.build.name} was due at {_at(expected.report_due)} and did not come. "
            f"The build is {signs.build.state}.",
        )


def _has_time(signs: Signs, expected: Expected) -> bool:
    return signs.now < max(expected.report_due, signs.since) + _GRACE


def _silent(signs: Signs, what: Lateness, looked_at: datetime | None, nobody: str) -> Iterator[Late]:
    last = max(looked_at or signs.since, signs.since)
    if signs.now - last > LOOKS_WITHIN:
        told = f"The last look was at {_at(looked_at)}" if looked_at else "Nobody ever looked"
        yield Late(what, f"{nobody}. {told}.")


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
