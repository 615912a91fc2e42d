"""A variant: an adapter learns the mix with another seed or without some leaves, and is measured like the build.

It is not the build over again: both phases' data are learnt at once, by an adapter of the student. So it costs a
fraction of a build, and tells only how it differs from other variants.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.build_orders import MIX, Phase, Variant, in_folder
from pipeline.build_results import MixResult, TrainResult, VariantResult
from pipeline.building.gate_rows import variant_scores
from pipeline.building.leaf_data import HELD_OUT
from pipeline.building.orders_at_hand import AtHand, same_student
from pipeline.building.question_sheets import Sheet, gate_plan, read_sheet
from pipeline.building.seats import Seated, have_judged, sit
from pipeline.building.step_work import step_done
from pipeline.building.train_step import QUIET
from pipeline.contract import Ending, JobSpec, Load, LogLevel, Outcome
from pipeline.datasets import fresh_file
from pipeline.evaluation.students import free_memory, package_versions
from pipeline.evaluation_results import ModelIdentity
from pipeline.generation import QUESTIONS
from pipeline.mixing import DEV, TRAIN
from pipeline.sample_lines import line_blocks, read_sample
from pipeline.settings import PipelineSettings
from pipeline.tasks.bench import Bench
from pipeline.tasks.inputs import InputError
from pipeline.tasks.kept import kept_folder
from pipeline.training.settings import PRESETS, TrainingSettings

_TRAININGS = "trainings"


def variant_step(spec: JobSpec, bench: Bench) -> Outcome:
    """Train and measure the variant of the order. Raises InputError."""
    return step_done(spec, bench, _measured)


def fetched_sheet(hand: AtHand, folder: Path, settings: PipelineSettings) -> Sheet:
    """Return the questions of a build, its files fetched into a folder. Raises InputError, QuestionError."""
    there = set(hand.names(MIX))
    for name in (QUESTIONS, HELD_OUT):
        if name in there:
            hand.fetch(MIX, name, folder / name)
    return read_sheet(folder, hand.order.leaves, settings)


def lines_without(path: Path, leaves: Collection[str]) -> Iterator[bytes]:
    """Yield the lines of a file of samples that are of none of some leaves. Raises DatasetError."""
    for first, lines in line_blocks(path):
        for number, line in enumerate(lines, start=first):
            if not line.isspace() and read_sample(line, path, number).leaf not in leaves:
                yield line.strip() + b"\n"


def _measured(hand: AtHand, bench: Bench) -> Outcome:
    os.environ.update(dict.fromkeys(QUIET, "1"))
    model, variant = bench.settings.student_model, hand.order.variant
    assert model is not None  # noqa: S101 - looked at before
    if variant is None:
        raise InputError("The order names no variant. An operator updates bot and workers alike.")
    bench.tell(0.0, "fetching what to train with")
    student = same_student(model, [each.student for each in hand.results("train/", TrainResult)])
    plan = gate_plan(bench.settings)
    sheet = fetched_sheet(hand, bench.folder / "questions", bench.settings)
    data, samples = _data(hand, variant, bench.folder / "data")
    bench.note(f"{samples} samples, without {len(variant.without)} leaves, seed {variant.seed}")
    preset = PRESETS[plan.preset]
    # no longer than the build itself, where that is set to be short
    epochs = min(preset.epochs, bench.settings.build_epochs or preset.epochs)
    settings = preset.having(seed=variant.seed, epochs=epochs)
    with _adapter(model, student, data if samples else (), settings, bench) as adapter:
        seat = sit(
            Seated(model, adapter, "the variant"),
            sheet,
            plan,
            bench.folder / "tasks",
            lambda share, said: bench.tell(0.6 + 0.2 * share, said),
        )

    def call_judge() -> None:
        bench.need(Load.TEACHER)

    have_judged([seat], sheet, plan, call_judge, lambda share, said: bench.tell(0.85 + 0.1 * share, said))
    scores, counts, by_leaf = variant_scores(sheet, seat)
    result = VariantResult(variant.seed, tuple(sorted(variant.without)), scores, counts, by_leaf)
    said = "; ".join(f"{name}: {score:.3f}" for name, score in scores.items()) or "nothing is there to ask"
    bench.note(said)
    return Outcome(Ending.SUCCEEDED, said[:500], hand.put_result(result))


def _data(hand: AtHand, variant: Variant, folder: Path) -> tuple[tuple[Path, ...], int]:
    """Return both phases' samples without some leaves, in a file to train on and one to watch by, and how many.

    Knowledge that the phase of skills replays is taken once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    phases = [phase for phase in Phase if phase.value in hand.result(MIX, MixResult).phases]
    again = {leaf.path for leaf in hand.order.leaves if leaf.is_knowledge} if Phase.KNOWLEDGE in phases else set()
    rows = {}
    for name in (TRAIN, DEV):
        with fresh_file(folder / name) as file:
            for phase in phases:
                fetched = hand.fetch(MIX, in_folder(phase.value, name), folder / f"{phase}.{name}")
                left_out = {*variant.without, *(again if phase is Phase.SKILLS else ())}
                for line in lines_without(fetched, left_out):
                    file.add(line)
        rows[name] = file.written.rows
    return tuple(folder / name for name in (TRAIN, DEV)), rows[TRAIN]


@contextmanager
def _adapter(
    model: Path, student: ModelIdentity, data: Sequence[Path], settings: TrainingSettings, bench: Bench
) -> Iterator[Path | None]:
    """Give an adapter that has learnt the data; None, the student as it is, where there are none."""
    from pipeline.training.training import TrainingOrder, train

    if not data:
        bench.note("No sample is left: the student is measured as it is.", LogLevel.WARNING)
        yield None
        return

    def told(share: float, said: str) -> None:
        if said.startswith("step "):
            bench.tell(0.05 + 0.55 * share, f"training: {said}")
        else:
            bench.note(said, LogLevel.WARNING if "left out" in said else LogLevel.INFO)

    key = _key(student, data, settings)
    with kept_folder(bench.settings.work_dir / _TRAININGS, key, bench.folder / "training") as folder:
        trained = train(TrainingOrder(model, tuple(data), settings), folder, told)
        free_memory()
        yield trained.folder


def _key(student: ModelIdentity, data: Sequence[Path], settings: TrainingSettings) -> str:
    """Return the digest by which a training is known that may have been broken off."""
    digests = []
    for path in data:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    said = {
        "base": student.sha256,
        "data": digests,
        "settings": settings.said(),
        "versions": package_versions(),
    }
    return f"variant-{hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]}"
