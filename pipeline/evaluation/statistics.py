"""Paired comparison of two models on the same questions: how large the difference is, and how sure.

Questions about the same fact are no independent evidence, so whole facts are resampled, never single questions: a
hundred paraphrases of one fact tell no more than one. Needs numpy only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation_results import LEAST_FACTS, LEAST_QUESTIONS, SIGNIFICANT, Scale, Verdict
from pipeline.seed_noise import t_quantile

Floats: TypeAlias = NDArray[np.float64]

DRAWS = 10_000
_MOST_EXACT = 16  # facts that differ, up to which every assignment of signs is counted
_IN_ONE_GO = 4_000_000  # numbers drawn at a time, to bound the memory
_TINY = 1e-9  # differences of floating point that are none


class ComparisonError(Exception):
    """Two runs cannot be compared; the text says why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What both models made of one question: right or wrong (1 or 0), or a score."""

    question: str
    fact: str
    base: float
    tuned: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Base against tuned. `low` and `high` bound the difference with 95 %; `p` is that of no difference at all.

    `gained` and `lost` count questions that only the tuned, or only the base model does better; `mcnemar_p` takes
    each question as a fact of its own. `runs` is the number of trainings behind it.
    """

    n: int
    facts: int
    base: float
    tuned: float
    delta: float
    low: float
    high: float
    p: float
    gained: int
    lost: int
    mcnemar_p: float
    verdict: Verdict
    runs: int = 1


def compare(pairs: Sequence[Pair], scale: Scale, *, seed: int = 0, draws: int = DRAWS) -> Comparison:
    """Return the comparison of one training. Raises ComparisonError where there is no pair."""
    return compare_runs([pairs], scale, seed=seed, draws=draws)


def compare_runs(runs: Sequence[Sequence[Pair]], scale: Scale, *, seed: int = 0, draws: int = DRAWS) -> Comparison:
    """Return the comparison of several trainings, with other seeds, on the same questions.

    Trainings are resampled with the facts, so that the interval holds what the next training may bring. Raises
    ComparisonError where there is no pair, or the runs are not about the same questions.
    """
    first = _checked(runs)
    names = sorted({pair.fact for pair in first})
    sums = np.array([_sums(run, names, lambda pair: pair.tuned - pair.base) for run in runs])
    sizes = _sums(first, names, lambda _: 1.0)
    mean = sums.mean(axis=0)
    n, delta = len(first), float(mean.sum() / len(first))
    low, high = _interval(sums, sizes, scale, seed, draws)
    p = sign_flip_p(mean, seed=seed, draws=draws)
    differences = _differences(runs)
    gained, lost = (sum(1 for d in differences if sign * d > _TINY) for sign in (1, -1))
    base, tuned = (_mean(runs, which) for which in (lambda pair: pair.base, lambda pair: pair.tuned))
    return Comparison(
        n=n,
        facts=len(names),
        base=base,
        tuned=tuned,
        delta=delta,
        low=low,
        high=high,
        p=p,
        gained=gained,
        lost=lost,
        mcnemar_p=mcnemar_p(gained, lost),
        verdict=verdict_of(n, len(names), low, high, p, scale),
        runs=len(runs),
    )


def verdict_of(n: int, facts: int, low: float, high: float, p: float, scale: Scale) -> Verdict:
    """Return what may be said. Improved or regressed needs both the interval off zero and p <= 0.05.

    Too few it is below 10 questions or 8 facts, and where nothing significant is seen by a measurement so coarse
    that a large change (0.2 of the accuracy, 1.5 points of ten) could hide in its interval.
    """
    if n < LEAST_QUESTIONS or facts < LEAST_FACTS:
        return Verdict.TOO_FEW
    if p <= SIGNIFICANT and low > 0:
        return Verdict.IMPROVED
    if p <= SIGNIFICANT and high < 0:
        return Verdict.REGRESSED
    return Verdict.TOO_FEW if max(abs(low), abs(high)) > scale.large else Verdict.UNCHANGED


def mcnemar_p(gained: int, lost: int) -> float:
    """Return the exact two-sided p of McNemar's test: that gains and losses are equally likely.

    Source: Q. McNemar, Psychometrika 12 (1947), 153-157; exact by the binomial distribution.
    """
    both, fewer = gained + lost, min(gained, lost)
    tail = sum(math.comb(both, i) for i in range(fewer + 1))
    return float(min(1.0, 2 * _ratio(tail, 2**both)))


def _ratio(part: int, whole: int) -> float:
    """Return a quotient of integers that may be too large for floating point."""
    shift = max(0, whole.bit_length() - 1000)
    return (part >> shift) / (whole >> shift)


def sign_flip_p(by_fact: Floats, *, seed: int = 0, draws: int = DRAWS) -> float:
    """Return the two-sided p that base and tuned may change places in every fact: a paired permutation test.

    Every assignment of signs is counted up to 16 facts that differ, else as many as `draws` are drawn. With one
    question a fact, and right or wrong only, this is McNemar's exact test.
    """
    differing = by_fact[np.abs(by_fact) > _TINY]
    if not len(differing):
        return 1.0
    seen = abs(differing.sum()) - _TINY * len(differing)
    if len(differing) <= _MOST_EXACT:
        bits = np.arange(2 ** len(differing))[:, None] >> np.arange(len(differing))
        return float((np.abs((1 - 2 * (bits & 1)) @ differing) >= seen).mean())
    rng = np.random.default_rng([seed, 1])
    hits = sum(
        int((np.abs((1 - 2 * rng.integers(0, 2, (some, len(differing)))) @ differing) >= seen).sum())
        for some in _portions(draws, len(differing))
    )
    return (1 + hits) / (1 + draws)


