"""Signed `pull_request` deliveries of the size GitHub sends, for benchmarks."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

REPOSITORY_ID = 4_242
BODY_BYTES = 13_000
_API = "https://api.github.test"
_REPOSITORY_LINKS = (
    "forks keys collaborators teams hooks issue_events events assignees branches tags blobs git_tags git_refs "
    "trees statuses languages stargazers contributors subscribers subscription commits git_commits comments "
    "issue_comment contents compare merges archive downloads issues pulls milestones notifications labels "
    "releases deployments"
)
_USER_LINKS = "followers following gists starred subscriptions organizations repos events received_events avatar"


@dataclass(frozen=True, slots=True)
class SignedBody:
    """The bytes of a delivery and GitHub's signature over them; the GUID is not part of what is signed."""

    content: bytes
    signature: str


def signed_bodies(secret: str, count: int) -> list[SignedBody]:
    """Return deliveries about `count` different pull requests, each of about 13,000 bytes."""
    bodies = [_body(number) for number in range(1, count + 1)]
    return [SignedBody(body, signature_of(secret, body)) for body in bodies]


def signature_of(secret: str, body: bytes) -> str:
    """Return the value of `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _body(number: int) -> bytes:
    payload = _payload(number)
    missing = BODY_BYTES - len(json.dumps(payload))
    payload["pull_request"]["body"] = ("A skill that shortens a sentence.\n" * 400)[: max(missing, 0)]
    return json.dumps(payload).encode()


def _payload(number: int) -> dict[str, Any]:
    user, repository = _user("ana", 7), _repository()
    side = {"label": "ana:mine", "ref": "mine", "sha": f"{number:040x}", "user": user, "repo": None}
    url = f"{_API}/repos/birds/taxonomy/pulls/{number}"
    return {
        "action": "opened",
        "number": number,
        "pull_request": {
            "url": url,
            "id": 1_000_000 + number,
            "number": number,
            "state": "open",
            "locked": False,
            "title": f"Add skill {number}",
            "user": user,
            "body": "",
            "created_at": "2026-01-02T03:04:05Z",
            "updated_at": "2026-01-02T03:04:05Z",
            "assignees": [],
            "labels": [],
            "draft": False,
            "head": side,
            "base": {**side, "label": "birds:main", "ref": "main", "repo": repository},
            "author_association": "FIRST_TIME_CONTRIBUTOR",
            "merged": False,
            "mergeable": None,
            "commits": 1,
            "additions": 42,
            "deletions": 0,
            "changed_files": 2,
        },
        "repository": repository,
        "sender": user,
        "installation": {"id": 99, "node_id": "MDIz"},
    }


def _user(login: str, identifier: int) -> dict[str, Any]:
    links = {f"{name}_url": f"{_API}/users/{login}/{name}" for name in _USER_LINKS.split()}
    return {"login": login, "id": identifier, "node_id": "U_1", "type": "User", "site_admin": False, **links}


def _repository() -> dict[str, Any]:
    links = {f"{name}_url": f"{_API}/repos/birds/taxonomy/{name}{{/sha}}" for name in _REPOSITORY_LINKS.split()}
    return {
        "id": REPOSITORY_ID,
        "node_id": "R_1",
        "name": "taxonomy",
        "full_name": "birds/taxonomy",
        "private": False,
        "owner": _user("birds", 8),
        "fork": False,
        "default_branch": "main",
        **links,
    }
