"""What may be computed for whom, and how a refusal says when to try again."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from bot.budgets import Budget, Spent, expected_gpu_h, held_because, is_quiet, night_began, refusal
from bot.jobs import JobKind

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
NOTHING = Spent(0, 0, 0, 0.0, 0.0)
LIMITED = Budget(4, 20, 500, gpu_h_per_day=8.0, gpu_h_per_month=100.0)


@pytest.mark.parametrize(
    ("spent", "said"),
    [
        pytest.param(Spent(4, 4, 4, 0, 0), "`/cancel` one", id="too many of one pull request"),
        pytest.param(Spent(0, 20, 0, 0, 0), "Try again after 00:00 UTC", id="too many for one author today"),
        pytest.param(Spent(0, 0, 500, 0, 0), "500 jobs wait in this queue already", id="a long queue"),
        pytest.param(Spent(0, 0, 0, 7.5, 0), "0.5 are left today", id="the day's hours"),
        pytest.param(Spent(0, 0, 0, 0, 99.5), "Try again after 1 April", id="the month's hours"),
        pytest.param(Spent(0, 0, 0, 0, 0, is_paused=True), "paused by an operator", id="paused"),
    ],
)
def test_a_refusal_says_why_and_when_to_try_again(spent: Spent, said: str) -> None:
    "The reader knows what to do."
    assert said in refusal(JobKind.EVALUATE, LIMITED, spent, 1.0, NOON)


def test_what_the_budget_allows_is_not_refused() -> None:
    "Nor is what needs no GPU, while the GPUs are paused or used up."
    assert refusal(JobKind.EVALUATE, LIMITED, NOTHING, 1.0, NOON) == ""
    used_up = Spent(0, 0, 0, 8.0, 100.0, is_paused=True)
    assert refusal(JobKind.PRECHECK, LIMITED, used_up, 0.0, NOON) == ""


def test_the_expected_cost_is_measured_where_it_can_be() -> None:
    "The median of what such jobs took, else a guess."
    assert expected_gpu_h(JobKind.EVALUATE, [3600, 7200, 36000]) == 2.0
    assert expected_gpu_h(JobKind.EVALUATE, []) == 1.0


@pytest.mark.parametrize(
    ("quiet_from", "quiet_until", "is_it"),
    [
        pytest.param(time(8), time(18), True, id="by day"),
        pytest.param(time(22), time(6), False, id="over midnight, at noon"),
        pytest.param(time(11), time(6), True, id="over midnight, already begun"),
        pytest.param(None, None, False, id="none"),
    ],
)
def test_quiet_hours(quiet_from: time | None, quiet_until: time | None, is_it: bool) -> None:
    "They may go over midnight."
    assert is_quiet(Budget(quiet_from=quiet_from, quiet_until=quiet_until), NOON) is is_it


GUARDED = Budget(quiet_from=time(11), quiet_until=time(18), nightly_gpu_h=4.0, nightly_at=time(2))
EVENING = NOON.replace(hour=20)


@pytest.mark.parametrize(
    ("queue", "now", "paused", "nightly_h", "said"),
    [
        pytest.param("gpu.sdg", NOON, True, 0.0, "paused by an operator", id="a pause is said first"),
        pytest.param("gpu.sdg", NOON, False, 0.0, "begins by itself after 18:00 UTC", id="quiet hours"),
        pytest.param("build", EVENING, False, 3.5, "begins by itself after 02:00 UTC tomorrow", id="a night spent"),
        pytest.param("build", EVENING, False, 3.0, "", id="a night with room"),
        pytest.param("cpu", NOON, True, 9.0, "", id="no GPU is needed"),
    ],
)
def test_what_is_held_says_why_and_until_when(
    queue: str, now: datetime, paused: bool, nightly_h: float, said: str
) -> None:
    "The sender asks the same question, so that the words are true."
    because = held_because(queue, now, GUARDED, paused, is_nightly=True, nightly_h=nightly_h, expected_gpu_h=1.0)
    assert said in because
    assert bool(because) is bool(said)


def test_a_night_begins_when_its_work_does() -> None:
    "Before that hour it is still the night of the day before."
    assert night_began(NOON, GUARDED) == NOON.replace(hour=2)
    assert night_began(NOON.replace(hour=1), GUARDED) == NOON.replace(day=13, hour=2)
    assert night_began(NOON.replace(hour=2), GUARDED) == NOON.replace(hour=2)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        pytest.param(Budget(gpu_h_per_day=3.0), "a day has 3.0: it never fits", id="a day"),
        pytest.param(Budget(gpu_h_per_month=3.0), "`GPU_H_PER_MONTH` higher", id="a month"),
        pytest.param(Budget(nightly_gpu_h=3.0), "only as the first of a night", id="a night"),
    ],
)
def test_a_step_that_is_larger_than_a_limit_says_so(budget: Budget, said: str) -> None:
    "Nobody is told to try again tomorrow when tomorrow is no larger."
    spent = Spent(0, 0, 0, 0, 0, nightly_h=1.0)
    assert said in refusal(JobKind.TRAIN, budget, spent, 4.0, NOON, is_nightly=True, is_of_build=True)
