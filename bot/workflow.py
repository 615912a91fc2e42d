"""Labels and turns: what a verdict means for the state of a pull request and for who acts next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType

from checks.contribution import FOUNDATIONAL_ROOT, KNOWLEDGE_ROOT, SKILL_ROOT
from checks.findings import Outcome


class Label(StrEnum):
    """The labels this bot sets by itself."""

    SKILL = "skill"
    KNOWLEDGE = "knowledge"
    CI = "ci"
    DOCUMENTATION = "documentation"
    TRIAGE_NEEDED = "triage-needed"
    CHANGES_REQUESTED = "triage-requested-changes"
    FOLLOW_UP = "triage-follow-up"
    UNCERTAIN = "triage-uncertain"
    TRIAGE_APPROVED = "triage-approved"
    REJECTED = "triage-rejected"
    TOPIC_FAILURE = "topic-failure"
    LEGAL_HOLD = "legal-hold"
    HOLD = "hold"


class Turn(StrEnum):
    """Who acts next."""

    AUTHOR = "author"
    TRIAGER = "triager"
    US = "us"  # the bot or its operators: something of ours went wrong


# exactly one of these is on a pull request: its state in the review
STATE_LABELS = frozenset(
    {
        Label.TRIAGE_NEEDED,
        Label.CHANGES_REQUESTED,
        Label.FOLLOW_UP,
        Label.UNCERTAIN,
        Label.TRIAGE_APPROVED,
        Label.REJECTED,
    }
)

# how people bring about what a label of the review stands for
COMMAND_OF_LABEL: Mapping[str, str] = MappingProxyType(
    {
        Label.TRIAGE_NEEDED: "it comes by itself when the checks pass.",
        Label.CHANGES_REQUESTED: "write `/request-changes`.",
        Label.FOLLOW_UP: "it comes by itself when the author pushes.",
        Label.UNCERTAIN: "write `/uncertain`.",
        Label.TRIAGE_APPROVED: "write `/triage-approve`.",
        Label.REJECTED: "write `/reject REASON`.",
        Label.TOPIC_FAILURE: "write `/topic TOPIC`.",
        Label.LEGAL_HOLD: "write `/legal-hold`.",
        Label.HOLD: "write `/hold` or `/unhold`.",
    }
)

KIND_LABELS = frozenset({Label.SKILL, Label.KNOWLEDGE, Label.CI, Label.DOCUMENTATION})

_CI_FOLDERS = (".github/", ".ci/", "scripts/")
_DOCUMENTATION_SUFFIXES = frozenset({".md", ".rst", ".adoc", ".puml", ".png", ".svg", ".jpg", ".gif"})


def turn_after(outcome: Outcome) -> Turn:
    """Say who acts after a verdict."""
    return {Outcome.FAILED: Turn.AUTHOR, Outcome.PASSED: Turn.TRIAGER, Outcome.UNVERIFIED: Turn.US}[outcome]


_STANDING = {
    Label.TRIAGE_NEEDED: "It waits for a triager to look at it.",
    Label.CHANGES_REQUESTED: "The author has to change something.",
    Label.FOLLOW_UP: "The author has pushed; a triager looks at it again.",
    Label.UNCERTAIN: "The triage team talks it over.",
    Label.TRIAGE_APPROVED: "Triage is satisfied; an approver decides next.",
    Label.REJECTED: "It cannot be accepted; an approver closes it.",
}


def standing(labels: frozenset[str], outcome: Outcome | None, *, is_draft: bool) -> str:
    """Return how a pull request stands and who acts next, in a sentence."""
    for label, sentence in _STANDING.items():
        if label in labels:
            return sentence
    if outcome is None:
        return "The checks have not run yet; nobody has to act."
    if is_draft and outcome is Outcome.PASSED:
        return "It is a draft; the author marks it as ready."
    return "The bot has not finished with it; nobody has to act."


def move_to(label: Label, present: frozenset[str]) -> LabelChanges:
    """Return the changes that make `label` the one state label on the pull request."""
    remove = (present & STATE_LABELS) - {label}
    add = {label} - present
    return LabelChanges(tuple(sorted(add)), tuple(sorted(remove)), frozenset())


def kind_labels(paths: Iterable[str]) -> frozenset[str]:
    """Return what the changed paths touch: skill, knowledge, ci, documentation, in any combination."""
    return frozenset(label for path in paths if (label := _kind_label(path)))


def _kind_label(path: str) -> Label | None:
    root = path.partition("/")[0]
    if root in (SKILL_ROOT, FOUNDATIONAL_ROOT):
        return Label.SKILL
    if root == KNOWLEDGE_ROOT:
        return Label.KNOWLEDGE
    if path.startswith(_CI_FOLDERS):
        return Label.CI
    if root == "docs" or PurePosixPath(path).suffix.lower() in _DOCUMENTATION_SUFFIXES:
        return Label.DOCUMENTATION
    return None


@dataclass(frozen=True, slots=True)
class LabelChanges:
    """What to add and to remove, each sorted, and which labels are the bot's own afterwards."""

    add: tuple[str, ...]
    remove: tuple[str, ...]
    own: frozenset[str]


def label_changes(
    outcome: Outcome,
    present: frozenset[str],
    own: frozenset[str],
    paths: Iterable[str],
    *,
    is_draft: bool,
    is_new_content: bool = True,
) -> LabelChanges:
    """Return how the labels should change after a verdict.

    `own` are the labels that the bot has set itself. What a person has set stays while the content stays; when
    the author has changed it (`is_new_content`), a sign-off of triage is void and triage looks again.
    """
    before = present & STATE_LABELS
    after = _states_after(outcome, before, own, is_draft=is_draft, is_new_content=is_new_content)
    wanted = kind_labels(paths) | after
    remove = ((present & own & KIND_LABELS) | before) - wanted
    add = wanted - present
    return LabelChanges(tuple(sorted(add)), tuple(sorted(remove)), frozenset(((present & own) - remove) | add))


def _states_after(
    outcome: Outcome, before: frozenset[str], own: frozenset[str], *, is_draft: bool, is_new_content: bool
) -> frozenset[str]:
    """Return the state labels after a verdict; at most one is ever added."""
    if outcome is Outcome.FAILED:
        return frozenset({Label.CHANGES_REQUESTED})
    if outcome is Outcome.UNVERIFIED:  # no green light, and what was asked for before still stands
        void = {Label.TRIAGE_NEEDED, Label.TRIAGE_APPROVED} if is_new_content else {Label.TRIAGE_NEEDED}
        return before - void
    by_people = before - own
    if by_people and (not is_new_content or Label.REJECTED in before):
        return before - {Label.TRIAGE_NEEDED} or before
    if by_people - {Label.TRIAGE_NEEDED} or Label.FOLLOW_UP in before:
        return frozenset({Label.FOLLOW_UP})
    return frozenset() if is_draft else frozenset({Label.TRIAGE_NEEDED})


def own_labels_of(turn: Turn) -> frozenset[str]:
    """Return the labels that the bot must have set when its comment announced this turn."""
    state = {Turn.AUTHOR: {Label.CHANGES_REQUESTED}, Turn.TRIAGER: {Label.TRIAGE_NEEDED}, Turn.US: set[Label]()}
    return KIND_LABELS | state[turn]
