"""Generation: leaves in, a data set each; what is there already is left as it is, what was begun goes on.

The same leaf, flows, seed and answers give the same bytes in every file, whatever failed or was killed on the way.
Only the report tells of the run itself: seconds, and what came from the teacher's cache.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeGuard

from pipeline.datasets import WrittenFile, is_whole, read_manifest, write_json, write_jsonl, write_manifest
from pipeline.sdg.blocks.block import Models
from pipeline.sdg.counts import BlockCount
from pipeline.sdg.flow import Flow, Makes
from pipeline.sdg.leaf_run import LeafRun, flows_for, run_leaf
from pipeline.sdg.samples import dropped_of, questions_of, samples_of, seeds_left_out
from pipeline.sdg.starts import Lesson

SAMPLES, QUESTIONS, DROPPED, REPORT = "samples.jsonl", "questions.jsonl", "dropped.jsonl", "report.json"
_METHOD = 4  # raised when the same leaf, flows and answers would give other samples

Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """How to generate. `teacher` and `critic` name the models; `seed` decides all chance."""

    teacher: str
    critic: str = ""  # empty: the teacher judges
    seed: int = 42
    auxiliary: bool = False
    flows: tuple[Flow, ...] = ()  # instead of those that fit the leaf
    leaves_at_once: int = 32


@dataclass(frozen=True, slots=True)
class Subject:
    """A leaf to generate from, and what the manifest says of its sources."""

    lesson: Lesson
    licences: tuple[str, ...] = ()
    document: Mapping[str, str] | None = None  # its repository, commit and digest


@dataclass(frozen=True, slots=True)
class LeafData:
    """What there is of a leaf now. `report` is its report; `is_old` when nothing had to be done."""

    path: str
    folder: Path
    manifest: Mapping[str, Any]
    report: Mapping[str, Any]
    is_old: bool

    @property
    def samples(self) -> int:
        """How many samples were generated, seed examples not counted."""
        return int(self.manifest["generated"])


async def generate(
    subjects: Sequence[Subject], order: Order, models: Models, folder: Path, tell: Tell = lambda *_: None
) -> list[LeafData]:
    """Generate each leaf's data set into its own folder. Return them in order.

    A leaf whose data set stands there, made from the same, is left, if all that it asks was answered. Raises
    TeacherError when the teacher fails for good; the leaves that are whole by then stay, and answers stay in the
    teacher's cache.
    """
    gate = asyncio.Semaphore(order.leaves_at_once)
    shares = [0.0] * len(subjects)

    async def one(index: int, subject: Subject) -> LeafData:
        def told(share: float) -> None:
            shares[index] = share
            tell(sum(shares) / len(shares), f"{sum(s >= 1 for s in shares)} of {len(shares)} leaves done")

        async with gate:
            made = await _leaf(subject, order, models, folder, told)
        told(1.0)
        return made

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(i, subject)) for i, subject in enumerate(subjects)]
    except BaseExceptionGroup as errors:
        raise first_of(errors) from None
    return [task.result() for task in tasks]


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first single error of a group of groups: the others only followed from it."""
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


async def _leaf(
    subject: Subject, order: Order, models: Models, folder: Path, tell: Callable[[float], None]
) -> LeafData:
    lesson = subject.lesson
    place = folder / Path(lesson.path).parent
    flows = flows_for(lesson, auxiliary=order.auxiliary, only=order.flows)
    key = key_of(subject, order, flows)
    there = read_manifest(place)
    report = _report_in(place)
    if _is_final(there, key) and report is not None and await asyncio.to_thread(is_whole, place, there):
        return LeafData(lesson.path, place, there, report, is_old=True)
    began = time.monotonic()
    run = await run_leaf(lesson, flows, models, order.seed, tell)
    return await asyncio.to_thread(_written, run, subject, order, key, place, time.monotonic() - began)


