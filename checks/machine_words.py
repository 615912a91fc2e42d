"""Signs that a text was written by a machine, and names of models whose texts may not train another one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

from checks.contribution import Leaf, QuestionAnswer, SeedExample
from checks.phrases import Hit, PhraseBook, load, read_phrase, without_quotations, words_of
from checks.yaml_tree import Scalar

_LIST = "machine_words.yaml"
_COMMENT = re.compile(r"(?:^|\s)#\s?(.{1,300})", re.MULTILINE)
_ONESELF, _POLISH, _COURTESY, _LETTERS = "oneself", "polish", "courtesy", "letters"
_NAMES, _PROVENANCE, _FACTS, _ABOUT = "names", "provenance", "facts", "about_machines"
_PARTS = (_ONESELF, _POLISH, _COURTESY, _LETTERS, _NAMES, _PROVENANCE, _FACTS, _ABOUT)
_FEWEST_PHRASES, _FEWEST_ANSWERS, _POLISHED_SHARE = 3, 2, 0.5
_LOOKED_AHEAD = 8  # words after a name in which it may turn out to be somebody else's


class Sign(StrEnum):
    """What gives a machine away."""

    ONESELF = "speaks of itself as a language model"
    POLISH = "set phrases"
    NAME = "names a model"
    PROVENANCE = "says that a model made it"


@dataclass(frozen=True, slots=True)
class MachineSign:
    """One sign, where it is, and the phrases of our list that show it."""

    sign: Sign
    line: int
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Lists:
    book: PhraseBook
    not_models: Mapping[str, frozenset[str]]


def machine_signs(leaf: Leaf) -> Iterator[MachineSign]:
    """Yield the signs in a leaf, each kind at most once, at the first place of it."""
    is_about_machines = _is_about(_ABOUT, leaf)
    yield from _first(_oneself(leaf, is_about_machines))
    yield from _polish(leaf)
    if not leaf.is_knowledge and not is_about_machines:
        yield from _first(_names(leaf))
    yield from _first(_provenance_in_comments(leaf))


def provenance_in(text: str) -> Iterator[MachineSign]:
    """Yield the lines of a text, such as an attribution file, that say that a model made something."""
    for number, line in enumerate(text.splitlines(), 1):
        if said := _of(_PROVENANCE, _hits(words_of(line[:1000]))):
            yield MachineSign(Sign.PROVENANCE, number, said)


def _oneself(leaf: Leaf, is_about_machines: bool) -> Iterator[MachineSign]:
    for pair in leaf.pairs:
        if is_about_machines or _asks_for_a_fact(pair):
            continue
        for said in (pair.answer, pair.question):
            phrases = _of(_ONESELF, _hits(_spoken(said)))
            if said and phrases:
                yield MachineSign(Sign.ONESELF, said.mark.line, phrases)


def _polish(leaf: Leaf) -> Iterator[MachineSign]:
    """Yield one sign where several different set phrases stand in several answers."""
    found: dict[int, tuple[str, ...]] = {}
    answers = [pair.answer for pair in leaf.pairs if pair.answer]
    counted = (_POLISH,) if _is_about(_LETTERS, leaf) else (_POLISH, _COURTESY)
    for answer in answers:
        if phrases := _of(counted, _hits(_spoken(answer))):
            found[answer.mark.line] = phrases
    different = tuple(dict.fromkeys(phrase for phrases in found.values() for phrase in phrases))
    enough = max(_FEWEST_PHRASES, int(len(answers) * _POLISHED_SHARE))
    if (
        len(different) >= _FEWEST_PHRASES
        and len(found) >= _FEWEST_ANSWERS
        and sum(map(len, found.values())) >= enough
    ):
        yield MachineSign(Sign.POLISH, min(found), different)


def _names(leaf: Leaf) -> Iterator[MachineSign]:
    for seed in leaf.seed_examples:
        given = words_of(seed.context.text) if seed.context else ()
        known = set(_of(_NAMES, _hits(given)))
        for pair in seed.pairs:
            if not _asks_for_a_fact(pair):
                yield from _names_in(seed, pair, known)


def _names_in(seed: SeedExample, pair: QuestionAnswer, known: set[str]) -> Iterator[MachineSign]:
    """Yield names in a pair that its context does not bring up itself."""
    for said in (pair.question, pair.answer):
        phrases = tuple(p for p in _of(_NAMES, _hits(_spoken(said))) if p not in known)
        if said and phrases:
            yield MachineSign(Sign.NAME, said.mark.line, phrases)


def _provenance_in_comments(leaf: Leaf) -> Iterator[MachineSign]:
    """Yield what comments, the creator and the answers themselves say of where the text comes from."""
    for number, line in enumerate(leaf.lines, 1):
        comment = _COMMENT.search(line[:1000]) if "#" in line else None
        if comment and (phrases := _of(_PROVENANCE, _hits(words_of(comment[1])))):
            yield MachineSign(Sign.PROVENANCE, number, phrases)
    for key in ("task_description", "document_outline", "created_by"):
        value = leaf.mapping.get(key) if leaf.mapping else None
        if isinstance(value, Scalar) and (phrases := _of(_PROVENANCE, _hits(words_of(value.text)))):
            yield MachineSign(Sign.PROVENANCE, value.mark.line, phrases)
    for pair in leaf.pairs:
        phrases = () if _asks_for_a_fact(pair) or not pair.answer else _of(_PROVENANCE, _hits(_spoken(pair.answer)))
        if pair.answer and phrases:
            yield MachineSign(Sign.PROVENANCE, pair.answer.mark.line, phrases)


def _is_about(part: str, leaf: Leaf) -> bool:
    task = leaf.mapping.get("task_description") if leaf.mapping else None
    said = task.text if isinstance(task, Scalar) else ""
    return bool(_of(part, _hits(words_of(f"{said} {leaf.file.folder.replace('_', ' ')}"))))


def _asks_for_a_fact(pair: QuestionAnswer) -> bool:
    return bool(pair.question and _of(_FACTS, _hits(words_of(pair.question.text)[:40])))


def _spoken(scalar: Scalar | None) -> tuple[str, ...]:
    return words_of(without_quotations(scalar.text)) if scalar else ()


def _first(signs: Iterator[MachineSign]) -> Iterator[MachineSign]:
    first = next(signs, None)
    if first is not None:
        yield first


def _of(parts: str | tuple[str, ...], hits: Sequence[Hit]) -> tuple[str, ...]:
    if not hits:  # nearly always
        return ()
    wanted = (parts,) if isinstance(parts, str) else parts
    return tuple(dict.fromkeys(hit.phrase.written for hit in hits if hit.phrase.of in wanted))


@lru_cache(maxsize=1_024)  # an answer is asked for each of the signs
def _hits(words: tuple[str, ...]) -> tuple[Hit, ...]:
    lists = _lists()
    return tuple(hit for hit in lists.book.search(words) if not _is_somebody_else(hit, words, lists))


def _is_somebody_else(hit: Hit, words: Sequence[str], lists: _Lists) -> bool:
    """True where the name is followed by what makes it a painter, a spacecraft, or a table of a disk."""
    if hit.phrase.of not in (_NAMES, _PROVENANCE):
        return False
    near = words[hit.at : hit.at + _LOOKED_AHEAD]
    pairs = zip(near, [*near[1:], ""], strict=True)
    return any(after in lists.not_models.get(word, ()) for word, after in pairs)


@cache
def _lists() -> _Lists:
    data = load(_LIST)
    phrases = (read_phrase(part, str(written), 1.0, data["sets"]) for part in _PARTS for written in data[part])
    others = {str(name): frozenset(map(str, after)) for name, after in data["not_models"].items()}
    return _Lists(PhraseBook(phrases), others)
