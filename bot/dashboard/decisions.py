"""Which decisions a page offers: what makes sense now for this reader. Whether one counts, the desk decides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.commands.registry import all_commands
from bot.jobs import Job, JobKind
from bot.labels import Label, is_contribution
from bot.roles import Role
from bot.store.approvals import Approval, ApprovalKind
from bot.store.pull_requests import PullMemory
from bot.workflow import NoTransitionError, State, Trigger, step
from checks.contribution import Sha
from checks.findings import Outcome

LONGEST_WHY = 2_000  # characters


class Field(StrEnum):
    """Whether a decision takes words."""

    NONE = ""
    OPTIONAL = "optional"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True)
class Decision:
    """One button: what it says, what it does, and the command that it stands for."""

    key: str
    command: str
    label: str
    says: str
    group: str
    arguments: str = ""
    why: Field = Field.NONE
    asks: str = ""  # what to write into the field
    is_grave: bool = False  # asked about once more
    trigger: Trigger | None = None  # what it moves, if anything

    @property
    def written(self) -> str:
        """How it is written in a comment."""
        return f"/{self.command} {self.arguments}".strip()


REVIEW, MERGE, COMPUTE, RESTRAIN = "Review", "Merge", "Computing", "Holding up"

_ALL = (
    Decision(
        "triage-approve",
        "triage-approve",
        "Sign off triage",
        "Triage is satisfied with this commit; an approver decides next.",
        REVIEW,
        trigger=Trigger.TRIAGE_APPROVE,
    ),
    Decision(
        "request-changes",
        "request-changes",
        "Ask for a change",
        "It is the author's turn; approvals fall.",
        REVIEW,
        why=Field.NEEDED,
        asks="What should the author change?",
        trigger=Trigger.REQUEST_CHANGES,
    ),
    Decision(
        "uncertain",
        "uncertain",
        "Ask the team",
        "You are not sure: the triage team talks it over.",
        REVIEW,
        why=Field.OPTIONAL,
        asks="What are you not sure about?",
        trigger=Trigger.CALL_UNCERTAIN,
    ),
    Decision(
        "reject",
        "reject",
        "Reject",
        "It cannot be accepted: an approver closes it.",
        REVIEW,
        why=Field.NEEDED,
        asks="Why? The author should be able to learn from it.",
        is_grave=True,
        trigger=Trigger.REJECT,
    ),
    Decision(
        "approve",
        "approve",
        "Approve",
        "You stand behind this commit: with everything else in order, it is merged at once.",
        MERGE,
        is_grave=True,
    ),
    Decision(
        "approve-cancel", "approve", "Take my approval back", "Your approval no longer counts.", MERGE, "cancel"
    ),
    Decision(
        "lgtm",
        "lgtm",
        "Approve the other files",
        "You stand behind what it changes besides skills and knowledge.",
        MERGE,
        is_grave=True,
    ),
    Decision("lgtm-cancel", "lgtm", "Take my approval back", "Your approval no longer counts.", MERGE, "cancel"),
    Decision("merge", "merge", "Merge", "It is merged now, if nothing is missing.", MERGE, is_grave=True),
    Decision(
        "build-ready",
        "build-ready",
        "Let it into the next build",
        "Its numbers are fine: once merged, it goes into the next build.",
        MERGE,
        trigger=Trigger.BUILD_READY,
    ),
    Decision(
        "build-ready-cancel",
        "build-ready",
        "Keep it out of builds",
        "It no longer goes into the next build.",
        MERGE,
        "cancel",
        trigger=Trigger.NOT_BUILD_READY,
    ),
    Decision("check", "check", "Check again", "All rules run once more on the newest commit.", COMPUTE),
    Decision("precheck", "precheck", "Precheck", "Ask the base model the seed questions.", COMPUTE),
    Decision("generate", "generate", "Generate data", "Let it through to the GPUs and generate data.", COMPUTE),
    Decision("evaluate", "evaluate", "Evaluate", "Tune an adapter on it and measure what that changes.", COMPUTE),
    Decision("postcheck", "postcheck", "Postcheck", "Ask the tuned model the seed questions.", COMPUTE),
    Decision(
        "cancel",
        "cancel",
        "Cancel its jobs",
        "All jobs of this pull request that wait or run are ended.",
        COMPUTE,
        is_grave=True,
    ),
    Decision(
        "hold",
        "hold",
        "Hold up",
        "It is not merged until somebody lifts that.",
        RESTRAIN,
        why=Field.OPTIONAL,
        asks="What is waited for?",
        trigger=Trigger.HOLD,
    ),
    Decision("unhold", "unhold", "Lift the hold", "It may be merged again.", RESTRAIN, trigger=Trigger.UNHOLD),
    Decision(
        "legal-hold",
        "legal-hold",
        "Have the source looked at",
        "A maintainer looks at its licence or source before it is merged.",
        RESTRAIN,
        why=Field.OPTIONAL,
        asks="What is in doubt?",
        trigger=Trigger.LEGAL_HOLD,
    ),
    Decision(
        "legal-clear",
        "legal-hold",
        "Clear the source",
        "Its licence and source are fine.",
        RESTRAIN,
        "cancel",
        is_grave=True,
        trigger=Trigger.LEGAL_CLEAR,
    ),
)
DECISIONS = {decision.key: decision for decision in _ALL}
_ROLES = {"legal-clear": Role.MAINTAINER}  # where taking back asks for more than the command does
_KINDS = {"approve": ApprovalKind.APPROVE, "lgtm": ApprovalKind.LGTM}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pull request stands and who looks at it: all that the choice depends on."""

    memory: PullMemory
    role: Role
    user_id: int
    login: str
    approvals: tuple[Approval, ...] = ()  # that stand
    jobs: tuple[Job, ...] = ()

    @property
    def is_author(self) -> bool:
        """True when the author looks."""
        return bool(self.user_id) and self.user_id == self.memory.author_id

    @property
    def outcome(self) -> Outcome | None:
        """The outcome of the checks at the head."""
        return self.memory.verdict if self.memory.judged_sha == self.memory.head_sha else None

    def has_approved(self, kind: ApprovalKind) -> bool:
        """Return whether the reader stands behind this content."""
        mine = (each for each in self.approvals if each.actor_id == self.user_id and each.kind is kind)
        return any(each.content_digest == self.memory.content_digest for each in mine)


