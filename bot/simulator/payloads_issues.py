"""Issues, and the issue side of pull requests, as GitHub's JSON."""

from __future__ import annotations

from bot.simulator.payloads import Json, account_json, app_json, label_json, moment, optional_moment
from bot.simulator.payloads_conversation import reactions_json
from bot.simulator.repositories import Pull, Subject
from bot.simulator.state import GitHubState


def full_issue_json(state: GitHubState, subject: Subject) -> Json:
    """Return an issue as the REST API tells it."""
    closed_by = account_json(state, subject.closed_by) if subject.closed_by else None
    return issue_json(state, subject) | {"closed_by": closed_by}


def issue_json(state: GitHubState, subject: Subject) -> Json:
    """Return an issue as webhooks carry it."""
    repo = subject.repo
    api = f"{state.api_url}/repos/{repo.full_name}"
    url = f"{api}/issues/{subject.number}"
    assignees = [account_json(state, account) for account in subject.assigned]
    return {
        "url": url,
        "repository_url": api,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "node_id": subject.node_id,
        "number": subject.number,
        "title": subject.title,
        "user": account_json(state, subject.user),
        "labels": [label_json(state, repo, label) for label in subject.label_objects],
        "state": subject.state,
        "locked": False,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "comments": len(subject.comments),
        "created_at": moment(subject.created_at),
        "updated_at": moment(subject.updated_at),
        "closed_at": optional_moment(subject.closed_at),
        "author_association": subject.association,
        "active_lock_reason": None,
        "body": subject.body,
        "reactions": reactions_json(url, subject.given_reactions),
        "timeline_url": f"{url}/timeline",
        **_own_json(state, subject),
    }


def _own_json(state: GitHubState, subject: Subject) -> Json:
    """Return what issues and pull requests tell differently; a pull request has another id as an issue."""
    web = f"{state.web_url}/{subject.repo.full_name}"
    if not isinstance(subject, Pull):
        return {
            "id": subject.id,
            "html_url": f"{web}/issues/{subject.number}",
            "performed_via_github_app": app_json(state, subject.app) if subject.app else None,
            "state_reason": subject.state_reason,
        }
    html = f"{web}/pull/{subject.number}"
    return {
        "id": subject.id + 1,
        "html_url": html,
        "performed_via_github_app": None,
        "state_reason": None,
        "draft": subject.draft,
        "pull_request": {
            "url": f"{state.api_url}/repos/{subject.repo.full_name}/pulls/{subject.number}",
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "merged_at": optional_moment(subject.merged_at),
        },
    }
