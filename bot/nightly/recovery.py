"""How far a fallen benchmark comes back when leaves are left out, and whether chance alone does that. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from pipeline.build_orders import Variant
from pipeline.build_results import GateResult, VariantResult
from pipeline.evaluation_results import GateRow, Scale
from pipeline.seed_noise import SeedNoise, Spread

_CHANCE = 0.01  # how often what chance brought back is taken for more, each time that one is looked at


@dataclass(frozen=True, slots=True)
class Fall:
    """The gate that failed most surely, with how far trainings differ on it."""

    benchmark: str
    against: str
    scale: Scale
    delta: float
    noise: SeedNoise

    @property
    def in_words(self) -> str:
        """What fell, by how much."""
        return f"{self.benchmark} fell by {-self.delta:.3f} against {self.against}"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What leaving something out brought back; `spread` is how far that varies by chance. `runs` are without it."""

    score_with: float
    score_without: float
    spread: Spread
    runs: int

    @property
    def gain(self) -> float:
        """How much it brought back."""
        return self.score_without - self.score_with

    @property
    def is_beyond_chance(self) -> bool:
        """True when chance alone hardly ever brings so much back."""
        return self.gain > self.spread.reach(1 - _CHANCE)


def fall_of(gate: GateResult) -> Fall:
    """Return what to trace back: of several gates that failed, the surest, then the deepest fall for its scale."""

    def order(failed: tuple[str, GateRow]) -> tuple[float, float, str, str]:
        against, row = failed
        return row.p, row.delta / row.scale.span, row.name, against

    against, row = min(gate.failed, key=order)
    is_measured = row.name in gate.noise
    noise = SeedNoise(gate.noise[row.name], gate.noise_freedom) if is_measured else SeedNoise()
    return Fall(row.name, against, row.scale, row.delta, noise)


class Measurements:
    """The variants that were measured, as far as they tell of one fallen benchmark."""

    def __init__(self, fall: Fall, done: Iterable[VariantResult]) -> None:
        self.fall = fall
        told = [each for each in done if each.counts.get(fall.benchmark, 0) > 0 and fall.benchmark in each.scores]
        named = {Variant(each.seed, tuple(sorted(each.without))): each for each in told}
        self._runs = dict(sorted(named.items(), key=lambda run: run[0].seed))
        self._seeds = [variant.seed for variant in self._runs if not variant.without]

    @property
    def has_controls(self) -> bool:
        """True when a training with every leaf was measured."""
        return bool(self._seeds)

    def has(self, variant: Variant) -> bool:
        """True when this one was."""
        return variant in self._runs

    def seed(self, again: int = 0) -> int:
        """Return what to train with for the first time, or once again: the controls' seeds, then others."""
        return self._seeds[again] if again < len(self._seeds) else max(self._seeds, default=0) + 1 + again

    def tells_without(self, leaves: Sequence[str]) -> bool:
        """True when questions are left where none is asked about these leaves."""
        return bool(self._scores(frozenset(), frozenset(leaves)))

    def recovery(self, leaves: Sequence[str], besides: Sequence[str] = ()) -> Recovery | None:
        """Return what leaving `leaves` out, as well as `besides`, brought back; None where nothing tells.

        Only questions count that are about none of them: a training cannot know what it was not taught.
        """
        gone = frozenset((*leaves, *besides))
        after, before = self._scores(gone, gone), self._scores(frozenset(besides), gone)
        if not after or not before:
            return None
        n = after[0][1]
        score_with, score_without = fmean(score for score, _ in before), fmean(score for score, _ in after)
        of = next(iter(self._runs.values())).counts[self.fall.benchmark]
        each = self.fall.noise.expected(self.fall.scale, (score_with + score_without) / 2, n, of)
        both = each.deviation * math.sqrt(1 / len(after) + 1 / len(before))
        return Recovery(score_with, score_without, Spread(both, each.freedom), len(after))

    def _scores(self, without: frozenset[str], unasked: frozenset[str]) -> list[tuple[float, int]]:
        """Return how the trainings without some leaves do, each with how many questions that is the mean of."""
        runs = [run for variant, run in self._runs.items() if frozenset(variant.without) == without]
        scores = [_score(run, self.fall.benchmark, unasked) for run in runs]
        return [score for score in scores if score is not None]


def _score(run: VariantResult, benchmark: str, unasked: frozenset[str]) -> tuple[float, int] | None:
    """Return its score on the questions that are not about some leaves; None where there is none."""
    by_leaf = [each for each in run.leaves if each.benchmark == benchmark]
    if not any(each.leaf in unasked for each in by_leaf):
        return run.scores[benchmark], run.counts[benchmark]
    asked = [each for each in by_leaf if each.leaf not in unasked]
    n = sum(each.n for each in asked)
    return (sum(each.score * each.n for each in asked) / n, n) if n else None
