"""Rule: the pull request's description follows the repository's template."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from checks.contribution import Contribution
from checks.findings import Cause, Finding, Severity
from checks.policy import Policy
from checks.pull_template import Left, LeftKind, asks_for_anything, left_to_do, parts_of
from checks.quoting import quoted
from checks.registry import rule

_WHY = "Triagers decide by what the description says; what is missing they have to ask for, and you have to wait."
_EDIT = "Edit the description: the three dots at its top right, then Edit."

UNTICKED = Cause(
    "description/box-not-ticked",
    "Boxes of the check-list are not ticked",
    _WHY,
    f"Tick each box that is true, or say why it is not. {_EDIT}",
)
UNFILLED = Cause("description/part-not-filled", "Parts of the template are not filled in", _WHY, _EDIT)
NOT_USED = Cause(
    "description/template-not-used",
    "The description does not follow the template",
    _WHY,
    "Copy the template into the description and fill it in. It is the text that a new pull request begins with.",
)

_MOST = 30
_SAID = {
    LeftKind.UNTICKED: (UNTICKED, "Not ticked: {}."),
    LeftKind.EMPTY: (UNFILLED, "Nothing is written under {}."),
    LeftKind.MISSING: (UNFILLED, "The part {} is gone."),
}


@rule(
    "description",
    title="The pull request's template is filled in",
    why=_WHY,
    causes=(NOT_USED, UNFILLED, UNTICKED),
    order=92,
    since=date(2026, 11, 21),
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report each box that is not ticked and each part that is not filled in; silent without a template."""
    templates = [text for text in contribution.templates or () if asks_for_anything(text)]
    if contribution.description is None or not templates:
        return
    left = min((left_to_do(text, contribution.description) for text in templates), key=len)
    if not parts_of(contribution.description):
        yield Finding(NOT_USED, Severity.WARNING, "The description is empty.")
    elif _is_not_used(left, templates, contribution.description):
        yield Finding(NOT_USED, Severity.WARNING, "Nothing of the template is in the description.")
    else:
        yield from map(_finding, left[:_MOST])


def _is_not_used(left: tuple[Left, ...], templates: list[str], description: str) -> bool:
    """True when not one box and not one heading of any template is left."""
    known = frozenset[str]().union(*(part.names for text in templates for part in parts_of(text)))
    return bool(left) and not any(known & part.names for part in parts_of(description))


def _finding(left: Left) -> Finding:
    cause, said = _SAID[left.kind]
    return Finding(cause, Severity.WARNING, said.format(quoted(left.text, 120)))
