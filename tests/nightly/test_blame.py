"""Whom a failed gate is traced back to: named within the runs there are, and nobody where nobody is to blame."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.nightly.blame import Group, blame, groups_of, most_runs
from pipeline.build_orders import OrderedLeaf, Variant
from pipeline.build_results import GateResult, VariantResult
from pipeline.evaluation_results import ModelIdentity
from tests.nightly.trials import OTHERS, brought_down_by, failed_gate, groups, leaf_scores, result, trial


@given(st.integers(1, 64), st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_one_culprit_is_named_within_the_runs(count: int, which: int, seed: int) -> None:
    "Whoever it is among up to 64, it takes at most 2 * log2(n) + 2 trainings."
    culprit = groups(count)[which % count]
    played = trial(groups(count), brought_down_by(*culprit.leaves), 0.005, seed)
    assert played.named == [culprit.leaves]
    assert played.outcome.suspects[0].pulls == culprit.pulls
    assert len(played.runs) == played.outcome.runs <= 2 * math.log2(count) + 2 + 1e-9


@given(st.integers(2, 64), st.data(), st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_two_culprits_are_both_named_where_the_runs_suffice(count: int, data: st.DataObject, seed: int) -> None:
    "Wherever they are, in one half or in two: with runs enough both are found, and nobody else."
    pair = data.draw(st.lists(st.integers(0, count - 1), min_size=2, max_size=2, unique=True))
    culprits = [groups(count)[number].leaves for number in pair]
    truth = brought_down_by(*(leaf for leaves in culprits for leaf in leaves), by=0.15)
    played = trial(groups(count), truth, 0.004, seed, budget=4 * most_runs(count))
    assert sorted(played.named) == sorted(culprits)


@given(st.integers(4, 64), st.data(), st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_two_that_do_the_same_harm_do_not_hide_each_other(count: int, data: st.DataObject, seed: int) -> None:
    "Leaving one of them out changes nothing while the other is there: that does not save them."
    pair = data.draw(st.lists(st.integers(0, count - 1), min_size=2, max_size=2, unique=True))
    culprits = {groups(count)[number].leaves for number in pair}
    leaves = {leaf for each in culprits for leaf in each}
    played = trial(
        groups(count), lambda without: 0.7 if leaves <= without else 0.5, 0.004, seed, budget=6 * most_runs(count)
    )
    assert set(played.named) == culprits


@pytest.mark.parametrize("count", [1, 2, 5, 12, 40])
def test_almost_nobody_is_blamed_for_what_nobody_did(count: int) -> None:
    "The gate failed, the trainings differ by chance alone: in 2 of 100 builds at most somebody is blamed."
    blamed = sum(bool(trial(groups(count), lambda _: 0.5, 0.03, seed).outcome.suspects) for seed in range(400))
    assert blamed <= 8


def test_a_fall_that_all_leaves_share_is_nobodys() -> None:
    "Every leaf takes a little: together they do what none does alone."
    many = groups(32)
    played = trial(many, lambda without: 0.5 + 0.2 * len(without) / 32, 0.01, 7)
    assert not played.named
    assert "nobody is blamed" in played.outcome.why or not played.outcome.suspects


def test_a_fall_without_any_fresh_leaf_ends_it_at_once() -> None:
    "One training without all of them tells that they did not do it."
    played = trial(groups(16), lambda _: 0.5, 0.005, 3)
    assert len(played.runs) == 1
    assert played.outcome.suspects == ()
    assert f"{OTHERS} fell by 0.200 against 2026-01-04.1" in played.outcome.why
    assert "no contribution explains the fall" in played.outcome.why


def test_noise_as_large_as_the_fall_blames_nobody() -> None:
    "Where trainings differ as much as the benchmark fell, no gain is proof."
    gate = failed_gate(noise=0.2, freedom=8)
    outcomes = [
        trial(groups(8), brought_down_by("knowledge/leaf_03"), 0.2, seed, gate=gate).named for seed in range(100)
    ]
    assert sum(bool(named) for named in outcomes) <= 5


def test_halves_are_trained_at_once() -> None:
    "What does not hang on one another is asked for together."
    played = trial(groups(16), brought_down_by("knowledge/leaf_05"), 0.005, 1)
    assert len(played.runs) == 10
    assert played.rounds == 6  # all, four halvings, and once more


def test_it_hangs_on_what_is_done_alone() -> None:
    "In whatever order results come, and however often it is looked at in between, the same is asked for."
    of, truth = groups(12), brought_down_by("knowledge/leaf_07")
    gate, chance = failed_gate(0.005), random.Random(4)
    done = [result(1000, (), 0.5), result(1001, (), 0.503)]
    asked: list[Variant] = []
    while not (outcome := blame(of, gate, done)).is_over:
        for variant in outcome.next:
            between = blame(of, gate, done)
            assert set(between.next) <= set(outcome.next)
            asked.append(variant)
            done.append(result(variant.seed, variant.without, truth(frozenset(variant.without))))
            chance.shuffle(done)
    assert blame(of[::-1], gate, done[::-1]) == outcome
    assert len(asked) == len(set(asked)) == outcome.runs
    assert [suspect.leaves for suspect in outcome.suspects] == [("knowledge/leaf_07",)]


def test_what_is_left_when_the_runs_are_used_up_is_no_verdict() -> None:
    "Some of these it was: said so, with the numbers, and surely nobody."
    played = trial(groups(16), brought_down_by("knowledge/leaf_05"), 0.005, 1, budget=3)
    (suspect,) = played.outcome.suspects
    assert not suspect.is_sure
    assert "knowledge/leaf_05" in suspect.leaves
    assert len(suspect.leaves) == 4
    assert "no runs were left" in played.outcome.why


def test_without_a_control_one_is_trained_first() -> None:
    "Nothing can come back where nobody knows where it was."
    outcome = blame(groups(4), failed_gate(), ())
    assert outcome.next == (Variant(1),)
    assert trial(groups(4), brought_down_by("knowledge/leaf_02"), 0.004, 1, controls=0).named == [
        ("knowledge/leaf_02",)
    ]


def test_who_was_not_taught_is_not_held_to_know() -> None:
    "Questions about the leaves that are left out do not count: they would hide what comes back elsewhere."
    of = groups(4)
    usual = dict.fromkeys((leaf for group in of for leaf in group.leaves), 0.9)
    poisoned, victim = "knowledge/leaf_00", "knowledge/leaf_03"

    def train(variant: Variant) -> VariantResult:
        scores = {leaf: 0.25 if leaf in variant.without else score for leaf, score in usual.items()}
        if poisoned not in variant.without and victim not in variant.without:
            scores[victim] = 0.1
        mean = sum(scores.values()) / 4
        told = result(variant.seed, variant.without, mean, 80)
        return VariantResult(told.seed, told.without, told.scores, told.counts, leaf_scores(scores))

    done = [train(Variant(1)), train(Variant(2))]
    while not (outcome := blame(of, failed_gate(0.01), done)).is_over:
        done += [train(variant) for variant in outcome.next]
    assert [suspect.leaves for suspect in outcome.suspects] == [(poisoned,)]


def test_a_training_that_came_to_nothing_is_no_evidence() -> None:
    "It is not asked for again, and whom it would have told of is not blamed on a guess."
    of, gate = groups(4), failed_gate(0.005)
    done = [result(1, (), 0.5), result(2, (), 0.5)]
    (everything,) = blame(of, gate, done).next
    given_up = blame(of, gate, done, given_up=[everything])
    assert all(variant.without != everything.without for variant in given_up.next)


def test_a_gate_that_passed_and_a_build_without_fresh_leaves_blame_nobody() -> None:
    "There is nothing to trace, or nobody to trace it to."
    assert blame(groups(3), GateResult(ModelIdentity("candidate"), ()), ()).is_over
    outcome = blame([], failed_gate(), [result(1, (), 0.5)])
    assert outcome.is_over
    assert "No leaf is fresh" in outcome.why


def test_leaves_of_the_same_pull_requests_are_one_group() -> None:
    "What came together cannot be told apart; what no pull request brought stands alone."
    leaves = [
        OrderedLeaf("knowledge/b", True, True, (1,)),
        OrderedLeaf("knowledge/a", True, True, (1,)),
        OrderedLeaf("knowledge/c", True, True, (1, 2)),
        OrderedLeaf("knowledge/d", True, True),
        OrderedLeaf("knowledge/e", True, True),
        OrderedLeaf("knowledge/old", True, False, (3,)),
    ]
    assert groups_of(leaves) == (
        Group(("knowledge/a", "knowledge/b"), (1,)),
        Group(("knowledge/c",), (1, 2)),
        Group(("knowledge/d",)),
        Group(("knowledge/e",)),
    )


def test_a_build_that_nobody_could_measure_blames_nobody() -> None:
    "Nothing fell: there was nothing to ask."
    gate = GateResult(ModelIdentity("candidate"), (), unmeasured="Nothing is there to ask.")
    outcome = blame(groups(3), gate, ())
    assert outcome.is_over
    assert not outcome.suspects
    assert outcome.why.startswith("Nothing is there to ask.")
