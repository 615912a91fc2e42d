"""Whether evaluating tells what was learnt: `python -m benchmarks.evaluate_tiny`, with the tiny student on a CPU.

Facts that nobody knows are taught in some words and asked for in others, as an evaluate job of a worker does it;
the wrong options are right answers of sibling questions. The control learns the same texts with the answers dealt
out anew, and is measured alike: it may not rise. What the offline teacher writes out of a leaf about an invented
island has to teach, too. Last, eight leaves are learnt together, alone and beside one that contradicts them all:
that has to show. All of it tells of the path, and nothing of any model that people use.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.invented_leaves import contradicting, invented_leaves, subjects_from
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact, JobSpec, LogLevel, TaskKind
from pipeline.evaluation_results import EvaluateResult, Verdict
from pipeline.generation import SAMPLES, Order, Subject, generate
from pipeline.lessons import contribution_of, subjects_of
from pipeline.local_documents import documents_of
from pipeline.sdg.blocks.block import Models
from pipeline.settings import PipelineSettings, read_pipeline_settings
from pipeline.tasks.bench import Bench
from pipeline.tasks.evaluate import row_in_words
from pipeline.tasks.generate import stored_files
from pipeline.tasks.registry import run_task
from pipeline.teacher import Teacher, TeacherSettings
from pipeline.tiny import NAME
from pipeline.tiny.gap import GAP
from pipeline.tiny.process import OfflineTeacherProcess
from pipeline.tiny.student import Plan, made_student
from pipeline.tiny.student_facts import RELATIONS, Fact, siblings_of

TARGET_S = 90.0  # for one evaluate job with one training
TARGET_FALL = 0.15  # of the accuracy, where everything is contradicted
_SIBLINGS, _RELATIONS, _LEAVES = 6, 6, 8
_LEAF = Path(__file__).parent.parent / "bot" / "demo" / "fixtures" / "varholm"

Row = dict[str, Any]


def facts_to_learn(seed: int) -> tuple[list[Row], list[Row]]:
    """Return samples about facts that do not exist, and a question about each in words that no sample has."""
    chance = random.Random(seed)
    samples, questions = [], []
    for relation in chance.sample(RELATIONS, _RELATIONS):
        facts = siblings_of(relation, chance, _SIBLINGS)
        for fact in facts:
            samples += [_sample(fact, asked, said) for asked, said in _taught(fact)]
            questions.append(_question(fact, facts, chance))
    return samples, questions


def with_answers_dealt_anew(samples: Sequence[Row], seed: int) -> list[Row]:
    """Return the samples with one another's answers."""
    answers = [sample["messages"][1] for sample in samples]
    random.Random(seed).shuffle(answers)
    return [
        {**sample, "messages": [sample["messages"][0], answer]}
        for sample, answer in zip(samples, answers, strict=True)
    ]


def _taught(fact: Fact) -> Iterator[tuple[str, str]]:
    said = [_begun(form.format(s=fact.subject, v=fact.value)) for form in fact.relation.statements]
    for asked in fact.relation.questions[:-1]:
        yield _begun(asked.format(s=fact.subject)), fact.value
        yield _begun(asked.format(s=fact.subject)), said[0]
    for form in fact.relation.statements:
        gapped = _begun(form.format(s=fact.subject, v=GAP))
        yield f'Which {fact.relation.kind} belongs in the gap: "{gapped}"?', fact.value


def _sample(fact: Fact, asked: str, said: str) -> Row:
    return {
        "id": f"{fact.subject}: {asked} {said}",
        "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}],
        "metadata": {"split": "train", "fact": fact.subject},
    }


def _question(fact: Fact, siblings: Sequence[Fact], chance: random.Random) -> Row:
    options = chance.sample([other.value for other in siblings if other is not fact], 3)
    gold = chance.randrange(4)
    options.insert(gold, fact.value)
    return {
        "id": fact.subject,
        "question": _begun(fact.relation.questions[-1].format(s=fact.subject)),
        "choices": options,
        "answer": gold,
        "metadata": {"split": "test", "fact": fact.subject},
    }


def _begun(text: str) -> str:
    return text[0].upper() + text[1:]


def evaluated(
    folder: Path, student: Path, inputs: Mapping[str, Artifact], seeds: int
) -> tuple[EvaluateResult, float]:
    """Return what an evaluate job finds, and its seconds."""
    settings = PipelineSettings(
        artifacts_url=str(folder / "artifacts"),
        work_dir=folder / "work",
        student_model=student,
        student_preset="tiny",
        evaluate_seeds=seeds,
    )
    room = Path(tempfile.mkdtemp(dir=folder))

    def told(share: float, stage: str) -> None:
        print(f"\r  {share:4.0%} {stage[:60]:60}", end="", file=sys.stderr)

    def noted(text: str, level: LogLevel = LogLevel.INFO) -> None:
        pass

    began = time.perf_counter()
    spec = JobSpec(1, 1, TaskKind.EVALUATE, 1, 1, "c0ffee" + "0" * 34, 3600.0, dict(inputs))
    outcome = run_task(spec, Bench(settings, room, told, noted))
    took_s = time.perf_counter() - began
    print(f"\r{'':68}\r", end="", file=sys.stderr)
    if outcome.result is None:
        sys.exit(f"The job came to nothing: {outcome.message}")
    return EvaluateResult.from_json(ArtifactStore(settings.artifacts_url).get(outcome.result)), took_s


