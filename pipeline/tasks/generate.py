"""Generate: synthetic data of the changed leaves, each with its yield, so that people see why one gives little."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path

from checks.document_bundle import BundleError, from_bundle
from pipeline.artifacts import ArtifactStore, plain_name
from pipeline.contract import Artifact, Ending, JobSpec, LogLevel, Outcome
from pipeline.datasets import MANIFEST, read_jsonl
from pipeline.document_formats import DocumentFormatError, DocumentReaderMissingError
from pipeline.generation import DROPPED, QUESTIONS, SAMPLES, LeafData, Order, Subject, generate
from pipeline.lessons import LessonError, contribution_of, subjects_of
from pipeline.passages import leaf_documents
from pipeline.results import GenerateResult, ShownSample, why_so_few
from pipeline.sdg.blocks.block import Models
from pipeline.sdg.prompts import PromptError
from pipeline.settings import PipelineSettings
from pipeline.tasks.bench import Bench, ContributionError
from pipeline.tasks.inputs import read_input
from pipeline.tasks.precheck import CONTRIBUTION
from pipeline.teacher import CacheError, ReplyCache, Teacher, TeacherError
from pipeline.yields import yield_of

RESULT_TYPE = "application/vnd.taxonomy-bot.generate+json"
DOCUMENT = "document:"  # roles of artifacts that hold a leaf's documents: this, and the leaf's path
LEAST_SAMPLES = "least_samples"  # of a leaf, a setting of the job
_SHOWN = 10
_LONGEST_SHOWN = 2_000
_LONGEST_LEAF = 70  # letters of a leaf in the names of its files: the store cuts names at 100
_MEDIA_TYPES = {".jsonl": "application/jsonl", ".json": "application/json"}


def generate_job(spec: JobSpec, bench: Bench) -> Outcome:
    """Generate from every changed leaf. Raises ContributionError when there is nothing to generate from."""
    settings = bench.settings
    if not settings.teacher_url:
        return Outcome(Ending.INFRA_ERROR, "Not available: no model is configured (TEACHER_URL).")
    began = time.monotonic()
    store = ArtifactStore(settings.artifacts_url)
    try:
        subjects = _subjects(spec, store, settings)
    except (DocumentReaderMissingError, BundleError) as error:
        return Outcome(Ending.INFRA_ERROR, str(error), run_s=time.monotonic() - began)
    bench.note(f"{len(subjects)} leaves; {settings.teacher_model} writes, {settings.critic.model} judges")
    try:
        made = asyncio.run(_generated(subjects, settings, bench))
    except (TeacherError, CacheError, PromptError) as error:
        return Outcome(Ending.INFRA_ERROR, str(error), run_s=time.monotonic() - began)
    result = _result(spec, settings, subjects, made)
    _note(result, made, bench)
    stored = store.put("generate.json", result.to_json().encode(), RESULT_TYPE)
    artifacts = tuple(stored_files(made, store))
    took_s = time.monotonic() - began
    if result.too_few:
        said = " ".join(why_so_few(leaf, result.least_samples) for leaf in result.too_few[:3])
        return Outcome(Ending.FAILED_BY_CONTRIBUTION, said, stored, artifacts, took_s)
    kept = sum(leaf.kept for leaf in result.leaves)
    return Outcome(Ending.SUCCEEDED, f"{kept} samples", stored, artifacts, took_s)


def _subjects(spec: JobSpec, store: ArtifactStore, settings: PipelineSettings) -> list[Subject]:
    most = settings.generate_passages
    contribution = contribution_of(json.loads(read_input(spec, CONTRIBUTION, store)))
    try:
        documents = {
            role.removeprefix(DOCUMENT): leaf_documents(from_bundle(read_input(spec, role, store)), most)
            for role in spec.inputs
            if role.startswith(DOCUMENT)
        }
        return subjects_of(contribution, documents)
    except (LessonError, DocumentFormatError) as error:
        raise ContributionError(str(error)) from None


async def _generated(subjects: Sequence[Subject], settings: PipelineSettings, bench: Bench) -> list[LeafData]:
    order = Order(
        settings.teacher_model, settings.critic.model, settings.generate_seed, settings.generate_auxiliary
    )
    cache_file = settings.teacher_cache or settings.work_dir / "teacher-cache.sqlite"
    async with AsyncExitStack() as stack:
        cache = stack.enter_context(ReplyCache(cache_file, settings.teacher_cache_limits))
        teacher = await stack.enter_async_context(Teacher(settings.teacher, cache))
        critic = teacher
        if settings.critic != settings.teacher:
            critic = await stack.enter_async_context(Teacher(settings.critic, cache))
        return await generate(subjects, order, Models(teacher, critic), bench.folder, bench.tell)


def _result(
    spec: JobSpec, settings: PipelineSettings, subjects: Sequence[Subject], made: Sequence[LeafData]
) -> GenerateResult:
    yields = tuple(yield_of(subject.lesson, data) for subject, data in zip(subjects, made, strict=True))
    blocks = [block for leaf in yields for block in leaf.blocks]
    asked = sum(block.requests for block in blocks)
    return GenerateResult(
        spec.head_sha,
        settings.teacher_model,
        int(spec.settings.get(LEAST_SAMPLES, 0)),
        yields,
        tuple(_shown(made)),
        is_old=asked > 0 and asked == sum(block.from_cache for block in blocks),
    )


def _shown(made: Sequence[LeafData]) -> Iterator[ShownSample]:
    """Yield some generated samples, leaf by leaf in turns."""
    of_leaf = max(1, _SHOWN // max(1, len(made)))
    for data in made[:_SHOWN]:
        rows = (row for row in read_jsonl(data.folder / SAMPLES) if row["metadata"]["origin"] == "generated")
        for row in islice(rows, of_leaf):
            question, answer = (str(message["content"])[:_LONGEST_SHOWN] for message in row["messages"])
            yield ShownSample(data.path, question, answer)


def _note(result: GenerateResult, made: Sequence[LeafData], bench: Bench) -> None:
    for leaf, data in zip(result.leaves, made, strict=True):
        bench.note(
            f"{leaf.path}: {leaf.candidates} written, {leaf.kept} kept, {leaf.questions} questions to measure with"
        )
        for reason, count in leaf.dropped.items():
            bench.note(f"  {count} dropped: {reason}")
        for reason, count in data.manifest["seeds_left_out"].items():
            bench.note(f"  {count} pairs of seed examples left out of the samples: {reason}")
    for leaf in result.too_few:
        bench.note(why_so_few(leaf, result.least_samples), LogLevel.WARNING)
    if result.is_old:
        bench.note("All of it was there from an earlier run: nothing was asked anew.")


def stored_files(made: Sequence[LeafData], store: ArtifactStore) -> Iterator[Artifact]:
    """Store each leaf's files under names that tell the leaf."""
    for leaf, data in zip(leaf_names([data.path for data in made]), made, strict=True):
        for name in (SAMPLES, QUESTIONS, DROPPED, MANIFEST):
            file = data.folder / name
            if file.is_file():
                yield store.put(f"{leaf}.{name}", file.read_bytes(), _MEDIA_TYPES[file.suffix])


def leaf_names(paths: Sequence[str]) -> list[str]:
    """Return a short name for each leaf; those that would be too long, or another's, get a digest of the path."""
    plain = [plain_name("-".join(Path(path).parts[:-1])) for path in paths]
    return [
        name
        if len(name) <= _LONGEST_LEAF and plain.count(name) == 1
        else f"{name[-_LONGEST_LEAF:].lstrip('-')}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"
        for path, name in zip(paths, plain, strict=True)
    ]
