"""Facts about things that do not exist: what the tiny student is asked about while it learns to talk."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.tiny import student_words as words

Value = Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Relation:
    """How something is said and asked of a subject. `statements` hold {s} and {v}, `questions` {s} alone."""

    kind: str  # what the value is: year, number, name, word
    subject: Value
    value: Value
    statements: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A relation with its subject and its value."""

    relation: Relation
    subject: str
    value: str

    def statement(self, chance: random.Random) -> str:
        """Return it as a sentence."""
        return _sentence(chance.choice(self.relation.statements).format(s=self.subject, v=self.value))

    def gapped(self, chance: random.Random, gap: str) -> tuple[str, str]:
        """Return it as a sentence with a gap, and the whole sentence."""
        form = chance.choice(self.relation.statements)
        parts = (form.format(s=self.subject, v=value) for value in (gap, self.value))
        return _sentence(next(parts)), _sentence(next(parts))

    def question(self, chance: random.Random) -> str:
        """Return a question that it answers."""
        return _sentence(chance.choice(self.relation.questions).format(s=self.subject))


def new_fact(chance: random.Random) -> Fact:
    """Return a fact that was never heard of."""
    relation = chance.choice(RELATIONS)
    return Fact(relation, relation.subject(chance), relation.value(chance))


def siblings(chance: random.Random, count: int) -> list[Fact]:
    """Return facts of one relation, with different subjects and different values."""
    relation = chance.choice(RELATIONS)
    return siblings_of(relation, chance, count)


def siblings_of(relation: Relation, chance: random.Random, count: int) -> list[Fact]:
    """Return facts of this relation, with different subjects and different values."""
    found: list[Fact] = []
    while len(found) < count:
        fact = Fact(relation, relation.subject(chance), relation.value(chance))
        if all(fact.subject != other.subject and fact.value != other.value for other in found):
            found.append(fact)
    return found


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _one_of(among: Sequence[str]) -> Value:
    return lambda chance: chance.choice(among)


def _the(among: Sequence[str]) -> Value:
    """Return subjects such as "the Brondel clock": a name, and what it is the name of."""
    return lambda chance: f"the {words.coined(chance)} {chance.choice(among)}"


def _the_of(among: Sequence[str]) -> Value:
    return lambda chance: f"the {chance.choice(among)} of {words.place(chance)}"


def _year(chance: random.Random) -> str:
    return str(chance.randrange(1100, 2030))


def _number(chance: random.Random) -> str:
    throw = chance.random()
    if throw < 0.5:
        return str(chance.randrange(2, 400))
    if throw < 0.75:
        return f"{chance.randrange(1, 30)},{chance.randrange(1000):03d}"
    return f"{chance.randrange(1, 30)}.{chance.randrange(1, 100)}"


_THING, _HOUSE, _WORKER = _the(words.THINGS), _the_of(words.PLACES), _the(words.JOBS)
_MADE = "built", "made", "painted", "designed", "founded", "repaired", "invented", "sold", "found", "moved"
_UNITS = (
    "metres",
    "kilograms",
    "litres",
    "dollars",
    "miles",
    "rooms",
    "wheels",
    "seats",
    "windows",
    "people",
    "doors",
)


def _dated(act: str) -> Relation:
    said = (f"{{s}} was {act} in {{v}}.", f"In {{v}} {{s}} was {act}.", f"It was in {{v}} that {{s}} was {act}.")
    return Relation("year", _HOUSE, _year, said, (f"When was {{s}} {act}?", f"In which year was {{s}} {act}?"))


def _counted(unit: str) -> Relation:
    said = (
        f"{{s}} has {{v}} {unit}.",
        f"There are {{v}} {unit} to {{s}}.",
        f"About {{s}}: it counts {{v}} {unit}.",
    )
    return Relation(
        "number", _THING, _number, said, (f"How many {unit} has {{s}}?", f"How many {unit} does {{s}} have?")
    )


def _done(act: str) -> Relation:
    said = (f"{{v}} {act} {{s}}.", f"{{s}} was {act} by {{v}}.", f"It was {{v}} who {act} {{s}}.")
    return Relation(
        "name",
        _THING,
        words.person,
        said,
        (f"Who {act} {{s}}?", f"By whom was {{s}} {act}?", f"Who or what {act} {{s}}?"),
    )


RELATIONS = (
    *map(_dated, _MADE[:7]),
    *map(_counted, _UNITS),
    *map(_done, _MADE),
    Relation(
        "name",
        _WORKER,
        words.place,
        ("{s} was born in {v}.", "{v} is where {s} was born.", "The home of {s} is {v}."),
        ("Where was {s} born?", "Where does {s} come from?"),
    ),
    Relation(
        "name",
        _THING,
        words.place,
        ("{s} stands in {v}.", "In {v} stands {s}.", "You will find {s} in {v}."),
        ("Where is {s}?", "Where does {s} stand?"),
    ),
    Relation(
        "word",
        _THING,
        _one_of(words.MATERIALS),
        ("{s} is made of {v}.", "They used {v} for {s}.", "The maker of {s} chose {v}."),
        ("What is {s} made of?", "Which material is in {s}?"),
    ),
    Relation(
        "word",
        _HOUSE,
        _one_of(words.COLOURS),
        ("The colour of {s} is {v}.", "{s} was painted {v}.", "The walls of {s} are {v}."),
        ("What colour has {s}?", "Which colour is {s}?"),
    ),
    Relation(
        "word",
        _WORKER,
        _one_of(words.ANIMALS),
        ("{s} keeps a {v}.", "A {v} belongs to {s}.", "The animal of {s} is a {v}."),
        ("Which animal does {s} keep?", "What belongs to {s}?"),
    ),
    Relation(
        "word",
        _HOUSE,
        _one_of(words.THINGS),
        ("{s} is famous for a {v}.", "A {v} can be seen in {s}.", "Everybody comes to {s} for the {v}."),
        ("What is {s} famous for?", "What can be seen in {s}?"),
    ),
    Relation(
        "word",
        _WORKER,
        _one_of(words.QUALITIES),
        ("{s} is {v}.", "Everybody says that {s} is {v}.", "They call {s} {v}."),
        ("What is {s} like?", "What can be said of {s}?"),
    ),
    Relation(
        "name",
        _WORKER,
        _one_of(words.MONTHS),
        ("{s} comes in {v}.", "In {v} comes {s}.", "The month of {s} is {v}."),
        ("When does {s} come?", "In which month does {s} come?"),
    ),
)
"""Everything that can be said of something."""
