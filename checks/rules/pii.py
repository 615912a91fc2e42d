"""Rule: no personal data and no keys in the texts or the attribution file; what is found is never repeated."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate

from checks import named_people, yaml_tree
from checks.contribution import ATTRIBUTION_FILE, Contribution, Leaf, text_of
from checks.findings import Cause, Finding, Severity
from checks.personal_data import DataKind, Detection, detect
from checks.policy import Policy
from checks.readable import is_binary, is_too_large, text_leaves
from checks.registry import rule
from checks.yaml_tree import Scalar

_WHY = (
    "What is merged is public, stays in the history for ever, "
    "and is taught to a model that may repeat it to anyone."
)
_LATER = (
    "What you have pushed stays visible in older commits: if it is real, remove it from the history too (git "
    "rebase, or a new branch and pull request), and tell a maintainer."
)
_REMEDY = f"Replace it with an invented one, or leave it out. Addresses at example.org are made for that. {_LATER}"

EMAIL = Cause("pii/email", "An e-mail address is in the text", _WHY, _REMEDY)
FINANCIAL = Cause("pii/payment", "A card or bank account number is in the text", _WHY, _REMEDY)
IDENTITY = Cause("pii/identity-number", "A person's identity number is in the text", _WHY, _REMEDY)
SECRET = Cause(
    "pii/key",
    "A key or password is in the text",
    "Anyone can read it and use it already; programs search public pull requests for keys within minutes.",
    "First make it worthless: revoke or change it where it was issued. Then take it out of the file, and out of "
    "the history too (git rebase, or a new branch and pull request), because older commits stay visible.",
)
PHONE = Cause("pii/phone", "A phone number is in the text", _WHY, _REMEDY)
POSSIBLE_PHONE = Cause(
    "pii/possible-phone",
    "A number may be somebody's phone number",
    _WHY,
    "Nothing to do if it is just a number. A triager decides.",
)
PEOPLE = Cause(
    "pii/people-named",
    "People are named in the text",
    "Texts about people who are not known to the public should not be published.",
    "Nothing to do if the names are invented or of public persons. A triager decides.",
)

_CAUSES = {
    DataKind.SECRET: SECRET,
    DataKind.EMAIL: EMAIL,
    DataKind.IBAN: FINANCIAL,
    DataKind.CARD: FINANCIAL,
    DataKind.NATIONAL_ID: IDENTITY,
    DataKind.PHONE: PHONE,
    DataKind.POSSIBLE_PHONE: POSSIBLE_PHONE,
}
_LINE_END = re.compile(r"\r\n|\r|\n")


@rule(
    "pii",
    title="There are no personal data and no keys in the texts",
    why=_WHY,
    causes=(SECRET, EMAIL, FINANCIAL, IDENTITY, PHONE, POSSIBLE_PHONE, PEOPLE),
    order=20,
)
def pii(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return a finding for each place, in leaves (broken ones too) and attribution files."""
    for leaf in text_leaves(contribution, policy):
        if leaf.text:
            yield from _in_text(leaf.path, leaf.text, policy.pii.allowed)
            yield from _in_escaped_scalars(leaf, policy.pii.allowed)
            yield from _people(leaf.path, leaf.text)
    yield from _in_paths(contribution, policy.pii.allowed)
    for file in contribution.files:
        readable = file.in_taxonomy and not is_too_large(file, policy) and not is_binary(file)
        if file.name == ATTRIBUTION_FILE and not file.is_gone and readable and (text := text_of(file)):
            yield from _in_text(file.path, text, policy.pii.allowed)


def _in_paths(contribution: Contribution, allowed: Collection[str]) -> Iterator[Finding]:
    """Search the names of folders and files; the finding has no place, for that would repeat them."""
    told: set[DataKind] = set()
    for file in contribution.files:
        for found in () if file.is_gone else detect(file.path, allowed):
            if found.kind is not DataKind.POSSIBLE_PHONE and found.kind not in told:
                told.add(found.kind)
                message = f"{found.what[0].upper()}{found.what[1:]} is in the name of a folder or file."
                yield Finding(_CAUSES[found.kind], Severity.ERROR, message, remedy=f"Rename it. {_LATER}")


def _in_text(path: str, text: str, allowed: Collection[str]) -> Iterator[Finding]:
    """Search the file as written: places need no translation, and comments and broken YAML count too."""
    detections = detect(text, allowed)
    if not detections:
        return
    line_starts = [0, *(m.end() for m in _LINE_END.finditer(text))]
    for found in detections:
        line = bisect_right(line_starts, found.start)
        column = found.start - line_starts[line - 1] + 1
        yield _finding(found.kind, found.what, path, line, column)


def _in_escaped_scalars(leaf: Leaf, allowed: Collection[str]) -> Iterator[Finding]:
    """Search what only YAML's escapes reveal; the place is where the text begins."""
    quoted = [s for s in yaml_tree.scalars(leaf.document.root) if not s.plain and not s.block]
    escaped = [s for s in quoted if "\\" in _as_written(leaf, s)]
    seen = {(at, found.kind) for at, found in _detected([_as_written(leaf, s) for s in escaped], allowed)}
    for at, found in _detected([s.text for s in escaped], allowed):
        if (at, found.kind) not in seen:
            mark = escaped[at].mark
            yield _finding(found.kind, found.what, leaf.path, mark.line, mark.column)


def _detected(texts: Sequence[str], allowed: Collection[str]) -> Iterator[tuple[int, Detection]]:
    """Search many texts at once; each detection comes with the number of the text it begins in."""
    starts = [0, *accumulate(len(text) + 1 for text in texts)]
    for found in detect("\n".join(texts), allowed) if texts else ():
        yield bisect_right(starts, found.start) - 1, found


def _as_written(leaf: Leaf, scalar: Scalar) -> str:
    return (leaf.text or "")[scalar.mark.index : scalar.end.index]


def _people(path: str, text: str) -> Iterator[Finding]:
    count, first_line = named_people.count(text)
    if count:
        message = f"About {count} names of people were found in this file, the first on this line."
        yield Finding(PEOPLE, Severity.NOTICE, message, path, first_line)


def _finding(kind: DataKind, what: str, path: str, line: int, column: int) -> Finding:
    severity = Severity.NOTICE if kind is DataKind.POSSIBLE_PHONE else Severity.ERROR
    return Finding(_CAUSES[kind], severity, f"{what[0].upper()}{what[1:]} is in the text.", path, line, column)
