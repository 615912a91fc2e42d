"""Rule: there is something to judge, and all of it could be read."""

from __future__ import annotations

from collections.abc import Iterator

from checks.contribution import Contribution
from checks.findings import Cause, Finding, Severity
from checks.policy import Policy
from checks.registry import rule

REFUSED = Cause(
    "intake/not-read",
    "This pull request is too large to be checked",
    "A verdict on a part of a contribution would be worth nothing, so nothing was judged.",
    "Make it smaller, for example one leaf per pull request.",
)
EMPTY = Cause(
    "intake/no-files",
    "This pull request changes no files yet",
    "There is nothing to check until it holds a file.",
    "Add a folder with a `qna.yaml` and an `attribution.txt`, commit both and push. "
    "If you meant to close the pull request instead, that is fine too.",
)


@rule(
    "intake",
    title="The contribution can be read in full",
    why="Only what was read completely can be judged fairly.",
    causes=(REFUSED, EMPTY),
    order=1,
    switchable=False,
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report what was refused at the door, and a contribution without any file."""
    for refusal in contribution.refusals:
        yield Finding(REFUSED, Severity.ERROR, refusal.message, remedy=refusal.remedy)
    if not contribution.files and not contribution.refusals:
        yield Finding(EMPTY, Severity.ERROR, "There are no changed files here, so there is nothing to check yet.")
