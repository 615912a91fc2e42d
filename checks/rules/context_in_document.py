"""Rule: the contexts of a knowledge leaf are taken from its document.

White space, Markdown, quotation marks and dashes do not count, and small edits are tolerated. Documents that are
PDF files are passed over in silence: what they show and in which order can only be guessed from their drawing
commands, and a warning that rests on a guess would send authors to correct what is right. The same goes for a
leaf of which not every document could be read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from checks.contribution import Contribution, Leaf
from checks.documents import FetchedDocuments
from checks.findings import Cause, Finding, Severity
from checks.passages import Effort, Library, Likeness
from checks.policy import Policy
from checks.quoting import as_code, quoted
from checks.readable import mapping_leaves
from checks.registry import rule
from checks.yaml_tree import Scalar

_WHY = (
    "The training makes questions from the document, with your contexts as examples of how. "
    "A context that the document does not hold teaches it to answer what the document does not say."
)

CHANGED = Cause(
    "context-in-document/changed",
    "A context says something else than the document",
    _WHY,
    "Copy the passage as it stands in the document. The commit that you name is the one that counts.",
)
MISSING = Cause(
    "context-in-document/missing",
    "A context is not in the document",
    _WHY,
    "Take the context from the document, or name the document it was taken from, too. If it was taken from another "
    "version, name the commit of that one.",
)

_ALIKE = 90  # percent from which on it is the same with small edits
_RELATED = 50  # percent from which on it is worth showing what it may have been
_LONGEST_SHOWN = 240


@rule(
    "context-in-document",
    title="The contexts are taken from the document",
    why=_WHY,
    causes=(CHANGED, MISSING),
    order=65,
    since=date(2026, 11, 21),
)
def context_in_document(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return a warning for each context that no document of its leaf holds, with the passage most like it."""
    effort = Effort()
    for leaf in mapping_leaves(contribution, policy):
        documents = (contribution.documents or {}).get(leaf.path)
        if leaf.is_knowledge and isinstance(documents, FetchedDocuments) and not documents.unread:
            yield from _about(leaf, documents, effort)


def _about(leaf: Leaf, documents: FetchedDocuments, effort: Effort) -> Iterator[Finding]:
    contexts = [seed.context for seed in leaf.seed_examples if seed.context is not None]
    texts = [(file.path, file.content.decode("utf-8-sig", "replace")) for file in documents.files]
    if not contexts or not texts:
        return
    library = Library(texts)
    missing = [context for context in contexts if not library.holds(context.text)]
    for context, likeness in zip(missing, library.closest([c.text for c in missing], effort), strict=True):
        if likeness is not None and likeness.percent < _ALIKE:
            yield _finding(leaf, context, likeness)


def _finding(leaf: Leaf, context: Scalar, likeness: Likeness) -> Finding:
    line, column = context.mark.line, context.mark.column
    if likeness.percent < _RELATED:
        message = "Nothing in the document is like this context."
        return Finding(MISSING, Severity.WARNING, message, leaf.path, line, column)
    where = as_code(likeness.file, 100)
    shown = quoted(likeness.text, _LONGEST_SHOWN)
    message = f"The closest passage of {where} is {likeness.percent} % like it: {shown}."
    return Finding(CHANGED, Severity.WARNING, message, leaf.path, line, column)
