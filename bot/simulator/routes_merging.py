"""Routes that merge: a pull request into its base, and a base into the branch of a pull request."""

from __future__ import annotations

from bot.simulator.mergeability import MergeRefusedError
from bot.simulator.repositories import MERGE_METHODS
from bot.simulator.routing import ApiError, Call, InvalidFieldError, NotFoundError, Reply, RouteTable

merge_routes = RouteTable()


@merge_routes.add("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/merge", "pull_requests:read")
def is_merged(call: Call) -> Reply:
    """Whether a pull request is merged: nothing when it is, 404 when not."""
    if not call.pull.merged:
        raise NotFoundError
    return Reply(status=204)


@merge_routes.add("PUT", "/repos/{owner}/{repo}/pulls/{pull_number}/merge", "contents:write")
def merge(call: Call) -> Reply:
    """A pull request, merged."""
    given = call.body or {}
    method = given.get("merge_method", "merge")
    if method not in MERGE_METHODS:
        raise InvalidFieldError("PullRequest", "merge_method", "invalid")
    try:
        sha = call.changes.merge(
            call.pull,
            call.actor,
            method=method,
            sha=given.get("sha"),
            title=given.get("commit_title"),
            message=given.get("commit_message"),
        )
    except MergeRefusedError as refusal:
        raise ApiError(refusal.status, str(refusal)) from refusal
    return Reply({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


@merge_routes.add("PUT", "/repos/{owner}/{repo}/pulls/{pull_number}/update-branch", "pull_requests:write")
def update_branch(call: Call) -> Reply:
    """The branch of a pull request, brought up to date; GitHub answers before it is done."""
    pull = call.pull
    try:
        call.changes.update_branch(pull, call.actor, (call.body or {}).get("expected_head_sha"))
    except MergeRefusedError as refusal:
        raise ApiError(refusal.status, str(refusal)) from refusal
    url = f"{call.state.web_url}/{pull.repo.full_name}/pull/{pull.number}"
    return Reply({"message": "Updating pull request branch.", "url": url}, status=202)
