"""What is late: silence is never success."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from bot.nightly.builds import BuildState
from bot.nightly.punctuality import Expected, Lateness, Signs, expected_by, late
from bot.nightly.schedule import Schedule
from tests.nightly.views import a_build

REPORT_AT = time(8)
DUE, REPORT_DUE = datetime(2026, 3, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, 8, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NOW = REPORT_DUE + timedelta(minutes=20)
WELL = Signs(NOW, LONG_AGO, LONG_AGO, Expected(DUE, REPORT_DUE), DUE, None, False, NOW, NOW, NOW)


def what_is_late(signs: Signs) -> list[Lateness]:
    return [each.what for each in late(signs)]


@pytest.mark.parametrize(
    ("now", "cron", "expected"),
    [
        ("2026-03-03T07:59", "0 2 * * *", ("2026-03-02T02:00", "2026-03-02T08:00")),
        ("2026-03-03T08:00", "0 2 * * *", ("2026-03-03T02:00", "2026-03-03T08:00")),
        ("2026-03-03T23:59", "0 2 * * *", ("2026-03-03T02:00", "2026-03-03T08:00")),
        ("2026-03-03T09:00", "50 23 * * *", ("2026-03-02T23:50", "2026-03-03T08:00")),
        ("2026-03-03T09:00", "0 8 * * *", ("2026-03-03T08:00", "2026-03-03T08:00")),
        ("2026-03-02T09:00", "0 2 * * 6", None),  # a Monday: the last one was due on Saturday
    ],
)
def test_which_report_was_due_last(now: str, cron: str, expected: tuple[str, str] | None) -> None:
    "That of the newest build which was due in the day before the hour of reports."
    found = expected_by(_utc(now), Schedule(cron), REPORT_AT)
    assert found == (Expected(_utc(expected[0]), _utc(expected[1])) if expected else None)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_an_empty_night_is_no_alarm() -> None:
    "Somebody looked, and decided that there is nothing to build."
    assert what_is_late(WELL) == []


def test_a_night_that_nobody_decided_about_is_late() -> None:
    "From a quarter of an hour after the report was due, and as long after a start of the bot."
    undecided = replace(WELL, decided_until=DUE - timedelta(days=1))
    assert what_is_late(undecided) == [Lateness.PLAN]
    assert what_is_late(replace(undecided, decided_until=None)) == [Lateness.PLAN]
    assert what_is_late(replace(undecided, now=REPORT_DUE + timedelta(minutes=14))) == []
    assert what_is_late(replace(undecided, since=NOW - timedelta(minutes=5))) == []


def test_a_repository_that_was_not_known_then_is_not_late() -> None:
    "Its first build is the next one."
    assert what_is_late(replace(WELL, decided_until=None, known_since=DUE + timedelta(hours=1))) == []


@pytest.mark.parametrize("state", [BuildState.RUNNING, BuildState.PLANNED, BuildState.FAILED, BuildState.GOOD])
def test_a_build_without_a_report_is_late_however_it_stands(state: BuildState) -> None:
    "Also a good one: nobody has heard of it."
    signs = replace(WELL, build=a_build(state))
    assert what_is_late(signs) == [Lateness.REPORT]
    assert what_is_late(replace(signs, is_reported=True)) == []


def test_whoever_stops_looking_is_missed() -> None:
    "The scheduler, the reporter, and while a build runs the foreman; not in the first half hour after a start."
    silent = NOW - timedelta(minutes=31)
    assert what_is_late(replace(WELL, scheduler_looked_at=silent)) == [Lateness.SCHEDULER]
    assert what_is_late(replace(WELL, reporter_looked_at=None)) == [Lateness.REPORTER]
    assert what_is_late(replace(WELL, foreman_looked_at=silent)) == []
    assert what_is_late(replace(WELL, foreman_looked_at=silent, is_one_running=True)) == [Lateness.FOREMAN]
    assert what_is_late(replace(WELL, scheduler_looked_at=silent, since=NOW - timedelta(minutes=10))) == []
