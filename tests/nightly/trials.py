"""Builds that fail their gate, and what trainings without some of their leaves would score: simulated."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.nightly.blame import Blame, Group, blame
from pipeline.build_orders import Variant
from pipeline.build_results import Comparison, GateResult, LeafScore, VariantResult
from pipeline.evaluation_results import GateRow, ModelIdentity, Scale

OTHERS = "PR-mmlu of all other leaves"
Truth = Callable[[frozenset[str]], float]  # the score by the leaves that were left out, without noise


def groups(count: int) -> list[Group]:
    "So many pull requests with a leaf each."
    return [Group((f"knowledge/leaf_{number:02}",), (number + 1,)) for number in range(count)]


def failed_gate(noise: float = 0.01, freedom: int = 1, delta: float = -0.2, name: str = OTHERS) -> GateResult:
    "A gate on which one benchmark fell."
    row = GateRow(name, Scale.ACCURACY, delta, delta - 0.05, delta + 0.05, 0.001, 0.02, is_passed=False)
    return GateResult(
        ModelIdentity("candidate"),
        (Comparison("2026-01-04.1", (), (row,)),),
        noise={name: noise},
        noise_seeds=2,
        noise_freedom=freedom,
    )


def result(seed: int, without: Sequence[str], score: float, n: int = 400) -> VariantResult:
    "What a training scored."
    return VariantResult(seed, tuple(without), {OTHERS: score}, {OTHERS: n})


def leaf_scores(by_leaf: dict[str, float], n: int = 20) -> tuple[LeafScore, ...]:
    "The same leaf by leaf."
    return tuple(LeafScore(OTHERS, leaf, score, n) for leaf, score in by_leaf.items())


@dataclass(frozen=True, slots=True)
class Trial:
    "One simulated blame: what came of it, which runs it took, and in how many rounds."

    outcome: Blame
    runs: tuple[Variant, ...]
    rounds: int

    @property
    def named(self) -> list[tuple[str, ...]]:
        "The leaves of those who are surely blamed."
        return [suspect.leaves for suspect in self.outcome.suspects if suspect.is_sure]


def trial(
    of: Sequence[Group],
    truth: Truth,
    noise: float,
    seed: int,
    *,
    gate: GateResult | None = None,
    controls: int = 2,
    n: int = 400,
    budget: int = 0,
) -> Trial:
    "Play blame to its end; every training scores the truth and its own noise."
    chance = random.Random(seed)

    def train(variant: Variant) -> VariantResult:
        score = truth(frozenset(variant.without)) + chance.gauss(0, noise)
        return result(variant.seed, variant.without, min(max(score, 0.0), 1.0), n)

    done = [train(Variant(1000 + number)) for number in range(controls)]
    runs: list[Variant] = []
    for rounds in range(200):
        outcome = blame(of, gate or failed_gate(noise), done, budget)
        if outcome.is_over:
            return Trial(outcome, tuple(runs), rounds)
        assert outcome.next
        runs += outcome.next
        done += [train(variant) for variant in outcome.next]
    raise AssertionError("It never ends.")


def brought_down_by(*culprits: str, by: float = 0.2, usual: float = 0.7) -> Truth:
    "Each culprit that was learnt takes its part of the score."
    return lambda without: usual - by * sum(leaf not in without for leaf in culprits)
