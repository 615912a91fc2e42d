"""Phrases as data: lists of them are searched in one walk over the words of a text, however many there are.

A phrase is words with blanks between them. `(a|b)` is one of several words, `(a|b)?` the same but may be missing,
`<name>` one word of a set that the file defines, `word*` any word that begins so, `0` a number, `...` up to four
words of any kind, and `^` at the start holds the phrase to the beginning of the text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import yaml

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_ELEMENT = re.compile(r"\.\.\.|\([^()]+\)\??|[^\s()?]+\??")
_QUOTED = re.compile(r"\"[^\"\n]{1,400}\"|“[^“”\n]{1,400}”|«[^«»\n]{1,400}»")
_FULL_FORMS = {
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "n't": " not",
    "'m": " am",
    "'re": " are",
    "'ve": " have",
    "'d": " would",
    "'ll": " will",
    "it's": "it is",
    "that's": "that is",
    "what's": "what is",
    "who's": "who is",
    "here's": "here is",
    "there's": "there is",
    "let's": "let us",
}
_SHORT_FORM = re.compile("(?:" + "|".join(sorted(_FULL_FORMS, key=len, reverse=True)) + r")\b")
_NUMBER = "0"
_LONGEST_GAP = 4
_LONGEST_TEXT = 6_000
_STEM = 4
_WORDS_REMEMBERED = 10_000


class PhraseError(Exception):
    """A list of phrases cannot be read: a mistake in the data."""


@dataclass(frozen=True, slots=True)
class Element:
    """One step of a phrase: any of `words`, or a word that begins with one of `prefixes`."""

    words: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    runs: tuple[tuple[str, ...], ...] = ()  # choices of several words
    may_be_missing: bool = False
    is_gap: bool = False

    @property
    def beginnings(self) -> set[str]:
        """The words that this step may begin with, besides those of `prefixes`."""
        return {*self.words, *(run[0] for run in self.runs)}

    def ends(self, words: Sequence[str], places: Iterable[int]) -> set[int]:
        """Return where this step may end when it begins at one of `places`."""
        after = {place + 1 for place in places if place < len(words) and self._takes(words[place])}
        for run in self.runs:
            after.update(p + len(run) for p in places if tuple(words[p : p + len(run)]) == run)
        return after

    def _takes(self, word: str) -> bool:
        if word in self.words or (self.prefixes and word.startswith(self.prefixes)):
            return True
        return _NUMBER in self.words and word.isdigit()


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of the list `of`, with its weight."""

    of: str
    written: str
    weight: float
    elements: tuple[Element, ...]
    only_at_start: bool = False

    @property
    def second_words(self) -> frozenset[str] | None:
        """The words one of which has to stand behind the first, None where that cannot be said so simply."""
        first, *others = self.elements
        found = {run[1] for run in first.runs}
        if not first.words and not first.prefixes:
            return frozenset(found)
        for element in others:
            if element.is_gap or element.prefixes:
                return None
            found |= element.beginnings
            if not element.may_be_missing:
                return frozenset(found)
        return None

    @property
    def needed_words(self) -> frozenset[str] | None:
        """The words one of which has to stand anywhere, for the last step of which that can be said; else None."""
        for element in reversed(self.elements[1:]):
            if not (element.is_gap or element.may_be_missing or element.prefixes or _NUMBER in element.words):
                return frozenset(element.beginnings)
        return None

    def ends_at(self, words: Sequence[str], start: int) -> int:
        """Return where the phrase that begins at `start` ends, 0 where it does not stand there."""
        places = {start}
        for element in self.elements:
            if element.is_gap:
                places = {p + skipped for p in places for skipped in range(_LONGEST_GAP + 1)}
                continue
            after = element.ends(words, places)
            places = after | places if element.may_be_missing else after
            if not places:
                return 0
        return min(places)


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase that stands in a text, at a word counted from 0."""

    phrase: Phrase
    at: int


@dataclass(frozen=True, slots=True)
class _Indexed:
    """A phrase with what can be said quickly of the texts it stands in."""

    phrase: Phrase
    only_at_start: bool
    second: frozenset[str] | None
    needed: frozenset[str] | None

    def may_be_followed_by(self, word: str) -> bool:
        return self.second is None or word in self.second or (_NUMBER in self.second and word.isdigit())


class PhraseBook:
    """Many phrases, found by the word they begin with; which words begin none is remembered."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._by_first: defaultdict[str, list[_Indexed]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[_Indexed]] = defaultdict(list)
        for phrase in phrases:
            indexed = _Indexed(phrase, phrase.only_at_start, phrase.second_words, phrase.needed_words)
            for word in phrase.elements[0].beginnings:
                self._by_first[word].append(indexed)
            for stem in {prefix[:_STEM] for prefix in phrase.elements[0].prefixes}:
                self._by_stem[stem].append(indexed)
        self._begun_by = lru_cache(maxsize=_WORDS_REMEMBERED)(self._look_up)

    def search(self, words: Sequence[str]) -> Iterator[Hit]:
        """Yield every phrase that stands in the words of a text."""
        every: frozenset[str] | None = None
        for at, begun in enumerate(map(self._begun_by, words)):
            if not begun:
                continue
            following = words[at + 1] if at + 1 < len(words) else ""
            every = every or frozenset(words)
            for one in begun:
                if (one.only_at_start and at) or not one.may_be_followed_by(following):
                    continue
                if one.needed and one.needed.isdisjoint(every):
                    continue
                if one.phrase.ends_at(words, at):
                    yield Hit(one.phrase, at)

    def _look_up(self, word: str) -> tuple[_Indexed, ...]:
        known = self._by_first.get(_NUMBER if word.isdigit() else word, ())
        return (*known, *self._by_stem.get(word[:_STEM], ()))


