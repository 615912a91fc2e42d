"""Routes of pull requests: reading, changing and asking for reviews."""

from __future__ import annotations

from typing import Any

from bot.simulator.accounts import Account, Team
from bot.simulator.payloads_git import commit_json
from bot.simulator.payloads_pulls import file_json, pull_json, pull_summary_json
from bot.simulator.routing import ApiError, Call, InvalidFieldError, Reply, RouteTable

pull_routes = RouteTable()

LISTED_FILES = 3_000
LISTED_COMMITS = 250


@pull_routes.add("GET", "/repos/{owner}/{repo}/pulls/{pull_number}", "pull_requests:read")
def get_pull(call: Call) -> Reply:
    """A pull request; whether it can be merged is worked out only after it was first asked for."""
    payload = pull_json(call.state, call.pull)
    call.changes.try_merge(call.pull)
    return Reply(payload)


@pull_routes.add("GET", "/repos/{owner}/{repo}/pulls", "pull_requests:read")
def list_pulls(call: Call) -> Reply:
    """The pull requests of a repository, the open ones unless asked otherwise."""
    wanted = call.query.get("state", "open")
    pulls = [pull for pull in call.repo.pulls.values() if wanted in {"all", pull.state}]
    base = call.query.get("base")
    if base:
        pulls = [pull for pull in pulls if pull.base_ref == base]
    head = call.query.get("head")
    if head:
        pulls = [pull for pull in pulls if f"{pull.head_repo.owner.login}:{pull.head_ref}" == head]
    is_by_update = call.query.get("sort", "created") == "updated"
    is_descending = call.query.get("direction", "asc" if "sort" in call.query else "desc") == "desc"
    pulls.sort(key=lambda p: (p.updated_at if is_by_update else p.created_at, p.number), reverse=is_descending)
    shown, headers = call.page(pulls)
    return Reply([pull_summary_json(call.state, pull) for pull in shown], headers=headers)


@pull_routes.add("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/files", "pull_requests:read")
def list_files(call: Call) -> Reply:
    """The changed files, never more than GitHub lists."""
    pull = call.pull
    shown, headers = call.page(pull.files[:LISTED_FILES])
    return Reply([file_json(call.state, call.repo, pull.head_sha, change) for change in shown], headers=headers)


@pull_routes.add("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/commits", "pull_requests:read")
def list_commits(call: Call) -> Reply:
    """The commits, never more than GitHub lists."""
    shown, headers = call.page(call.pull.commits[:LISTED_COMMITS])
    return Reply([commit_json(call.state, call.repo, commit) for commit in shown], headers=headers)


@pull_routes.add("GET", "/repos/{owner}/{repo}/commits/{commit_sha}/pulls", "pull_requests:read")
def list_pulls_of_commit(call: Call) -> Reply:
    """The merged pull request that brought a commit to the default branch; elsewhere those that have it."""
    repo, sha = call.repo, call.commit(call.params["commit_sha"])
    if sha in repo.store.ancestors(repo.head_sha):
        found = [pull for pull in repo.pulls.values() if pull.brought(sha)]
    else:
        here = (pull for pull in repo.pulls.values() if pull.merged or pull.state == "open")
        found = [pull for pull in here if any(commit.sha == sha for commit in pull.commits)]
    shown, headers = call.page(found)
    return Reply([pull_summary_json(call.state, pull) for pull in shown], headers=headers)


@pull_routes.add("PATCH", "/repos/{owner}/{repo}/pulls/{pull_number}", "pull_requests:write")
def update_pull(call: Call) -> Reply:
    """A pull request after a change of its title, text, base or state."""
    pull, given = call.pull, call.body or {}
    title, base, state = given.get("title"), given.get("base"), given.get("state")
    if title is not None and not title.strip():
        raise InvalidFieldError("PullRequest", "title", "missing_field")
    if base is not None and base not in call.repo.branches:
        problem = f"Proposed base branch '{base}' was not found"
        raise InvalidFieldError("PullRequest", "base", "invalid", problem)
    if base is not None and pull.state == "closed" and state != "open":
        raise ApiError(422, "Cannot change the base branch of a closed pull request.")
    set_state(call, state)
    call.changes.edit_pull(pull, call.actor, title=title, body=given.get("body"), base=base)
    return Reply(pull_json(call.state, pull))


@pull_routes.add("POST", "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", "pull_requests:write")
def request_reviewers(call: Call) -> Reply:
    """A pull request after people and teams were asked for their review."""
    asked = _asked(call)
    if call.pull.user in asked:
        raise ApiError(422, "Review cannot be requested from pull request author.")
    call.changes.request_reviews(call.pull, asked, call.actor)
    return Reply(pull_summary_json(call.state, call.pull), status=201)


@pull_routes.add("DELETE", "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", "pull_requests:write")
def remove_reviewers(call: Call) -> Reply:
    """A pull request after people and teams are no longer asked for their review."""
    call.changes.withdraw_requests(call.pull, _asked(call), call.actor)
    return Reply(pull_summary_json(call.state, call.pull))


def set_state(call: Call, state: Any) -> None:
    """Close or reopen the pull request of a call.

    Raises: ApiError 422 for a state that does not exist, or a merged pull request that would be opened.
    """
    if state not in {None, "open", "closed"}:
        raise InvalidFieldError("PullRequest", "state", "invalid")
    if state == "open" and call.pull.merged:
        problem = "state cannot be changed. The pull request cannot be reopened."
        raise InvalidFieldError("PullRequest", "state", "invalid", problem)
    if state == "closed":
        call.changes.close(call.pull, call.actor)
    elif state == "open":
        call.changes.reopen(call.pull, call.actor)


def _asked(call: Call) -> list[Account | Team]:
    """Return the people and teams that a request body names.

    Raises: ApiError 422 where one of them does not belong to the repository.
    """
    repo = call.repo
    accounts = [call.state.accounts.get(login.lower()) for login in call.body.get("reviewers") or ()]
    teams = [repo.owner.teams.get(slug) for slug in call.body.get("team_reviewers") or ()]
    known = [
        one for one in accounts if one and (one is call.pull.user or call.changes.is_collaborator(call.pull, one))
    ]
    found: list[Account | Team] = [*known, *(team for team in teams if team)]
    if len(found) < len(accounts) + len(teams):
        raise ApiError(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified "
            f"is not a collaborator of the {repo.full_name} repository.",
        )
    return found
