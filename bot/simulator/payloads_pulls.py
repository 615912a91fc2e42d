"""Pull requests, their files and teams as GitHub's JSON."""

from __future__ import annotations

from urllib.parse import quote

from bot.simulator.accounts import Team, node_id
from bot.simulator.diffs import FileChange
from bot.simulator.mergeability import mergeable_state
from bot.simulator.payloads import (
    Json,
    account_json,
    label_json,
    moment,
    optional_moment,
    repository_json,
)
from bot.simulator.repositories import Pull, Repository
from bot.simulator.state import GitHubState

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
    can_be = not pull.is_conflicting if pull.is_mergeability_known else None
    return pull_summary_json(state, pull) | {
        "merged": pull.merged,
        "mergeable": can_be,
        "rebaseable": can_be,
        "mergeable_state": mergeable_state(state, pull),
        "merged_by": account_json(state, pull.merged_by) if pull.merged_by else None,
        "comments": len(pull.comments),
        "review_comments": len(pull.remarks),
        "maintainer_can_modify": pull.maintainer_can_modify,
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
        "merged_at": optional_moment(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": account_json(state, pull.assigned[0]) if pull.assigned else None,
        "assignees": [account_json(state, account) for account in pull.assigned],
        "requested_reviewers": [account_json(state, account) for account in pull.reviewers],
        "requested_teams": [team_json(state, team) for team in pull.reviewing_teams],
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


def team_json(state: GitHubState, team: Team) -> Json:
    """Return a team."""
    organisation = team.organisation
    url = f"{state.api_url}/organizations/{organisation.id}/team/{team.id}"
    return {
        "id": team.id,
        "node_id": node_id("T", team.id),
        "name": team.slug,
        "slug": team.slug,
        "description": None,
        "privacy": "closed",
        "url": url,
        "html_url": f"{state.web_url}/orgs/{organisation.login}/teams/{team.slug}",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "permission": "pull",
        "parent": None,
    }


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
