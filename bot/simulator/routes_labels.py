"""Routes of labels: those of a repository, and those of its pull requests and issues."""

from __future__ import annotations

from bot.simulator.payloads import Json, label_json
from bot.simulator.repositories import Subject
from bot.simulator.routing import ApiError, Call, InvalidFieldError, Reply, RouteTable

label_routes = RouteTable()

_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"


@label_routes.add("GET", f"{_ISSUE}/labels")
def list_labels(call: Call) -> Reply:
    """The labels of a pull request or issue."""
    shown, headers = call.page(_labels_json(call, call.subject("read")))
    return Reply(list(shown), headers=headers)


@label_routes.add("POST", f"{_ISSUE}/labels")
def add_labels(call: Call) -> Reply:
    """Labels put on a pull request or issue, beside those it has."""
    subject = call.subject("write")
    call.changes.add_labels(subject, label_names(call), call.actor)
    return Reply(_labels_json(call, subject))


@label_routes.add("PUT", f"{_ISSUE}/labels")
def set_labels(call: Call) -> Reply:
    """Labels put on a pull request or issue, in place of those it has."""
    subject = call.subject("write")
    call.changes.set_labels(subject, label_names(call), call.actor)
    return Reply(_labels_json(call, subject))


@label_routes.add("DELETE", f"{_ISSUE}/labels/{{name}}")
def remove_label(call: Call) -> Reply:
    """A label taken off a pull request or issue; the answer is what remains."""
    subject, name = call.subject("write"), call.params["name"].lower()
    label = next((label for label in subject.label_objects if label.name.lower() == name), None)
    if label is None:
        raise ApiError(404, "Label does not exist")
    call.changes.remove_label(subject, label, call.actor)
    return Reply(_labels_json(call, subject))


@label_routes.add("GET", "/repos/{owner}/{repo}/labels", "issues:read")
def list_repository_labels(call: Call) -> Reply:
    """The labels of a repository."""
    shown, headers = call.page(list(call.repo.labels.values()))
    return Reply([label_json(call.state, call.repo, label) for label in shown], headers=headers)


@label_routes.add("POST", "/repos/{owner}/{repo}/labels", "issues:write")
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


def label_names(call: Call) -> list[str]:
    """Return the names of the labels that a request body lists."""
    given = call.body.get("labels", []) if isinstance(call.body, dict) else call.body
    names = [label if isinstance(label, str) else label.get("name", "") for label in given or []]
    if not all(names):
        raise InvalidFieldError("Label", "name", "missing_field")
    return names


def _labels_json(call: Call, subject: Subject) -> list[Json]:
    return [label_json(call.state, call.repo, label) for label in subject.label_objects]
