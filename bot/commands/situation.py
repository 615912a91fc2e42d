"""What a command is decided from, and what it may bring about: values on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from bot.roles import Role
from bot.workflow import Label
from checks.contribution import Login
from checks.findings import Outcome
from checks.policy import Policy


@dataclass(frozen=True, slots=True)
class Situation:
    """One pull request at one moment, and who acts on it in which role."""

    organisation: str
    author: Login
    actor: Login
    role: Role
    labels: frozenset[str]
    is_open: bool
    is_draft: bool
    policy: Policy
    outcome: Outcome | None  # of our checks at the head; None while they have not run

    @property
    def actor_is_author(self) -> bool:
        """True when the author acts."""
        return self.actor == self.author


@dataclass(frozen=True, slots=True)
class MoveTo:
    """Put the pull request into a triage state: its label replaces the other state labels."""

    label: Label


@dataclass(frozen=True, slots=True)
class SetLabel:
    """Put one label on or take it off."""

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


Effect = MoveTo | SetLabel | Say | JudgeAgain | Assign | Retitle | SetOpen
