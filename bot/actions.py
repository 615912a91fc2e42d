"""What the bot may do on GitHub, as values: decided first, applied later, compared in tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from checks.contribution import Sha
from checks.policy import MergeMethod


@dataclass(frozen=True, slots=True)
class Annotation:
    """A note on a line of a file. `level` is GitHub's: notice, warning or failure."""

    path: str
    line: int
    column: int | None
    level: str
    title: str
    message: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """A button on a check run, shown to people who may write. GitHub takes 20, 40 and 20 characters."""

    label: str
    description: str
    identifier: str


@dataclass(frozen=True, slots=True)
class ReportCheck:
    """Create a completed check run."""

    name: str
    head_sha: Sha
    conclusion: str
    title: str
    summary: str
    annotations: tuple[Annotation, ...]
    external_id: str = ""
    buttons: tuple[Button, ...] = ()
    details_url: str = field(default="", repr=False)  # of its page; another one alone is no news


@dataclass(frozen=True, slots=True)
class AddLabels:
    """Put labels on the pull request."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveLabel:
    """Take a label off the pull request."""

    name: str


@dataclass(frozen=True, slots=True)
class PostComment:
    """Write a new comment; the one it takes the place of is folded away."""

    body: str
    replaces_node_id: str = ""


@dataclass(frozen=True, slots=True)
class EditComment:
    """Change the text of our comment."""

    comment_id: int
    body: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a command. `marker` hides in the comment, so that the same answer is never written twice."""

    body: str
    marker: str


@dataclass(frozen=True, slots=True)
class LineNote:
    """A note of a review on lines of the diff."""

    path: str
    first_line: int
    last_line: int
    body: str


@dataclass(frozen=True, slots=True)
class Review:
    """Comment on lines of one commit, all in one. `marker` hides in it, so that it is never written twice."""

    head_sha: Sha
    body: str
    marker: str
    notes: tuple[LineNote, ...]


@dataclass(frozen=True, slots=True)
class React:
    """Acknowledge a comment, or (None) the pull request's own text: GitHub's word for an emoji, such as "+1"."""

    comment_id: int | None
    content: str


@dataclass(frozen=True, slots=True)
class ChangeAssignee:
    """Make somebody an assignee, or no longer."""

    login: str
    on: bool


@dataclass(frozen=True, slots=True)
class ChangePull:
    """Change the title, or close or reopen the pull request."""

    title: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Merge:
    """Merge one commit. Title and message are of the squashed commit; GitHub makes its own where they are empty."""

    sha: Sha
    method: MergeMethod
    title: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class PutIssue:
    """Open an issue, or bring the one with this marker up to date if it was opened since a moment."""

    title: str
    body: str
    marker: str
    since: datetime


Action = (
    ReportCheck
    | AddLabels
    | RemoveLabel
    | PostComment
    | EditComment
    | Reply
    | Review
    | React
    | ChangeAssignee
    | ChangePull
)
