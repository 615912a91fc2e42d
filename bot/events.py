"""Typed events: the raw payloads of GitHub stop here."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.labels import WORKFLOW_LABELS, Label
from checks.contribution import Login
from checks.findings import Check

_NOT_AS_DOCUMENTED = (KeyError, TypeError, ValueError, AttributeError)
TRIAGE_ACTIONS: Final = frozenset({"reopened", "synchronize", "edited", "ready_for_review", "converted_to_draft"})
PUT_RIGHT: Final = "put-right"  # what the button on a check run is known by
PAGE_ORDER: Final = "page:order"  # an order given on a page; no event of GitHub's can be called so (bot/inbox.py)
PAGE: Final = "page:"  # how its source begins, and the name of its row among the deliveries
_PASSING = frozenset({"success", "neutral", "skipped"})
_GROUP_REF = re.compile(r"/pr-(\d{1,10})-[0-9a-f]{40}$")
_JOB = re.compile(r"job:([1-9][0-9]{0,17})")
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
    """A pull request was pushed to, edited, reopened, or became a draft or ready: it has to be judged."""

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
    source: str  # "comment:ID", "review:ID", "page:TOKEN", or "body:NUMBER" for the text of the pull request itself
    comment_id: int | None  # what a reaction can be put on; None for reviews and the text of the pull request
    commit: str = ""  # the commit a review was written for, or the pull request was opened with
    approves: bool = False  # a review that approves in GitHub's own way
    about_author_id: int = 0  # who opened the pull request

    @property
    def is_from_page(self) -> bool:
        """True for a decision taken on a page: it is one command, and its commit the one that the page showed."""
        return self.source.startswith(PAGE)


@dataclass(frozen=True, slots=True)
class PullOpened:
    """A pull request is new: it has to be judged, and its text may hold commands."""

    origin: Origin
    number: int
    text: Written


@dataclass(frozen=True, slots=True)
class PullClosed:
    """A pull request was closed, merged or not."""

    origin: Origin
    number: int
    is_merged: bool
    actor: Account


@dataclass(frozen=True, slots=True)
class Labelled:
    """Somebody put a label on or took it off."""

    origin: Origin
    number: int
    actor: Account
    label: Label
    on: bool
    at: datetime
    head_sha: str
    guid: str = ""  # of the delivery: the same label may be set twice within a second

    @property
    def source(self) -> str:
        """Where it was set: the same however often it is delivered."""
        return f"label:{'+' if self.on else '-'}{self.label}:{self.guid}"[:64]


@dataclass(frozen=True, slots=True)
class WordsChanged:
    """What stands at `source` is no longer what its author wrote: edited, deleted or dismissed by `actor`."""

    origin: Origin
    number: int
    source: str
    actor: Account
    what: str  # "edited", "deleted" or "dismissed"
    guid: str


@dataclass(frozen=True, slots=True)
class MergeGroupAsked:
    """GitHub's own merge queue wants to know whether a group of pull requests may be merged."""

    origin: Origin
    number: int  # the last one of the group
    head_sha: str
    base_sha: str


@dataclass(frozen=True, slots=True)
class OthersChecked:
    """Something that GitHub may have waited for has come: a check passed, or somebody approved in GitHub's way.

    `name` is only of a check of our own, which GitHub may take notice of a moment after we have posted it.
    """

    origin: Origin
    head_sha: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class ChecksRerequested:
    """Somebody asked for our checks again. `number` is None when GitHub does not tell (heads on forks)."""

    origin: Origin
    number: int | None
    head_sha: str
    check: Check | None  # None: all of them
    request: str  # the delivery's id: asking once brings one new run, however often it is tried


@dataclass(frozen=True, slots=True)
class JobRerequested:
    """Somebody pressed "Re-run" beside a job's check run."""

    origin: Origin
    job_id: int
    actor: Account
    request: str  # the delivery's id
    run_id: int
    head_sha: str  # of the check run: the job may have followed the content to another commit


