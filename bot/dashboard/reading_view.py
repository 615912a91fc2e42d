"""A reading as the page shows it: cards with their findings beside them, and what is new in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.dashboard.changes_since import Mark, Matched, Piece, is_same, matched, pieces
from bot.readings import DocumentRead, ExampleRead, FindingRead, LeafRead, PairRead, Reading, Source, Words
from checks.contribution import ATTRIBUTION_FILE
from checks.report.content import anchor

_CODE = re.compile(r"`+([^`\n]*)`+")
_SEVERITY = {"error": "to fix", "warning": "suggestion", "notice": "for triagers"}
_COLOUR = {"error": "bad", "warning": "wait"}


@dataclass(frozen=True, slots=True)
class Said:
    """A part of a sentence of ours, which may quote a contributor; `is_code` where it is set off."""

    text: str
    is_code: bool


@dataclass(frozen=True, slots=True)
class FindingShown:
    """One finding where it belongs."""

    title: str
    weight: str
    colour: str
    message: tuple[Said, ...]
    remedy: tuple[Said, ...]
    anchor: str  # on the page of the rules
    where: str  # in words; empty where it stands beside what it is about
    kept_back: bool


@dataclass(frozen=True, slots=True)
class TextShown:
    """A text with what is new in it."""

    pieces: tuple[Piece, ...]
    is_cut: bool
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class PairShown:
    """A question with its answer."""

    question: TextShown
    answer: TextShown
    line: int
    mark: Mark
    findings: tuple[FindingShown, ...]


@dataclass(frozen=True, slots=True)
class ExampleShown:
    """A card. One that was removed is `number` 0."""

    number: int
    mark: Mark
    context: TextShown | None
    source: Source | None
    pairs: tuple[PairShown, ...]
    lines: str
    findings: tuple[FindingShown, ...]


@dataclass(frozen=True, slots=True)
class LeafShown:
    """One leaf with its cards."""

    path: str
    kind: str
    mark: Mark
    is_readable: bool
    domain: str
    created_by: str
    about: TextShown | None
    document: DocumentRead | None
    examples: tuple[ExampleShown, ...]
    left_out: int
    attribution: TextShown | None
    findings: tuple[FindingShown, ...]
    attribution_findings: tuple[FindingShown, ...]


@dataclass(frozen=True, slots=True)
class ReadingShown:
    """Everything. `changes` counts examples by what became of them; empty where nothing is compared."""

    leaves: tuple[LeafShown, ...]
    findings: tuple[FindingShown, ...]  # about nothing of a leaf
    to_fix: int
    left_out: int
    leaves_left_out: int
    changes: Mapping[str, int]
    is_compared: bool
    other_files: tuple[str, ...]


def shown(reading: Reading, before: Reading | None, *, is_for_triagers: bool) -> ReadingShown:
    """Return what is shown of a reading; what is new since `before` is marked."""
    findings = [found for found in reading.findings if is_for_triagers or not found.kept_back]
    old = {leaf.path: leaf for leaf in before.leaves} if before else {}
    here = {leaf.path for leaf in reading.leaves}
    of_leaves = {path: [f for f in findings if f.path in _files_of(path)] for path in here}
    is_compared = before is not None
    leaves = [_leaf(leaf, old.get(leaf.path), of_leaves[leaf.path], is_compared) for leaf in reading.leaves]
    leaves += [_gone(leaf) for path, leaf in old.items() if path not in here]
    placed = {path for leaf in here for path in _files_of(leaf)}
    changes = Counter(example.mark.value for leaf in leaves for example in leaf.examples if example.mark)
    return ReadingShown(
        tuple(leaves),
        tuple(_finding(f, has_place=True) for f in findings if f.path not in placed),
        len({found.cause for found in findings if found.severity == "error"}),
        reading.findings_left_out,
        reading.leaves_left_out,
        dict(changes),
        before is not None,
        tuple(f"{file.path} ({file.status})" for file in reading.files if file.path not in placed),
    )


def _files_of(leaf_path: str) -> tuple[str, str]:
    return leaf_path, f"{leaf_path.rpartition('/')[0]}/{ATTRIBUTION_FILE}"


def _leaf(leaf: LeafRead, before: LeafRead | None, findings: Sequence[FindingRead], is_compared: bool) -> LeafShown:
    """Return a leaf; without `is_compared` nothing of it is marked."""
    own = [found for found in findings if found.path == leaf.path]
    was = before if is_compared else leaf
    examples, placed = list[ExampleShown](), list[FindingRead]()
    for number, card in enumerate(matched(leaf, was), 1):
        now = card.now
        at = [found for found in own if now is not None and now.line <= found.line <= now.last_line]
        placed += at
        examples.append(_example(card, number if now is not None else 0, at))
    mark = Mark.ADDED if is_compared and before is None else Mark.SAME
    return LeafShown(
        leaf.path,
        leaf.kind,
        mark,
        leaf.is_readable,
        leaf.domain,
        leaf.created_by,
        _text(leaf.about, was.about if was else None),
        leaf.document,
        tuple(examples),
        leaf.left_out,
        _text(leaf.attribution, was.attribution if was else None),
        tuple(_finding(found, has_place=True) for found in own if found not in placed),
        tuple(_finding(found, has_place=True) for found in findings if found.path != leaf.path),
    )


def _gone(leaf: LeafRead) -> LeafShown:
    """Return a leaf that is no longer there, as it was."""
    return LeafShown(
        leaf.path,
        leaf.kind,
        Mark.REMOVED,
        leaf.is_readable,
        leaf.domain,
        leaf.created_by,
        about=None,
        document=None,
        examples=tuple(_example(card, 0, ()) for card in matched(None, leaf)),
        left_out=leaf.left_out,
        attribution=None,
        findings=(),
        attribution_findings=(),
    )


def _example(card: Matched, number: int, findings: Sequence[FindingRead]) -> ExampleShown:
    now, before, here = card.now, card.before, card.example
    pairs, placed = list[PairShown](), list[FindingRead]()
    for mine, old in _pairs(now, before):
        at = [found for found in findings if mine is not None and mine.line <= found.line <= mine.last_line]
        at = at if len(here.pairs) > 1 or here.context is not None else []  # the only pair is the example itself
        placed += at
        pairs.append(_pair(mine, old, at))
    return ExampleShown(
        number,
        card.mark,
        _text(now.context if now else None, before.context if before else None),
        now.source if now else None,
        tuple(pairs),
        _lines(now) if now else "",
        tuple(_finding(found) for found in findings if found not in placed),
    )


def _pairs(
    now: ExampleRead | None, before: ExampleRead | None
) -> Iterable[tuple[PairRead | None, PairRead | None]]:
    mine, old = now.pairs if now else (), before.pairs if before else ()
    for at in range(max(len(mine), len(old))):
        yield (mine[at] if at < len(mine) else None), (old[at] if at < len(old) else None)


def _pair(now: PairRead | None, before: PairRead | None, findings: Sequence[FindingRead]) -> PairShown:
    mark = Mark.CHANGED
    if now is None or before is None:
        mark = Mark.REMOVED if now is None else Mark.ADDED
    elif is_same(now, before):
        mark = Mark.SAME
    return PairShown(
        _text(now.question if now else None, before.question if before else None) or _NO_TEXT,
        _text(now.answer if now else None, before.answer if before else None) or _NO_TEXT,
        now.line if now else 0,
        mark,
        tuple(_finding(found) for found in findings),
    )


_NO_TEXT = TextShown((), is_cut=False, is_hidden=False)


def _text(now: Words | None, before: Words | None) -> TextShown | None:
    here = now or before
    if here is None:
        return None
    return TextShown(pieces(now, before), here.is_cut, here.is_hidden)


def _lines(example: ExampleRead) -> str:
    if example.last_line <= example.line:
        return f"line {example.line}"
    return f"lines {example.line} to {example.last_line}"


def _finding(found: FindingRead, *, has_place: bool = False) -> FindingShown:
    where = found.path if has_place else ""
    if where and found.line:
        where = f"{where}, line {found.line}"
    return FindingShown(
        found.title,
        _SEVERITY.get(found.severity, found.severity),
        _COLOUR.get(found.severity, ""),
        said(found.message),
        said(found.remedy),
        anchor(found.cause),
        where,
        found.kept_back,
    )


def said(sentence: str) -> tuple[Said, ...]:
    """Return a sentence in its parts; nothing in it is Markdown but code."""
    parts, at = list[Said](), 0
    for match in _CODE.finditer(sentence):
        parts += (Said(sentence[at : match.start()], False), Said(match[1], True))
        at = match.end()
    parts.append(Said(sentence[at:], False))
    return tuple(part for part in parts if part.text)
