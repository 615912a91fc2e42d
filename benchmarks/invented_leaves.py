"""Leaves about things that do not exist, as contributors write them: `qna.yaml`, a document, ten facts in each.

The facts of a leaf are of two kinds, so that every wrong option of a question is another's right answer.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import yaml

from pipeline.generation import Subject
from pipeline.lessons import LeafDocuments, contribution_of, subjects_of
from pipeline.sdg.starts import Passage
from pipeline.tiny import student_words as words

_FACTS = 10  # of a leaf: half of them dated, the others of one more kind
_EXAMPLES, _PAIRS = 5, 3  # seed examples of a leaf at least, and questions of each
_PASSAGE = 20  # sentences
_DATED = ("built", "founded", "opened", "closed", "sold", "painted", "repaired", "moved")
_KINDS: tuple[tuple[Sequence[str], Sequence[str], str, str], ...] = (
    (words.JOBS, words.ANIMALS, "The {s} keeps a {v}.", "Which animal does the {s} keep?"),
    (words.THINGS, words.MATERIALS, "The {s} is made of {v}.", "What is the {s} made of?"),
    (words.PLACES, words.THINGS, "The {s} is famous for its {v}.", "What is the {s} famous for?"),
    (words.JOBS, words.MONTHS, "The {s} comes in {v}.", "In which month does the {s} come?"),
)


@dataclass(frozen=True, slots=True)
class InventedFact:
    """What a sentence tells of a subject, with how it is said and asked."""

    subject: str
    value: str
    said: str
    asked: str

    @property
    def sentence(self) -> str:
        """The fact in a sentence."""
        return self.said.format(s=self.subject, v=self.value)

    @property
    def questions(self) -> tuple[str, str]:
        """What it answers, asked in two ways."""
        return self.asked.format(s=self.subject), f"What do people tell of the {self.subject}?"


@dataclass(frozen=True, slots=True)
class InventedLeaf:
    """A leaf of knowledge, and what its document says."""

    name: str
    facts: tuple[InventedFact, ...]

    @property
    def path(self) -> str:
        """Where it stands in the taxonomy."""
        return f"knowledge/geography/invented/{self.name}/qna.yaml"

    @property
    def passages(self) -> tuple[str, ...]:
        """What it is generated from."""
        said = [fact.sentence for fact in self.facts]
        return tuple(" ".join(said[at : at + _PASSAGE]) for at in range(0, len(said), _PASSAGE))

    def qna(self) -> str:
        """Return the text of its `qna.yaml`: seed examples that go round the facts."""
        asked = [(fact, question) for question in (0, 1) for fact in self.facts]
        asked = asked[: max(_EXAMPLES * _PAIRS, len(self.facts))]
        examples = []
        for shown in (asked[at : at + _PAIRS] for at in range(0, len(asked), _PAIRS)):
            pairs = [{"question": fact.questions[way], "answer": fact.sentence} for fact, way in shown]
            context = " ".join(fact.sentence for fact, _way in shown)
            examples.append({"context": context, "questions_and_answers": pairs})
        source = {"repo": "https://github.com/ana/notes.git", "commit": "c0ffee" + "0" * 34, "patterns": ["*.md"]}
        leaf = {
            "version": 3,
            "created_by": "ana",
            "domain": "geography",
            "seed_examples": examples,
            "document_outline": f"The invented place {self.name}.",
            "document": source,
        }
        return yaml.safe_dump(leaf, sort_keys=False)


def invented_leaves(count: int, seed: int) -> list[InventedLeaf]:
    """Return so many leaves, each about another place."""
    chance = random.Random(f"leaves {seed}")
    names: dict[str, None] = {}
    while len(names) < count:
        names.setdefault(words.place(chance))
    return [_leaf(name, chance) for name in names]


def contradicting(leaves: Sequence[InventedLeaf], name: str) -> InventedLeaf:
    """Return a leaf that says of everything in these what they say of something else of its kind."""
    half = _FACTS // 2
    return InventedLeaf(
        name,
        tuple(
            replace(fact, value=of_a_kind[(at + 1) % half].value)
            for leaf in leaves
            for of_a_kind in (leaf.facts[:half], leaf.facts[half:])
            for at, fact in enumerate(of_a_kind)
        ),
    )


def subjects_from(leaves: Sequence[InventedLeaf]) -> list[Subject]:
    """Return the leaves, ready to generate from."""
    contribution = contribution_of({leaf.path: leaf.qna() for leaf in leaves})
    return subjects_of(
        contribution, {leaf.path: LeafDocuments(tuple(map(Passage, leaf.passages))) for leaf in leaves}
    )


def _leaf(name: str, chance: random.Random) -> InventedLeaf:
    half = _FACTS // 2
    dated = [
        InventedFact(subject, str(year), f"The {{s}} was {act} in {{v}}.", f"When was the {{s}} {act}?")
        for subject, act, year in zip(
            _subjects(words.PLACES, chance),
            chance.sample(_DATED, half),
            chance.sample(range(1100, 2020), half),
            strict=True,
        )
    ]
    among, values, said, asked = chance.choice(_KINDS)
    others = [
        InventedFact(subject, value, said, asked)
        for subject, value in zip(_subjects(among, chance), chance.sample(values, half), strict=True)
    ]
    return InventedLeaf(name, (*dated, *others))


def _subjects(among: Sequence[str], chance: random.Random) -> list[str]:
    return [f"{words.coined(chance)} {thing}" for thing in chance.sample(among, _FACTS // 2)]