@dataclass(frozen=True, slots=True)
class FixRequested:
    """Somebody pressed "Put it right" on one of our check runs."""

    origin: Origin
    number: int
    actor: Account
    head_sha: str
    request: str  # the delivery's id


@dataclass(frozen=True, slots=True)
class DefaultBranchMoved:
    """The default branch has new commits, so the policy may have changed."""

    origin: Origin


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing for us to do."""

    reason: str


Event = (
    PullChanged
    | PullOpened
    | PullClosed
    | Written
    | Labelled
    | WordsChanged
    | ChecksRerequested
    | JobRerequested
    | FixRequested
    | OthersChecked
    | MergeGroupAsked
    | DefaultBranchMoved
    | Ignored
)


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
    if name == PAGE_ORDER:
        return _of_page(data, guid)
    if name == "pull_request":
        return _of_pull(data, action, guid)
    if name == "issue_comment" and "pull_request" in data["issue"]:
        return _of_comment(data, action, guid)
    if name == "pull_request_review":
        return _of_review(data, action, guid)
    if name in ("check_run", "check_suite") and action == "rerequested":
        return _rerequested(data, name, app_id, guid)
    if name == "check_run" and action == "requested_action":
        return _button_pressed(data, app_id, guid)
    if name == "check_run" and action == "completed":
        return _checked(data, app_id)
    if name == "merge_group" and action == "checks_requested":
        return _merge_group(data)
    if name == "push":
        default = f"refs/heads/{data['repository']['default_branch']}"
        return DefaultBranchMoved(_origin(data)) if data["ref"] == default else Ignored("not the default branch")
    return Ignored("nothing to do for this event")


def _of_pull(data: dict[str, Any], action: str, guid: str) -> Event:
    pull = data["pull_request"]
    number = int(pull["number"])
    if action == "opened":
        text = Written(
            origin=_origin(data),
            number=number,
            author=_account(pull["user"]),
            text=pull["body"] or "",
            written_at=datetime.fromisoformat(pull["created_at"]),
            source=f"body:{number}",
            comment_id=None,
            commit=str(pull["head"]["sha"]),
            about_author_id=int(pull["user"]["id"]),
        )
        return PullOpened(_origin(data), number, text)
    if action in TRIAGE_ACTIONS:
        return PullChanged(_origin(data), number)
    if action == "closed":
        return PullClosed(_origin(data), number, bool(pull["merged"]), _account(data["sender"]))
    if action in ("labeled", "unlabeled"):
        label = str(data["label"]["name"])
        if label not in WORKFLOW_LABELS:
            return Ignored("a label without a meaning for the review")
        return Labelled(
            _origin(data),
            number,
            _account(data["sender"]),
            Label(label),
            action == "labeled",
            datetime.fromisoformat(pull["updated_at"]),
            str(pull["head"]["sha"]),
            guid,
        )
    return Ignored("nothing to do for this event")


def _of_page(data: dict[str, Any], guid: str) -> Event:
    """Read what `bot.page_orders` has stored."""
    return Written(
        origin=_origin(data),
        number=int(data["number"]),
        author=_account(data["sender"]),
        text=str(data["text"]),
        written_at=datetime.fromisoformat(data["at"]),
        source=guid,
        comment_id=None,
        commit=str(data["commit"]),
    )


def _of_comment(data: dict[str, Any], action: str, guid: str) -> Event:
    if action == "created":
        return _if_commanding(_comment(data))
    comment, number = data["comment"], int(data["issue"]["number"])
    if action in ("edited", "deleted"):
        return _words_changed(data, number, f"comment:{int(comment['id'])}", comment["user"], action, guid)
    return Ignored("nothing to do for this event")


def _of_review(data: dict[str, Any], action: str, guid: str) -> Event:
    review, number = data["review"], int(data["pull_request"]["number"])
    if action == "submitted":
        written = _if_commanding(_review(data))
        if isinstance(written, Ignored) and review["state"] == "approved":
            return OthersChecked(_origin(data), str(review["commit_id"] or ""))
        return written
    if action in ("edited", "dismissed"):
        return _words_changed(data, number, f"review:{int(review['id'])}", review["user"], action, guid)
    return Ignored("nothing to do for this event")


def _words_changed(
    data: dict[str, Any], number: int, source: str, writer: dict[str, Any] | None, action: str, guid: str
) -> Event:
    actor = _account(data["sender"])
    if action == "edited" and writer is not None and actor.id == int(writer["id"]):
        return Ignored("edits are never read for commands")
    if writer is not None and writer.get("type") == "Bot":
        return Ignored("bots never command")
    return WordsChanged(_origin(data), number, source, actor, action, guid)


def _rerequested(data: dict[str, Any], name: str, app_id: int, guid: str) -> Event:
    if data[name]["app"]["id"] != app_id:
        return Ignored("a check of another App")
    if name == "check_suite":
        return ChecksRerequested(_origin(data), None, data[name]["head_sha"], None, guid)
    run = data["check_run"]
    if match := _JOB.fullmatch(run["external_id"] or ""):
        actor = _account(data["sender"])
        return JobRerequested(_origin(data), int(match[1]), actor, guid, run["id"], run["head_sha"])
    check = Check(run["name"]) if run["name"] in set(Check) else None
    return ChecksRerequested(_origin(data), pull_number_of(run["external_id"]), run["head_sha"], check, guid)


def _button_pressed(data: dict[str, Any], app_id: int, guid: str) -> Event:
    run = data["check_run"]
    number = pull_number_of(run["external_id"])
    if run["app"]["id"] != app_id or number is None or data["requested_action"]["identifier"] != PUT_RIGHT:
        return Ignored("no button of ours")
    return FixRequested(_origin(data), number, _account(data["sender"]), str(run["head_sha"]), guid)


def _checked(data: dict[str, Any], app_id: int) -> Event:
    run = data["check_run"]
    if run["conclusion"] not in _PASSING:
        return Ignored("a check that keeps nothing from being merged")
    if run["app"]["id"] == app_id and run["name"] in set(Check):
        return Ignored("our own report")
    return OthersChecked(_origin(data), run["head_sha"], run["name"] if run["app"]["id"] == app_id else "")


def _merge_group(data: dict[str, Any]) -> Event:
    group = data["merge_group"]
    match = _GROUP_REF.search(group["head_ref"])
    if match is None:
        return Ignored("a merge group that names no pull request")
    return MergeGroupAsked(_origin(data), int(match[1]), group["head_sha"], group["base_sha"])


def _if_commanding(written: Written) -> Event:
    """Leave out at once what cannot hold a command: most comments, and all of ours."""
    if written.author.is_bot:
        return Ignored("bots never command")
    if "/" in written.text or written.author.id == written.about_author_id:  # a sign of life of the author
        return written
    return Ignored("no command in it")


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
        about_author_id=int(data["issue"]["user"]["id"]),
    )


def _review(data: dict[str, Any]) -> Written:
    review = data["review"]
    return Written(
        origin=_origin(data),
        number=int(data["pull_request"]["number"]),
        author=_account(review["user"]),
        text=review["body"] or "",
        written_at=datetime.fromisoformat(review["submitted_at"]),
        source=f"review:{int(review['id'])}",
        comment_id=None,
        commit=str(review["commit_id"] or ""),
        approves=review["state"] == "approved",
        about_author_id=int(data["pull_request"]["user"]["id"]),
    )


def _account(user: dict[str, Any]) -> Account:
    return Account(Login(str(user["login"])), int(user["id"]), user.get("type") == "Bot")


def _origin(data: dict[str, Any]) -> Origin:
    repository = data["repository"]
    return Origin(int(repository["id"]), str(repository["full_name"]), int(data["installation"]["id"]))
