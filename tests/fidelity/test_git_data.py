"""Pushing by the git data API, reviews with suggestions and buttons, held against GitHub's published schemas."""

from __future__ import annotations

import base64

from bot.simulator import Pull, Simulator
from tests.fidelity.check import FidelityCheck
from tests.fidelity.webhooks import missing_from_examples
from tests.simulator.client import AppClient

R = "/repos/instruct/taxonomy"
FORK = "/repos/ana/taxonomy"


async def test_a_push_to_a_fork_is_githubs(
    sim: Simulator, client: AppClient, pull: Pull, check: FidelityCheck
) -> None:
    "Blob, tree, commit, branch: each taken and answered in GitHub's form; the commit is the bot's own, verified."
    base = (await client.get(f"{FORK}/git/commits/{pull.head_sha}")).body["tree"]["sha"]
    content = base64.b64encode(b"version: 3\nnew: 1\n").decode()
    blob = await client.post(f"{FORK}/git/blobs", {"content": content, "encoding": "base64"})
    entries = [
        {"path": "knowledge/b/qna.yaml", "mode": "100644", "type": "blob", "sha": blob.body["sha"]},
        {"path": "knowledge/a/qna.yaml", "mode": "100644", "type": "blob", "sha": None},
    ]
    tree = await client.post(f"{FORK}/git/trees", {"base_tree": base, "tree": entries})
    commit = await client.post(
        f"{FORK}/git/commits", {"message": "Move", "tree": tree.body["sha"], "parents": [pull.head_sha]}
    )
    ref = f"{FORK}/git/ref/heads/{pull.head_ref}"
    assert (await client.get(ref)).body["object"]["sha"] == pull.head_sha
    moved = await client.call(
        "PATCH", f"{FORK}/git/refs/heads/{pull.head_ref}", {"sha": commit.body["sha"], "force": False}
    )

    assert [answer.status for answer in (blob, tree, commit, moved)] == [201, 201, 201, 200]
    assert pull.head_sha == commit.body["sha"]
    assert commit.body["verification"]["verified"]
    bot = sim.state.app.bot
    assert commit.body["author"]["email"] == f"{bot.id}+{bot.login}@users.noreply.github.com"
    assert [d.action for d in sim.deliveries if d.event == "pull_request"][-1] == "synchronize"
    assert check.violations == []


async def test_refused_pushes_are_githubs(
    sim: Simulator, client: AppClient, pull: Pull, check: FidelityCheck
) -> None:
    "What is not a fast forward, not there, or of a fork whose owner does not allow it."
    first = pull.commits[0].sha
    branch = f"{FORK}/git/refs/heads/{pull.head_ref}"
    blob = {"content": "x", "encoding": "utf-8"}
    answers = [
        await client.call("PATCH", branch, {"sha": first}),
        await client.call("PATCH", branch, {"sha": "0" * 40}),
        await client.call("PATCH", f"{FORK}/git/refs/heads/main", {"sha": first}),
        await client.get(f"{FORK}/git/ref/heads/none"),
        await client.post(f"{FORK}/git/trees", {"base_tree": "0" * 40, "tree": []}),
        await client.post(f"{FORK}/git/commits", {"message": "x", "tree": "0" * 40, "parents": []}),
    ]
    pull.edits_allowed = False
    answers.append(await client.post(f"{FORK}/git/blobs", blob))
    sim.state.app.permissions["contents"] = "read"
    answers.append(await client.post(f"{R}/git/blobs", blob))

    assert [answer.status for answer in answers] == [422, 422, 403, 404, 422, 422, 403, 403]
    assert check.violations == []


async def test_a_review_with_suggestions_is_githubs(client: AppClient, pull: Pull, check: FidelityCheck) -> None:
    "On one line or several, all of them lines of the diff; others are refused."
    note = {"path": "run.sh", "side": "RIGHT", "line": 1, "body": "```suggestion\n#!/bin/bash\n```"}
    review = {"commit_id": pull.head_sha, "event": "COMMENT", "body": "See below.", "comments": [note]}
    given = await client.post(f"{R}/pulls/1/reviews", review)
    outside = await client.post(f"{R}/pulls/1/reviews", review | {"comments": [note | {"line": 7}]})
    await client.get(f"{R}/pulls/1/comments")

    assert (given.status, outside.status) == (200, 422)
    assert [(remark.line, remark.author) for remark in pull.remarks][-1] == (1, "taxonomy-bot[bot]")
    assert check.violations == []


async def test_a_button_is_githubs(sim: Simulator, client: AppClient, pull: Pull, check: FidelityCheck) -> None:
    "It is taken with its three texts, and pressing it is told as GitHub tells it; a fourth one is refused."
    button = {"label": "Put it right", "description": "Commits the mechanical fixes.", "identifier": "fix"}
    body = {"name": "Contribution", "head_sha": pull.head_sha, "conclusion": "failure", "actions": [button]}
    run = await client.post(f"{R}/check-runs", body)
    refused = [
        await client.post(f"{R}/check-runs", body | {"actions": [button] * 4}),
        await client.post(f"{R}/check-runs", body | {"actions": [button | {"label": "x" * 21}]}),
    ]
    await sim.press(run.body["id"], "fix", by="mia")

    told = sim.deliveries[-1]
    assert (run.status, [answer.status for answer in refused]) == (201, [422, 422])
    assert (told.event, told.action) == ("check_run", "requested_action")
    assert told.payload["requested_action"] == {"identifier": "fix"}
    assert missing_from_examples(told) == set()
    assert check.violations == []
