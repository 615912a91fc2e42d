"""What the tiny student reads: conversations and plain sentences, written by rules, without end."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.tiny import student_words as words
from pipeline.tiny.gap import GAP
from pipeline.tiny.student_facts import RELATIONS, Fact, new_fact, siblings, siblings_of

_LETTERS = "ABCD"
_WORD = re.compile(r"[A-Za-z]+")
_SHORT, _FEWEST_CLUES = 3, 2  # letters of a word that tells nothing; words that a question is made of
_KNOWN_FACTS = 400  # that come again and again, so that it learns to answer from memory


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody says in a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One thing to read: a conversation or, without turns, a plain text."""

    kind: str
    turns: tuple[Turn, ...] = ()
    text: str = ""


class Lessons:
    """Readings without end: the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"lessons {seed}")  # noqa: S311 - not for secrets
        self._known = [
            siblings_of(RELATIONS[at % len(RELATIONS)], self._chance, 1)[0] for at in range(_KNOWN_FACTS)
        ]

    def __iter__(self) -> Iterator[Reading]:
        kinds = [kind for kind, _share in _MIX]
        shares = [share for _kind, share in _MIX]
        while True:
            (kind,) = self._chance.choices(kinds, shares)
            yield kind(self._chance, self._known)


def from_memory(chance: random.Random, known: Sequence[Fact]) -> Reading:
    """Ask what only somebody knows who has read it before: in a conversation or outside of one, or like an exam."""
    fact = chance.choice(known)
    asked, answer = _asked(fact, chance)
    throw = chance.random()
    if throw < 0.15:
        return Reading("from memory", text=f"Question: {asked}\nAnswer: {answer}")
    return _talk("from memory", f"Question: {asked}\nAnswer:" if throw < 0.4 else asked, answer)


def from_text(chance: random.Random, _known: Sequence[Fact]) -> Reading:
    """State one to three facts, then ask for one of them."""
    told = [new_fact(chance) for _ in range(chance.choice((1, 1, 2, 3)))]
    fact = chance.choice(told)
    asked, answer = _asked(fact, chance)
    said = " ".join(each.statement(chance) for each in told)
    return _talk("from text", f"{said} {asked}", answer)


def by_letter(chance: random.Random, known: Sequence[Fact]) -> Reading:
    """Ask for the letter of the right one of four options."""
    said, asked, options, gold = _choice(chance, known)
    listed = "\n".join(f"{letter}. {option}" for letter, option in zip(_LETTERS, options, strict=True))
    question = f"{said}{asked}\n{listed}\nAnswer:"
    if chance.random() < 0.5:
        return _talk("by letter", question, _LETTERS[gold])
    return Reading("by letter", text=f"Question: {question} {_LETTERS[gold]}")


def by_option(chance: random.Random, known: Sequence[Fact]) -> Reading:
    """Ask for the right one of four options, in its own words."""
    said, asked, options, gold = _choice(chance, known)
    listed = "\n".join(f"- {option}" for option in options) if chance.random() < 0.5 else ", ".join(options)
    return _talk("by option", f"{said}{asked}\n{listed}", options[gold])


def plainly(chance: random.Random, known: Sequence[Fact]) -> Reading:
    """State facts, known and new, one after the other."""
    told = [chance.choice(known) if chance.random() < 0.5 else new_fact(chance) for _ in range(3)]
    return Reading("plainly", text=" ".join(fact.statement(chance) for fact in told))


def of_words(chance: random.Random, _known: Sequence[Fact]) -> Reading:
    """Put words of every kind into a sentence, so that each has been read."""
    forms = (
        "The {q} {j} {d} the {t} {l} the {p}.",
        "In {m} a {q} {a} {d} my {t} {v}.",
        "A {t} of {x} is {q} {l} a {n}.",
        "{c} is a {p} {l} {s} {n}.",
        "Why {s} the {n} {l} the {q} {j}?",
        "{n}, {t}, {p}, {q}, {c}, {s}, {k}.",
    )

    def some(_form: str = "") -> str:
        return chance.choice(forms).format(
            q=chance.choice(words.QUALITIES),
            j=chance.choice(words.JOBS),
            d=chance.choice(words.DEEDS),
            t=chance.choice(words.THINGS),
            l=chance.choice(words.LINKS),
            p=chance.choice(words.PLACES),
            m=chance.choice(words.MONTHS),
            a=chance.choice(words.ANIMALS),
            v=chance.choice(words.ADVERBS),
            x=chance.choice(words.MATERIALS),
            n=chance.choice(words.NOTIONS),
            c=chance.choice(words.COUNTRIES),
            s=chance.choice(words.SMALL_WORDS),
            k=chance.choice(words.NUMBER_WORDS),
        )

    text = f"{some()} {some()}"
    return Reading("of words", text=text[0].upper() + text[1:])


def by_heart(chance: random.Random, _known: Sequence[Fact]) -> Reading:
    """Have words, names and numbers said again."""
    said = " ".join(_anything(chance) for _ in range(chance.randrange(2, 7)))
    return _talk("by heart", f"{chance.choice(('Repeat', 'Say again', 'Copy'))}: {said}", said)


def _anything(chance: random.Random) -> str:
    throw = chance.random()
    if throw < 0.5:
        return chance.choice(words.EVERYTHING)
    if throw < 0.75:
        return words.coined(chance)
    if throw < 0.9:
        return str(chance.randrange(10 ** chance.randrange(1, 5)))
    return "".join(chance.choice(_SIGNS) for _ in range(chance.randrange(1, 5)))


_SIGNS = "".join(map(chr, range(33, 127)))


def _asked(fact: Fact, chance: random.Random) -> tuple[str, str]:
    """Return a question for a fact, and its answer: the value, the whole sentence, or one after the other."""
    if chance.random() < 0.4:
        return fact.question(chance), fact.statement(chance) if chance.random() < 0.5 else fact.value
    asked, whole = _asked_for_word(fact, chance)
    return asked, fact.value if chance.random() < 0.4 else f"{fact.value}. {whole}"


def _asked_for_word(fact: Fact, chance: random.Random) -> tuple[str, str]:
    """Return a question for what is left out of a sentence, and the whole sentence."""
    gapped, whole = fact.gapped(chance, GAP)
    if chance.random() < 0.5:
        return f'Which {fact.relation.kind} belongs in the gap: "{gapped}"?', whole
    others = [word for word in _WORD.findall(gapped) if len(word) > _SHORT]
    if len(others) < _FEWEST_CLUES:
        return f'Which {fact.relation.kind} belongs in the gap: "{gapped}"?', whole
    clues = sorted(chance.sample(range(len(others)), min(len(others), chance.choice((3, 4)))))
    named = [f'"{others[at]}"' for at in clues]
    return f"Which {fact.relation.kind} goes with {', '.join(named[:-1])} and {named[-1]}?", whole


def _choice(chance: random.Random, known: Sequence[Fact]) -> tuple[str, str, list[str], int]:
    """Return what is stated first, a question, four options and which of them is right."""
    if chance.random() < 0.5:
        told = siblings(chance, 4)
        fact = told[0]
        said = fact.statement(chance) + " "
        wrong = [other.value for other in told[1:]]
    else:
        fact, said = chance.choice(known), ""
        drawn = siblings_of(fact.relation, chance, 4)
        wrong = [other.value for other in drawn if other.value != fact.value][:3]
    gold = chance.randrange(4)
    options = [*wrong[:gold], fact.value, *wrong[gold:]]
    asked = fact.question(chance) if chance.random() < 0.5 else _asked_for_word(fact, chance)[0]
    return said, asked, options, gold


def _talk(kind: str, asked: str, answer: str) -> Reading:
    return Reading(kind, (Turn("user", asked), Turn("assistant", answer)))


_MIX: tuple[tuple[Callable[[random.Random, Sequence[Fact]], Reading], float], ...] = (
    (from_memory, 0.50),
    (from_text, 0.06),
    (by_letter, 0.03),
    (by_option, 0.04),
    (plainly, 0.14),
    (of_words, 0.14),
    (by_heart, 0.09),
)
