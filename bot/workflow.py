"""Labels and turns: what a verdict means for the state of a pull request and for who acts next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

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


class Turn(StrEnum):
    """Who acts next."""

    AUTHOR = "author"
    TRIAGER = "triager"
    US = "us"  # the bot or its operators: something of ours went wrong


KIND_LABELS = frozenset({Label.SKILL, Label.KNOWLEDGE, Label.CI, Label.DOCUMENTATION})

# a person has moved the pull request on: a green verdict does not send it back to the start
_BEYOND_TRIAGE = frozenset(
    {
        "triage-follow-up",
        "triage-uncertain",
        "triage-approved",
        "triage-rejected",
        "topic-failure",
        "legal-hold",
        "precheck-generate-ready",
        "community-build-ready",
        "cmb-running",
        "ready-to-merge",
    }
)

_CI_FOLDERS = (".github/", ".ci/", "scripts/")
_DOCUMENTATION_SUFFIXES = frozenset({".md", ".rst", ".adoc", ".puml", ".png", ".svg", ".jpg", ".gif"})


def turn_after(outcome: Outcome) -> Turn:
    """Say who acts after a verdict."""
    return {Outcome.FAILED: Turn.AUTHOR, Outcome.PASSED: Turn.TRIAGER, Outcome.UNVERIFIED: Turn.US}[outcome]


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


def state_labels(outcome: Outcome, present: frozenset[str], *, is_draft: bool) -> frozenset[str]:
    """Return which of `triage-needed` and `triage-requested-changes` should be on the pull request."""
    if outcome is Outcome.FAILED:
        return frozenset({Label.CHANGES_REQUESTED})
    if outcome is Outcome.PASSED and not is_draft and not present & _BEYOND_TRIAGE:
        return frozenset({Label.TRIAGE_NEEDED})
    return frozenset()


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
    is_new_head: bool = True,
) -> LabelChanges:
    """Return how the labels should change. What a person has set stays, but for a green light that is none.

    `own` are the labels that the bot has set itself. A person's `triage-requested-changes` stays until the author
    has pushed (`is_new_head`); if the checks pass then, it becomes `triage-follow-up`.
    """
    asked_by_hand = Label.CHANGES_REQUESTED in present - own and outcome is Outcome.PASSED
    state = state_labels(outcome, present, is_draft=is_draft)
    if asked_by_hand:
        state = frozenset({Label.FOLLOW_UP if is_new_head else Label.CHANGES_REQUESTED})
    wanted = kind_labels(paths) | state
    answered = {Label.TRIAGE_NEEDED, Label.CHANGES_REQUESTED} if asked_by_hand else {Label.TRIAGE_NEEDED}
    removable = present & (own | answered)
    if outcome is Outcome.UNVERIFIED:  # what the author was asked for before still stands
        removable = frozenset({Label.TRIAGE_NEEDED}) & present
    remove = removable - wanted
    add = wanted - present
    return LabelChanges(tuple(sorted(add)), tuple(sorted(remove)), frozenset(((present & own) - remove) | add))


def own_labels_of(turn: Turn) -> frozenset[str]:
    """Return the labels that the bot must have set when its comment announced this turn."""
    state = {Turn.AUTHOR: {Label.CHANGES_REQUESTED}, Turn.TRIAGER: {Label.TRIAGE_NEEDED}, Turn.US: set[Label]()}
    return KIND_LABELS | state[turn]
