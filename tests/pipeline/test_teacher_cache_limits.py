"""The teacher's cache does not grow for ever: what was not used for long goes, and above its size the oldest."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from pathlib import Path

import pytest

from pipeline.settings import PipelineSettingsError, read_pipeline_settings
from pipeline.teacher_cache import ReplyCache
from pipeline.teacher_cache_limits import GIB, CacheLimits
from pipeline.teacher_messages import Choice, Reply

DAY_S = 86_400.0
MIB = 1024 * 1024


class Calendar:
    """Days that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 20_000 * DAY_S

    def __call__(self) -> float:
        return self.now_s

    def pass_days(self, days: float) -> None:
        self.now_s += days * DAY_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "teacher.cache"


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


def a_key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def a_reply(number: int, size: int = 10) -> Reply:
    words = random.Random(number).randbytes(size // 2).hex()  # which no packing makes smaller than half
    return Reply((Choice(words, is_cut=False),), 1, 1, from_cache=False)


def filled(path: Path, limits: CacheLimits, numbers: range, size: int = 10) -> None:
    with ReplyCache(path, limits) as cache:
        for number in numbers:
            cache.put(a_key(number), a_reply(number, size))


def known(path: Path, limits: CacheLimits, numbers: range) -> set[int]:
    with ReplyCache(path, limits) as cache:
        return {number for number in numbers if cache.get(a_key(number)) is not None}


def opened_and_closed(path: Path, limits: CacheLimits) -> None:
    ReplyCache(path, limits).close()


def test_what_nobody_used_for_long_goes(path: Path, calendar: Calendar) -> None:
    "Counted from the last use: what is asked for now and then stays."
    limits = CacheLimits(most_days=30, now_s=calendar)
    filled(path, limits, range(10))
    for _ in range(4):
        calendar.pass_days(20)
        assert known(path, limits, range(3)) == {0, 1, 2}
    opened_and_closed(path, limits)
    assert known(path, limits, range(10)) == {0, 1, 2}


def test_nothing_goes_before_its_time(path: Path, calendar: Calendar) -> None:
    "Not on the last day, and never where there is no limit."
    limits = CacheLimits(most_days=30, now_s=calendar)
    filled(path, limits, range(10))
    calendar.pass_days(30)
    opened_and_closed(path, limits)
    calendar.pass_days(10_000)
    opened_and_closed(path, CacheLimits(0, 0, calendar))
    assert known(path, CacheLimits(0, 0, calendar), range(10)) == set(range(10))


def test_above_its_size_the_oldest_go_and_the_file_shrinks(path: Path, calendar: Calendar) -> None:
    "The day of the last use decides, then the order of writing; what remains is under the size."
    limits = CacheLimits(most_bytes=2 * MIB, now_s=calendar)
    boundless = CacheLimits(0, 0, calendar)
    filled(path, boundless, range(1000), size=8000)
    assert path.stat().st_size > 4 * MIB
    calendar.pass_days(1)
    assert known(path, boundless, range(100)) == set(range(100))
    calendar.pass_days(1)

    opened_and_closed(path, limits)

    left = known(path, boundless, range(1000))
    assert set(range(100)) < left
    others = sorted(left - set(range(100)))
    assert others == list(range(1000 - len(others), 1000))
    assert path.stat().st_size <= 2 * MIB
    opened_and_closed(path, limits)
    assert known(path, boundless, range(1000)) == left


def test_a_long_run_stays_within_the_size(path: Path, calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
    "Also while it is open: what comes takes the place of what went."
    monkeypatch.setattr("pipeline.teacher_cache._EVICTS_AFTER", 200)
    limits = CacheLimits(most_bytes=MIB, now_s=calendar)
    with ReplyCache(path, limits) as cache:
        for number in range(3000):
            cache.put(a_key(number), a_reply(number, 4000))
            if number % 200 == 199:
                cache.flush()
                assert cache.get(a_key(number)) is not None
    assert path.stat().st_size < 3 * MIB


def test_the_file_of_an_earlier_version_is_kept(path: Path, calendar: Calendar) -> None:
    "Its answers count as used on the day of the change."
    with ReplyCache(path) as cache:
        cache.put(a_key(1), a_reply(1))
    with sqlite3.connect(path) as connection:
        connection.execute("DROP INDEX replies_by_use")
        connection.execute("ALTER TABLE replies DROP COLUMN used")
    connection.close()
    assert known(path, CacheLimits(), range(3)) == {1}
    opened_and_closed(path, CacheLimits())
    assert known(path, CacheLimits(), range(3)) == {1}


def test_the_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    "With defaults that suit a workstation; nonsense is refused by its name."
    limits = read_pipeline_settings().teacher_cache_limits
    assert (limits.most_bytes, limits.most_days) == (20 * GIB, 180)
    monkeypatch.setenv("TAXONOMY_PIPELINE_TEACHER_CACHE_GIB", "0.5")
    monkeypatch.setenv("TAXONOMY_PIPELINE_TEACHER_CACHE_DAYS", "0")
    limits = read_pipeline_settings().teacher_cache_limits
    assert (limits.most_bytes, limits.most_days) == (GIB // 2, 0)
    monkeypatch.setenv("TAXONOMY_PIPELINE_TEACHER_CACHE_GIB", "-1")
    with pytest.raises(PipelineSettingsError, match="TEACHER_CACHE_GIB"):
        read_pipeline_settings()
