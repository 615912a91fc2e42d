"""Routes of check runs and their annotations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.simulator.check_runs import CheckRun
from bot.simulator.payloads import Json
from bot.simulator.payloads_checks import annotation_json, run_json, suite_json
from bot.simulator.routing import ApiError, Call, InvalidFieldError, NotFoundError, Reply, RouteTable

check_routes = RouteTable()

ANNOTATIONS_PER_REQUEST = 50
OUTPUT_LIMIT = 65_535
STATUSES = {"queued", "in_progress", "completed"}
CONCLUSIONS = {"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}
LEVELS = {"notice", "warning", "failure"}
MOST_ACTIONS = 3
ACTION_LENGTHS = {"label": 20, "description": 40, "identifier": 20}
ANNOTATION_KEYS = ("path", "start_line", "end_line", "annotation_level", "message")


@check_routes.add("POST", "/repos/{owner}/{repo}/check-runs", "checks:write")
def create_run(call: Call) -> Reply:
    """A new check run."""
    name, head_sha = call.text("name", "CheckRun"), call.text("head_sha", "CheckRun")
    if head_sha not in call.repo.store.commits:
        raise ApiError(422, f"No commit found for SHA: {head_sha}")
    run = call.changes.add_check_run(call.repo, head_sha, name, sound_fields(call.body, ("title", "summary")))
    return Reply(run_json(call.state, run), status=201)


@check_routes.add("PATCH", "/repos/{owner}/{repo}/check-runs/{check_run_id}", "checks:write")
def update_run(call: Call) -> Reply:
    """A check run after a change."""
    run = _run(call)
    if run.app is not call.state.app:
        problem = f"Invalid app_id `{call.state.app.id}` - check run can only be modified by the GitHub App"
        raise ApiError(403, f"{problem} that created it.")
    call.changes.update_check_run(run, sound_fields(call.body, ("summary",)))
    return Reply(run_json(call.state, run))


@check_routes.add("GET", "/repos/{owner}/{repo}/check-runs/{check_run_id}", "checks:read")
def get_run(call: Call) -> Reply:
    """One check run."""
    return Reply(run_json(call.state, _run(call)))


@check_routes.add("GET", "/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations", "checks:read")
def list_annotations(call: Call) -> Reply:
    """The annotations of a check run."""
    run = _run(call)
    shown, headers = call.page(run.annotations)
    return Reply([annotation_json(call.state, run, annotation) for annotation in shown], headers=headers)


@check_routes.add("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs", "checks:read")
def list_runs(call: Call) -> Reply:
    """The check runs of a commit, newest first; only the latest of each name and App unless all are asked for."""
    runs = call.repo.check_runs(call.commit(call.params["ref"]))[::-1]
    if call.query.get("filter", "latest") == "latest":
        runs = list({(run.app.id, run.name): run for run in reversed(runs)}.values())[::-1]
    if "check_name" in call.query:
        runs = [run for run in runs if run.name == call.query["check_name"]]
    if "status" in call.query:
        runs = [run for run in runs if run.status == call.query["status"]]
    if "app_id" in call.query:
        runs = [run for run in runs if str(run.app.id) == call.query["app_id"]]
    shown, headers = call.page(runs)
    return Reply(
        {"total_count": len(runs), "check_runs": [run_json(call.state, run) for run in shown]}, headers=headers
    )


@check_routes.add("GET", "/repos/{owner}/{repo}/commits/{ref}/check-suites", "checks:read")
def list_suites(call: Call) -> Reply:
    """The check suites of a commit, one for each App."""
    suites = list(call.repo.suites.get(call.commit(call.params["ref"]), {}).values())
    if "app_id" in call.query:
        suites = [suite for suite in suites if str(suite.app.id) == call.query["app_id"]]
    shown, headers = call.page(suites)
    told = [suite_json(call.state, suite) for suite in shown]
    return Reply({"total_count": len(suites), "check_suites": told}, headers=headers)


def _run(call: Call) -> CheckRun:
    run = call.repo.runs.get(call.number("check_run_id"))
    if run is None:
        raise NotFoundError
    return run


def sound_fields(given: Json, needed_output: tuple[str, ...]) -> Json:
    """Return the fields of a check run once they are known to be sound, with times read.

    Raises: ApiError.
    """
    body: Json = dict(given)
    _check_choice(body, "status", STATUSES)
    _check_choice(body, "conclusion", CONCLUSIONS)
    if body.get("status") == "completed" and not body.get("conclusion"):
        raise ApiError(422, 'Invalid request.\n\nNo subschema in "anyOf" matched.')
    for name in ("started_at", "completed_at"):
        if body.get(name):
            body[name] = datetime.fromisoformat(body[name]).astimezone(UTC)
    if "output" in body:
        _check_output(body["output"], needed_output)
    _check_actions(body.get("actions") or ())
    return body


def _check_actions(actions: Sequence[Json]) -> None:
    if len(actions) > MOST_ACTIONS:
        raise ApiError(422, f"Invalid request.\n\nNo more than {MOST_ACTIONS} items are allowed.")
    for action in actions:
        for name, longest in ACTION_LENGTHS.items():
            if not action.get(name):
                raise ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
            if len(action[name]) > longest:
                raise ApiError(422, f"Invalid request.\n\nOnly {longest} characters are allowed in {name}.")


def _check_choice(body: Json, name: str, choices: set[str]) -> None:
    if body.get(name) is not None and body[name] not in choices:
        raise ApiError(422, f"Invalid request.\n\n{body[name]} is not a member of {sorted(choices)}.")


def _check_output(output: Json, needed: tuple[str, ...]) -> None:
    for name in needed:
        if not output.get(name):
            raise ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
    for name in ("summary", "text"):
        if len(output.get(name) or "") > OUTPUT_LIMIT:
            raise InvalidFieldError(
                "CheckRun", name, "custom", f"{name} exceeds a maximum bytesize of {OUTPUT_LIMIT}"
            )
    annotations = output.get("annotations", [])
    if len(annotations) > ANNOTATIONS_PER_REQUEST:
        raise ApiError(
            422,
            f"Invalid request.\n\nNo more than {ANNOTATIONS_PER_REQUEST} items are allowed; "
            f"{len(annotations)} were supplied.",
        )
    for annotation in annotations:
        _check_annotation(annotation)


def _check_annotation(annotation: Json) -> None:
    missing = [key for key in ANNOTATION_KEYS if annotation.get(key) in {None, ""}]
    if missing:
        raise ApiError(422, f'Invalid request.\n\n"{missing[0]}" wasn\'t supplied.')
    if annotation["annotation_level"] not in LEVELS:
        raise InvalidFieldError("CheckRunAnnotation", "annotation_level", "invalid")
    if not 1 <= annotation["start_line"] <= annotation["end_line"]:
        raise InvalidFieldError("CheckRunAnnotation", "end_line", "invalid")
    has_columns = annotation.get("start_column") is not None or annotation.get("end_column") is not None
    if has_columns and annotation["start_line"] != annotation["end_line"]:
        raise InvalidFieldError("CheckRunAnnotation", "start_column", "invalid")
