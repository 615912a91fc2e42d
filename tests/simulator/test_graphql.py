"""Check runs by GraphQL: what GitHub takes, what it refuses, and what is done all the same."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simulator import Pull, Repository, Simulator
from bot.simulator.accounts import node_id
from tests.simulator.client import Answer, AppClient

DOCUMENT = """
mutation($first: CreateCheckRunInput!, $second: CreateCheckRunInput!) {
  first: createCheckRun(input: $first) { checkRun { id databaseId name conclusion status completedAt url } }
  second: createCheckRun(input: $second) { clientMutationId checkRun { externalId } }
}
"""


@pytest.fixture
async def pull(sim: Simulator, repo: Repository) -> Pull:
    return await sim.open_pull(repo, author="ana", files={"a.md": "a\nb\n"})


def a_note(**changes: Any) -> dict[str, Any]:
    place = {"startLine": 1, "endLine": 1, "startColumn": 1, "endColumn": 1}
    return {"path": "a.md", "location": place, "annotationLevel": "WARNING", "message": "Look"} | changes


def a_run(pull: Pull, *notes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "repositoryId": node_id("R", pull.repo.id),
        "headSha": pull.head_sha,
        "name": "Contribution",
        "externalId": "7",
        "status": "COMPLETED",
        "conclusion": "ACTION_REQUIRED",
        "completedAt": "2026-01-05T09:00:10Z",
        "output": {"title": "Findings", "summary": "See below", "annotations": list(notes)},
    } | changes


async def create(client: AppClient, first: dict[str, Any], second: dict[str, Any]) -> Answer:
    return await client.post("/graphql", {"query": DOCUMENT, "variables": {"first": first, "second": second}})


async def test_several_check_runs_are_created_at_once(sim: Simulator, client: AppClient, pull: Pull) -> None:
    "Each alias is a run of its own, as REST would have made it, and each is announced."
    note = a_note(annotationLevel="FAILURE", title="No", rawDetails="Because")
    before = len(sim.deliveries)
    answer = await create(client, a_run(pull, note), a_run(pull, name="Sign-off", externalId="8"))

    first, second = pull.repo.check_runs(pull.head_sha)
    assert answer.body["data"]["first"]["checkRun"]["databaseId"] == first.id
    assert answer.body["data"]["second"] == {"clientMutationId": None, "checkRun": {"externalId": "8"}}
    assert (first.name, first.conclusion, first.status) == ("Contribution", "action_required", "completed")
    assert (first.external_id, second.external_id) == ("7", "8")
    listed = await client.get(f"/repos/instruct/taxonomy/check-runs/{first.id}/annotations")
    assert listed.body[0] | {"blob_href": ""} == {
        "path": "a.md",
        "blob_href": "",
        "start_line": 1,
        "end_line": 1,
        "start_column": 1,
        "end_column": 1,
        "annotation_level": "failure",
        "title": "No",
        "message": "Look",
        "raw_details": "Because",
    }
    told = [(d.event, d.action) for d in sim.deliveries[before:]]
    assert told.count(("check_run", "created")) == told.count(("check_run", "completed")) == 2


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"headSha": "0" * 40}, "UNPROCESSABLE", "No commit found for SHA"),
        ({"repositoryId": "R_nowhere"}, "NOT_FOUND", "Could not resolve to a node"),
        ({"conclusion": None}, "UNPROCESSABLE", "Expected"),
        ({"output": {"title": "", "summary": "x"}}, "UNPROCESSABLE", "wasn't supplied"),
        ({"output": {"title": "x", "summary": "x" * 65_536}}, "UNPROCESSABLE", "Validation Failed"),
        (
            {"output": {"title": "x", "summary": "x", "annotations": [a_note()] * 51}},
            "UNPROCESSABLE",
            "No more than",
        ),
    ],
    ids=["unknown commit", "unknown repository", "no conclusion", "no title", "too long", "too many annotations"],
)
async def test_a_refused_check_run_leaves_the_other_alone(
    changes: dict[str, Any], kind: str, message: str, client: AppClient, pull: Pull
) -> None:
    "One alias is null and the errors say which and why; the other is created."
    answer = await create(client, a_run(pull, **changes), a_run(pull, name="Sign-off"))

    assert answer.status == 200
    (error,) = answer.body["errors"]
    assert (error["type"], error["path"]) == (kind, ["first"])
    assert message in error["message"]
    assert answer.body["data"]["first"] is None
    assert [run.name for run in pull.repo.check_runs(pull.head_sha)] == ["Sign-off"]


async def test_columns_are_for_notes_on_one_line(client: AppClient, pull: Pull) -> None:
    "Start and end on different lines with columns are refused, as by REST."
    place = {"startLine": 1, "endLine": 2, "startColumn": 1, "endColumn": 1}
    answer = await create(client, a_run(pull, a_note(location=place)), a_run(pull, name="Sign-off"))
    assert answer.body["errors"][0]["path"] == ["first"]


async def test_the_permission_is_asked_for(sim: Simulator, client: AppClient, pull: Pull) -> None:
    "An App that may only read checks creates none, by neither way."
    sim.state.app.permissions["checks"] = "read"
    answer = await create(client, a_run(pull), a_run(pull, name="Sign-off"))
    assert {error["type"] for error in answer.body["errors"]} == {"FORBIDDEN"}
    assert pull.repo.check_runs(pull.head_sha) == []


async def test_other_peoples_repositories_are_out_of_reach(sim: Simulator, client: AppClient) -> None:
    "Private ones do not exist, public ones cannot be written to."
    secret = sim.create_repository("other/secret", {"a.md": "a\n"}, private=True)
    public = sim.create_repository("other/open", {"a.md": "a\n"}, install=False)
    pulls = [await sim.open_pull(repo, author="ana", files={"b.md": "b\n"}) for repo in (secret, public)]
    answer = await create(client, *map(a_run, pulls))
    assert [error["type"] for error in answer.body["errors"]] == ["NOT_FOUND", "FORBIDDEN"]


async def test_one_field_can_be_ordered_to_fail(sim: Simulator, client: AppClient, pull: Pull) -> None:
    "The second of two fails, undone; the next request goes well."
    sim.fail_next_field("createCheckRun", kind="SERVICE_UNAVAILABLE", skips=1)
    failed = await create(client, a_run(pull), a_run(pull, name="Sign-off"))
    fine = await create(client, a_run(pull), a_run(pull, name="Sign-off"))
    assert failed.body["errors"][0]["path"] == ["second"]
    assert "errors" not in fine.body
    assert len(pull.repo.check_runs(pull.head_sha)) == 3


async def test_the_check_of_fidelity_sees_wrong_words(
    sim: Simulator, client: AppClient, pull: Pull, fidelity: Any
) -> None:
    "REST's words in GraphQL are refused by the simulator and found by GitHub's own schema."
    answer = await create(client, a_run(pull, conclusion="success"), a_run(pull, name="Sign-off"))
    assert answer.body["errors"][0]["path"] == ["first"]
    if fidelity is not None:
        (violation,) = fidelity.violations
        assert "does not exist in 'CheckConclusionState' enum" in violation
        fidelity.violations.clear()
