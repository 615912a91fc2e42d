"""What a command is decided from, and what it may bring about: values on both sides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.jobs import Job, JobKind, JobState
from bot.readiness import Case, Readiness
from bot.roles import Role
from bot.store.approvals import ApprovalKind
from bot.store.pardons import PardonKind
from bot.workflow import Status, Trigger
from checks.contribution import Login, Sha
from checks.findings import Outcome
from checks.policy import Policy


@dataclass(frozen=True, slots=True)
class Situation:
    """One pull request at one moment, and who acts on it in which role."""

    organisation: str
    number: int
    author: Login
    author_id: int
    actor: Login
    actor_id: int
    role: Role
    labels: frozenset[str]
    status: Status
    is_open: bool
    is_draft: bool
    head_sha: Sha
    policy: Policy
    outcome: Outcome | None  # of our checks at the head; None while they have not run
    case: Case
    readiness: Readiness
    failing_causes: frozenset[str] = frozenset()
    jobs: tuple[Job, ...] = ()
    median_wait: timedelta | None = None
    is_merged: bool = False
    closed_at: datetime | None = None  # None while it is open
    closed_by_id: int = 0  # whoever closed it; 0: nobody, or the bot for its own reasons
    label_set: bool | None = field(default=None)  # the command is a label that was put on (True) or off by hand

    @property
    def actor_is_author(self) -> bool:
        """True when the author acts. Logins can change hands, ids cannot."""
        return self.actor_id == self.author_id


@dataclass(frozen=True, slots=True)
class Fire:
    """Move the pull request through the workflow."""

    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Approve:
    """Stand behind the content as it is."""

    kind: ApprovalKind


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take one's own approvals of a kind back."""

    kind: ApprovalKind


@dataclass(frozen=True, slots=True)
class SetAside:
    """Set a rule's findings aside for the content as it is."""

    kind: PardonKind
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class QueueJob:
    """Have something computed."""

    kind: JobKind


@dataclass(frozen=True, slots=True)
class EndJobs:
    """End jobs that are not over: one, or all of the pull request."""

    state: JobState
    job_id: int | None = None


@dataclass(frozen=True, slots=True)
class RetryJob:
    """Queue a job anew that came to nothing."""

    job_id: int


@dataclass(frozen=True, slots=True)
class AskMerge:
    """Queue the pull request for its merge."""


@dataclass(frozen=True, slots=True)
class SetLabel:
    """Put one label without a meaning in the workflow on, or take it off."""

    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class Say:
    """Write a reply, in Markdown: only where somebody must act or asked to be told."""

    text: str


@dataclass(frozen=True, slots=True)
class JudgeAgain:
    """Run the checks again."""


@dataclass(frozen=True, slots=True)
class ShowRule:
    """Tell what one rule says about the newest commit."""

    rule: str


@dataclass(frozen=True, slots=True)
class PutRight:
    """Commit the mechanical fixes of the newest commit, or offer them where that may not be."""


@dataclass(frozen=True, slots=True)
class Remind:
    """Say a word after some days, unless the pull request has moved on."""

    days: int
    text: str


@dataclass(frozen=True, slots=True)
class PreviewBatch:
    """Show what a command would do to other pull requests, and ask for confirmation."""

    command: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ConfirmBatch:
    """Carry out the batch that was shown under this code."""

    code: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Make somebody an assignee, or no longer."""

    login: Login
    on: bool


@dataclass(frozen=True, slots=True)
class Retitle:
    """Change the title."""

    title: str


@dataclass(frozen=True, slots=True)
class SetOpen:
    """Close or reopen the pull request."""

    is_open: bool


Effect = (
    Fire
    | Approve
    | Withdraw
    | SetAside
    | QueueJob
    | EndJobs
    | RetryJob
    | AskMerge
    | SetLabel
    | Say
    | JudgeAgain
    | ShowRule
    | PutRight
    | Remind
    | PreviewBatch
    | ConfirmBatch
    | Assign
    | Retitle
    | SetOpen
)