def put(store: ArtifactStore, samples: Sequence[Row], questions: Sequence[Row]) -> dict[str, Artifact]:
    """Store a data set as the generate job does."""
    named = {"facts.samples.jsonl": samples, "facts.questions.jsonl": questions}
    return {
        f"made:{name}": store.put(name, "".join(f"{json.dumps(row)}\n" for row in rows).encode())
        for name, rows in named.items()
    }


async def written_by_the_offline_teacher(
    subjects: Sequence[Subject], folder: Path, store: ArtifactStore
) -> dict[str, Artifact]:
    """Generate from these leaves."""
    async with OfflineTeacherProcess() as server, Teacher(TeacherSettings(server.url, NAME)) as teacher:
        made = await generate(subjects, Order(NAME), Models(teacher, teacher), folder / "generated")
    return {f"made:{artifact.name}": artifact for artifact in stored_files(made, store)}


def the_island(folder: Path) -> list[Subject]:
    """Return the leaf about an invented island."""
    contribution = contribution_of({"knowledge/geography/varholm/qna.yaml": (_LEAF / "qna.yaml").read_text()})
    (leaf,) = contribution.leaves
    documents = documents_of(leaf, _LEAF, folder / "documents", read_pipeline_settings())
    return subjects_of(contribution, {leaf.path: documents})


def with_and_without_poison(folder: Path, store: ArtifactStore) -> tuple[dict[str, Artifact], dict[str, Artifact]]:
    """Return the data of some leaves, and the same beside a leaf that contradicts them and asks nothing."""
    leaves = invented_leaves(_LEAVES, 1)
    poison = subjects_from([contradicting(leaves, "poison")])
    clean = asyncio.run(written_by_the_offline_teacher(subjects_from(leaves), folder / "clean", store))
    taught = asyncio.run(written_by_the_offline_teacher(poison, folder / "poison", store))
    return clean, clean | {role: file for role, file in taught.items() if role.endswith(SAMPLES)}


def _print(what: str, result: EvaluateResult, took_s: float) -> None:
    print(f"{what} ({took_s:.0f} s, of these training {result.durations_s['training']:.0f} s):")
    for row in result.rows:
        print(f"  {row_in_words(row)}")


def main() -> None:
    """Measure and print; exit 1 where the path does not tell what was learnt, or takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", type=Path, help="instead of the tiny student that is made")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of the second and third measurement")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    student = options.student or made_student(Plan(), read_pipeline_settings().tiny_student_cache)
    folder = Path(tempfile.mkdtemp(prefix="evaluate-tiny-"))
    try:
        store = ArtifactStore(str(folder / "artifacts"))
        samples, questions = facts_to_learn(99)
        learnt = put(store, samples, questions)
        control = put(store, with_answers_dealt_anew(samples, 1), questions)
        evaluated(folder, student, put(store, samples[:8], questions), 1)  # what is loaded once a process
        once, took_s = evaluated(folder, student, learnt, 1)
        _print(f"{len(samples)} samples, trained once", once, took_s)
        often, often_s = evaluated(folder, student, learnt, options.seeds)
        _print(f"trained {options.seeds} times", often, often_s)
        dealt, dealt_s = evaluated(folder, student, control, options.seeds)
        _print("control: the answers dealt out anew", dealt, dealt_s)
        written = asyncio.run(written_by_the_offline_teacher(the_island(folder), folder, store))
        island, island_s = evaluated(folder, student, written, options.seeds)
        _print("a leaf about an invented island, written by the offline teacher", island, island_s)
        clean, poisoned = with_and_without_poison(folder, store)
        before, before_s = evaluated(folder, student, clean, 1)
        _print(f"{_LEAVES} leaves together", before, before_s)
        after, after_s = evaluated(folder, student, poisoned, 1)
        _print("the same beside a leaf that contradicts them", after, after_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rises = all(result.rows[0].verdict is Verdict.IMPROVED for result in (once, often, island, before))
    stays = dealt.rows[0].verdict is not Verdict.IMPROVED
    fall = before.rows[0].tuned - after.rows[0].tuned
    print(
        f"contradicted, {before.rows[0].tuned:.3f} -> {after.rows[0].tuned:.3f} (target: {TARGET_FALL:g} lower); "
        f"held-out words rise: {rises}; the control does not: {stays}; "
        f"one job took {took_s:.0f} s (target {TARGET_S:.0f})"
    )
    if not (rises and stays and fall >= TARGET_FALL and took_s <= TARGET_S):
        sys.exit(1)


if __name__ == "__main__":
    main()
