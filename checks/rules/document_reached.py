"""Rule: the document that a knowledge leaf names can be had, now and later. Asks no network: it is told.

What the words alone give away is said by the rule `document`, and not again here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from checks.contribution import Contribution, Leaf
from checks.document_refusals import DocumentProblem, DocumentRefusal, RefusalKind
from checks.findings import Cause, Finding, Severity
from checks.policy import Policy
from checks.readable import mapping_leaves
from checks.registry import rule
from checks.rules.document import document
from checks.yaml_tree import ListNode, MapNode, Node

_WHY = (
    "The training fetches your document by itself, from a public repository, years from now as well as today. "
    "So it is fetched once beforehand, in the same way."
)

REPOSITORY = Cause(
    "document-reached/repository",
    "The document's repository cannot be used",
    _WHY,
    "Open the address in a private browser window. The repository must be there for people who are not signed in.",
)
COMMIT = Cause(
    "document-reached/commit",
    "The document's commit is not part of its repository",
    _WHY + " Only what a branch or a tag leads to is kept.",
    "Write the full id of a commit of that repository. A branch or a tag must lead to it.",
)
FILES = Cause(
    "document-reached/files",
    "The document's files cannot be used",
    _WHY,
    "Copy the path of the file from the repository's page at exactly that commit.",
)
NOT_VERIFIED = Cause(
    "document-reached/not-verified",
    "A document could not be looked at yet",
    _WHY + " The way there was blocked, or it took too long; that says nothing about the contribution.",
    "There is nothing to do. It is tried again by itself.",
    leaves_open=True,
)

_OF_COMMIT = {
    DocumentProblem.COMMIT_ID,
    DocumentProblem.NO_COMMIT,
    DocumentProblem.NOT_A_COMMIT,
    DocumentProblem.NOT_REACHABLE,
    DocumentProblem.LONG_HISTORY,
}
_OF_FILES = {
    DocumentProblem.PATTERN,
    DocumentProblem.NO_FILES,
    DocumentProblem.FILE_TYPE,
    DocumentProblem.MIXED_TYPES,
    DocumentProblem.LARGE_FILE_STORE,
    DocumentProblem.UNREADABLE,
    DocumentProblem.TOO_LARGE,
    DocumentProblem.TOO_MANY_FILES,
}
_WRITTEN_WRONG = {  # what can be told without asking anybody
    DocumentProblem.ADDRESS,
    DocumentProblem.HOST,
    DocumentProblem.COMMIT_ID,
    DocumentProblem.PATTERN,
    DocumentProblem.FILE_TYPE,
    DocumentProblem.MIXED_TYPES,
}


@rule(
    "document-reached",
    title="The document of a knowledge leaf can be fetched",
    why=_WHY,
    causes=(REPOSITORY, COMMIT, FILES, NOT_VERIFIED),
    order=61,
    since=date(2026, 11, 21),
)
def document_reached(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return why documents could not be had, on the line that is to be put right; nothing where nobody asked."""
    if not contribution.documents:
        return
    told = {finding.path for finding in document.find(contribution, policy)}
    for leaf in mapping_leaves(contribution, policy):
        found = contribution.documents.get(leaf.path)
        if not isinstance(found, DocumentRefusal) or (found.problem in _WRITTEN_WRONG and leaf.path in told):
            continue
        yield _finding(leaf, found)


def _finding(leaf: Leaf, refusal: DocumentRefusal) -> Finding:
    cause, key = _cause(refusal)
    severity = Severity.NOTICE if cause is NOT_VERIFIED else Severity.ERROR
    at = _node(leaf, key)
    line, column = (at.mark.line, at.mark.column) if at else (None, None)
    return Finding(cause, severity, refusal.message, leaf.path, line, column, refusal.remedy)


def _cause(refusal: DocumentRefusal) -> tuple[Cause, str]:
    """Return what is wrong, and the key it is wrong with."""
    if refusal.kind is RefusalKind.UNVERIFIED:
        return NOT_VERIFIED, "repo"
    if refusal.problem in _OF_COMMIT:
        return COMMIT, "commit"
    return (FILES, "patterns") if refusal.problem in _OF_FILES else (REPOSITORY, "repo")


def _node(leaf: Leaf, key: str) -> Node | None:
    """Return where the value of a key of the block stands; of a list, its first item."""
    block = leaf.mapping.get("document") if leaf.mapping else None
    if not isinstance(block, MapNode):
        return None
    value = block.get(key)
    return value.items[0] if isinstance(value, ListNode) and value.items else value or block
