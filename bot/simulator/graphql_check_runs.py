"""Check runs by GraphQL: the same runs as by REST, under GraphQL's names."""

from __future__ import annotations

from bot.simulator.accounts import node_id
from bot.simulator.check_runs import CheckRun
from bot.simulator.graphql_documents import FieldError
from bot.simulator.payloads import Json
from bot.simulator.payloads_checks import run_json
from bot.simulator.repositories import Repository
from bot.simulator.routes_checks import CONCLUSIONS, LEVELS, STATUSES, sound_fields
from bot.simulator.routing import ApiError, Call, holds

CHECK_RUN_FIELDS = (
    "id",
    "databaseId",
    "name",
    "externalId",
    "status",
    "conclusion",
    "startedAt",
    "completedAt",
    "detailsUrl",
    "permalink",
    "url",
    "title",
    "summary",
    "text",
)
_REST_NAMES = {
    "name": "name",
    "externalId": "external_id",
    "detailsUrl": "details_url",
    "startedAt": "started_at",
    "completedAt": "completed_at",
}
_REST_ROW_NAMES = {"path": "path", "message": "message", "title": "title", "rawDetails": "raw_details"}
_REST_PLACES = {
    "startLine": "start_line",
    "endLine": "end_line",
    "startColumn": "start_column",
    "endColumn": "end_column",
}


def create_check_run(call: Call, given: Json) -> Json:
    """Create a check run, as REST does.

    Raises: FieldError.
    """
    repo, head_sha = _repository(call, given.get("repositoryId")), given.get("headSha")
    if head_sha not in repo.store.commits:
        raise FieldError("UNPROCESSABLE", f"No commit found for SHA: {head_sha}")
    try:
        fields = sound_fields(_as_rest(given), ("title", "summary"))
    except ApiError as error:
        raise FieldError("UNPROCESSABLE", str(error)) from error
    if not fields.get("name"):
        raise FieldError("UNPROCESSABLE", "Name can't be blank")
    run = call.changes.add_check_run(repo, head_sha, fields["name"], fields)
    return {"clientMutationId": given.get("clientMutationId"), "checkRun": _run_node(call, run)}


def _repository(call: Call, given: str | None) -> Repository:
    """Return the repository of a global id, if the caller may write checks there."""
    found = (repo for repo in call.state.repositories.values() if node_id("R", repo.id) == given)
    try:
        repo = call.visible(next(found, None))
    except ApiError as error:
        message = f"Could not resolve to a node with the global id of '{given}'."
        raise FieldError("NOT_FOUND", message) from error
    if repo.installation is not call.installation or not holds(call.state.app, "checks:write"):
        raise FieldError("FORBIDDEN", "Resource not accessible by integration")
    return repo


def _as_rest(given: Json) -> Json:
    """Return the input under the names and words of REST."""
    fields: Json = {name: given[key] for key, name in _REST_NAMES.items() if key in given}
    if "status" in given:
        fields["status"] = _word(given["status"], STATUSES)
    if "conclusion" in given:
        fields["conclusion"] = _word(given["conclusion"], CONCLUSIONS)
    if "actions" in given:
        fields["actions"] = given["actions"]
    if "output" in given:
        rows = given["output"].get("annotations", [])
        fields["output"] = given["output"] | {"annotations": [_row(row) for row in rows]}
    return fields


def _row(given: Json) -> Json:
    row: Json = {name: given[key] for key, name in _REST_ROW_NAMES.items() if key in given}
    row |= {name: given["location"][key] for key, name in _REST_PLACES.items() if key in given["location"]}
    return row | {"annotation_level": _word(given["annotationLevel"], LEVELS)}


def _word(given: str, words: set[str]) -> str:
    """Return REST's word for one of GraphQL's, which are in capitals."""
    if given not in {word.upper() for word in words}:
        raise FieldError("UNPROCESSABLE", f"Expected {given!r} to be one of: {', '.join(sorted(words)).upper()}")
    return given.lower()


def _run_node(call: Call, run: CheckRun) -> Json:
    rest = run_json(call.state, run)
    return {
        "id": rest["node_id"],
        "databaseId": run.id if run.id < 2**31 else None,
        "name": run.name,
        "externalId": run.external_id,
        "status": run.status.upper(),
        "conclusion": run.conclusion.upper() if run.conclusion else None,
        "startedAt": rest["started_at"],
        "completedAt": rest["completed_at"],
        "detailsUrl": rest["details_url"],
        "permalink": rest["html_url"],
        "url": rest["html_url"],
        "title": run.title,
        "summary": run.summary,
        "text": run.text,
    }
