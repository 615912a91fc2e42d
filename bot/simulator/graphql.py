"""The little of GitHub's GraphQL that the bot needs: comments added and minimised, check runs made, blobs read,
and by whom words were edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.simulator.accounts import Account, node_id
from bot.simulator.changes import Changes
from bot.simulator.conversation import Comment, Review
from bot.simulator.graphql_check_runs import CHECK_RUN_FIELDS, create_check_run
from bot.simulator.graphql_documents import DocumentError, FieldError, Operation, Selection, parse, resolved
from bot.simulator.payloads import Json, account_json, optional_moment
from bot.simulator.payloads_conversation import comment_json
from bot.simulator.repositories import Pull
from bot.simulator.routes_conversation import COMMENT_LIMIT
from bot.simulator.routing import Call, NotFoundError, Reply, RouteTable, holds
from bot.simulator.state import GitHubState

graphql_routes = RouteTable()

FIELDS: dict[str, dict[str, str]] = {
    "Query": {"repository": "Repository", "viewer": "Actor"},
    "Repository": {"nameWithOwner": "", "object": "GitObject", "pullRequest": "PullRequest"},
    "PullRequest": {"number": "", "comments": "IssueCommentConnection", "reviews": "PullRequestReviewConnection"},
    "IssueCommentConnection": {"totalCount": "", "nodes": "IssueComment"},
    "PullRequestReviewConnection": {"totalCount": "", "nodes": "PullRequestReview"},
    "PullRequestReview": {
        "id": "",
        "fullDatabaseId": "",
        "state": "",
        "lastEditedAt": "",
        "author": "Actor",
        "editor": "Actor",
    },
    "GitObject": {"oid": ""},
    "Blob": {"byteSize": "", "isBinary": "", "isTruncated": "", "oid": "", "text": ""},
    "Mutation": {
        "addComment": "AddCommentPayload",
        "createCheckRun": "CreateCheckRunPayload",
        "minimizeComment": "MinimizeCommentPayload",
    },
    "AddCommentPayload": {"clientMutationId": "", "commentEdge": "IssueCommentEdge", "subject": "Node"},
    "IssueCommentEdge": {"cursor": "", "node": "IssueComment"},
    "IssueComment": {
        "id": "",
        "databaseId": "",
        "fullDatabaseId": "",
        "url": "",
        "body": "",
        "createdAt": "",
        "updatedAt": "",
        "isMinimized": "",
        "minimizedReason": "",
        "author": "Actor",
        "lastEditedAt": "",
        "editor": "Actor",
    },
    "CreateCheckRunPayload": {"checkRun": "CheckRun", "clientMutationId": ""},
    "CheckRun": dict.fromkeys(CHECK_RUN_FIELDS, ""),
    "MinimizeCommentPayload": {"clientMutationId": "", "minimizedComment": "Minimizable"},
    "Minimizable": {"isMinimized": "", "minimizedReason": ""},
    "Actor": {"login": "", "url": ""},
    "Node": {"id": ""},
}
"""The fields of each known type, with the type of what they hold; "" for a plain value."""

TEXT_LIMIT = 512_000  # bytes of a blob's text
CLASSIFIERS = {"ABUSE", "DUPLICATE", "OFF_TOPIC", "OUTDATED", "RESOLVED", "SPAM"}


@graphql_routes.add("POST", "/graphql")
def run_document(call: Call) -> Reply:
    """The answer to a GraphQL document; errors come with status 200, as on GitHub."""
    variables = call.body.get("variables") or {}
    try:
        operation = parse(call.body.get("query") or "")
    except DocumentError as error:
        return Reply({"errors": [{"message": str(error)}]})
    errors = [*_unknown_fields(operation), *_missing_variables(operation, variables)]
    if errors:
        return Reply({"errors": errors})
    data: Json = {}
    failures: list[Json] = []
    for selection in operation.fields:
        arguments = resolved(selection.arguments, variables)
        try:
            if fault := call.faults.take_field(selection.name):
                raise FieldError(fault.kind, fault.message)
            found = RESOLVERS[selection.name](call, arguments.get("input", arguments))
            data[selection.alias] = _shaped(found, selection, variables)
        except FieldError as error:
            data[selection.alias] = None
            failures.append({"type": error.kind, "path": [selection.alias], "message": str(error)})
    return Reply({"data": data} | ({"errors": failures} if failures else {}))


def is_mutation(body: Any) -> bool:
    """Tell whether a request body holds a mutation."""
    return isinstance(body, dict) and str(body.get("query", "")).lstrip().startswith("mutation")


def _add_comment(call: Call, given: Json) -> Json:
    subject = call.state.nodes.get(given.get("subjectId", ""))
    if not isinstance(subject, Pull):
        raise FieldError(
            "NOT_FOUND", f"Could not resolve to a node with the global id of '{given.get('subjectId')}'."
        )
    if not given.get("body"):
        raise FieldError("UNPROCESSABLE", "Body can't be blank")
    if len(given["body"]) > COMMENT_LIMIT:
        raise FieldError("UNPROCESSABLE", f"Body is too long (maximum is {COMMENT_LIMIT} characters)")
    comment = call.changes.add_comment(subject, call.actor, given["body"], by_app=True)
    return {
        "clientMutationId": given.get("clientMutationId"),
        "commentEdge": {"cursor": "Y3Vyc29yOnYyOpHOAA==", "node": _comment_node(call.changes, comment)},
        "subject": {"id": subject.node_id},
    }


def _minimize_comment(call: Call, given: Json) -> Json:
    comment = call.state.nodes.get(given.get("subjectId", ""))
    if not isinstance(comment, Comment):
        raise FieldError(
            "NOT_FOUND", f"Could not resolve to a node with the global id of '{given.get('subjectId')}'."
        )
    if given.get("classifier") not in CLASSIFIERS:
        raise FieldError("UNPROCESSABLE", "Classifier is not included in the list")
    comment.minimized, comment.classifier = True, given["classifier"]
    return {
        "clientMutationId": given.get("clientMutationId"),
        "minimizedComment": {"isMinimized": True, "minimizedReason": given["classifier"].lower().replace("_", "-")},
    }


def _repository(call: Call, given: Json) -> Json:
    """A repository that the App may see; what is asked of its objects is looked up when it is shaped."""
    name = f"{given.get('owner')}/{given.get('name')}"
    try:
        repo = call.visible(call.state.repository(name))
    except NotFoundError:
        raise FieldError("NOT_FOUND", f"Could not resolve to a Repository with the name '{name}'.") from None
    if not holds(call.state.app, "contents:read"):
        raise FieldError("FORBIDDEN", "Resource not accessible by integration")
    return {
        "nameWithOwner": repo.full_name,
        "object": lambda asked: _blob(repo.store.blobs, asked.get("oid", "")),
        "pullRequest": lambda asked: _pull(call, repo.pulls.get(asked.get("number", 0))),
    }


def _pull(call: Call, pull: Pull | None) -> Json | None:
    """What is said about a pull request, the newest as far as asked for."""
    if pull is None:
        return None
    return {
        "number": pull.number,
        "comments": lambda asked: {
            "totalCount": len(pull.comments),
            "nodes": [_comment_node(call.changes, each) for each in pull.comments[-asked.get("last", 100) :]],
        },
        "reviews": lambda asked: {
            "totalCount": len(pull.reviews),
            "nodes": [_review_node(call, each) for each in pull.reviews[-asked.get("last", 100) :]],
        },
    }


def _blob(blobs: Mapping[str, bytes], oid: str) -> Json | None:
    content = blobs.get(oid)
    if content is None:
        return None
    is_binary = b"\0" in content[:8000]
    return {
        "byteSize": len(content),
        "isBinary": is_binary,
        "isTruncated": len(content) > TEXT_LIMIT and not is_binary,
        "oid": oid,
        "text": None if is_binary else content[:TEXT_LIMIT].decode(errors="replace"),
    }


def _viewer(call: Call, _given: Json) -> Json:
    return {"login": call.actor.login, "url": f"{call.state.web_url}/apps/{call.state.app.slug}"}


RESOLVERS: dict[str, Callable[[Call, Json], Json]] = {
    "addComment": _add_comment,
    "createCheckRun": create_check_run,
    "minimizeComment": _minimize_comment,
    "repository": _repository,
    "viewer": _viewer,
}


def _comment_node(changes: Changes, comment: Comment) -> Json:
    rest = comment_json(changes.state, comment)
    return {
        "id": comment.node_id,
        "databaseId": comment.id if comment.id < 2**31 else None,
        "fullDatabaseId": str(comment.id),
        "url": rest["html_url"],
        "body": comment.body,
        "createdAt": rest["created_at"],
        "updatedAt": rest["updated_at"],
        "isMinimized": comment.minimized,
        "minimizedReason": None,
        "author": _actor(changes.state, comment.user),
        "lastEditedAt": rest["updated_at"] if comment.edited_by else None,
        "editor": _actor(changes.state, comment.edited_by),
    }


def _review_node(call: Call, review: Review) -> Json:
    return {
        "id": node_id("PRR", review.id),
        "fullDatabaseId": str(review.id),
        "state": review.state,
        "lastEditedAt": optional_moment(review.edited_at),
        "author": _actor(call.state, review.user),
        "editor": _actor(call.state, review.edited_by),
    }


def _actor(state: GitHubState, account: Account | None) -> Json | None:
    if account is None:
        return None
    return {"login": account.login.removesuffix("[bot]"), "url": account_json(state, account)["html_url"]}


def _unknown_fields(operation: Operation) -> Iterator[Json]:
    """Yield an error for each selected field that its type has not, before anything is done."""
    waiting = [(operation.kind.capitalize(), [operation.kind], operation.fields)]
    while waiting:
        kind, path, selections = waiting.pop()
        for selection in selections:
            here = [*path, selection.alias]
            below = FIELDS[kind].get(selection.name)
            if selection.name == "__typename":
                continue
            if selection.name.startswith("..."):
                waiting.append((selection.name[3:], path, selection.fields))
                continue
            if below is None:
                message = f"Field '{selection.name}' doesn't exist on type '{kind}'"
                yield {"path": here, "extensions": {"code": "undefinedField"}, "message": message}
            elif bool(below) != bool(selection.fields):
                message = f"Field '{selection.name}' needs a selection that fits its type"
                yield {"path": here, "extensions": {"code": "selectionMismatch"}, "message": message}
            elif below:
                waiting.append((below, here, selection.fields))


def _missing_variables(operation: Operation, variables: Json) -> Iterator[Json]:
    for name in operation.required_variables:
        if variables.get(name) is None:
            yield {"message": f"Variable ${name} of required type was provided invalid value", "extensions": {}}


def _shaped(value: Any, selection: Selection, variables: Json) -> Any:
    """Return only what was selected, under its aliases."""
    if not selection.fields or value is None:
        return value
    if isinstance(value, list):
        return [_shaped(each, selection, variables) for each in value]
    shaped: Json = {}
    for child in selection.fields:
        if child.name.startswith("..."):
            shaped |= _shaped(value, child, variables)
            continue
        held = value.get(child.name)
        held = held(resolved(child.arguments, variables)) if callable(held) else held
        shaped[child.alias] = _shaped(held, child, variables)
    return shaped
