"""When a job should be done: by the line before it, by who works, and by what was measured."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from bot.comments.jobs import by_when
from bot.job_prospects import Prospects, Work, done_in, remaining

TIMES = {"evaluate": [600.0, 540.0, 6000.0], "postcheck": [60.0]}  # usually ten minutes, and one


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("ahead", "busy", "idle", "wait"),
    [
        pytest.param({}, [], 1, 10, id="an idle worker takes it at once"),
        pytest.param({"evaluate": 2}, [], 1, 30, id="two before it, one worker"),
        pytest.param({"evaluate": 2}, [], 3, 10, id="as many workers as jobs"),
        pytest.param({"evaluate": 3}, [], 2, 20, id="two workers take turns"),
        pytest.param({"postcheck": 5}, [], 1, 15, id="before it are quick ones"),
        pytest.param({}, [Work("evaluate", minutes(4))], 0, 16, id="the only worker needs six minutes more"),
        pytest.param({}, [Work("evaluate", minutes(4))], 1, 10, id="another worker is free"),
        pytest.param({}, [Work("evaluate", minutes(4), 0.8)], 0, 11, id="the running one says how far it is"),
        pytest.param({}, [Work("evaluate", minutes(50))], 0, 11, id="the running one takes longer than usual"),
    ],
)
def test_the_wait_follows_the_line(ahead: dict[str, int], busy: list[Work], idle: int, wait: float) -> None:
    "Every worker takes the next job as soon as it is free."
    assert done_in("evaluate", ahead, busy, idle, TIMES) == minutes(wait)


def test_a_swap_of_models_is_added() -> None:
    "It is known by whoever plans the swaps."
    assert done_in("evaluate", {}, [], 1, TIMES, swap=minutes(3)) == minutes(13)


@pytest.mark.parametrize(
    ("ahead", "busy", "idle", "times"),
    [
        pytest.param({}, [], 1, {}, id="it was never measured"),
        pytest.param({"generate": 1}, [], 1, TIMES, id="what is before it was never measured"),
        pytest.param({}, [Work("generate", minutes(1))], 0, TIMES, id="nor was what runs"),
        pytest.param({}, [], 0, TIMES, id="nobody works"),
        pytest.param({}, [], 1, {"evaluate": [-5.0]}, id="only nonsense was told"),
    ],
)
def test_where_nobody_knows_nothing_is_promised(
    ahead: dict[str, int], busy: list[Work], idle: int, times: dict[str, list[float]]
) -> None:
    "No number is better than an invented one."
    assert done_in("evaluate", ahead, busy, idle, times) is None


def test_what_workers_tell_breaks_no_forecast() -> None:
    "Times and shares beyond all bounds are cut or not believed."
    assert done_in("evaluate", {"evaluate": 3}, [], 1, {"evaluate": [1e300]}) == timedelta(days=28)
    for share in (1e300, -1.0, 0.0, 1e-300):
        assert remaining(Work("evaluate", minutes(4), share), TIMES) == minutes(6)
    assert remaining(Work("evaluate", timedelta(days=300), 0.1), TIMES) == timedelta(days=7)


def test_ten_thousand_before_it_are_counted_quickly() -> None:
    "Whoever asks with a full queue waits for milliseconds."
    began = time.perf_counter()
    wait = done_in("evaluate", {"evaluate": 10_000}, [], 4, TIMES)
    assert time.perf_counter() - began < 0.5  # some 5 ms on a quiet machine
    assert wait == minutes(25_010)


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (minutes(1), "about 12:05 UTC"),
        (minutes(12), "about 12:15 UTC"),
        (minutes(15), "about 12:15 UTC"),
        (minutes(200), "about 15:30 UTC"),
        (minutes(1000), "about 05:00 UTC on 3 March"),
    ],
)
def test_the_time_is_one_of_the_clock(wait: timedelta, words: str) -> None:
    "It stays true while nobody writes it anew; the further away, the rounder."
    assert by_when(Prospects(datetime(2026, 3, 2, 12, tzinfo=UTC), wait)) == words
