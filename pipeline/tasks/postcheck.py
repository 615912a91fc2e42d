"""Postcheck: the seed questions again, asked of the base model and of what learnt from the contribution."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.artifacts import ArtifactStore
from pipeline.contract import Ending, JobSpec, Load, Outcome
from pipeline.evaluation.plans import jury_of
from pipeline.evaluation.seed_check import SeedAnswers, answer_seeds
from pipeline.evaluation.students import free_memory, identity_of
from pipeline.tasks.bench import Bench
from pipeline.tasks.evaluate import ADAPTER, MADE
from pipeline.tasks.inputs import InputError, read_input
from pipeline.tasks.precheck import CONTRIBUTION, Seed, scored, seeds_of
from pipeline.tasks.student_trouble import NO_STUDENT, done_or_why

RESULT_TYPE = "application/vnd.taxonomy-bot.postcheck+json"


def postcheck_job(spec: JobSpec, bench: Bench) -> Outcome:
    """Ask both models every seed question. Raises ContributionError when there is none, InputError."""
    if bench.settings.student_model is None:
        return Outcome(Ending.INFRA_ERROR, NO_STUDENT)
    began = time.monotonic()
    store = ArtifactStore(bench.settings.artifacts_url)
    outcome = done_or_why(lambda: _checked(spec, bench, store), bench)
    return replace(outcome, run_s=time.monotonic() - began)


def _checked(spec: JobSpec, bench: Bench, store: ArtifactStore) -> Outcome:
    model, jury = bench.settings.student_model, jury_of(bench.settings)
    assert model is not None  # noqa: S101 - looked at before
    seeds = seeds_of(json.loads(read_input(spec, CONTRIBUTION, store)))
    adapter = _adapter(spec, store, bench.folder / "adapter")
    bench.note(f"{len(seeds)} seed questions for the student before and after")
    bench.tell(0.0, "loading the student")
    given = asyncio.run(_answered(seeds, model, adapter, bench))
    if jury is not None:
        free_memory()
        bench.tell(0.6, "waiting for the judge")
        bench.need(Load.TEACHER)
    base = identity_of(model)
    whose = (base, replace(identity_of(adapter), name=f"{base.name} with an adapter"))
    bench.tell(0.6, f"scoring {2 * len(seeds)} answers")
    result = asyncio.run(scored(given, whose, jury, bench.settings, spec.head_sha))
    stored = store.put("postcheck.json", result.to_json().encode(), RESULT_TYPE)
    return Outcome(Ending.SUCCEEDED, f"{len(result.rows)} questions", stored)


def _adapter(spec: JobSpec, store: ArtifactStore, folder: Path) -> Path:
    """Put the adapter that the evaluate job has stored into a folder. Raises InputError."""
    begins = f"{MADE}{ADAPTER}"
    roles = [role for role in sorted(spec.inputs) if role.startswith(begins)]
    if not roles:
        raise InputError(
            f"The bot sent no adapter ({begins}...) with this job. An operator updates bot and workers alike."
        )
    folder.mkdir(parents=True)
    for role in roles:
        (folder / Path(role.removeprefix(begins)).name).write_bytes(read_input(spec, role, store))
    return folder


async def _answered(seeds: Sequence[Seed], model: Path, adapter: Path, bench: Bench) -> SeedAnswers:
    from pipeline.serving.port import BASE, local_students

    slots = bench.settings.evaluate_batch_size
    async with local_students(model, {"tuned": adapter}, slots=slots) as students:
        bench.tell(0.2, f"base and tuned model answer {len(seeds)} questions")
        most = bench.settings.evaluate_answer_tokens
        return await answer_seeds(seeds, students[BASE], students["tuned"], most)