def words_of(text: str) -> tuple[str, ...]:
    """Return the words and numbers of a text, folded; of a long one only its beginning and its end."""
    if len(text) > _LONGEST_TEXT:
        text = f"{text[: _LONGEST_TEXT // 2]}\n{text[-_LONGEST_TEXT // 2 :]}"
    return _words(text)


@lru_cache(maxsize=1_024)  # several rules read the same questions and answers
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(_in_full(text)))


def _in_full(text: str) -> str:
    """Return a text in lower case with its short forms written out: "can't" as "can not"."""
    text = text.casefold().replace("’", "'")
    if "'" not in text and "cannot" not in text:
        return text
    return _SHORT_FORM.sub(lambda match: _FULL_FORMS[match.group()], text)


def without_quotations(text: str) -> str:
    """Return a text without what stands in quotation marks: it is spoken of, not said."""
    text = text[: 10 * _LONGEST_TEXT]
    return _QUOTED.sub(" ", text) if any(mark in text for mark in '"“«') else text


def read_phrases(of: str, listed: Mapping[Any, Any], sets: Mapping[str, Sequence[str]]) -> Iterator[Phrase]:
    """Read phrases by weight: `{1.0: ["write ... poem"], 0.5: [...]}`. Raises PhraseError."""
    for weight, phrases in listed.items():
        for written in phrases:
            yield read_phrase(of, str(written), float(weight), sets)


def read_phrase(of: str, written: str, weight: float, sets: Mapping[str, Sequence[str]]) -> Phrase:
    """Read one phrase. Raises PhraseError for what cannot be searched."""
    at_start = written.startswith("^")
    parts = _ELEMENT.findall(_in_full(written.removeprefix("^")))
    elements = tuple(_element(part, sets, written) for part in parts)
    if not elements or elements[0].is_gap or elements[0].may_be_missing:
        raise PhraseError(f'"{written}" has to begin with a word')
    return Phrase(of, written, weight, elements, at_start)


def load(name: str) -> dict[str, Any]:
    """Return a data file of this package."""
    return _load(name)


@cache
def _load(name: str) -> dict[str, Any]:
    text = files("checks").joinpath("data", name).read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return data


def _element(part: str, sets: Mapping[str, Sequence[str]], written: str) -> Element:
    if part == "...":
        return Element(is_gap=True)
    may_be_missing = part.endswith("?")
    words: set[str] = set()
    prefixes: set[str] = set()
    runs: set[tuple[str, ...]] = set()
    for choice in map(str.strip, part.removesuffix("?").strip("()").split("|")):
        if choice.startswith("<"):
            if choice.strip("<>") not in sets:
                raise PhraseError(f'"{written}" names a set that is not there: {choice}')
            words.update(str(word) for word in sets[choice.strip("<>")])
        elif choice.endswith("*"):
            prefixes.add(choice.removesuffix("*"))
        elif len(run := tuple(choice.split())) > 1:
            runs.add(run)
        else:
            words.add(choice)
    if any(len(prefix) < _STEM for prefix in prefixes):
        raise PhraseError(f'"{written}" holds too short a beginning of a word')
    if any(word != _NUMBER and words_of(word) != (word,) for word in words):
        raise PhraseError(f'"{written}" holds what is no word')
    return Element(frozenset(words), tuple(sorted(prefixes)), tuple(sorted(runs)), may_be_missing)
