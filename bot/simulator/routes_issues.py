"""Routes of issues, and of the issue side of pull requests: lists, texts, states, assignees, history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.simulator.accounts import Account
from bot.simulator.conversation import Happening
from bot.simulator.payloads import Json, moment
from bot.simulator.payloads_conversation import happening_json
from bot.simulator.payloads_issues import full_issue_json, issue_json
from bot.simulator.repositories import Pull, Subject
from bot.simulator.routes_labels import label_names
from bot.simulator.routes_pulls import set_state
from bot.simulator.routing import Call, InvalidFieldError, Reply, RouteTable

issue_routes = RouteTable()

_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"


@issue_routes.add("GET", "/repos/{owner}/{repo}/issues", "issues:read")
def list_issues(call: Call) -> Reply:
    """The issues of a repository, and its pull requests among them, the newest first unless asked otherwise."""
    found = [one for one in call.repo.subjects if _is_asked_for(one, call.query)]
    order = call.query.get("sort", "created")
    found.sort(key=lambda one: _rank(one, order), reverse=call.query.get("direction", "desc") == "desc")
    shown, headers = call.page(found)
    return Reply([issue_json(call.state, one) for one in shown], headers=headers)


@issue_routes.add("POST", "/repos/{owner}/{repo}/issues", "issues:write")
def create_issue(call: Call) -> Reply:
    """A new issue."""
    title, body = call.text("title", "Issue"), call.body.get("body")
    issue = call.changes.open_issue(call.repo, call.actor, title, body)
    call.changes.add_labels(issue, label_names(call), call.actor)
    call.changes.assign(issue, _accounts(call, call.body.get("assignees") or ()), call.actor)
    payload = full_issue_json(call.state, issue)
    return Reply(payload, status=201, headers={"Location": payload["url"]})


@issue_routes.add("GET", "/repos/{owner}/{repo}/issues/events", "issues:read")
def list_all_events(call: Call) -> Reply:
    """What happened to all issues and pull requests of a repository, the newest first."""
    happened = ((one, happening) for one in call.repo.subjects for happening in one.history)
    found = sorted(happened, key=lambda each: each[1].id, reverse=True)
    shown, headers = call.page(found)
    return Reply([_event_json(call, one, happening) for one, happening in shown], headers=headers)


@issue_routes.add("GET", _ISSUE)
def get_issue(call: Call) -> Reply:
    """An issue, or the issue side of a pull request."""
    return Reply(full_issue_json(call.state, call.subject("read")))


@issue_routes.add("PATCH", _ISSUE)
def update_issue(call: Call) -> Reply:
    """An issue or pull request after a change of title, text, state, labels or assignees."""
    subject, given = call.subject("write"), call.body or {}
    if "title" in given and not str(given["title"] or "").strip():
        raise InvalidFieldError("Issue", "title", "missing_field")
    title = str(given["title"]) if "title" in given else None
    body = (given["body"] or "") if "body" in given else None
    if isinstance(subject, Pull):
        set_state(call, given.get("state"))
        call.changes.edit_pull(subject, call.actor, title=title, body=body)
    else:
        call.changes.edit_issue(subject, call.actor, title=title, body=body)
        match given.get("state"):
            case "closed":
                call.changes.close_issue(subject, call.actor, given.get("state_reason") or "completed")
            case "open":
                call.changes.reopen_issue(subject, call.actor)
            case None:
                pass
            case _:
                raise InvalidFieldError("Issue", "state", "invalid")
    if "labels" in given:
        call.changes.set_labels(subject, label_names(call), call.actor)
    if "assignees" in given:
        wanted = _accounts(call, given["assignees"] or ())
        call.changes.unassign(subject, [one for one in subject.assigned if one not in wanted], call.actor)
        call.changes.assign(subject, wanted, call.actor)
    return Reply(full_issue_json(call.state, subject))


@issue_routes.add("POST", f"{_ISSUE}/assignees")
def add_assignees(call: Call) -> Reply:
    """An issue or pull request with more people assigned; who cannot be is passed over."""
    subject = call.subject("write")
    call.changes.assign(subject, _accounts(call, call.body.get("assignees") or ()), call.actor)
    return Reply(full_issue_json(call.state, subject), status=201)


@issue_routes.add("DELETE", f"{_ISSUE}/assignees")
def remove_assignees(call: Call) -> Reply:
    """An issue or pull request with fewer people assigned."""
    subject = call.subject("write")
    call.changes.unassign(subject, _accounts(call, call.body.get("assignees") or ()), call.actor)
    return Reply(full_issue_json(call.state, subject))


@issue_routes.add("GET", f"{_ISSUE}/events")
def list_events(call: Call) -> Reply:
    """Who labelled, assigned, closed, reopened and merged an issue or pull request, oldest first."""
    subject = call.subject("read")
    shown, headers = call.page(subject.history)
    told = [happening_json(call.state, subject, happening) for happening in shown]
    return Reply(told, headers=headers)


def _event_json(call: Call, subject: Subject, happening: Happening) -> Json:
    """Return an entry of the history with what it is about, where nothing is said of a reason that is not there."""
    issue = issue_json(call.state, subject)
    told = {name: value for name, value in issue.items() if name != "state_reason" or value is not None}
    return happening_json(call.state, subject, happening) | {"issue": told}


def _is_asked_for(subject: Subject, query: Mapping[str, str]) -> bool:
    labels = {label.lower() for label in subject.labels}
    return (
        query.get("state", "open") in {"all", subject.state}
        and query.get("creator", subject.author).lower() == subject.author.lower()
        and all(name.strip().lower() in labels for name in query.get("labels", "").split(",") if name)
        and moment(subject.updated_at) >= query.get("since", "")
    )


def _rank(subject: Subject, order: str) -> tuple[datetime | int, int]:
    match order:
        case "updated":
            return subject.updated_at, subject.number
        case "comments":
            return len(subject.comments), subject.number
    return subject.created_at, subject.number


def _accounts(call: Call, named: Sequence[Any]) -> list[Account]:
    """Return the accounts of those logins that exist."""
    logins = [one if isinstance(one, str) else one.get("login", "") for one in named]
    return [call.state.accounts[login.lower()] for login in logins if login.lower() in call.state.accounts]
