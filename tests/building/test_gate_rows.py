"""What marks say: differences as unsure as questions and trainings make them, and what fell by how much."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import NormalDist

import pytest

from pipeline.build_orders import OrderedLeaf
from pipeline.build_results import Comparison, GateResult, VariantResult
from pipeline.building.gate_rows import (
    comparisons,
    contribution_rows,
    measured_noise,
    row_between,
    sides,
    variant_scores,
    widened,
)
from pipeline.building.gate_step import in_words
from pipeline.building.question_sheets import INCLUDED, OTHERS, Asked, Benchmark, Part, Sheet
from pipeline.building.seats import Mark, Seat
from pipeline.evaluation.plans import GateFiles
from pipeline.evaluation.sittings import Gates
from pipeline.evaluation_results import BenchmarkRow, ModelIdentity, Scale, Verdict
from pipeline.seed_noise import SeedNoise

FRESH, OLD = "knowledge/new/owls", "knowledge/old/otters"
LEAVES = (OrderedLeaf(FRESH, True, True, (3, 4)), OrderedLeaf(OLD, True, pulls=(1,)))
CLEAR = SeedNoise(0.001, 8)


def a_sheet(each: int = 40) -> Sheet:
    "So many questions about each leaf, and as many for a judge about the fresh one."
    asked = {part: dict[str, Asked]() for part in Part}
    for leaf in (FRESH, OLD):
        for n in range(each):
            id_ = f"{leaf}-{n:03}"
            asked[Part.CHOICES][id_] = Asked(id_, leaf, f"{leaf}/{n}", f"What is {n}?", "right")
    for n in range(each):
        asked[Part.TOLD][f"told-{n}"] = Asked(f"told-{n}", FRESH, f"told/{n}", f"Tell {n}.", "well told")
    benchmarks = (
        _benchmark(f"PR-mmlu {INCLUDED}", asked, Part.CHOICES, FRESH, 0.02),
        _benchmark(f"PR-mmlu {OTHERS}", asked, Part.CHOICES, OLD, 0.02),
        _benchmark(f"PR-bench {INCLUDED}", asked, Part.TOLD, FRESH, 0.3),
    )
    return Sheet(None, (), Gates(GateFiles(), None, ()), asked, benchmarks, {})


def _benchmark(name: str, asked: dict[Part, dict[str, Asked]], part: Part, leaf: str, margin: float) -> Benchmark:
    return Benchmark(name, part, tuple(id_ for id_, each in asked[part].items() if each.leaf == leaf), margin)


def a_seat(sheet: Sheet, name: str, fresh: float, old: float, told: float = 6.0) -> Seat:
    "A model that is right so often about each leaf: always the first ones."
    seat = Seat(ModelIdentity(name))
    for id_, each in sheet.asked[Part.CHOICES].items():
        share = fresh if each.leaf == FRESH else old
        is_right = int(id_[-3:]) < share * 40
        seat.marks[Part.CHOICES][id_] = Mark(float(is_right), "right" if is_right else "wrong", 0.4 + share / 4)
    for n, id_ in enumerate(sheet.asked[Part.TOLD]):
        seat.marks[Part.TOLD][id_] = Mark(told + n % 3 - 1, "told")
    return seat


def test_a_fall_is_told_with_its_size_and_against_whom() -> None:
    "The other leaves fell against the last build; the fresh ones rose: one gate of six fails."
    sheet = a_sheet()
    new = a_seat(sheet, "new", 0.8, 0.5)
    last, student = a_seat(sheet, "last", 0.3, 0.9), a_seat(sheet, "student", 0.25, 0.25)
    noise = dict.fromkeys((each.name for each in sheet.benchmarks), CLEAR)
    compared = comparisons(sheet, new, [("2026-01-04.1", last, True), ("the student", student, False)], noise)
    result = GateResult(new.identity, compared)
    ((against, gate),) = result.failed
    assert (against, gate.name) == ("2026-01-04.1", f"PR-mmlu {OTHERS}")
    assert gate.delta == pytest.approx(-0.4)
    said = in_words(result)
    assert said.startswith(f"Not passed. PR-mmlu {OTHERS} fell by 0.400 against 2026-01-04.1 (-0.")
    assert "0.020 is allowed" in said


def test_noise_between_trainings_makes_a_difference_less_sure() -> None:
    "A fall that is significant among these questions is none where another seed moves as much."
    sheet = a_sheet()
    new, last = a_seat(sheet, "new", 0.8, 0.6), a_seat(sheet, "last", 0.8, 0.9)
    sure = row_between(sheet.benchmarks[1], sheet, last, new, CLEAR, 2)
    unsure = row_between(sheet.benchmarks[1], sheet, last, new, SeedNoise(0.15, 8), 2)
    assert sure is not None
    assert unsure is not None
    assert sure.verdict is Verdict.REGRESSED
    assert unsure.verdict is not Verdict.REGRESSED
    assert unsure.p > 0.05 > sure.p
    assert unsure.low < sure.low < sure.delta < sure.high < 0 < unsure.high
    assert (unsure.delta, unsure.n) == (sure.delta, sure.n)


def test_against_the_student_one_training_is_by_chance_against_a_build_two() -> None:
    "And where no noise was measured, the interval stays as the questions make it."
    sheet = a_sheet()
    new, last = a_seat(sheet, "new", 0.8, 0.6), a_seat(sheet, "last", 0.8, 0.9)
    rows = [row_between(sheet.benchmarks[1], sheet, last, new, SeedNoise(0.05, 8), n) for n in (0, 1, 2)]
    plain = row_between(sheet.benchmarks[1], sheet, last, new, SeedNoise(), 2)
    widths = [row.high - row.low for row in rows if row]
    assert widths == sorted(widths)
    assert len(set(widths)) == 3
    assert plain == rows[0]


def test_widened_intervals_hold_the_truth_as_often_as_they_say() -> None:
    "Of 2,000 pairs of trainings that differ by chance alone some 5 % are taken for more; without the noise many."
    chance, misses, naive, surprising = random.Random(5), 0, 0, 0
    sampled, moved = 0.03, 0.05
    for _ in range(2000):
        delta = chance.gauss(0, sampled) + chance.gauss(0, moved) - chance.gauss(0, moved)
        row = BenchmarkRow(
            "PR-mmlu", Scale.ACCURACY, 0, 400, 400, 0.7, 0.7 + delta, delta, delta - 1.96 * sampled,
            delta + 1.96 * sampled, 2 * (1 - NormalDist().cdf(abs(delta) / sampled)), Verdict.UNCHANGED,
        )  # fmt: skip
        wide = widened(row, SeedNoise(moved, 60), 2)
        naive += not row.low <= 0 <= row.high
        misses += not wide.low <= 0 <= wide.high
        surprising += wide.p <= 0.05
    assert misses / 2000 <= 0.07
    assert surprising / 2000 <= 0.07
    assert naive / 2000 > 0.3


def test_a_pull_request_is_told_of_the_questions_about_its_leaves() -> None:
    "Both that brought the leaf; who brought what is as before is told nothing."
    sheet = a_sheet()
    rows = list(
        contribution_rows(
            sheet, LEAVES, a_seat(sheet, "new", 0.7, 0.9), a_seat(sheet, "last", 0.4, 0.9), {}, is_trained=True
        )
    )
    assert [(row.number, row.leaves, row.benchmark.name) for row in rows] == [
        (3, (FRESH,), "PR-mmlu"),
        (4, (FRESH,), "PR-mmlu"),
    ]
    assert rows[0].benchmark.delta == pytest.approx(0.3)


def test_questions_that_were_not_judged_are_counted() -> None:
    "Where more than a tenth lacks, nothing is said of the others."
    sheet = a_sheet()
    new, last = a_seat(sheet, "new", 0.5, 0.5, 9.0), a_seat(sheet, "last", 0.5, 0.5, 3.0)
    for n in range(5):
        del new.marks[Part.TOLD][f"told-{n}"]
    row = row_between(sheet.benchmarks[2], sheet, last, new, CLEAR, 2)
    assert row is not None
    assert row.verdict is Verdict.TOO_FEW
    assert row.note == "5 of 40 questions were not answered by both models or not judged"
    new.marks[Part.TOLD].clear()
    assert row_between(sheet.benchmarks[2], sheet, last, new, CLEAR, 2) is None


def test_the_noise_of_this_build_joins_that_of_earlier_ones() -> None:
    "By benchmark; one training tells nothing of it, and a benchmark that is new has no past."
    sheet = a_sheet()
    name, other, _ = (each.name for each in sheet.benchmarks)
    controls = [VariantResult(seed, (), {name: score}, {name: 40}) for seed, score in ((1, 0.5), (2, 0.54))]
    fresh = measured_noise(sheet, controls, {}, 0)
    assert fresh[name].deviation == pytest.approx(0.04 / 2**0.5)
    assert fresh[name].freedom == 1
    pooled = measured_noise(sheet, controls, {name: 0.01, other: 0.02}, 3)
    assert pooled[name] == SeedNoise(pytest.approx(((3 * 0.01**2 + 0.0008) / 4) ** 0.5), 4)
    assert pooled[other] == SeedNoise(0.02, 3)
    assert measured_noise(sheet, controls[:1], {}, 0)[name] == SeedNoise()


def test_the_largest_gains_and_losses_are_shown_with_both_answers() -> None:
    "Five of each at most, of all benchmarks, the largest first."
    sheet = a_sheet()
    new, last = a_seat(sheet, "new", 0.9, 0.5, 6.0), a_seat(sheet, "last", 0.5, 0.6, 6.0)
    new.marks[Part.TOLD]["told-1"] = Mark(1.0, "nonsense")
    gains, losses = sides(sheet, last, new)
    assert len(gains) == 5
    assert all((side.base, side.tuned, side.context) == ("wrong", "right", FRESH) for side in gains)
    assert [side.context for side in losses] == [OLD] * 4 + [FRESH]
    assert losses[-1].tuned == "nonsense"
    assert sides(sheet, last, last) == ((), ())


def test_a_variant_tells_its_scores_leaf_by_leaf() -> None:
    "With how many questions each is the mean of."
    sheet = a_sheet()
    scores, counts, by_leaf = variant_scores(sheet, a_seat(sheet, "one", 0.75, 0.5))
    assert scores[f"PR-mmlu {INCLUDED}"] == 0.75
    assert counts[f"PR-mmlu {OTHERS}"] == 40
    assert {(each.benchmark, each.leaf, each.score) for each in by_leaf} >= {(f"PR-mmlu {OTHERS}", OLD, 0.5)}


def test_a_row_of_few_questions_takes_its_share_of_the_noise() -> None:
    "Noise that was measured with many questions is more with fewer."
    sheet = a_sheet()
    row = row_between(sheet.benchmarks[0], sheet, a_seat(sheet, "a", 0.5, 0), a_seat(sheet, "b", 0.6, 0), CLEAR, 0)
    assert row is not None
    alone, part = widened(row, SeedNoise(0.03, 30), 1, 40), widened(row, SeedNoise(0.03, 30), 1, 160)
    assert part.high - part.low > alone.high - alone.low


def test_nothing_compared_is_no_failure_and_no_pass() -> None:
    "A gate that measured nothing says so."
    nothing = GateResult(ModelIdentity("new"), (Comparison("the student", (), ()),), unmeasured="Nothing to ask.")
    assert not nothing.is_passed
    assert in_words(nothing) == "Not passed. Nothing to ask."
    assert in_words(replace(nothing, unmeasured="")) == "Not passed. It holds the build against nothing."


def test_names_of_benchmarks_are_the_same_for_variants_and_gate() -> None:
    "Noise and blame find them by their names."
    sheet = a_sheet()
    names = {each.name for each in sheet.benchmarks}
    assert variant_scores(sheet, a_seat(sheet, "one", 1, 1))[0].keys() == names
