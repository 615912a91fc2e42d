"""What our App needs at GitHub: each call with the permission that it takes, and each event we want to hear of.

The manifest of a new App asks for exactly this, `taxonomy-bot doctor` compares it with what an installation has
granted, and tests hold it against the calls that the code makes.

*Source*: GitHub, "Permissions required for GitHub Apps" and "Webhook events and payloads".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

AS_THE_APP = ""  # with the App's own JWT, or with no permission at all: there is nothing to grant

_REPO = "/repos/{owner}/{repo}"
_PULL, _ISSUE, _GIT = f"{_REPO}/pulls/{{number}}", f"{_REPO}/issues/{{number}}", f"{_REPO}/git"

# conversations on pull requests may be had with Issues or with Pull requests; other calls need both anyway
CALLS: Mapping[tuple[str, str], str] = {
    ("GET", "/app"): AS_THE_APP,
    ("GET", "/app/installations"): AS_THE_APP,
    ("POST", "/app/installations/{installation_id}/access_tokens"): AS_THE_APP,
    ("GET", "/app/hook/config"): AS_THE_APP,
    ("PATCH", "/app/hook/config"): AS_THE_APP,
    ("GET", "/app/hook/deliveries"): AS_THE_APP,
    ("POST", "/app/hook/deliveries/{delivery_id}/attempts"): AS_THE_APP,
    ("POST", "/app-manifests/{code}/conversions"): AS_THE_APP,
    ("GET", f"{_REPO}/installation"): AS_THE_APP,
    ("GET", "/users/{username}"): AS_THE_APP,
    ("GET", "/installation/repositories"): "metadata:read",
    ("GET", _REPO): "metadata:read",
    ("GET", "/repositories/{repository_id}"): "metadata:read",
    ("GET", f"{_REPO}/rules/branches/{{branch}}"): "metadata:read",
    ("GET", f"{_REPO}/collaborators/{{username}}/permission"): "metadata:read",
    ("GET", "/orgs/{org}/members/{username}"): "members:read",
    ("GET", "/orgs/{org}/teams/{team}/memberships/{username}"): "members:read",
    ("GET", f"{_REPO}/compare/{{basehead}}"): "contents:read",
    ("GET", f"{_REPO}/commits"): "contents:read",
    ("GET", f"{_REPO}/commits/{{ref}}"): "contents:read",
    ("GET", f"{_REPO}/contents/{{path}}"): "contents:read",
    ("GET", f"{_GIT}/trees/{{sha}}"): "contents:read",
    ("GET", f"{_GIT}/blobs/{{sha}}"): "contents:read",
    ("GET", f"{_GIT}/commits/{{sha}}"): "contents:read",
    ("GET", f"{_GIT}/ref/{{ref}}"): "contents:read",
    ("GET", f"{_GIT}/matching-refs/{{ref}}"): "contents:read",
    ("POST", f"{_GIT}/blobs"): "contents:write",
    ("POST", f"{_GIT}/trees"): "contents:write",
    ("POST", f"{_GIT}/commits"): "contents:write",
    ("PATCH", f"{_GIT}/refs/{{ref}}"): "contents:write",
    ("PUT", f"{_PULL}/merge"): "contents:write",
    ("GET", f"{_REPO}/commits/{{ref}}/check-runs"): "checks:read",
    ("GET", f"{_REPO}/commits/{{ref}}/check-suites"): "checks:read",
    ("POST", f"{_REPO}/check-runs"): "checks:write",
    ("PATCH", f"{_REPO}/check-runs/{{check_run_id}}"): "checks:write",
    ("GET", f"{_REPO}/pulls"): "pull_requests:read",
    ("GET", _PULL): "pull_requests:read",
    ("GET", f"{_PULL}/files"): "pull_requests:read",
    ("GET", f"{_PULL}/reviews"): "pull_requests:read",
    ("GET", f"{_REPO}/commits/{{sha}}/pulls"): "pull_requests:read",
    ("PATCH", _PULL): "pull_requests:write",
    ("POST", f"{_PULL}/reviews"): "pull_requests:write",
    ("GET", f"{_REPO}/issues"): "issues:read",
    ("GET", f"{_REPO}/issues/comments"): "issues:read",
    ("GET", f"{_REPO}/issues/comments/{{comment_id}}"): "issues:read",
    ("GET", f"{_REPO}/issues/events"): "issues:read",
    ("GET", f"{_ISSUE}/comments"): "issues:read",
    ("GET", f"{_ISSUE}/events"): "issues:read",
    ("POST", f"{_REPO}/issues"): "issues:write",
    ("PATCH", _ISSUE): "issues:write",
    ("POST", f"{_ISSUE}/comments"): "issues:write",
    ("PATCH", f"{_REPO}/issues/comments/{{comment_id}}"): "issues:write",
    ("POST", f"{_ISSUE}/labels"): "issues:write",
    ("DELETE", f"{_ISSUE}/labels/{{name}}"): "issues:write",
    ("POST", f"{_ISSUE}/assignees"): "issues:write",
    ("DELETE", f"{_ISSUE}/assignees"): "issues:write",
    ("POST", f"{_ISSUE}/reactions"): "issues:write",
    ("POST", f"{_REPO}/issues/comments/{{comment_id}}/reactions"): "issues:write",
}

FIELDS: Mapping[str, str] = {  # of GraphQL
    "repository": "contents:read",
    "createCheckRun": "checks:write",
    "addComment": "pull_requests:write",
    "minimizeComment": "pull_requests:write",
}

EVENTS: Mapping[str, str] = {  # an App can only subscribe to an event with its permission
    "check_run": "checks:read",
    "check_suite": "checks:read",
    "issue_comment": "issues:read",
    "merge_group": "merge_queues:read",
    "pull_request": "pull_requests:read",
    "pull_request_review": "pull_requests:read",
    "push": "contents:read",
}

ORGANISATION = frozenset({"members"})  # granted by the organisation, not for a repository
NAMES: Mapping[str, str] = {  # as GitHub's pages call them
    "checks": "Checks",
    "contents": "Contents",
    "issues": "Issues",
    "members": "Members",
    "merge_queues": "Merge queues",
    "metadata": "Metadata",
    "pull_requests": "Pull requests",
}
WHY: Mapping[str, str] = {  # what people are told of each, in a few words
    "checks": "to report verdicts on commits",
    "contents": "to read contributions and to merge them",
    "issues": "to comment, and to set labels",
    "members": "to know the teams that your policy names",
    "merge_queues": "to answer for GitHub's own merge queue",
    "metadata": "every App has it",
    "pull_requests": "to read and review pull requests",
}

_LEVELS = ("", "read", "write", "admin")


def needed_permissions() -> dict[str, str]:
    """Return the least that everything here needs: a permission with its level."""
    needed: dict[str, str] = {}
    for each in (*CALLS.values(), *FIELDS.values(), *EVENTS.values()):
        name, _, level = each.partition(":")
        if name and _rank(level) > _rank(needed.get(name, "")):
            needed[name] = level
    return dict(sorted(needed.items()))


def lacking(granted: Mapping[str, str]) -> dict[str, str]:
    """Return what is needed beyond what is granted."""
    return {
        name: level for name, level in needed_permissions().items() if _rank(granted.get(name, "")) < _rank(level)
    }


def lacking_events(subscribed: Iterable[str]) -> list[str]:
    """Return the events that we would not hear of."""
    return sorted(set(EVENTS) - set(subscribed))


def is_declared(method: str, template: str) -> bool:
    """Return whether a call is listed here, whatever the parts of its path are called."""
    return (method, shape(template)) in _SHAPES


def shape(template: str) -> str:
    """Return a path with nameless parts."""
    return re.sub(r"\{[^}]*\}(\.\.\.\{[^}]*\})?", "{}", template)


def _rank(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else 0


_SHAPES = frozenset((method, shape(template)) for method, template in CALLS)
