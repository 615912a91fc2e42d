"""Evaluate: the student learns what was generated from a contribution, and is measured before and after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact, Ending, JobSpec, Load, LogLevel, Outcome
from pipeline.evaluation.examination import Examined, Hooks, Subject, examine, training_key
from pipeline.evaluation.material import LeafFiles, Material, read_material
from pipeline.evaluation.plans import plan_of
from pipeline.evaluation_results import BenchmarkRow, Scale
from pipeline.generation import QUESTIONS, SAMPLES
from pipeline.tasks.bench import Bench, ContributionError
from pipeline.tasks.inputs import InputError, read_input
from pipeline.tasks.kept import kept_folder
from pipeline.tasks.student_trouble import NO_STUDENT, done_or_why

RESULT_TYPE = "application/vnd.taxonomy-bot.evaluate+json"
MADE = "made:"  # roles of what the generate job has stored: this, and the file's name
ADAPTER = "adapter."  # how the names of an adapter's files begin
_MEDIA_TYPES = {".jsonl": "application/jsonl", ".json": "application/json"}
_TRAININGS = "trainings"  # those that were broken off, in the worker's folder
_LONGEST_MESSAGE = 500


def evaluate_job(spec: JobSpec, bench: Bench) -> Outcome:
    """Train and measure. Raises ContributionError when there is nothing to learn from, InputError."""
    if bench.settings.student_model is None:
        return Outcome(Ending.INFRA_ERROR, NO_STUDENT)
    began = time.monotonic()
    store = ArtifactStore(bench.settings.artifacts_url)
    outcome = done_or_why(lambda: _evaluated(spec, bench, store), bench)
    return replace(outcome, run_s=time.monotonic() - began)


def _evaluated(spec: JobSpec, bench: Bench, store: ArtifactStore) -> Outcome:
    model, plan = bench.settings.student_model, plan_of(bench.settings)
    assert model is not None  # noqa: S101 - looked at before
    bench.tell(0.0, "reading what was generated")
    material = read_material(list(_leaves(spec, store, bench.folder / "data")))
    _note_material(material, bench)
    if not material.to_learn:
        raise ContributionError(
            "What was generated from this contribution holds no sample to learn from: all of it is kept to measure "
            "with, or nothing was kept. More seed examples, or longer documents, give more."
        )

    def call_judge() -> None:
        bench.tell(0.85, "waiting for the judge")
        bench.need(Load.TEACHER)

    hooks = Hooks(bench.tell, bench.note, call_judge)
    subject, folder = Subject(model, material, spec.head_sha), bench.folder / "evaluation"
    with kept_folder(bench.settings.work_dir / _TRAININGS, training_key(subject, plan), folder) as trainings:
        examined = examine(subject, plan, folder, hooks, trainings)
        _note_result(examined, bench)
        result = examined.result
        stored = store.put("evaluate.json", result.to_json().encode(), RESULT_TYPE)
        artifacts = tuple(_stored(examined, store))
    said = " ".join((f"{result.verdict.value.capitalize()}.", *examined.remarks))[:_LONGEST_MESSAGE]
    return Outcome(
        Ending.SUCCEEDED, said, stored, artifacts, gpu_s=60 * result.gpu_minutes, verdict=result.verdict.value
    )


def _leaves(spec: JobSpec, store: ArtifactStore, folder: Path) -> Iterator[LeafFiles]:
    """Yield the data sets that the generate job has stored, a folder for each. Raises InputError."""
    names = [role.removeprefix(MADE) for role in sorted(spec.inputs) if role.startswith(MADE)]
    leaves = [name.removesuffix(f".{SAMPLES}") for name in names if name.endswith(f".{SAMPLES}")]
    if not leaves:
        raise InputError(
            f"The bot sent no data set ({MADE}....{SAMPLES}) with this job. An operator updates bot and workers "
            "alike."
        )
    for number, leaf in enumerate(leaves):
        place = folder / f"{number:03}"
        place.mkdir(parents=True)
        samples, questions = place / SAMPLES, place / QUESTIONS
        samples.write_bytes(read_input(spec, f"{MADE}{leaf}.{SAMPLES}", store))
        has_questions = f"{leaf}.{QUESTIONS}" in names
        if has_questions:
            questions.write_bytes(read_input(spec, f"{MADE}{leaf}.{QUESTIONS}", store))
        yield LeafFiles(leaf, samples, questions if has_questions else None)


def _note_material(material: Material, bench: Bench) -> None:
    asked = len(material.questions.test) if material.questions else 0
    bench.note(
        f"{len(material.samples)} leaves, {material.to_learn} samples to learn from; {asked} multiple choice "
        f"questions and {len(material.held_out)} for a judge"
    )
    for remark in material.remarks:
        bench.note(remark, LogLevel.WARNING)


def _note_result(examined: Examined, bench: Bench) -> None:
    for row in examined.result.rows:
        bench.note(row_in_words(row))
    for gate in examined.result.gates:
        bench.note(f"{gate.name}: {gate.delta:+.3f}, {'held' if gate.is_passed else 'fell'}")
    for remark in examined.remarks:
        bench.note(remark, LogLevel.WARNING)


def row_in_words(row: BenchmarkRow) -> str:
    """Return a benchmark as a line of a log."""
    digits = 3 if row.scale is Scale.ACCURACY else 2
    shots = f", {row.shots}-shot" if row.scale is Scale.ACCURACY else ""
    return (
        f"{row.name}{shots}: {row.base:.{digits}f} -> {row.tuned:.{digits}f}, {row.delta:+.{digits}f} "
        f"({row.low:+.{digits}f} to {row.high:+.{digits}f}), {row.n} questions about {row.facts} facts, "
        f"p {row.p:.4f}: {row.verdict}"
    )


def _stored(examined: Examined, store: ArtifactStore) -> Iterator[Artifact]:
    """Store the tables, and the adapter file by file."""
    for path in examined.files:
        yield _put(store, path.name, path)
    for path in sorted(examined.adapter.iterdir()):
        yield _put(store, f"{ADAPTER}{path.name}", path)


def _put(store: ArtifactStore, name: str, path: Path) -> Artifact:
    return store.put(name, path, _MEDIA_TYPES.get(path.suffix, "application/octet-stream"))
