"""Typed events: the raw payloads of GitHub stop here."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from checks.contribution import Login
from checks.findings import Check

_NOT_AS_DOCUMENTED = (KeyError, TypeError, ValueError, AttributeError)
TRIAGE_ACTIONS: Final = frozenset({"opened", "reopened", "synchronize", "edited", "ready_for_review"})
_EXTERNAL_ID = re.compile(r"pull:(\d{1,10}):[0-9a-f]{40}:[0-9a-f]{12}:[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event happened; a repository may be renamed, its id never changes."""

    repository_id: int
    full_name: str
    installation_id: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account as GitHub names it in an event. Logins can be taken over by others; ids cannot."""

    login: Login
    id: int
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class PullChanged:
    """A pull request was opened, pushed to, edited, reopened, or is ready: it has to be judged."""

    origin: Origin
    number: int


@dataclass(frozen=True, slots=True)
class Written:
    """Somebody wrote a comment or submitted a review. Edits are never read for commands."""

    origin: Origin
    number: int
    author: Account
    text: str
    written_at: datetime
    source: str  # "comment:ID" or "review:ID"
    comment_id: int | None  # what a reaction can be put on; None for reviews
    commit: str = ""  # the commit a review was written for


@dataclass(frozen=True, slots=True)
class ChecksRerequested:
    """Somebody asked for our checks again. `number` is None when GitHub does not tell (heads on forks)."""

    origin: Origin
    number: int | None
    head_sha: str
    check: Check | None  # None: all of them
    request: str  # the delivery's id: asking once brings one new run, however often it is tried


@dataclass(frozen=True, slots=True)
class DefaultBranchMoved:
    """The default branch has new commits, so the policy may have changed."""

    origin: Origin


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing for us to do."""

    reason: str


Event = PullChanged | Written | ChecksRerequested | DefaultBranchMoved | Ignored


class UnreadableEventError(Exception):
    """A signed payload lacks what GitHub documents; kept as failed, for an operator to look at."""


def external_id(number: int, head_sha: str, verdict_digest: str, request: str = "") -> str:
    """Return the id of the check runs that report one verdict: how we find them, also for heads on forks.

    `request` is the id of the delivery that asked for a new run, if one did.
    """
    asked = hashlib.sha256(request.encode()).hexdigest()[:8] if request else "0" * 8
    return f"pull:{number}:{head_sha}:{verdict_digest[:12]}:{asked}"


def pull_number_of(identifier: object) -> int | None:
    """Return the pull request's number out of one of our external ids; None for anybody else's."""
    match = _EXTERNAL_ID.fullmatch(identifier) if isinstance(identifier, str) else None
    return int(match[1]) if match else None


def read_event(name: str, payload: bytes, *, app_id: int, guid: str) -> Event:
    """Read one delivery. Raises UnreadableEventError when a documented field is missing."""
    try:
        return _read(name, json.loads(payload), app_id, guid)
    except _NOT_AS_DOCUMENTED as error:
        raise UnreadableEventError(f"{name}: {type(error).__name__}") from None


def is_ignored(name: str, data: dict[str, Any], *, app_id: int) -> bool:
    """Say at the door whether there is nothing to do for a delivery; most tell us of our own writes."""
    try:
        return isinstance(_read(name, data, app_id, ""), Ignored)
    except _NOT_AS_DOCUMENTED:
        return False


def _read(name: str, data: dict[str, Any], app_id: int, guid: str) -> Event:
    action = data.get("action", "")
    if name == "pull_request" and action in TRIAGE_ACTIONS:
        return PullChanged(_origin(data), int(data["pull_request"]["number"]))
    if name == "issue_comment" and action == "created" and "pull_request" in data["issue"]:
        return _if_commanding(_comment(data))
    if name == "pull_request_review" and action == "submitted" and data["review"].get("body"):
        return _if_commanding(_review(data))
    if name == "check_run" and action == "rerequested":
        run = data["check_run"]
        if run["app"]["id"] != app_id:
            return Ignored("a check run of another App")
        check = Check(run["name"]) if run["name"] in set(Check) else None
        return ChecksRerequested(_origin(data), pull_number_of(run["external_id"]), run["head_sha"], check, guid)
    if name == "check_suite" and action == "rerequested":
        suite = data["check_suite"]
        if suite["app"]["id"] != app_id:
            return Ignored("a check suite of another App")
        return ChecksRerequested(_origin(data), None, suite["head_sha"], None, guid)
    if name == "push":
        default = f"refs/heads/{data['repository']['default_branch']}"
        return DefaultBranchMoved(_origin(data)) if data["ref"] == default else Ignored("not the default branch")
    return Ignored("nothing to do for this event")


def _if_commanding(written: Written) -> Event:
    """Leave out at once what cannot hold a command: most comments, and all of ours."""
    if written.author.is_bot:
        return Ignored("bots never command")
    return written if "/" in written.text else Ignored("no command in it")


def _comment(data: dict[str, Any]) -> Written:
    comment = data["comment"]
    return Written(
        origin=_origin(data),
        number=int(data["issue"]["number"]),
        author=_account(comment["user"]),
        text=comment["body"] or "",
        written_at=datetime.fromisoformat(comment["created_at"]),
        source=f"comment:{int(comment['id'])}",
        comment_id=int(comment["id"]),
    )


def _review(data: dict[str, Any]) -> Written:
    review = data["review"]
    return Written(
        origin=_origin(data),
        number=int(data["pull_request"]["number"]),
        author=_account(review["user"]),
        text=review["body"],
        written_at=datetime.fromisoformat(review["submitted_at"]),
        source=f"review:{int(review['id'])}",
        comment_id=None,
        commit=str(review["commit_id"] or ""),
    )


def _account(user: dict[str, Any]) -> Account:
    return Account(Login(str(user["login"])), int(user["id"]), user.get("type") == "Bot")


def _origin(data: dict[str, Any]) -> Origin:
    repository = data["repository"]
    return Origin(int(repository["id"]), str(repository["full_name"]), int(data["installation"]["id"]))
