"""Differences with their uncertainty: held against scipy and statsmodels, and against chance itself."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from pipeline.evaluation.statistics import (
    ComparisonError,
    Pair,
    compare,
    compare_runs,
    holm,
    mcnemar_p,
    sign_flip_p,
)
from pipeline.evaluation_results import Scale, Verdict
from pipeline.seed_noise import t_quantile

ACCURACY, SCORE = Scale.ACCURACY, Scale.SCORE


def pairs(base: list[float], tuned: list[float], questions_a_fact: int = 1) -> list[Pair]:
    return [
        Pair(f"q{i}", f"f{i // questions_a_fact}", b, t) for i, (b, t) in enumerate(zip(base, tuned, strict=True))
    ]


def some(n: int, right_before: int, gained: int, lost: int) -> list[Pair]:
    "That many questions, so many right before, then so many won and lost."
    base = [1.0] * right_before + [0.0] * (n - right_before)
    tuned = [0.0] * lost + base[lost : n - gained] + [1.0] * gained
    return pairs(base, tuned)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (9, 1), (5, 5), (40, 21), (3, 12), (900, 700)])
def test_mcnemar_is_that_of_statsmodels(gained: int, lost: int) -> None:
    "Exactly, with few and many."
    expected = mcnemar([[50, lost], [gained, 30]], exact=True).pvalue
    assert mcnemar_p(gained, lost) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (6, 0), (9, 1), (5, 5), (3, 12)])
def test_changing_signs_is_mcnemar_where_each_question_is_a_fact(gained: int, lost: int) -> None:
    "Counted exactly, both are the same test."
    found = compare(some(40, 20, gained, lost), ACCURACY)
    assert (found.gained, found.lost) == (gained, lost)
    assert found.p == pytest.approx(mcnemar_p(gained, lost), abs=1e-12)
    assert found.mcnemar_p == pytest.approx(found.p, abs=1e-12)


def test_changing_signs_is_the_permutation_test_of_scipy() -> None:
    "With scores, too; drawn at random where there are too many signs to count."
    rng = np.random.default_rng(7)
    for count in (8, 12, 40):
        differences = rng.normal(0.4, 1.0, count)
        expected = scipy.stats.permutation_test(
            (differences, np.zeros(count)),
            lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=20_000,
            rng=np.random.default_rng(1),
        ).pvalue
        assert sign_flip_p(differences, draws=20_000) == pytest.approx(expected, abs=1e-9 if count < 17 else 0.01)


def test_several_tests_are_corrected_as_statsmodels_does() -> None:
    "Each keeps its name."
    ps = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005, "e": 0.9}
    expected = multipletests(list(ps.values()), method="holm")[1]
    assert list(holm(ps).values()) == pytest.approx(list(expected))
    assert list(holm(ps)) == list(ps)
    assert holm({}) == {}


@pytest.mark.parametrize("freedom", [7, 10, 30, 500])
def test_quantiles_of_t(freedom: int) -> None:
    "Good enough from the fewest facts on that anything is said about."
    for share in (0.025, 0.975):
        assert t_quantile(share, freedom) == pytest.approx(scipy.stats.t.ppf(share, freedom), abs=2e-3)


def test_the_interval_is_the_bootstrap_of_scipy_where_facts_are_many() -> None:
    "Percentiles of the mean difference; for 400 facts the widening is nothing."
    rng = np.random.default_rng(3)
    base, tuned = rng.integers(1, 11, 400).astype(float), rng.integers(1, 11, 400).astype(float)
    found = compare(pairs(list(base), list(tuned)), SCORE)
    expected = scipy.stats.bootstrap(
        (tuned - base,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    assert found.delta == pytest.approx((tuned - base).mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.03)


def test_paraphrases_are_no_evidence() -> None:
    "Ten questions about each fact tell no more than one each: interval and p stay, however many are asked."
    one = compare(some(12, 4, 5, 1), ACCURACY)
    ten = compare(
        [Pair(f"{p.question}/{i}", p.fact, p.base, p.tuned) for p in some(12, 4, 5, 1) for i in range(10)], ACCURACY
    )
    assert (ten.n, ten.facts) == (120, 12)
    assert ten.p == pytest.approx(one.p)
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high))
    assert ten.mcnemar_p < 0.001 < one.mcnemar_p


@pytest.mark.parametrize(
    ("n", "before", "gained", "lost", "verdict"),
    [
        (40, 8, 20, 1, Verdict.IMPROVED),
        (40, 30, 1, 20, Verdict.REGRESSED),
        (200, 100, 10, 9, Verdict.UNCHANGED),
        (12, 4, 2, 1, Verdict.TOO_FEW),
        (9, 0, 9, 0, Verdict.TOO_FEW),
        (12, 0, 12, 0, Verdict.IMPROVED),
        (12, 6, 0, 0, Verdict.TOO_FEW),
        (300, 150, 0, 0, Verdict.UNCHANGED),
    ],
)
def test_a_verdict_says_no_more_than_is_known(
    n: int, before: int, gained: int, lost: int, verdict: Verdict
) -> None:
    "Nothing of nine questions, however clear; no change only where a large one would have been seen."
    assert compare(some(n, before, gained, lost), ACCURACY).verdict is verdict


def test_chance_alone_is_rarely_called_a_change() -> None:
    "Models that differ by luck, shared by three paraphrases: at most one in twenty is called changed."
    rng = np.random.default_rng(11)
    called = 0
    for _ in range(300):
        base, tuned = (np.repeat(rng.random(15) < 0.5, 3).astype(float) for _ in range(2))
        found = compare(pairs(list(base), list(tuned), 3), ACCURACY, draws=500)
        called += found.verdict in (Verdict.IMPROVED, Verdict.REGRESSED)
    assert called <= 300 * 0.05 + 7


@pytest.mark.parametrize("facts", [10, 25])
def test_the_interval_holds_the_truth(facts: int) -> None:
    "About 95 times of 100, with few facts of unequal size."
    rng = np.random.default_rng(facts)
    held = 0
    for _ in range(300):
        effects = rng.normal(0.8, 1.0, facts)
        asked = [
            Pair(f"{f}/{i}", str(f), 5.0, 5.0 + effects[f] + rng.normal(0, 0.5))
            for f in range(facts)
            for i in range(1 + f % 3)
        ]
        found = compare(asked, SCORE, draws=600)
        held += found.low <= 0.8 <= found.high
    assert held >= 300 * 0.91


def test_other_seeds_of_training_widen_the_interval() -> None:
    "What one training gained and another lost is not sure, though each alone looks sure."
    up, down = some(60, 20, 30, 0), some(60, 20, 0, 15)
    alone, both = compare(up, ACCURACY), compare_runs([up, down], ACCURACY)
    assert alone.verdict is Verdict.IMPROVED
    assert both.runs == 2
    assert both.delta == pytest.approx((0.5 - 0.25) / 2)
    assert both.high - both.low > 2 * (alone.high - alone.low)
    assert both.verdict not in (Verdict.IMPROVED, Verdict.REGRESSED)


@pytest.mark.parametrize(("trainings", "spread"), [(2, 0.3), (3, 0.3), (3, 1.0), (5, 1.0)])
def test_the_interval_holds_what_the_next_trainings_bring(trainings: int, spread: float) -> None:
    "About 95 times of 100, though few trainings say little of how they differ."
    rng = np.random.default_rng([trainings, int(10 * spread)])
    held = 0
    for _ in range(300):
        effects, of_runs = rng.normal(0.8, 1.0, 20), rng.normal(0.0, spread, trainings)
        runs = [
            [Pair(str(f), str(f), 5.0, 5.0 + effects[f] + run + rng.normal(0, 0.3)) for f in range(20)]
            for run in of_runs
        ]
        found = compare_runs(runs, SCORE, draws=600)
        held += found.low <= 0.8 <= found.high
    assert held >= 300 * 0.91


def test_equal_trainings_are_one() -> None:
    "A repetition that changes nothing makes nothing surer."
    one = compare(some(60, 20, 12, 3), ACCURACY)
    three = compare_runs([some(60, 20, 12, 3)] * 3, ACCURACY)
    assert three.p == pytest.approx(one.p)
    assert (three.low, three.high) == pytest.approx((one.low, one.high), abs=0.02)


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ([], "no question"),
        ([[]], "no question"),
        ([some(10, 5, 1, 1), some(11, 5, 1, 1)], "same questions"),
        ([[Pair("q", "f", 0, 1), Pair("q", "f", 0, 1)]], "each asked once"),
        ([[Pair("q", "f", 0, float("nan"))]], "no number"),
    ],
)
def test_what_cannot_be_compared_is_said(runs: list[list[Pair]], why: str) -> None:
    "In words."
    with pytest.raises(ComparisonError, match=why):
        compare_runs(runs, ACCURACY)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 12)), min_size=1, max_size=60))
def test_numbers_are_always_sound(rows: list[tuple[int, int, int]]) -> None:
    "The interval holds the difference and ends at one; swapping the models turns everything round."
    forth = [Pair(str(i), str(f), b, t) for i, (b, t, f) in enumerate(rows)]
    back = [Pair(pair.question, pair.fact, pair.tuned, pair.base) for pair in forth]
    one, other = compare(forth, ACCURACY, draws=300), compare(back, ACCURACY, draws=300)
    assert -1 <= one.low <= one.delta <= one.high <= 1
    assert 0 < one.p <= 1
    assert one.p == pytest.approx(other.p)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)
    assert (one.gained, one.lost) == (other.lost, other.gained)


def test_many_questions_are_quickly_compared() -> None:
    "Fourteen thousand, in bounded memory."
    rng = np.random.default_rng(0)
    base, tuned = rng.random(14_000) < 0.6, rng.random(14_000) < 0.6
    found = compare(pairs(list(base.astype(float)), list(tuned.astype(float))), ACCURACY, draws=1000)
    assert found.verdict is Verdict.UNCHANGED
