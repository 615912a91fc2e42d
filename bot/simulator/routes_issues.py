"""Routes of the issue side of pull requests: state, labels, assignees, history; and of a repository's labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.simulator.accounts import Account
from bot.simulator.payloads import label_json
from bot.simulator.payloads_conversation import happening_json
from bot.simulator.payloads_pulls import full_issue_json
from bot.simulator.repositories import Pull
from bot.simulator.routes_pulls import set_state
from bot.simulator.routing import ApiError, Call, InvalidFieldError, Reply, RouteTable

issue_routes = RouteTable()

_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"


@issue_routes.add("GET", _ISSUE, "pull_requests:read")
def get_issue(call: Call) -> Reply:
    """The issue side of a pull request."""
    return Reply(full_issue_json(call.state, call.pull))


@issue_routes.add("PATCH", _ISSUE, "pull_requests:write")
def update_issue(call: Call) -> Reply:
    """A pull request after a change of title, text, state, labels or assignees."""
    pull, given = call.pull, call.body or {}
    if "title" in given and not str(given["title"] or "").strip():
        raise InvalidFieldError("Issue", "title", "missing_field")
    set_state(call, given.get("state"))
    title = str(given["title"]) if "title" in given else None
    body = (given["body"] or "") if "body" in given else None
    call.changes.edit_pull(pull, call.actor, title=title, body=body)
    if "labels" in given:
        call.changes.set_labels(pull, _label_names(call), call.actor)
    if "assignees" in given:
        wanted = _accounts(call, given["assignees"] or ())
        call.changes.unassign(pull, [one for one in pull.assigned if one not in wanted], call.actor)
        call.changes.assign(pull, wanted, call.actor)
    return Reply(full_issue_json(call.state, pull))


@issue_routes.add("POST", f"{_ISSUE}/assignees", "pull_requests:write")
def add_assignees(call: Call) -> Reply:
    """A pull request with more people assigned; who cannot be is passed over."""
    call.changes.assign(call.pull, _accounts(call, call.body.get("assignees") or ()), call.actor)
    return Reply(full_issue_json(call.state, call.pull), status=201)


@issue_routes.add("DELETE", f"{_ISSUE}/assignees", "pull_requests:write")
def remove_assignees(call: Call) -> Reply:
    """A pull request with fewer people assigned."""
    call.changes.unassign(call.pull, _accounts(call, call.body.get("assignees") or ()), call.actor)
    return Reply(full_issue_json(call.state, call.pull))


@issue_routes.add("GET", f"{_ISSUE}/events", "pull_requests:read")
def list_events(call: Call) -> Reply:
    """Who labelled, assigned, closed, reopened and merged a pull request, oldest first."""
    shown, headers = call.page(call.pull.history)
    told = [happening_json(call.state, call.pull, happening) for happening in shown]
    return Reply(told, headers=headers)


@issue_routes.add("GET", f"{_ISSUE}/labels", "pull_requests:read")
def list_labels(call: Call) -> Reply:
    """The labels of a pull request."""
    shown, headers = call.page(_labels_json(call, call.pull))
    return Reply(list(shown), headers=headers)


@issue_routes.add("POST", f"{_ISSUE}/labels", "pull_requests:write")
def add_labels(call: Call) -> Reply:
    """Labels put on a pull request, beside those it has."""
    call.changes.add_labels(call.pull, _label_names(call), call.actor)
    return Reply(_labels_json(call, call.pull))


@issue_routes.add("PUT", f"{_ISSUE}/labels", "pull_requests:write")
def set_labels(call: Call) -> Reply:
    """Labels put on a pull request, in place of those it has."""
    call.changes.set_labels(call.pull, _label_names(call), call.actor)
    return Reply(_labels_json(call, call.pull))


@issue_routes.add("DELETE", f"{_ISSUE}/labels/{{name}}", "pull_requests:write")
def remove_label(call: Call) -> Reply:
    """A label taken off a pull request; the answer is what remains."""
    pull, name = call.pull, call.params["name"].lower()
    label = next((label for label in pull.label_objects if label.name.lower() == name), None)
    if label is None:
        raise ApiError(404, "Label does not exist")
    call.changes.remove_label(pull, label, call.actor)
    return Reply(_labels_json(call, pull))


@issue_routes.add("GET", "/repos/{owner}/{repo}/labels", "issues:read")
def list_repository_labels(call: Call) -> Reply:
    """The labels of a repository."""
    shown, headers = call.page(list(call.repo.labels.values()))
    return Reply([label_json(call.state, call.repo, label) for label in shown], headers=headers)


@issue_routes.add("POST", "/repos/{owner}/{repo}/labels", "issues:write")
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


def _label_names(call: Call) -> list[str]:
    given = call.body.get("labels", []) if isinstance(call.body, dict) else call.body
    names = [label if isinstance(label, str) else label.get("name", "") for label in given or []]
    if not all(names):
        raise InvalidFieldError("Label", "name", "missing_field")
    return names


def _labels_json(call: Call, pull: Pull) -> list[dict[str, object]]:
    return [label_json(call.state, call.repo, label) for label in pull.label_objects]


def _accounts(call: Call, named: Sequence[Any]) -> list[Account]:
    """Return the accounts of those logins that exist."""
    logins = [one if isinstance(one, str) else one.get("login", "") for one in named]
    return [call.state.accounts[login.lower()] for login in logins if login.lower() in call.state.accounts]
