"""The gate: may the build be published? It is asked what the last good build and the pinned release are asked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.build_results import GateResult, VariantResult
from pipeline.building.gate_models import Reference, candidate, references
from pipeline.building.gate_rows import comparisons, contribution_rows, measured_noise, sides
from pipeline.building.orders_at_hand import AtHand, same_student
from pipeline.building.question_sheets import Sheet, gate_plan
from pipeline.building.seats import Seat, Seated, have_judged, sit
from pipeline.building.step_work import step_done
from pipeline.building.train_step import QUIET
from pipeline.building.variant_step import fetched_sheet
from pipeline.contract import Ending, JobSpec, Load, LogLevel, Outcome
from pipeline.datasets import read_jsonl
from pipeline.evaluation.plans import EvaluationPlan, stand_ins, tiny_name
from pipeline.evaluation_results import ModelIdentity, Scale
from pipeline.generation import QUESTIONS
from pipeline.model_store import ModelStoreError
from pipeline.seed_noise import SeedNoise
from pipeline.tasks.bench import Bench

PASSED, FAILED = "passed", "failed"
NOTHING_TO_ASK = (
    "Nothing is there to measure this build with: its leaves have no questions, no judge is configured "
    "(TAXONOMY_PIPELINE_CRITIC_URL), and no benchmark is set (TAXONOMY_PIPELINE_EVALUATE_GATES_MMLU)."
)


def gate_step(spec: JobSpec, bench: Bench) -> Outcome:
    """Measure and decide. Raises InputError."""

    def gated(hand: AtHand, bench: Bench) -> Outcome:
        try:
            return _gated(hand, bench, spec.repository_id)
        except ModelStoreError as error:
            words = str(error).replace(bench.settings.model_store_url, "MODEL_STORE_URL")
            return Outcome(Ending.INFRA_ERROR, words)

    return step_done(spec, bench, gated)


def _gated(hand: AtHand, bench: Bench, repository_id: int) -> Outcome:
    os.environ.update(dict.fromkeys(QUIET, "1"))
    model, settings = bench.settings.student_model, bench.settings
    assert model is not None  # noqa: S101 - looked at before
    bench.tell(0.0, "fetching the models")
    who, selected = candidate(hand, bench.folder / "candidate")
    here = same_student(model, [selected.student])
    sheet, plan = fetched_sheet(hand, bench.folder / "questions", settings), gate_plan(settings)
    if not sheet.benchmarks:
        return _ended(GateResult(who.identity, (), remarks=sheet.remarks, unmeasured=NOTHING_TO_ASK), hand, bench)
    held_against = references(
        hand, repository_id, settings.model_store_url, model, here, bench.folder / "references"
    )
    seats = _seats([who, *(each.who for each in held_against)], sheet, plan, bench)
    controls = [each for each in hand.results("variant/", VariantResult) if not each.without]
    noise = measured_noise(sheet, controls, hand.order.noise, hand.order.noise_freedom)
    result = _result(hand, bench, sheet, plan, seats, held_against, noise, len(controls))
    return _ended(result, hand, bench)


def _seats(models: Sequence[Seated], sheet: Sheet, plan: EvaluationPlan, bench: Bench) -> list[Seat]:
    """Have every model asked and judged, in order; each once."""
    found: list[Seat] = []
    for number, who in enumerate(models):

        def told(share: float, said: str, number: int = number) -> None:
            bench.tell(0.05 + 0.75 * (number + share) / len(models), said)

        found.append(sit(who, sheet, plan, bench.folder / f"tasks-{number}", told))

    def call_judge() -> None:
        bench.tell(0.8, "waiting for the judge")
        bench.need(Load.TEACHER)

    have_judged(found, sheet, plan, call_judge, lambda share, said: bench.tell(0.85 + 0.1 * share, said))
    return found


def _result(
    hand: AtHand,
    bench: Bench,
    sheet: Sheet,
    plan: EvaluationPlan,
    seats: Sequence[Seat],
    held_against: Sequence[Reference],
    noise: dict[str, SeedNoise],
    seeds: int,
) -> GateResult:
    new, *others = seats
    last, first = others[0], held_against[0]
    compared = comparisons(
        sheet,
        new,
        [(each.against, seat, each.is_trained) for each, seat in zip(held_against, others, strict=True)],
        noise,
    )
    measured = {name: each for name, each in noise.items() if each.freedom}
    gains, losses = sides(sheet, last, new)
    model = bench.settings.student_model
    assert model is not None  # noqa: S101 - looked at before
    judge = plan.jury.identity if plan.jury and any(seat.awaits_judge for seat in seats) else None
    return GateResult(
        candidate=new.identity,
        comparisons=compared,
        contributions=tuple(
            contribution_rows(sheet, hand.order.leaves, new, last, noise, is_trained=first.is_trained)
        ),
        noise={name: each.deviation for name, each in measured.items()},
        noise_seeds=seeds,
        noise_freedom=min((each.freedom for each in measured.values()), default=0),
        gains=gains,
        losses=losses,
        stands_in=stand_ins(tiny_name(model), judge, _teachers(bench.folder / "questions" / QUESTIONS)),
        remarks=tuple(_remarks(sheet, noise, seats, judge)),
        unmeasured="" if any(each.rows for each in compared) else NOTHING_TO_ASK,
    )


def _teachers(path: Path) -> tuple[str, ...]:
    """Return who wrote the questions."""
    found = set()
    for row in read_jsonl(path) if path.is_file() else ():
        said = row.get("metadata")
        if isinstance(said, dict) and isinstance(teacher := said.get("teacher"), str):
            found.add(teacher)
    return tuple(sorted(found))


def _remarks(
    sheet: Sheet, noise: dict[str, SeedNoise], seats: Sequence[Seat], judge: ModelIdentity | None
) -> Iterator[str]:
    yield from sheet.remarks
    unknown = [name for name, each in noise.items() if not each.freedom]
    if unknown:
        yield (
            f"How far trainings with other seeds differ was not measured for {', '.join(unknown)}: the intervals "
            "hold only what other questions would change. NIGHTLY_NOISE_SEEDS of 2 or more measures it."
        )
    failed = sum(seat.counts.failed for seat in seats)
    if judge is not None and failed:
        yield f"{failed} judgements of {judge.name} failed; their questions are left out."


def _ended(result: GateResult, hand: AtHand, bench: Bench) -> Outcome:
    words = in_words(result)
    bench.note(words, LogLevel.INFO if result.is_passed else LogLevel.WARNING)
    for remark in result.remarks:
        bench.note(remark, LogLevel.WARNING)
    for each in result.comparisons:
        for row in each.rows:
            bench.note(
                f"{row.name} against {each.against}: {row.base:.3f} -> {row.tuned:.3f}, {row.delta:+.3f} "
                f"({row.low:+.3f} to {row.high:+.3f}), {row.n} questions about {row.facts} facts: {row.verdict}"
            )
    verdict = PASSED if result.is_passed else FAILED
    return Outcome(Ending.SUCCEEDED, words[:500], hand.put_result(result), verdict=verdict)


def in_words(result: GateResult) -> str:
    """Return whether the gate passed and, where it did not, what fell by how much."""
    if result.is_passed:
        count = sum(len(each.gates) for each in result.comparisons)
        return f"Passed: none of {count} gates fell by more than it may."
    if not result.failed:
        return f"Not passed. {result.why_unmeasured}"
    fell = [
        f"{gate.name} fell by {_amount(-gate.delta, gate.scale)} against {against} "
        f"({_amount(gate.low, gate.scale, sign='+')} to {_amount(gate.high, gate.scale, sign='+')}; "
        f"{_amount(gate.margin, gate.scale)} is allowed)"
        for against, gate in result.failed
    ]
    return f"Not passed. {'; '.join(fell)}."


def _amount(value: float, scale: Scale, sign: str = "") -> str:
    return f"{value:{sign}.{3 if scale is Scale.ACCURACY else 2}f}"
