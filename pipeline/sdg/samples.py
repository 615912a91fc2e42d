"""The last rows as trainers read them: chat samples to train on, multiple choice questions to measure with."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from checks.personal_data import mask
from pipeline.sdg.blocks.dedupe import folded
from pipeline.sdg.blocks.options import LETTERS
from pipeline.sdg.blocks.safety import unsafe
from pipeline.sdg.blocks.siblings import SIBLINGS
from pipeline.sdg.flow import Flow, Makes, Start
from pipeline.sdg.leaf_run import LeafRun
from pipeline.sdg.rows import Dropped, Row, Split
from pipeline.sdg.starts import NO_SEED, Lesson, Seed, asked_by

_DIGITS = 16  # of a seed example's digest, by which it is known again when a leaf's examples have been moved
_DEV_QUESTIONS = 5  # of each leaf: what few-shot prompts are made of, never measured with


def samples_of(run: LeafRun, teacher: str) -> Iterator[dict[str, Any]]:
    """Yield the samples, each with its split: the seed examples, then what was made from them.

    Pairs of seed examples are left out where `seeds_left_out` counts them.
    """
    lesson = run.lesson
    digests = {seed.index: seed.digest[:_DIGITS] for seed in lesson.seeds}
    for seed, question, answer in _pairs(lesson):
        if _unsafe_pair(question, answer):
            continue
        said: dict[str, Any] = {
            "origin": "seed example",
            "seed": seed.index,
            "seed_digest": digests[seed.index],
            "fact": _id(lesson.path, seed.context or question),
        }
        yield _sample(lesson.path, question, answer, seed.split, said)
    for flow, row in run.rows(Makes.SAMPLES):
        said = {"origin": "generated", "flow": flow.name, "teacher": teacher}
        if row.seed != NO_SEED:
            said |= {"seed": row.seed, "seed_digest": digests[row.seed]}
        heading = row.texts.get("heading", "")
        if heading and not unsafe(heading):
            said["heading"] = heading
        said |= _told_by(lesson, flow, row)
        yield _sample(lesson.path, row.texts["question"], row.texts["answer"], row.split, said)


def seeds_left_out(lesson: Lesson) -> Counter[str]:
    """Return why pairs of the seed examples are no samples, repeating nothing of them: people write it, too."""
    return Counter(reason for _, question, answer in _pairs(lesson) if (reason := _unsafe_pair(question, answer)))


def _pairs(lesson: Lesson) -> Iterator[tuple[Seed, str, str]]:
    """Yield each pair of the seed examples as a sample asks and answers it."""
    for seed in lesson.seeds:
        asked = asked_by(seed) if lesson.is_grounded else [pair.question for pair in seed.pairs]
        for question, pair in zip(asked, seed.pairs, strict=True):
            yield seed, question, pair.answer


def _unsafe_pair(question: str, answer: str) -> str:
    return unsafe(question) or unsafe(answer)


def _told_by(lesson: Lesson, flow: Flow, row: Row) -> dict[str, Any]:
    """Return where a row comes from: which passage, by its place in the leaf, and which fact.

    Rows with the same fact are no independent evidence of what a model learnt. A fact is what a passage says in the
    same words, all that is asked about one context, or else a question of its own.
    """
    if flow.start is not Start.SEEDS:
        passage = row.place[0]
        return {"passage": passage, "fact": _id(lesson.path, str(passage), folded(row.texts.get("answer", "")))}
    return {"fact": _id(lesson.path, row.texts.get("context", "").strip() or row.texts["question"])}


def _sample(leaf: str, question: str, answer: str, split: Split, said: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": _id(leaf, question, answer),
        "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
        "metadata": {"leaf": leaf, "split": split.value, **said},
    }


def questions_of(run: LeafRun, teacher: str) -> list[dict[str, Any]]:
    """Return the multiple choice questions; a few of them, always the same, are for few-shot prompts."""
    found: list[dict[str, Any]] = []
    for flow, row in run.rows(Makes.QUESTIONS):
        options = [row.texts[f"option_{letter.lower()}"] for letter in LETTERS]
        found.append(
            {
                "id": _id(run.lesson.path, row.texts["question"], *options),
                "question": row.texts["question"],
                "choices": options,
                "answer": LETTERS.index(row.texts["gold"]),
                "metadata": {
                    "leaf": run.lesson.path,
                    "flow": flow.name,
                    "teacher": teacher,
                    **_told_by(run.lesson, flow, row),
                },
            }
        )
    few = set(sorted(question["id"] for question in found)[: min(_DEV_QUESTIONS, len(found) // 3)])
    for question in found:
        question["metadata"]["split"] = (Split.DEV if question["id"] in few else Split.TEST).value
    return found


def dropped_of(run: LeafRun) -> Iterator[dict[str, Any]]:
    """Yield the rows that were dropped, with block and reason, for those who want to see why; found data masked."""
    for flow, count in run.counts:
        for dropped in count.rows_dropped:
            yield _dropped(flow, dropped)


def _dropped(flow: Flow, dropped: Dropped) -> dict[str, Any]:
    return {
        "flow": flow.name,
        "block": dropped.block,
        "reason": dropped.reason,
        "seed": dropped.row.seed,
        "texts": {name: mask(text)[:4_000] for name, text in _own_texts(dropped.row)},
    }


def _own_texts(row: Row) -> Iterable[tuple[str, str]]:
    """Return the texts that were made: what every row of the leaf shares is left out."""
    return (
        (name, text) for name, text in row.texts.items() if name not in ("skill", "examples", "document", SIBLINGS)
    )


def _id(*said: str) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24]
