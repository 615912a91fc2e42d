"""The labels of a pull request: which there are, what each says to people, which a change of files calls for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType

from checks.contribution import FOUNDATIONAL_ROOT, KNOWLEDGE_ROOT, SKILL_ROOT


class Label(StrEnum):
    """Every label that has a meaning for the bot."""

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
    GENERATE_READY = "precheck-generate-ready"
    SDG_UNSUCCESSFUL = "sdg-unsuccessful"
    BUILD_READY = "community-build-ready"
    BUILD_RUNNING = "cmb-running"
    READY_TO_MERGE = "ready-to-merge"
    STALE = "stale"
    HOLD = "hold"


KIND_LABELS = frozenset({Label.SKILL, Label.KNOWLEDGE, Label.CI, Label.DOCUMENTATION})

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

# what may be so besides the state, each by itself
FLAG_LABELS = frozenset(Label) - KIND_LABELS - STATE_LABELS

WORKFLOW_LABELS = STATE_LABELS | FLAG_LABELS

# what keeps a pull request from being merged: only a person takes it off, or who put it on without being allowed to
RESTRAINTS = frozenset({Label.HOLD, Label.LEGAL_HOLD})

# what is true while the label is on, and who acts next
MEANING: Mapping[Label, str] = MappingProxyType(
    {
        Label.SKILL: "It adds or changes a skill.",
        Label.KNOWLEDGE: "It adds or changes knowledge.",
        Label.CI: "It changes workflows or scripts.",
        Label.DOCUMENTATION: "It changes documentation.",
        Label.TRIAGE_NEEDED: "It waits for a triager to look at it.",
        Label.CHANGES_REQUESTED: "The author has to change something.",
        Label.FOLLOW_UP: "The author has pushed; a triager looks at it again.",
        Label.UNCERTAIN: "The triage team talks it over.",
        Label.TRIAGE_APPROVED: "Triage is satisfied; an approver decides next.",
        Label.REJECTED: "It cannot be accepted; an approver closes it.",
        Label.TOPIC_FAILURE: "Its topic is not accepted.",
        Label.LEGAL_HOLD: "A maintainer has to look at its licence or source.",
        Label.GENERATE_READY: "A triager has let it through to the GPUs.",
        Label.SDG_UNSUCCESSFUL: "No synthetic data could be made of it; the author or a triager looks why.",
        Label.BUILD_READY: "Its numbers are fine: it goes into the next build.",
        Label.BUILD_RUNNING: "The build that is running includes it.",
        Label.READY_TO_MERGE: "Everything is satisfied; it is merged next.",
        Label.STALE: "It has waited long for its author, and will be closed if nothing happens.",
        Label.HOLD: "Merging is held up by hand.",
    }
)

# who acts next while it is on
NEXT: Mapping[Label, str] = MappingProxyType(
    dict.fromkeys(KIND_LABELS, "-")
    | {
        Label.TRIAGE_NEEDED: "a triager",
        Label.CHANGES_REQUESTED: "the author",
        Label.FOLLOW_UP: "a triager",
        Label.UNCERTAIN: "the triage team, then an approver",
        Label.TRIAGE_APPROVED: "an approver",
        Label.REJECTED: "an approver",
        Label.TOPIC_FAILURE: "an approver",
        Label.LEGAL_HOLD: "a maintainer",
        Label.GENERATE_READY: "the bot",
        Label.SDG_UNSUCCESSFUL: "the author or a triager",
        Label.BUILD_READY: "the bot",
        Label.BUILD_RUNNING: "-",
        Label.READY_TO_MERGE: "the bot, or an approver where merging is not automatic",
        Label.STALE: "the author",
        Label.HOLD: "whoever held it up, or a triager",
    }
)

# how people bring about what a label stands for
COMMAND_OF_LABEL: Mapping[str, str] = MappingProxyType(
    {
        Label.TRIAGE_NEEDED: "it comes by itself when the checks pass.",
        Label.CHANGES_REQUESTED: "write `/request-changes`.",
        Label.FOLLOW_UP: "it comes by itself when the author pushes.",
        Label.UNCERTAIN: "write `/uncertain`.",
        Label.TRIAGE_APPROVED: "write `/triage-approve`.",
        Label.REJECTED: "write `/reject REASON`.",
        Label.TOPIC_FAILURE: "write `/topic TOPIC`.",
        Label.LEGAL_HOLD: "write `/legal-hold`, and a maintainer `/legal-hold cancel`; for a source that is not "
        "approved it comes by itself.",
        Label.GENERATE_READY: "write `/precheck`, `/generate` or `/evaluate`.",
        Label.SDG_UNSUCCESSFUL: "it comes by itself when no data could be made.",
        Label.BUILD_READY: "write `/build-ready`.",
        Label.BUILD_RUNNING: "it comes by itself while a build runs.",
        Label.READY_TO_MERGE: "it comes by itself when nothing is missing; `/why` says what is.",
        Label.STALE: "it comes by itself when the author has been silent for long.",
        Label.HOLD: "write `/hold` or `/unhold`.",
    }
)

# how people bring it about that such a label goes
END_OF_LABEL: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (str(label) for label in STATE_LABELS),
        "another state takes its place: `/triage-approve`, `/request-changes`, `/uncertain` or `/reject REASON`.",
    )
    | {
        Label.TOPIC_FAILURE: "it goes when triage decides anew, for example by `/triage-approve`.",
        Label.LEGAL_HOLD: "a maintainer writes `/legal-hold cancel`; one that came by itself goes by itself, too.",
        Label.GENERATE_READY: "a triager takes it off, which cancels its jobs.",
        Label.SDG_UNSUCCESSFUL: "write `/generate` to try again.",
        Label.BUILD_READY: "write `/build-ready cancel`.",
        Label.BUILD_RUNNING: "it goes by itself when the build ends.",
        Label.READY_TO_MERGE: "`/hold` keeps it from being merged.",
        Label.STALE: "it goes by itself when the author says a word or pushes.",
        Label.HOLD: "write `/unhold`.",
    }
)

_CI_FOLDERS = (".github/", ".ci/", "scripts/")
_DOCUMENTATION_SUFFIXES = frozenset({".md", ".rst", ".adoc", ".puml", ".png", ".svg", ".jpg", ".gif"})
_TAXONOMY_ROOTS = frozenset({SKILL_ROOT, FOUNDATIONAL_ROOT, KNOWLEDGE_ROOT})


def kind_labels(paths: Iterable[str]) -> frozenset[Label]:
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


def is_contribution(path: str) -> bool:
    """True for what teaches the model; everything else (code, rules, documentation) needs other approvals."""
    return path.partition("/")[0] in _TAXONOMY_ROOTS
