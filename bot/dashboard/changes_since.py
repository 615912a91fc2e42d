"""What has changed between two readings, example by example and word by word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.readings import ExampleRead, LeafRead, PairRead, Words

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
_COMPARED = 500  # characters of an example by which it is known again
_ALIKE = 50  # percent from which on it is the same one, changed
_MOST_TOKENS = 3000  # of a text; a longer one is shown before and after, as a whole


class Mark(StrEnum):
    """What became of something since."""

    SAME = ""
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a text: `ADDED`, `REMOVED`, or the same as before."""

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class Matched:
    """An example, and what it was before if it was there; one that was removed is `example` as it was."""

    mark: Mark
    example: ExampleRead
    before: ExampleRead | None

    @property
    def now(self) -> ExampleRead | None:
        """The example as it is; None for one that was removed."""
        return None if self.mark is Mark.REMOVED else self.example


def matched(now: LeafRead | None, before: LeafRead | None) -> tuple[Matched, ...]:
    """Return the examples of a leaf in order, each with the one it was before; removed ones at the end."""
    mine, theirs = now.examples if now else (), list(before.examples if before else ())
    partners: dict[int, ExampleRead] = {}
    for at, example in enumerate(mine):
        same = next((old for old in theirs if _said(old) == _said(example)), None)
        if same is not None:
            partners[at] = same
            theirs.remove(same)
    rest = [at for at in range(len(mine)) if at not in partners]
    partners |= dict(_likeliest(mine, rest, theirs))
    found = [_match(example, partners.get(at)) for at, example in enumerate(mine)]
    gone = [old for old in theirs if not any(old is one for one in partners.values())]
    return (*found, *(Matched(Mark.REMOVED, old, old) for old in gone))


def pieces(now: Words | None, before: Words | None) -> tuple[Piece, ...]:
    """Return a text with what was struck out and what is new in it."""
    new, old = now.text if now else "", before.text if before else ""
    if new == old:
        return (Piece(Mark.SAME, new),) if new else ()
    words, were = _TOKEN.findall(new), _TOKEN.findall(old)
    if not old or not new or max(len(words), len(were)) > _MOST_TOKENS:
        whole = (Piece(Mark.REMOVED, old), Piece(Mark.ADDED, new))
        return tuple(piece for piece in whole if piece.text)
    return _joined(_compared(words, were))


def is_same(now: PairRead | None, before: PairRead | None) -> bool:
    """True when a pair says what it said; the lines it stands on do not count."""
    return now is not None and before is not None and _of_pair(now) == _of_pair(before)


def _match(example: ExampleRead, old: ExampleRead | None) -> Matched:
    if old is None:
        return Matched(Mark.ADDED, example, None)
    return Matched(Mark.SAME if _said(example) == _said(old) else Mark.CHANGED, example, old)


def _likeliest(
    mine: Sequence[ExampleRead], rest: Sequence[int], theirs: Sequence[ExampleRead]
) -> Iterable[tuple[int, ExampleRead]]:
    """Yield which of the examples left over were which ones before, the most alike first."""
    from rapidfuzz import fuzz

    olds = [_flat(old) for old in theirs]
    scored = [
        (fuzz.ratio(_flat(mine[at]), old, score_cutoff=_ALIKE), at, place)
        for at in rest
        for place, old in enumerate(olds)
    ]
    used_now, used_before = set[int](), set[int]()
    for score, at, place in sorted(scored, key=lambda one: (-one[0], one[1], one[2])):
        if score and at not in used_now and place not in used_before:
            used_now.add(at)
            used_before.add(place)
            yield at, theirs[place]


def _compared(words: Sequence[str], were: Sequence[str]) -> Iterable[Piece]:
    from rapidfuzz.distance import Indel

    for step in Indel.opcodes(were, words):
        if step.tag == "equal":
            yield Piece(Mark.SAME, "".join(words[step.dest_start : step.dest_end]))
        elif step.tag == "delete":
            yield Piece(Mark.REMOVED, "".join(were[step.src_start : step.src_end]))
        else:
            yield Piece(Mark.ADDED, "".join(words[step.dest_start : step.dest_end]))


def _joined(found: Iterable[Piece]) -> tuple[Piece, ...]:
    """Join what belongs together: what was struck out, then what stands there now, with white space between."""
    shown: list[Piece] = []
    gone, new = "", ""

    def put() -> None:
        shown.extend(piece for piece in (Piece(Mark.REMOVED, gone), Piece(Mark.ADDED, new)) if piece.text)

    for piece in found:
        if piece.mark is Mark.REMOVED:
            gone += piece.text
        elif piece.mark is Mark.ADDED:
            new += piece.text
        elif (gone or new) and not piece.text.strip():
            gone, new = gone + piece.text, new + piece.text
        else:
            put()
            gone, new = "", ""
            shown.append(piece)
    put()
    return tuple(shown)


def _said(example: ExampleRead) -> tuple[object, ...]:
    return (_text(example.context), *(_of_pair(pair) for pair in example.pairs))


def _of_pair(pair: PairRead) -> tuple[str, str]:
    return _text(pair.question), _text(pair.answer)


def _text(words: Words | None) -> str:
    return words.text if words else ""


def _flat(example: ExampleRead) -> str:
    said = [_text(words) for pair in example.pairs for words in (pair.question, pair.answer)]
    return " ".join((*said, _text(example.context)))[:_COMPARED]
