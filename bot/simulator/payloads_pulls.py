"""Pull requests and their comments as GitHub's JSON."""

from __future__ import annotations

from urllib.parse import quote

from bot.simulator.diffs import FileChange
from bot.simulator.payloads import (
    Json,
    account_json,
    app_json,
    label_json,
    moment,
    optional_moment,
    reactions_json,
    repository_json,
)
from bot.simulator.state import Comment, GitHubState, Pull, Repository

ONLY_IN_FULL = (
    "merged",
    "mergeable",
    "rebaseable",
    "mergeable_state",
    "merged_by",
    "comments",
    "review_comments",
    "maintainer_can_modify",
    "commits",
    "additions",
    "deletions",
    "changed_files",
)
"""Keys that a pull request has by itself but not in a list."""


def pull_json(state: GitHubState, pull: Pull) -> Json:
    """Return a pull request with everything GitHub says of it."""
    files = pull.files
    return pull_summary_json(state, pull) | {
        "merged": pull.merged,
        "mergeable": not pull.is_conflicting if pull.is_mergeability_known else None,
        "rebaseable": not pull.is_conflicting if pull.is_mergeability_known else None,
        "mergeable_state": _mergeable_state(pull),
        "merged_by": None,
        "comments": len(pull.comments),
        "review_comments": 0,
        "maintainer_can_modify": pull.is_from_fork,
        "commits": len(pull.commits),
        "additions": sum(change.additions for change in files),
        "deletions": sum(change.deletions for change in files),
        "changed_files": len(files),
    }


def pull_summary_json(state: GitHubState, pull: Pull) -> Json:
    """Return a pull request as it stands in a list."""
    repo = pull.repo
    api, web = f"{state.api_url}/repos/{repo.full_name}", f"{state.web_url}/{repo.full_name}"
    url, issue = f"{api}/pulls/{pull.number}", f"{api}/issues/{pull.number}"
    links = {
        "self": url,
        "html": f"{web}/pull/{pull.number}",
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{api}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{api}/statuses/{pull.head_sha}",
    }
    return {
        "url": url,
        "id": pull.id,
        "node_id": pull.node_id,
        "html_url": links["html"],
        "diff_url": f"{links['html']}.diff",
        "patch_url": f"{links['html']}.patch",
        "issue_url": issue,
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "title": pull.title,
        "user": account_json(state, pull.user),
        "body": pull.body,
        "created_at": moment(pull.created_at),
        "updated_at": moment(pull.updated_at),
        "closed_at": optional_moment(pull.closed_at),
        "merged_at": optional_moment(pull.closed_at if pull.merged else None),
        "merge_commit_sha": None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [label_json(state, repo, label) for label in pull.label_objects],
        "milestone": None,
        "draft": pull.draft,
        **{f"{name}_url": links[name] for name in ("commits", "review_comments", "review_comment", "comments")},
        "statuses_url": links["statuses"],
        "head": _side_json(state, pull.head_repo, pull.head_ref, pull.head_sha),
        "base": _side_json(state, repo, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": link} for name, link in links.items()},
        "author_association": pull.association,
        "auto_merge": None,
        "active_lock_reason": None,
    }


def issue_json(state: GitHubState, pull: Pull) -> Json:
    """Return the issue side of a pull request, as `issue_comment` webhooks carry it."""
    api, web = f"{state.api_url}/repos/{pull.repo.full_name}", f"{state.web_url}/{pull.repo.full_name}"
    url, html = f"{api}/issues/{pull.number}", f"{web}/pull/{pull.number}"
    return {
        "url": url,
        "repository_url": api,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": html,
        "id": pull.id + 1,
        "node_id": pull.node_id,
        "number": pull.number,
        "title": pull.title,
        "user": account_json(state, pull.user),
        "labels": [label_json(state, pull.repo, label) for label in pull.label_objects],
        "state": pull.state,
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": len(pull.comments),
        "created_at": moment(pull.created_at),
        "updated_at": moment(pull.updated_at),
        "closed_at": optional_moment(pull.closed_at),
        "author_association": pull.association,
        "active_lock_reason": None,
        "draft": pull.draft,
        "pull_request": {
            "url": f"{api}/pulls/{pull.number}",
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "merged_at": optional_moment(pull.closed_at if pull.merged else None),
        },
        "body": pull.body,
        "reactions": reactions_json(url),
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": None,
        "state_reason": None,
    }


def comment_json(state: GitHubState, comment: Comment) -> Json:
    """Return a comment."""
    pull = comment.pull
    api, web = f"{state.api_url}/repos/{pull.repo.full_name}", f"{state.web_url}/{pull.repo.full_name}"
    url = f"{api}/issues/comments/{comment.id}"
    return {
        "url": url,
        "html_url": f"{web}/pull/{pull.number}#issuecomment-{comment.id}",
        "issue_url": f"{api}/issues/{pull.number}",
        "id": comment.id,
        "node_id": comment.node_id,
        "user": account_json(state, comment.user),
        "created_at": moment(comment.created_at),
        "updated_at": moment(comment.updated_at),
        "body": comment.body,
        "author_association": comment.association,
        "reactions": reactions_json(url),
        "performed_via_github_app": app_json(state) if comment.by_app else None,
    }


def file_json(state: GitHubState, repo: Repository, head_sha: str, change: FileChange) -> Json:
    """Return one changed file."""
    api, web = f"{state.api_url}/repos/{repo.full_name}", f"{state.web_url}/{repo.full_name}"
    entry: Json = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{web}/blob/{head_sha}/{quote(change.path)}",
        "raw_url": f"{web}/raw/{head_sha}/{quote(change.path)}",
        "contents_url": f"{api}/contents/{quote(change.path)}?ref={head_sha}",
    }
    if change.patch is not None:
        entry["patch"] = change.patch
    if change.previous_path is not None:
        entry["previous_filename"] = change.previous_path
    return entry


def pull_reference(pull: Pull, head: Json, base: Json) -> Json:
    """Return the short form of a pull request that check runs carry."""
    url = f"{base['url']}/pulls/{pull.number}"
    return {
        "url": url,
        "id": pull.id,
        "number": pull.number,
        "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": head},
        "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": base},
    }


def _side_json(state: GitHubState, repo: Repository, ref: str, sha: str) -> Json:
    return {
        "label": f"{repo.owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": account_json(state, repo.owner),
        "repo": repository_json(state, repo),
    }


def _mergeable_state(pull: Pull) -> str:
    if not pull.is_mergeability_known:
        return "unknown"
    if pull.draft:
        return "draft"
    return "dirty" if pull.is_conflicting else "clean"