def _is_final(there: Mapping[str, Any] | None, key: str) -> TypeGuard[Mapping[str, Any]]:
    """True for a data set of the same, to which no answer is missing that might still come."""
    return there is not None and there.get("key") == key and not there.get("unanswered")


def _report_in(place: Path) -> dict[str, Any] | None:
    try:
        said = json.loads((place / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def key_of(subject: Subject, order: Order, flows: Sequence[Flow]) -> str:
    """Return the digest of everything that decides a leaf's data set."""
    lesson = subject.lesson
    said = {
        "method": _METHOD,
        "leaf": lesson.path,
        "skill": lesson.skill,
        "seeds": [(seed.index, seed.digest, seed.split) for seed in lesson.seeds],
        "passages": [(passage.heading, passage.text) for passage in lesson.passages],
        "flows": [(flow.name, flow.sha256) for flow in flows],
        "teacher": order.teacher,
        "critic": order.critic or order.teacher,
        "seed": order.seed,
        "licences": subject.licences,
        "document": dict(subject.document) if subject.document else None,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _written(run: LeafRun, subject: Subject, order: Order, key: str, place: Path, took_s: float) -> LeafData:
    place.mkdir(parents=True, exist_ok=True)
    files = [write_jsonl(place / SAMPLES, samples_of(run, order.teacher))]
    questions = questions_of(run, order.teacher)
    if any(flow.flow.makes is Makes.QUESTIONS for flow in run.flows):
        files.append(write_jsonl(place / QUESTIONS, questions))
    else:
        (place / QUESTIONS).unlink(missing_ok=True)  # of an earlier run through other flows
    files.append(write_jsonl(place / DROPPED, dropped_of(run)))
    report = {"leaf": run.lesson.path, "took_s": round(took_s, 3), "blocks": [_told(f, c) for f, c in run.counts]}
    write_json(place / REPORT, report)
    manifest = _manifest(run, subject, order, key, files)
    write_manifest(place, manifest, files)
    return LeafData(run.lesson.path, place, read_manifest(place) or manifest, report, is_old=False)


def _manifest(
    run: LeafRun, subject: Subject, order: Order, key: str, files: Sequence[WrittenFile]
) -> dict[str, Any]:
    lesson = run.lesson
    return {
        "leaf": lesson.path,
        "kind": lesson.kind.value,
        "key": key,
        "generated": len(run.rows(Makes.SAMPLES)),
        "questions": len(run.rows(Makes.QUESTIONS)),
        "unanswered": sum(count.unanswered for _, count in run.counts),
        "seeds_left_out": dict(sorted(seeds_left_out(lesson).items())),
        "held_out_seeds": [seed.index for seed in lesson.seeds if seed.split != "train"],
        "flows": [
            {"name": flow.flow.name, "sha256": flow.flow.sha256, "makes": flow.flow.makes.value}
            for flow in run.flows
        ],
        "counts": [
            {
                "flow": flow.name,
                "block": count.block,
                "in": count.rows_in,
                "kept": count.kept,
                "dropped": dict(sorted(count.dropped.items())),
            }
            for flow, count in run.counts
        ],
        "teacher": order.teacher,
        "critic": order.critic or order.teacher,
        "seed": order.seed,
        "licences": list(subject.licences),
        "document": dict(subject.document) if subject.document else None,
        "versions": {"taxonomy-bot": version("taxonomy-bot")},
    }


def _told(flow: Flow, count: BlockCount) -> dict[str, Any]:
    """Return a block's tally as the report holds it: with what differs from run to run, such as seconds."""
    return {
        "flow": flow.name,
        "block": count.block,
        "in": count.rows_in,
        "kept": count.kept,
        "dropped": dict(sorted(count.dropped.items())),
        "asked_again": dict(sorted(count.asked_again.items())),
        "left_out": dict(sorted(count.left_out.items())),
        "requests": count.requests,
        "from_cache": count.from_cache,
        "prompt_tokens": count.prompt_tokens,
        "completion_tokens": count.completion_tokens,
        "seconds": round(count.seconds, 3),
    }
