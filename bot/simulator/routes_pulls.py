"""Routes of pull requests, their files, commits, comments and labels."""

from __future__ import annotations

from bot.simulator.payloads import label_json
from bot.simulator.payloads_git import commit_json
from bot.simulator.payloads_pulls import comment_json, file_json, pull_json, pull_summary_json
from bot.simulator.routing import ApiError, Call, InvalidFieldError, NotFoundError, Reply, RouteTable
from bot.simulator.state import Comment, Pull

pull_routes = RouteTable()

LISTED_FILES = 3_000
LISTED_COMMITS = 250
COMMENT_LIMIT = 65_536


@pull_routes.add("GET", "/repos/{owner}/{repo}/pulls/{pull_number}", "pull_requests:read")
def get_pull(call: Call) -> Reply:
    """A pull request; whether it can be merged is worked out only after it was first asked for."""
    payload = pull_json(call.state, call.pull)
    call.pull.is_mergeability_known = call.pull.state == "open"
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


@pull_routes.add("GET", "/repos/{owner}/{repo}/issues/{issue_number}/comments", "pull_requests:read")
def list_comments(call: Call) -> Reply:
    """The comments of a pull request, oldest first."""
    since = call.query.get("since", "")
    comments = [comment_json(call.state, comment) for comment in call.pull.comments]
    shown, headers = call.page([comment for comment in comments if comment["updated_at"] >= since])
    return Reply(list(shown), headers=headers)


@pull_routes.add("POST", "/repos/{owner}/{repo}/issues/{issue_number}/comments", "pull_requests:write")
def create_comment(call: Call) -> Reply:
    """A new comment."""
    comment = call.changes.add_comment(call.pull, call.actor, _comment_text(call), by_app=True)
    payload = comment_json(call.state, comment)
    return Reply(payload, status=201, headers={"Location": payload["url"]})


@pull_routes.add("GET", "/repos/{owner}/{repo}/issues/comments/{comment_id}", "pull_requests:read")
def get_comment(call: Call) -> Reply:
    """One comment."""
    return Reply(comment_json(call.state, _comment(call)))


@pull_routes.add("PATCH", "/repos/{owner}/{repo}/issues/comments/{comment_id}", "pull_requests:write")
def edit_comment(call: Call) -> Reply:
    """The new text of a comment."""
    comment = _comment(call)
    call.changes.edit_comment(comment, _comment_text(call), call.actor)
    return Reply(comment_json(call.state, comment))


@pull_routes.add("GET", "/repos/{owner}/{repo}/issues/{issue_number}/labels", "pull_requests:read")
def list_labels(call: Call) -> Reply:
    """The labels of a pull request."""
    shown, headers = call.page(_labels_json(call, call.pull))
    return Reply(list(shown), headers=headers)


@pull_routes.add("POST", "/repos/{owner}/{repo}/issues/{issue_number}/labels", "pull_requests:write")
def add_labels(call: Call) -> Reply:
    """Labels put on a pull request, beside those it has."""
    call.changes.add_labels(call.pull, _label_names(call), call.actor)
    return Reply(_labels_json(call, call.pull))


@pull_routes.add("PUT", "/repos/{owner}/{repo}/issues/{issue_number}/labels", "pull_requests:write")
def set_labels(call: Call) -> Reply:
    """Labels put on a pull request, in place of those it has."""
    pull, names = call.pull, _label_names(call)
    wanted = {name.lower() for name in names}
    for label in [label for label in pull.label_objects if label.name.lower() not in wanted]:
        call.changes.remove_label(pull, label, call.actor)
    call.changes.add_labels(pull, names, call.actor)
    return Reply(_labels_json(call, pull))


@pull_routes.add("DELETE", "/repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", "pull_requests:write")
def remove_label(call: Call) -> Reply:
    """A label taken off a pull request; the answer is what remains."""
    pull, name = call.pull, call.params["name"].lower()
    label = next((label for label in pull.label_objects if label.name.lower() == name), None)
    if label is None:
        raise ApiError(404, "Label does not exist")
    call.changes.remove_label(pull, label, call.actor)
    return Reply(_labels_json(call, pull))


@pull_routes.add("GET", "/repos/{owner}/{repo}/labels", "issues:read")
def list_repository_labels(call: Call) -> Reply:
    """The labels of a repository."""
    shown, headers = call.page(list(call.repo.labels.values()))
    return Reply([label_json(call.state, call.repo, label) for label in shown], headers=headers)


@pull_routes.add("POST", "/repos/{owner}/{repo}/labels", "issues:write")
def create_label(call: Call) -> Reply:
    """A new label for a repository."""
    name = call.text("name", "Label")
    if name.lower() in call.repo.labels:
        raise InvalidFieldError("Label", "name", "already_exists")
    description = call.body.get("description")
    if description and len(description) > 100:
        raise InvalidFieldError(
            "Label", "description", "custom", "description is too long (maximum is 100 characters)"
        )
    color = call.body.get("color") or "ededed"
    payload = label_json(call.state, call.repo, call.changes.repository_label(call.repo, name, color, description))
    return Reply(payload, status=201, headers={"Location": payload["url"]})


def _comment_text(call: Call) -> str:
    text = call.text("body", "IssueComment")
    if len(text) > COMMENT_LIMIT:
        raise InvalidFieldError(
            "IssueComment", "body", "unprocessable", "body is too long (maximum is 65536 characters)"
        )
    return text


def _comment(call: Call) -> Comment:
    comment = call.repo.comments.get(call.number("comment_id"))
    if comment is None:
        raise NotFoundError
    return comment


def _label_names(call: Call) -> list[str]:
    given = call.body.get("labels", []) if isinstance(call.body, dict) else call.body
    names = [label if isinstance(label, str) else label.get("name", "") for label in given or []]
    if not all(names):
        raise InvalidFieldError("Label", "name", "missing_field")
    return names


def _labels_json(call: Call, pull: Pull) -> list[dict[str, object]]:
    return [label_json(call.state, call.repo, label) for label in pull.label_objects]
