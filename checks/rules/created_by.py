"""Rule: a new leaf's created_by is the GitHub user name of whoever opened the pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from checks.contribution import Contribution, FileStatus, Leaf
from checks.findings import Cause, Finding, Severity, Suggestion
from checks.policy import Policy
from checks.quoting import as_code
from checks.readable import line_suggestion, mapping_leaves
from checks.registry import rule
from checks.yaml_tree import Scalar

OTHER = Cause(
    "created-by/other-name",
    "created_by is not the user name of who opened the pull request",
    "Your contribution is credited to the name that stands there.",
    "Write your GitHub user name. If you hand in somebody else's work on purpose, leave it and say so in the pull "
    "request.",
)

_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?")
_TEMPLATE = re.compile(r"YOUR_GITHUB_USERNAME|^<[^@]*>$|^\[[^@]*\]$", re.IGNORECASE)


@rule(
    "created-by",
    title="created_by is the user name of the pull request's author",
    why=OTHER.why,
    causes=(OTHER,),
    order=90,
)
def created_by(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return a finding for each new leaf that names somebody else; a changed leaf keeps its first creator."""
    author = contribution.author
    if not author:
        return
    for leaf in mapping_leaves(contribution, policy):
        value = leaf.mapping.get("created_by") if leaf.mapping else None
        if leaf.file.status is FileStatus.ADDED and isinstance(value, Scalar) and _is_other(value.text, author):
            yield _finding(leaf, value, author)


def _is_other(written: str, author: str) -> bool:
    name = written.strip().removeprefix("@").casefold()
    return bool(name) and name != author.casefold() and not _TEMPLATE.search(written)


def _finding(leaf: Leaf, value: Scalar, author: str) -> Finding:
    if _LOGIN.fullmatch(value.text.strip()):
        message = f"`created_by` is {as_code(value.text)}, but {as_code(author)} opened this pull request."
    else:
        message = f"`created_by` is not a GitHub user name. This pull request was opened by {as_code(author)}."
    return Finding(
        OTHER,
        Severity.WARNING,
        message,
        leaf.path,
        value.mark.line,
        value.mark.column,
        f"Write {as_code(author)}, unless you hand in somebody else's work on purpose.",
        _suggestion(leaf, value, author),
    )


def _suggestion(leaf: Leaf, value: Scalar, author: str) -> Suggestion | None:
    if value.block or value.mark.line != value.end.line:
        return None
    line = leaf.line_text(value.mark.line)
    replaced = line[: value.mark.column - 1] + author + line[value.end.column - 1 :]
    offered = line_suggestion(leaf, value.mark.line, replaced)
    is_a_name = _LOGIN.fullmatch(value.text.strip()) is not None  # maybe somebody else's, on purpose
    return replace(offered, certain=not is_a_name) if offered else None