def may(decision: Decision, role: Role, *, is_author: bool) -> bool:
    """Return whether somebody may decide this at all."""
    known = all_commands()[decision.command]
    return role >= _ROLES.get(decision.key, known.who) or (known.author_too and is_author)


def offered(standing: Standing) -> tuple[Decision, ...]:
    """Return the decisions that make sense now, in order."""
    if not standing.memory.is_open or not standing.user_id:
        return ()
    return tuple(
        decision
        for decision in _ALL
        if may(decision, standing.role, is_author=standing.is_author) and _makes_sense(decision, standing)
    )


def _makes_sense(decision: Decision, standing: Standing) -> bool:
    if decision.trigger is not None and not _moves(decision.trigger, standing):
        return False
    if decision.command in _KINDS:
        return _approving_makes_sense(decision, standing)
    has_contribution = any(map(is_contribution, standing.memory.changed_paths))
    passed = standing.outcome is Outcome.PASSED
    match decision.key:
        case "triage-approve":
            return passed and has_contribution and not standing.is_author
        case "build-ready":
            return passed and has_contribution
        case "merge":
            return Label.READY_TO_MERGE in standing.memory.status.flags
        case "precheck" | "generate" | "evaluate" | "postcheck":
            return passed and has_contribution and _may_run(JobKind(decision.key), standing)
        case "cancel":
            return any(not job.state.is_over for job in standing.jobs)
        case _:
            return True


def _moves(trigger: Trigger, standing: Standing) -> bool:
    """Return whether the table has a row for it that changes anything."""
    status = standing.memory.status
    try:
        row = step(status, trigger, max(standing.role, Role.TRIAGER))
    except NoTransitionError:
        return False
    # asking for a change is worth words of its own where the checks have already done so
    return row.after(status) != status or trigger is Trigger.REQUEST_CHANGES


def _approving_makes_sense(decision: Decision, standing: Standing) -> bool:
    kind, paths = _KINDS[decision.command], standing.memory.changed_paths
    if decision.arguments:
        return standing.has_approved(kind)
    concerns = (is_contribution(path) == (kind is ApprovalKind.APPROVE) for path in paths)
    return (
        standing.outcome is Outcome.PASSED
        and standing.memory.status.state is not State.REJECTED
        and any(concerns)
        and not standing.is_author
        and standing.login.lower() not in standing.memory.commit_authors.split()
        and not standing.has_approved(kind)
    )


def _may_run(kind: JobKind, standing: Standing) -> bool:
    """Return whether no such job is under way; what it builds on is queued with it."""
    memory = standing.memory
    return not any(
        job.request.kind is kind
        and not job.state.is_over
        and job.request.is_about(Sha(memory.head_sha), memory.content_digest)
        for job in standing.jobs
    )


def form_of(standing: Standing, deeds: int) -> str:
    """Return what one showing of the forms is known by: the same until something is decided here.

    `deeds` is how much is written down about the pull request.
    """
    said = (standing.memory.number, standing.memory.head_sha, standing.user_id, deeds)
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def by_purpose(decisions: Iterable[Decision]) -> tuple[tuple[str, tuple[Decision, ...]], ...]:
    """Return the decisions in groups, by what they are for."""
    found: dict[str, list[Decision]] = {}
    for decision in decisions:
        found.setdefault(decision.group, []).append(decision)
    return tuple((group, tuple(members)) for group, members in found.items())
