"""How a leaf begins its way: its seed examples, split once and for all, and the first rows made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.contribution import Leaf, LeafKind
from checks.yaml_tree import Scalar
from pipeline.sdg.blocks.dedupe import folded
from pipeline.sdg.flow import Start
from pipeline.sdg.rows import Row, Split

NO_SEED = -1  # of rows that no seed example is behind
EXAMPLES_SHOWN = 3  # seed pairs in one prompt


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with its answer, as the contributor wrote them."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Seed:
    """One seed example: its index in the file, its context (may be empty), its pairs, and what it is for."""

    index: int
    context: str
    pairs: tuple[Pair, ...]
    split: Split = Split.TRAIN

    @property
    def digest(self) -> str:
        """A digest of what it says."""
        said = "\0".join((self.context, *(part for pair in self.pairs for part in (pair.question, pair.answer))))
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, with the headings that it stands under."""

    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is to be taught: a leaf, as far as data is made from it."""

    path: str
    kind: LeafKind
    skill: str  # what it is about, in words: its description and its place in the tree
    seeds: tuple[Seed, ...]
    passages: tuple[Passage, ...] = ()

    @property
    def is_grounded(self) -> bool:
        """True for a skill whose seed examples have contexts."""
        return self.kind is not LeafKind.KNOWLEDGE and all(seed.context for seed in self.seeds)

    @property
    def questions(self) -> tuple[str, ...]:
        """Every seed question."""
        return tuple(pair.question for seed in self.seeds for pair in seed.pairs)

    @property
    def known(self) -> tuple[str, ...]:
        """What nothing generated may repeat: the seed questions; contexts too, alone and with their questions."""
        if not self.is_grounded:
            return self.questions
        contexts = tuple(seed.context for seed in self.seeds)
        return (*self.questions, *contexts, *(text for seed in self.seeds for text in asked_by(seed)))


def lesson_of(leaf: Leaf, passages: Sequence[Passage] = ()) -> Lesson:
    """Return what a leaf teaches, its seed examples split. Pairs that lack a half are left out."""
    seeds = []
    for index, example in enumerate(leaf.seed_examples):
        pairs = tuple(
            Pair(str(pair.question.value).strip(), str(pair.answer.value).strip())
            for pair in example.pairs
            if _says(pair.question) and _says(pair.answer) and pair.question and pair.answer
        )
        if pairs:
            seeds.append(Seed(index, str(example.context.value).strip() if example.context else "", pairs))
    is_grounded = not leaf.is_knowledge and all(seed.context for seed in seeds)
    split = split_seeds(seeds, is_grounded=is_grounded)
    return Lesson(leaf.path, leaf.kind, _skill_of(leaf), split, tuple(passages))


def _says(scalar: Scalar | None) -> bool:
    return scalar is not None and scalar.value is not None and bool(str(scalar.value).strip())


def _skill_of(leaf: Leaf) -> str:
    place = " / ".join(part.replace("_", " ") for part in leaf.file.folder.split("/")[1:])
    said = []
    for key in ("task_description", "document_outline", "domain"):
        node = leaf.mapping.get(key) if leaf.mapping else None
        if isinstance(node, Scalar) and _says(node):
            said.append(str(node.value).strip())
    return "\n".join((*said, f"Its place: {place}"))


def asked_by(seed: Seed) -> list[str]:
    """Return a seed example's questions as the samples of a grounded skill ask them: behind their context."""
    return ["\n\n".join(part for part in (seed.context, pair.question) if part) for pair in seed.pairs]


def split_seeds(seeds: Sequence[Seed], *, is_grounded: bool = False) -> tuple[Seed, ...]:
    """Return the seed examples, each with what it is for: by what they say, not by their order in the file.

    A fifth is kept to test with, at least one; another fifth to watch training with, where four are there. One
    alone is trained on. Examples that ask the same stay on one side, and something is always left to train on.
    """
    count = len(seeds)
    tests = max(1, round(count / 5)) if count >= 2 else 0
    devs = max(1, round(count / 5)) if count >= 4 else 0
    split: dict[int, Split] = {}
    *groups, _last = sorted(
        _that_ask_the_same(seeds, is_grounded=is_grounded),
        key=lambda group: (len(group), min(seed.digest for seed in group)),
    ) or [[]]
    for side, wanted in ((Split.TEST, tests), (Split.DEV, devs)):
        while groups and wanted > 0:
            group = groups.pop(0)
            wanted -= len(group)
            split |= {seed.index: side for seed in group}
    return tuple(Seed(seed.index, seed.context, seed.pairs, split.get(seed.index, Split.TRAIN)) for seed in seeds)


def _that_ask_the_same(seeds: Sequence[Seed], *, is_grounded: bool) -> list[list[Seed]]:
    """Return the seed examples in groups: those that share a question, but for case and punctuation."""
    groups: list[tuple[set[str], list[Seed]]] = []
    for seed in seeds:
        asked = asked_by(seed) if is_grounded else [pair.question for pair in seed.pairs]
        questions, members = set(map(folded, asked)), [seed]
        alike = [group for group in groups if group[0] & questions]
        for group in alike:
            questions |= group[0]
            members = [*group[1], *members]
            groups.remove(group)
        groups.append((questions, members))
    return [members for _, members in groups]


def first_rows(lesson: Lesson, start: Start) -> list[Row]:
    """Return the rows that a flow begins with, in their order."""
    if start is Start.PASSAGES:
        return [
            Row((i,), NO_SEED, Split.TRAIN, {"document": passage.text, "heading": passage.heading})
            for i, passage in enumerate(lesson.passages)
        ]
    rows = [Row((0, i), seed.index, seed.split, _texts_of(seed, lesson)) for i, seed in enumerate(lesson.seeds)]
    if start is Start.SEEDS:
        return rows
    return [
        Row((n, *row.place[1:]), row.seed, row.split, {**row.texts, "document": p.text, "heading": p.heading})
        for n, p in enumerate(lesson.passages)
        for row in rows
    ]


def _texts_of(seed: Seed, lesson: Lesson) -> dict[str, str]:
    return {"skill": lesson.skill, "examples": examples_text(seed, lesson), "context": seed.context}


def examples_text(seed: Seed, lesson: Lesson) -> str:
    """Return the seed pairs that a prompt shows: the seed's own, then others of the same split."""
    shown = list(_pairs_to_show(seed, lesson))[:EXAMPLES_SHOWN]
    with_context = lesson.is_grounded
    return "\n".join(
        (f"### Context\n{context}\n" if with_context else "")
        + f"### Question\n{pair.question}\n### Answer\n{pair.answer}"
        for context, pair in shown
    )


def _pairs_to_show(seed: Seed, lesson: Lesson) -> Iterator[tuple[str, Pair]]:
    at = lesson.seeds.index(seed)
    for other in (*lesson.seeds[at:], *lesson.seeds[:at]):
        if other.split is seed.split:
            for pair in other.pairs:
                yield other.context, pair