def holm(ps: Mapping[str, float]) -> dict[str, float]:
    """Return each p as it counts where all of these tests are read together.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, (name, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, (len(ps) - rank) * p))
        adjusted[name] = highest
    return {name: adjusted[name] for name in ps}


def _interval(sums: Floats, sizes: Floats, scale: Scale, seed: int, draws: int) -> tuple[float, float]:
    """Return the 95 % interval of the mean difference: percentiles of a bootstrap over facts and trainings.

    The percentiles are moved out as few facts need it, for their spread is seen too small. Source: T. Hesterberg,
    The American Statistician 69 (2015), 371-386, "expanded percentile interval". Of several trainings the interval
    is stretched as their number needs it.
    """
    runs, facts = sums.shape
    delta = float(sums.mean(axis=0).sum() / sizes.sum())
    means = sums / sizes
    if float(means.max() - means.min()) < _TINY:
        return _unseen(delta, facts, scale)
    rng = np.random.default_rng([seed, 0])
    drawn = np.concatenate([_drawn(sums, sizes, some, rng) for some in _portions(draws, runs * facts)])
    tail = 0.025
    if facts > 2:
        tail = NormalDist().cdf(t_quantile(tail, facts - 1) * math.sqrt(facts / (facts - 1)))
    stretch = _stretch(sums, sizes) if runs > 1 else 1.0
    low, high = (delta + stretch * (float(end) - delta) for end in np.quantile(drawn, (tail, 1 - tail)))
    return max(-scale.span, min(low, delta)), min(scale.span, max(high, delta))


def _drawn(sums: Floats, sizes: Floats, some: int, rng: np.random.Generator) -> Floats:
    runs, facts = sums.shape
    chosen = rng.integers(0, facts, (some, facts))
    if runs == 1:
        total = sums[0][chosen].sum(axis=1)
    else:
        drawn = rng.multinomial(runs, [1 / runs] * runs, size=some) / runs
        weights = 1 / runs + (drawn - 1 / runs) * math.sqrt(
            runs / (runs - 1)
        )  # a bootstrap of few spreads too little
        total = np.einsum("dr,rdf->d", weights, sums[:, chosen])
    return np.asarray(total / sizes[chosen].sum(axis=1), dtype=np.float64)


def _stretch(sums: Floats, sizes: Floats) -> float:
    """Return how much wider the interval is because trainings are fewer than facts.

    Source of the degrees of freedom of a sum of variances: F. E. Satterthwaite, Biometrics 2 (1946), 110-114.
    """
    runs, facts = sums.shape
    if facts < 2:
        return 1.0
    of_runs = float(np.var(sums.sum(axis=1) / sizes.sum(), ddof=1)) / runs
    left = sums.mean(axis=0) - sizes * (sums.mean(axis=0).sum() / sizes.sum())
    of_facts = float((left**2).sum()) * facts / (facts - 1) / float(sizes.sum()) ** 2
    if of_runs + of_facts < _TINY**2:
        return 1.0
    freedom = (of_runs + of_facts) ** 2 / (of_runs**2 / (runs - 1) + of_facts**2 / (facts - 1))
    return max(1.0, t_quantile(0.975, freedom) / t_quantile(0.975, facts - 1))


def _unseen(delta: float, facts: int, scale: Scale) -> tuple[float, float]:
    """Return the interval where every fact differs alike: so many others may exist that none of them was seen."""
    width = 1 - 0.025 ** (1 / facts)
    return max(-scale.span, delta - width), min(scale.span, delta + width)


def _portions(draws: int, width: int) -> Iterator[int]:
    """Yield how many draws to make at a time."""
    at_once = max(1, _IN_ONE_GO // max(1, width))
    for begin in range(0, draws, at_once):
        yield min(at_once, draws - begin)


def _checked(runs: Sequence[Sequence[Pair]]) -> Sequence[Pair]:
    if not runs or not runs[0]:
        raise ComparisonError("There is no question that both models answered: nothing can be compared.")
    asked = {pair.question: pair.fact for pair in runs[0]}
    for run in runs:
        if len(run) != len(asked) or {pair.question: pair.fact for pair in run} != asked:
            raise ComparisonError("Trainings can only be combined on the same questions, each asked once.")
        if not all(math.isfinite(pair.base) and math.isfinite(pair.tuned) for pair in run):
            raise ComparisonError("A result is no number: one of the models is broken.")
    return runs[0]


def _sums(run: Sequence[Pair], names: Sequence[str], value: Callable[[Pair], float]) -> Floats:
    found = dict.fromkeys(names, 0.0)
    for pair in run:
        found[pair.fact] += value(pair)
    return np.array([found[name] for name in names], dtype=np.float64)


def _mean(runs: Sequence[Sequence[Pair]], value: Callable[[Pair], float]) -> float:
    return float(sum(value(pair) for run in runs for pair in run) / (len(runs[0]) * len(runs)))


def _differences(runs: Sequence[Sequence[Pair]]) -> list[float]:
    """Return the mean difference of each question over the runs."""
    found: dict[str, float] = {}
    for run in runs:
        for pair in run:
            found[pair.question] = found.get(pair.question, 0.0) + (pair.tuned - pair.base) / len(runs)
    return list(found.values())
