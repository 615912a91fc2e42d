"""What a gate's marks say: differences between two models, as unsure as questions and trainings make them.

A difference is unsure for two reasons: other questions might have been asked, which the pairs of answers tell; and
another training, with another seed, might have come out otherwise, which the noise between trainings tells. Both go
into the interval and into p.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist

from pipeline.build_orders import OrderedLeaf
from pipeline.build_results import Comparison, ContributionRow, LeafScore, VariantResult
from pipeline.building.question_sheets import Asked, Benchmark, Sheet
from pipeline.building.seats import Mark, Seat
from pipeline.evaluation.gates import judged_gates
from pipeline.evaluation.pr_mmlu import row_of
from pipeline.evaluation.statistics import Pair, compare, verdict_of
from pipeline.evaluation_results import MOST_UNJUDGED, BenchmarkRow, SideBySide, Verdict
from pipeline.seed_noise import SeedNoise

_TOLD_OF = 5  # gains, and as many losses
_INTERVAL = 0.975  # of each side of an interval
_NORMAL = NormalDist()

Noise = Mapping[str, SeedNoise]


def row_between(
    benchmark: Benchmark,
    sheet: Sheet,
    before: Seat,
    after: Seat,
    noise: SeedNoise,
    trained: int,
    of: int = 0,
) -> BenchmarkRow | None:
    """Return how two models differ on a benchmark; None where no question has marks of both.

    `trained` of the two came out of trainings whose chance counts; `noise` was measured with `of` questions.
    """
    asked, here, there = sheet.asked[benchmark.part], before.marks[benchmark.part], after.marks[benchmark.part]
    pairs = [
        Pair(id_, asked[id_].fact, here[id_].score, there[id_].score)
        for id_ in benchmark.ids
        if id_ in here and id_ in there
    ]
    if not pairs:
        return None
    row = row_of(compare(pairs, benchmark.scale), benchmark.name, benchmark.scale, benchmark.shots)
    left_out = len(benchmark.ids) - len(pairs)
    if left_out:
        note = f"{left_out} of {len(benchmark.ids)} questions were not answered by both models or not judged"
        row = replace(row, note=note)
    row = widened(row, noise, trained, of)
    return replace(row, verdict=Verdict.TOO_FEW) if left_out > MOST_UNJUDGED * len(benchmark.ids) else row


def widened(row: BenchmarkRow, noise: SeedNoise, trained: int, of: int = 0) -> BenchmarkRow:
    """Return a row as unsure as the noise between trainings makes it; without a measured one as it is."""
    if not noise.freedom or not trained:
        return row
    spread = noise.expected(row.scale, _middle(row), row.n, of)
    reach = spread.reach(_INTERVAL) * math.sqrt(trained)
    low = max(-row.scale.span, row.delta - math.hypot(row.delta - row.low, reach))
    high = min(row.scale.span, row.delta + math.hypot(row.high - row.delta, reach))
    deviation = math.hypot((row.high - row.low) / 2, reach) / _NORMAL.inv_cdf(_INTERVAL)
    p = max(row.p, 2 * (1 - _NORMAL.cdf(abs(row.delta) / deviation))) if deviation else row.p
    return replace(row, low=low, high=high, p=p, verdict=verdict_of(row.n, row.facts, low, high, p, row.scale))


def _middle(row: BenchmarkRow) -> float:
    return (row.base + row.tuned) / 2


def comparisons(
    sheet: Sheet, candidate: Seat, references: Sequence[tuple[str, Seat, bool]], noise: Noise
) -> tuple[Comparison, ...]:
    """Return the candidate against each reference, by its name; the last word of each says whether it was trained.

    All gates of all comparisons are read together (Holm): the more there are, the surer each fall has to be.
    """
    rows = [
        (against, benchmark, row)
        for against, seat, is_trained in references
        for benchmark in sheet.benchmarks
        if (row := row_between(benchmark, sheet, seat, candidate, _of(noise, benchmark), 1 + is_trained))
    ]
    gates = judged_gates([row for *_, row in rows], [benchmark.margin for _, benchmark, _ in rows])
    return tuple(
        Comparison(
            against,
            tuple(row for name, _, row in rows if name == against),
            tuple(gate for gate, (name, *_) in zip(gates, rows, strict=True) if name == against),
        )
        for against, *_ in references
    )


def contribution_rows(
    sheet: Sheet, leaves: Iterable[OrderedLeaf], candidate: Seat, reference: Seat, noise: Noise, *, is_trained: bool
) -> Iterator[ContributionRow]:
    """Yield what the build did to the questions about each pull request's leaves, where there are any."""
    of_pull: dict[int, list[str]] = {}
    for leaf in leaves:
        for number in leaf.pulls if leaf.is_fresh else ():
            of_pull.setdefault(number, []).append(leaf.path)
    whole = {each.part: each for each in reversed(sheet.benchmarks) if each.is_of_leaves}  # the included first
    for number, paths in sorted(of_pull.items()):
        for benchmark in sheet.about(set(paths)):
            around = whole[benchmark.part]
            known = _of(noise, around)
            row = row_between(benchmark, sheet, reference, candidate, known, 1 + is_trained, len(around.ids))
            if row is not None:
                yield ContributionRow(number, tuple(sorted(paths)), row)
                break


