"""When a build is due: cron, in UTC, whatever clocks on walls do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.nightly.schedule import Schedule, ScheduleError, night_of
from bot.settings import SettingsError, read_settings

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    "A moment in UTC."
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "now", "latest", "following"),
    [
        ("0 2 * * *", "2026-01-05T02:00", "2026-01-05T02:00", "2026-01-06T02:00"),
        ("0 2 * * *", "2026-01-05T01:59:59.999", "2026-01-04T02:00", "2026-01-05T02:00"),
        ("0 2 * * *", "2026-01-05T02:00:30", "2026-01-05T02:00", "2026-01-06T02:00"),
        ("50 23 * * *", "2026-01-01T00:10", "2025-12-31T23:50", "2026-01-01T23:50"),
        ("0 2 * * sun", "2026-01-05T09:00", "2026-01-04T02:00", "2026-01-11T02:00"),
        ("0 0 29 2 *", "2026-01-05T09:00", "2024-02-29T00:00", "2028-02-29T00:00"),
        ("0 1,13 * * *", "2026-01-05T12:00", "2026-01-05T01:00", "2026-01-05T13:00"),
    ],
)
def test_what_was_due_last_and_is_due_next(cron: str, now: str, latest: str, following: str) -> None:
    "The moment itself counts as due."
    schedule = Schedule(cron)
    assert schedule.latest_until(at(now)) == at(latest)
    assert schedule.next_after(at(now)) == at(following)


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)])
def test_no_night_is_skipped_or_comes_twice_when_clocks_change(day: datetime) -> None:
    "At 02:30 on a wall in Berlin one of these nights has no such time, the other has it twice; UTC has it once."
    schedule, moment = Schedule("30 2 * * *"), (day - timedelta(days=1)).astimezone(BERLIN)
    nights = []
    for _ in range(3):
        moment = schedule.next_after(moment).astimezone(BERLIN)
        nights.append(night_of(moment))
    assert nights == [nights[0] + timedelta(days=n) for n in range(3)]
    assert schedule.next_after(moment) - schedule.latest_until(moment) == timedelta(days=1)


def test_a_night_is_the_day_on_which_it_was_due() -> None:
    "In UTC, also where a wall shows the next day already."
    assert night_of(at("2026-01-05T23:50")) == date(2026, 1, 5)
    assert night_of(datetime(2026, 1, 6, 0, 50, tzinfo=BERLIN)) == date(2026, 1, 5)


def test_the_first_time_of_a_day_begins_the_night_of_gpu_hours() -> None:
    "Budgets count from there."
    assert Schedule("15 4,2 * * *").first_of_a_day == time(2, 15)


@pytest.mark.parametrize(
    ("cron", "complaint"),
    [
        ("", "0 of five fields"),
        ("@daily", "1 of five fields"),
        ("0 0 2 * * *", "6 of five fields"),
        ("61 2 * * *", "Bad minute"),
        ("0 2 30 2 *", "comes true"),
        ("0 2 * * *; rm -rf /", "of five fields"),
    ],
)
def test_what_is_no_schedule_says_why(cron: str, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    "The bot does not start with it, and names the setting."
    with pytest.raises(ScheduleError, match=complaint):
        Schedule(cron)
    monkeypatch.setenv("TAXONOMY_BOT_NIGHTLY_CRON", cron)
    with pytest.raises(SettingsError, match=f"TAXONOMY_BOT_NIGHTLY_CRON: .*{complaint}"):
        read_settings()
