"""Rule: no personal data and no keys in the linked documents; what is found is never repeated.

They weigh what they weigh in the contribution itself. One finding tells of all of one kind in a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date

from checks.contribution import Contribution, Leaf
from checks.documents import DocumentFile, FetchedDocuments
from checks.findings import Cause, Finding, Severity
from checks.personal_data import DataKind, Detection, detect
from checks.policy import Policy
from checks.quoting import as_code
from checks.readable import mapping_leaves
from checks.registry import rule

_WHY = (
    "The training reads the whole document. What it has read a model may repeat to anyone, "
    "and questions and answers made from it are public."
)
_REMEDY = "Take it out of the document, and name the new commit here. Invented addresses at example.org may stay."

EMAIL = Cause("document-privacy/email", "An e-mail address is in the document", _WHY, _REMEDY)
FINANCIAL = Cause("document-privacy/payment", "A card or bank account number is in the document", _WHY, _REMEDY)
IDENTITY = Cause("document-privacy/identity-number", "A person's identity number is in the document", _WHY, _REMEDY)
SECRET = Cause(
    "document-privacy/key",
    "A key or password is in the document",
    "Anyone can read it and use it already; programs search public repositories for keys within minutes.",
    "If it is yours, revoke or change it first, where it was issued. Then take it out of the document, commit and "
    "push that, and name the new commit here.",
)
PHONE = Cause("document-privacy/phone", "A phone number is in the document", _WHY, _REMEDY)
POSSIBLE_PHONE = Cause(
    "document-privacy/possible-phone",
    "Numbers in the document may be somebody's phone numbers",
    _WHY,
    "Nothing to do if they are just numbers. A triager decides.",
)
NOT_ALL = Cause(
    "document-privacy/not-all",
    "Not all of the document was searched for personal data",
    "Searching takes time, and one contribution must not take that of all others.",
    "A triager looks through the rest, or asks for a shorter document.",
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
_MOST_CHARACTERS = 2**20  # of all documents of a contribution


@rule(
    "document-privacy",
    title="There are no personal data and no keys in the linked documents",
    why=_WHY,
    causes=(SECRET, EMAIL, FINANCIAL, IDENTITY, PHONE, POSSIBLE_PHONE, NOT_ALL),
    order=62,
    since=date(2026, 11, 21),
)
def document_privacy(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return a finding for each kind of data in each document, at the leaf's `document`."""
    left = _MOST_CHARACTERS
    seen: set[str] = set()  # a document that several leaves name is told of at the first
    for leaf in mapping_leaves(contribution, policy):
        documents = (contribution.documents or {}).get(leaf.path)
        if not leaf.is_knowledge or not isinstance(documents, FetchedDocuments):
            continue
        for file in documents.files:
            if file.sha256 in seen:
                continue
            seen.add(file.sha256)
            text = file.content.decode("utf-8-sig", "replace")
            searched = text[:left]
            left -= len(searched)
            yield from _in_text(leaf, file, searched, policy.pii.allowed)
            if len(searched) < len(text):
                message = f"Only the first {len(searched)} characters of {as_code(file.path, 100)} were searched."
                yield _at(leaf, NOT_ALL, Severity.NOTICE, message)


def _in_text(leaf: Leaf, file: DocumentFile, text: str, allowed: Collection[str]) -> Iterator[Finding]:
    by_cause: dict[str, list[Detection]] = {}
    for found in detect(text, allowed):
        by_cause.setdefault(_CAUSES[found.kind].id, []).append(found)
    for of_one in by_cause.values():
        first = of_one[0]
        line = text.count("\n", 0, first.start) + 1
        more = f", and {len(of_one) - 1} more of that kind" if len(of_one) > 1 else ""
        what = f"{first.what[0].upper()}{first.what[1:]}"
        message = f"{what} is in line {line} of {as_code(file.path, 100)}{more}."
        severity = Severity.NOTICE if first.kind is DataKind.POSSIBLE_PHONE else Severity.ERROR
        yield _at(leaf, _CAUSES[first.kind], severity, message)


def _at(leaf: Leaf, cause: Cause, severity: Severity, message: str) -> Finding:
    key = leaf.mapping.key("document") if leaf.mapping else None
    line, column = (key.mark.line, key.mark.column) if key else (None, None)
    return Finding(cause, severity, message, leaf.path, line, column)