def measured_noise(
    sheet: Sheet, controls: Sequence[VariantResult], earlier: Mapping[str, float], freedom: int
) -> dict[str, SeedNoise]:
    """Return how far trainings with other seeds differ, by benchmark: this build's with those of earlier ones."""
    found = {}
    for benchmark in sheet.benchmarks:
        name = benchmark.name
        before = SeedNoise(earlier[name], freedom) if name in earlier and freedom else SeedNoise()
        found[name] = before.pooled([each.scores[name] for each in controls if name in each.scores])
    return found


def sides(sheet: Sheet, before: Seat, after: Seat) -> tuple[tuple[SideBySide, ...], tuple[SideBySide, ...]]:
    """Return the largest gains and the largest losses of single questions, of all benchmarks together.

    Of those that are equally large, those where the right choice became most, or least probable.
    """
    changes: list[tuple[tuple[float, float], SideBySide]] = []
    for benchmark in sheet.benchmarks:
        here, there = before.marks[benchmark.part], after.marks[benchmark.part]
        for id_ in benchmark.ids:
            if id_ in here and id_ in there:
                old, new = here[id_], there[id_]
                size = ((new.score - old.score) / benchmark.scale.span, new.sure - old.sure)
                changes.append((size, _side(sheet.asked[benchmark.part][id_], old, new)))
    changes.sort(key=lambda change: (change[0], change[1].id))
    losses = [side for size, side in changes if size[0] < 0][:_TOLD_OF]
    gains = [side for size, side in reversed(changes) if size[0] > 0][:_TOLD_OF]
    return tuple(gains), tuple(losses)


def _side(asked: Asked, old: Mark, new: Mark) -> SideBySide:
    return SideBySide(
        id=asked.id,
        question=asked.question,
        reference=asked.reference,
        base=old.answer,
        tuned=new.answer,
        base_score=old.score,
        tuned_score=new.score,
        context=asked.leaf,
    )


def variant_scores(sheet: Sheet, seat: Seat) -> tuple[dict[str, float], dict[str, int], tuple[LeafScore, ...]]:
    """Return one model's score and number of questions by benchmark, and leaf by leaf."""
    scores, counts, by_leaf = {}, {}, []
    for benchmark in sheet.benchmarks:
        marks = seat.marks[benchmark.part]
        of_leaf: dict[str, list[float]] = {}
        for id_ in benchmark.ids:
            if id_ in marks:
                of_leaf.setdefault(sheet.asked[benchmark.part][id_].leaf, []).append(marks[id_].score)
        every = [score for each in of_leaf.values() for score in each]
        if every:
            scores[benchmark.name], counts[benchmark.name] = sum(every) / len(every), len(every)
        if benchmark.is_of_leaves:
            by_leaf += [
                LeafScore(benchmark.name, leaf, sum(each) / len(each), len(each))
                for leaf, each in sorted(of_leaf.items())
            ]
    return scores, counts, tuple(by_leaf)


def _of(noise: Noise, benchmark: Benchmark) -> SeedNoise:
    return noise.get(benchmark.name, SeedNoise())
