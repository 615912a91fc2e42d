"""What was found, told as a webhook would have told it: with an id of its own that is the same however often."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.events import Origin
from bot.store.deliveries import Delivery

Item = Mapping[str, Any]

POLLED = "poll-"  # how the ids of deliveries begin that nobody sent
SOMEBODY: Item = {"login": "ghost", "id": 10137, "type": "User"}  # GitHub's name for whoever is not known
WORDS = frozenset({"issue_comment", "pull_request_review"})  # events that tell of what people write
_FIRST, _WORDS, _LAST = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened, at a moment of GitHub's clock. `number` is 0 for what concerns no pull request."""

    event: str
    guid: str
    number: int
    at: datetime
    payload: Item
    turn: int = _WORDS  # of one pull request: that it is there first, its end last

    def whole(self, origin: Origin, default_branch: str) -> dict[str, Any]:
        """Return the payload with where it happened."""
        repository = {"id": origin.repository_id, "full_name": origin.full_name, "default_branch": default_branch}
        return {**self.payload, "repository": repository, "installation": {"id": origin.installation_id}}

    def delivery(self, origin: Origin, whole: Item, now: datetime) -> Delivery:
        """Return it as the inbox takes it."""
        subject = self.subject(origin.repository_id)
        return Delivery(self.guid, self.event, origin.repository_id, subject, json.dumps(whole).encode(), now)

    def subject(self, repository_id: int) -> str:
        """Return the lane: the one of all that webhooks tell of the same."""
        return f"{repository_id}#{self.number}" if self.number else str(repository_id)


def in_order(told: Iterable[Told]) -> list[Told]:
    """Return what happened in the order in which it is to be handled."""
    return sorted(told, key=lambda each: (each.number, each.turn, each.at))


def face_of(pull: Item) -> str:
    """Return a digest of all that a webhook about the pull request itself tells of; labels have their own."""
    head, base = pull["head"], pull["base"]
    seen = (pull["title"], pull["body"] or "", head["sha"], base["ref"], bool(pull.get("draft")), pull["state"])
    return _digest(*map(str, seen))


def pull_opened(pull: Item) -> Told:
    """Return that a pull request is new, with the text it was opened with."""
    return _about_pull("opened", pull, f"{POLLED}opened-{int(pull['id'])}", _moment(pull["created_at"]), _FIRST)


def pull_changed(pull: Item, face: str) -> Told:
    """Return that a pull request was pushed to, edited, or became a draft or ready."""
    at = _moment(pull["updated_at"])
    guid = f"{POLLED}changed-{int(pull['id'])}-{_digest(face, pull['updated_at'])[:16]}"
    return _about_pull("synchronize", pull, guid, at, _FIRST)


def of_event(event: Item, head_sha: str) -> Told | None:
    """Return what an entry of a history tells: labels, closing, reopening; None for what is no matter of ours."""
    issue, kind, actor = event.get("issue"), str(event["event"]), event.get("actor")
    if not issue or "pull_request" not in issue:
        return None
    at, number, guid = _moment(event["created_at"]), int(issue["number"]), f"event-{int(event['id'])}"
    pull = {"number": number, "head": {"sha": head_sha}, "updated_at": event["created_at"]}
    payload: dict[str, Any] = {"action": kind, "pull_request": pull, "sender": actor or SOMEBODY}
    if kind in ("labeled", "unlabeled"):
        return Told("pull_request", guid, number, at, payload | {"label": {"name": event["label"]["name"]}})
    if kind == "closed":
        pull["merged"] = bool((issue["pull_request"] or {}).get("merged_at"))
        return Told("pull_request", guid, number, at, payload, _LAST)
    if kind == "reopened":
        return Told("pull_request", guid, number, at, payload, _FIRST)
    return None


def comment_written(comment: Item, author_id: int) -> Told:
    """Return that somebody wrote a comment on the pull request of an author."""
    number = number_of(comment)
    issue = {"number": number, "pull_request": {}, "user": {"id": author_id}}
    payload = {"action": "created", "comment": comment, "issue": issue, "sender": comment["user"]}
    guid = f"{POLLED}comment-{int(comment['id'])}"
    return Told("issue_comment", guid, number, _moment(comment["created_at"]), payload)


def review_submitted(review: Item, number: int, author_id: int, *, is_edited: bool) -> Told:
    """Return that somebody submitted a review; nobody knows what an edited one said."""
    text = "" if is_edited else review["body"]
    shown = {**review, "state": str(review["state"]).lower(), "body": text}
    pull = {"number": number, "user": {"id": author_id}}
    payload = {"action": "submitted", "review": shown, "pull_request": pull, "sender": review["user"]}
    guid = f"{POLLED}review-{int(review['id'])}"
    return Told("pull_request_review", guid, number, _moment(review["submitted_at"]), payload)


def words_changed(what: str, source: str, number: int, actor: Item, at: datetime, mark: str) -> Told:
    """Return that a comment or review is no longer what its author wrote. `what`: edited, deleted or dismissed."""
    kind, _, identifier = source.partition(":")
    said = {"id": int(identifier), "user": None}
    payload: dict[str, Any] = {"action": what, "sender": actor}
    guid = f"{POLLED}{what}-{kind}-{identifier}-{_digest(mark)[:8]}"
    if kind == "comment":
        payload |= {"comment": said, "issue": {"number": number, "pull_request": {}}}
        return Told("issue_comment", guid, number, at, payload)
    payload |= {"review": said, "pull_request": {"number": number}}
    return Told("pull_request_review", guid, number, at, payload)


def branch_moved(branch: str, sha: str, at: datetime) -> Told:
    """Return that the default branch has new commits."""
    guid = f"{POLLED}push-{_digest(branch, sha)}"
    return Told("push", guid, 0, at, {"ref": f"refs/heads/{branch}", "after": sha, "sender": SOMEBODY})


def group_asked(reference: Item, at: datetime) -> Told | None:
    """Return that the merge queue waits for an answer; None for a branch that does not say where it began."""
    name, sha = str(reference["ref"]), str(reference["object"]["sha"])
    base_sha = name.rpartition("-")[2]
    if "/pr-" not in name or not base_sha:
        return None
    group = {"head_ref": name, "head_sha": sha, "base_sha": base_sha}
    payload = {"action": "checks_requested", "merge_group": group, "sender": SOMEBODY}
    return Told("merge_group", f"{POLLED}group-{_digest(name, sha)}", 0, at, payload)


def checks_rerequested(suite: Item) -> Told:
    """Return that somebody asked for our checks of a commit again."""
    at = _moment(suite["updated_at"])
    guid = f"{POLLED}suite-{int(suite['id'])}-{int(at.timestamp())}"
    return Told("check_suite", guid, 0, at, {"action": "rerequested", "check_suite": suite, "sender": SOMEBODY})


def number_of(comment: Item) -> int:
    """Return the number of the issue or pull request that a comment is on."""
    return int(str(comment["issue_url"]).rpartition("/")[2])


def _about_pull(action: str, pull: Item, guid: str, at: datetime, turn: int) -> Told:
    payload = {"action": action, "number": pull["number"], "pull_request": pull, "sender": pull["user"] or SOMEBODY}
    return Told("pull_request", guid, int(pull["number"]), at, payload, turn)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
