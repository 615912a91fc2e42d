"""Check suites, check runs and annotations, as GitHub keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bot.simulator.accounts import App

if TYPE_CHECKING:
    from bot.simulator.repositories import Repository


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark of a check run on lines of a file."""

    path: str
    start_line: int
    end_line: int
    annotation_level: str
    message: str
    title: str | None = None
    raw_details: str | None = None
    start_column: int | None = None
    end_column: int | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """A button beside a check run, for people who may write; pressing it tells its App."""

    label: str
    description: str
    identifier: str


@dataclass(slots=True, eq=False, repr=False)
class CheckSuite:
    """All runs of one App on one commit."""

    id: int
    repo: Repository
    head_sha: str
    head_branch: str | None
    app: App
    created_at: datetime
    updated_at: datetime
    runs: list[CheckRun] = field(default_factory=list)
    is_asked_for: bool = False  # somebody asked for it again, and its App has not begun yet

    def __repr__(self) -> str:
        return f"<check suite {self.id} on {self.head_sha[:7]}>"

    @property
    def status(self) -> str:
        """Completed once all its runs are."""
        if not self.runs or self.is_asked_for:
            return "queued"
        return "completed" if all(run.status == "completed" for run in self.runs) else "in_progress"

    @property
    def conclusion(self) -> str | None:
        """The worst of its runs, None until all are completed."""
        if self.status != "completed":
            return None
        said = {run.conclusion for run in self.runs}
        order = ("failure", "timed_out", "cancelled", "action_required", "success", "neutral", "skipped")
        return next((conclusion for conclusion in order if conclusion in said), None)


@dataclass(slots=True, eq=False)
class CheckRun:
    """One check run; `annotations` are all that were ever sent for it."""

    id: int
    suite: CheckSuite
    name: str
    status: str
    started_at: datetime
    conclusion: str | None = None
    completed_at: datetime | None = None
    external_id: str = ""
    details_url: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Annotation] = field(default_factory=list)
    actions: list[Button] = field(default_factory=list)

    @property
    def app(self) -> App:
        """The App that made it."""
        return self.suite.app

    @property
    def head_sha(self) -> str:
        """The commit it speaks of."""
        return self.suite.head_sha
