"""Every endpoint and every webhook of the simulator, held against GitHub's published schemas."""

from __future__ import annotations

import pytest

from bot.clock import MovableClock
from bot.simulator import Pull, Repository, Simulator
from bot.simulator.server import RequestRecord, ResponseRecord
from tests.fidelity.check import FidelityCheck
from tests.fidelity.webhooks import missing_from_examples
from tests.simulator.client import AppClient

R = "/repos/instruct/taxonomy"
MUTATION = """
mutation($subject: ID!, $body: String!, $old: ID!) {
  addComment(input: {subjectId: $subject, body: $body}) { commentEdge { node { id databaseId url } } }
  hide: minimizeComment(input: {subjectId: $old, classifier: OUTDATED}) { minimizedComment { isMinimized } }
}
"""


async def test_everything_the_app_asks_about_itself_is_githubs(
    client: AppClient, repo: Repository, check: FidelityCheck
) -> None:
    "The App, its installations and their tokens look as GitHub's do."
    for path in ("/app", "/app/installations", f"{R}/installation"):
        assert (await client.call("GET", path, token=client.app_token())).status == 200

    assert check.violations == []


async def test_what_the_app_asks_about_its_webhooks_is_githubs(
    sim: Simulator, client: AppClient, repo: Repository, check: FidelityCheck
) -> None:
    "The list of deliveries, its pages, and sending one again look as GitHub's do."
    sim.webhook_url = "http://127.0.0.1:9/"
    for n in range(3):
        await sim.open_pull(repo, author="ana", files={f"{n}.md": "a\n"})
    await sim.settle()
    app = client.app_token()
    first = await client.call("GET", "/app/hook/deliveries?per_page=2", token=app)
    following = first.headers["Link"].partition("<")[2].partition(">")[0].removeprefix(sim.url)
    last = await client.call("GET", following, token=app)
    again = await client.call("POST", f"/app/hook/deliveries/{last.body[0]['id']}/attempts", {}, token=app)
    await sim.settle()
    refused = [
        await client.call("GET", "/app/hook/deliveries?cursor=v2", token=app),
        await client.call("POST", "/app/hook/deliveries/1/attempts", {}, token=app),
    ]

    assert [item["guid"] for item in first.body + last.body] == [d.guid for d in reversed(sim.deliveries)]
    assert "Link" not in last.headers
    assert (again.status, len(sim.deliveries[0].attempts)) == (202, 2)
    assert [answer.status for answer in refused] == [422, 404]
    assert check.violations == []


@pytest.mark.parametrize(
    "path",
    [
        R,
        "/repositories/{repo_id}",
        "/rate_limit",
        "/users/ana",
        "/orgs/instruct/teams/triagers/memberships/tom",
        "/orgs/instruct/teams/triagers/memberships/nia",
        "/orgs/instruct/teams/triagers/members?role=member",
        "/orgs/instruct/members/tom",
        "/orgs/instruct/members/ana",
        f"{R}/collaborators/mia/permission",
        f"{R}/collaborators/ana/permission",
        f"{R}/collaborators/helper[bot]/permission",
        f"{R}/pulls",
        f"{R}/pulls?state=all&sort=updated&direction=desc&per_page=1&page=1",
        f"{R}/pulls/1",
        f"{R}/pulls/1/files?per_page=100",
        f"{R}/pulls/1/commits?per_page=100",
        f"{R}/compare/main...ana:patch-1",
        f"{R}/compare/main...{{head}}?per_page=2&page=2",
        f"{R}/git/trees/{{head}}?recursive=1",
        f"{R}/git/trees/main",
        f"{R}/git/blobs/{{blob}}",
        f"{R}/git/commits/{{head}}",
        f"{R}/commits/{{head}}",
        f"{R}/commits/main",
        f"{R}/commits?sha=main&since=2020-01-01T00:00:00Z&per_page=100",
        f"{R}/commits?sha=nowhere",
        f"{R}/commits/{{head}}/pulls?per_page=100",
        f"{R}/pulls?state=closed&base=main&sort=updated&direction=desc&per_page=100",
        f"{R}/issues?labels=legal-hold&state=closed&per_page=100",
        f"{R}/contents/README.md",
        f"{R}/contents/docs/link?ref=main",
        f"{R}/contents/docs/away",
        f"{R}/contents/docs/theme",
        f"{R}/contents/docs",
        f"{R}/contents/missing",
        f"{R}/issues/1/comments",
        f"{R}/pulls?head=ana:patch-1",
        f"{R}/pulls/1/comments",
        f"{R}/pulls/1/reviews",
        f"{R}/pulls/1/reviews/{{review}}",
        f"{R}/pulls/1/reviews/1",
        f"{R}/pulls/1/merge",
        f"{R}/issues/1",
        f"{R}/issues",
        f"{R}/issues?creator=mia&state=all&labels=ops&sort=updated&direction=asc&per_page=100",
        f"{R}/issues/2",
        f"{R}/issues/2/comments",
        f"{R}/issues/2/events",
        f"{R}/issues/2/labels",
        f"{R}/issues/1/events",
        f"{R}/issues/1/reactions",
        f"{R}/issues/comments?since=2020-01-01T00:00:00Z&sort=updated&direction=asc&per_page=100",
        f"{R}/issues/comments/{{comment}}",
        f"{R}/issues/comments/{{comment}}/reactions?content=eyes",
        f"{R}/issues/1/labels",
        f"{R}/labels",
        f"{R}/commits/{{head}}/check-runs?filter=all&app_id=1234&check_name=Sign-off&per_page=10",
    ],
)
async def test_what_is_read_is_githubs(path: str, client: AppClient, pull: Pull, check: FidelityCheck) -> None:
    "Each readable endpoint answers in GitHub's form, with and without something to find."
    blob = next(change.sha for change in pull.files if change.path == "run.sh")

    places = {"review": pull.reviews[0].id, "comment": pull.comments[-1].id}

    await client.get(path.format(repo_id=pull.repo.id, head=pull.head_sha, blob=blob, **places))

    assert check.violations == []


async def test_what_is_written_is_githubs(client: AppClient, pull: Pull, check: FidelityCheck) -> None:
    "Comments, labels, check runs and GraphQL mutations are taken and answered in GitHub's form."
    comment = await client.post(f"{R}/issues/1/comments", {"body": "Welcome!"})
    await client.call("PATCH", f"{R}/issues/comments/{comment.body['id']}", {"body": "Welcome, Ana!"})
    await client.get(f"{R}/issues/comments/{comment.body['id']}")
    await client.post(f"{R}/issues/2/comments", {"body": "Somebody decides."})
    await client.post(f"{R}/labels", {"name": "skill", "color": "00ff00", "description": "A skill"})
    await client.post(f"{R}/issues/1/labels", {"labels": ["skill", "triage-needed"]})
    await client.call("PUT", f"{R}/issues/1/labels", {"labels": ["knowledge"]})
    await client.call("DELETE", f"{R}/issues/1/labels/knowledge")
    note = {"path": "run.sh", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "No."}
    output = {"title": "Two things", "summary": "...", "annotations": [note]}
    run = await client.post(
        f"{R}/check-runs",
        {"name": "Sign-off", "head_sha": pull.head_sha, "status": "in_progress", "output": output},
    )
    done = {
        "status": "completed",
        "conclusion": "failure",
        "completed_at": "2026-01-05T09:00:10Z",
        "output": output,
    }
    await client.call("PATCH", f"{R}/check-runs/{run.body['id']}", done)
    await client.get(f"{R}/check-runs/{run.body['id']}")
    await client.get(f"{R}/check-runs/{run.body['id']}/annotations")
    variables = {"subject": pull.node_id, "body": "Again", "old": comment.body["node_id"]}
    answer = await client.post("/graphql", {"query": MUTATION, "variables": variables})

    assert answer.body["data"]["hide"] == {"minimizedComment": {"isMinimized": True}}
    assert check.violations == []


async def test_what_is_decided_is_githubs(
    sim: Simulator, client: AppClient, pull: Pull, check: FidelityCheck
) -> None:
    "Reactions, assignments, requests, edits and merges are taken and answered in GitHub's form."
    other = await sim.open_pull(pull.repo, author="ana", files={"other.md": "Other\n"})
    comment = f"{R}/issues/comments/{pull.comments[0].id}"
    reaction = await client.post(f"{comment}/reactions", {"content": "rocket"})
    answers = [
        reaction,
        await client.post(f"{comment}/reactions", {"content": "rocket"}),
        await client.call("DELETE", f"{comment}/reactions/{reaction.body['id']}"),
        await client.post(f"{R}/issues/1/reactions", {"content": "eyes"}),
        await client.call("DELETE", f"{R}/issues/1/assignees", {"assignees": ["tom"]}),
        await client.post(f"{R}/issues/1/assignees", {"assignees": ["tom"]}),
        await client.call("DELETE", f"{R}/pulls/1/requested_reviewers", {"reviewers": ["mia"]}),
        await client.post(f"{R}/pulls/1/requested_reviewers", {"reviewers": ["mia"]}),
        await client.call("PATCH", f"{R}/pulls/1", {"title": "Cars", "state": "closed"}),
        await client.call("PATCH", f"{R}/issues/1", {"state": "open", "labels": ["skill"], "assignees": []}),
        await client.call("PUT", f"{R}/pulls/1/merge", {"merge_method": "squash", "sha": pull.head_sha}),
        await client.get(f"{R}/pulls/1"),
        await client.get(f"{R}/pulls/1/merge"),
        await client.get(f"{R}/issues/1/events"),
        await client.call("PUT", f"{R}/pulls/{other.number}/update-branch", {"expected_head_sha": other.head_sha}),
        await client.call("DELETE", comment),
    ]

    expected = [201, 200, 204, 201, 200, 201, 200, 201, 200, 200, 200, 200, 204, 200, 202, 204]
    assert [answer.status for answer in answers] == expected
    assert check.violations == []


async def test_what_becomes_of_issues_is_githubs(
    sim: Simulator, client: AppClient, pull: Pull, check: FidelityCheck
) -> None:
    "Issues are opened, changed and told of in GitHub's form."
    sim.state.app.events += ("issues",)
    answers = [
        await client.post(f"{R}/issues", {"title": "Broken", "body": "See log", "labels": ["ops"]}),
        await client.call("PATCH", f"{R}/issues/3", {"state": "closed", "state_reason": "not_planned"}),
        await client.call("PATCH", f"{R}/issues/3", {"state": "open", "title": "Mended", "labels": []}),
        await client.post(f"{R}/issues/3/assignees", {"assignees": ["mia"]}),
        await client.call("DELETE", f"{R}/issues/3/assignees", {"assignees": ["mia"]}),
        await client.post(f"{R}/issues", {"title": ""}),
    ]

    assert [answer.status for answer in answers] == [201, 200, 200, 201, 200, 422]
    assert check.violations == []
    lacking = {d.action: missing_from_examples(d) for d in sim.deliveries if d.event == "issues"}
    assert {action: keys for action, keys in lacking.items() if keys} == {}
    assert len(lacking) == 8


async def test_refusals_are_githubs(client: AppClient, pull: Pull, check: FidelityCheck) -> None:
    "Errors have GitHub's form too."
    refused = [
        await client.call("GET", R, token="ghs_wrong"),
        await client.get(f"{R}/pulls/99"),
        await client.get(f"{R}/commits/0000000000"),
        await client.post(f"{R}/issues/1/comments", {"body": "x" * 65_537}),
        await client.post(f"{R}/check-runs", {"name": "Sign-off", "head_sha": "0" * 40}),
        await client.call("DELETE", f"{R}/issues/1/labels/none"),
        await client.post(f"{R}/issues/1/reactions", {"content": "shrug"}),
        await client.post(f"{R}/pulls/1/requested_reviewers", {"reviewers": ["ana"]}),
        await client.call("PATCH", f"{R}/pulls/1", {"base": "nowhere"}),
        await client.call("PUT", f"{R}/pulls/1/merge", {"sha": "0" * 40}),
        await client.call("PUT", f"{R}/pulls/1/update-branch"),
    ]

    assert [answer.status for answer in refused] == [401, 404, 422, 422, 422, 404, 422, 422, 422, 409, 422]
    assert check.violations == []


async def test_every_webhook_is_githubs(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull, check: FidelityCheck
) -> None:
    "Each kind of webhook fits GitHub's schema and lacks no key that GitHub's examples share."
    await sim.push(pull, {"more.md": "More\n"})
    repo.branches["next"] = repo.head_sha
    await sim.edit_pull(pull, title="Cars", body="All about cars", base="next")
    await sim.edit_pull(pull, base="main")
    await sim.convert_to_draft(pull)
    await sim.mark_ready(pull)
    comment = await sim.comment(pull, "tom", "/help")
    await sim.edit_comment(comment, "/help me")
    await sim.label(pull, "skill", by="tom")
    await sim.unlabel(pull, "skill", by="tom")
    run = await client.post(
        f"{R}/check-runs", {"name": "Sign-off", "head_sha": pull.head_sha, "conclusion": "success"}
    )
    await sim.other_check_run(pull, "lint", conclusion="success")
    await sim.rerequest_check_run(run.body["id"], by="ana")
    await sim.rerequest_check_suite(repo, pull.head_sha, by="ana")
    await sim.close_pull(pull)
    await sim.reopen_pull(pull)
    await sim.push_to_default(repo, {"README.md": "# Changed\n", "new.md": "New\n"}, author="mia")
    own = await sim.open_pull(repo, author="mia", files={"x.md": "x\n"}, from_fork=False)
    await sim.edit_review(pull.reviews[0], "Looks very good", by="mia")
    await sim.dismiss_review(pull.reviews[0], by="mia")
    await sim.delete_comment(comment, by="mia")
    await sim.unassign(pull, "tom", by="mia")
    await client.call("DELETE", f"{R}/pulls/1/requested_reviewers", {"reviewers": ["mia"]})
    await client.call(
        "DELETE", f"{R}/pulls/1/requested_reviewers", {"reviewers": [], "team_reviewers": ["triagers"]}
    )
    await sim.end_merge_group(await sim.request_merge_group(own), "invalidated")
    await sim.merge_pull(own, by="mia")

    kinds = {(delivery.event, delivery.action) for delivery in sim.deliveries}
    assert len(kinds) == 29
    assert check.violations == []
    lacking = {(d.event, d.action): missing_from_examples(d) for d in sim.deliveries}
    assert {kind: keys for kind, keys in lacking.items() if keys} == {}


@pytest.mark.parametrize(
    ("request_line", "query", "body", "answer", "complaint"),
    [
        ("GET /repos/instruct/taxonomy/pull/1", {}, b"", b"{}", "no such endpoint"),
        ("DELETE /repos/instruct/taxonomy/pulls/1", {}, b"", b"{}", "no such endpoint"),
        ("GET /repos/instruct/taxonomy/pulls", {"perpage": "5"}, b"", b"[]", "no query parameter 'perpage'"),
        ("POST /repos/instruct/taxonomy/labels", {}, b'{"name": "x", "colour": "y"}', b"{}", "no key 'colour'"),
        ("POST /repos/instruct/taxonomy/issues/1/comments", {}, b'{"body": 5}', b"{}", "request: "),
        ("POST /repos/instruct/taxonomy/issues/1/labels", {}, b'{"labels": [5]}', b"[]", "request: "),
        ("GET /app", {}, b"", b'{"slug": "x"}', "'id' is a required property"),
        ("POST /graphql", {}, b'{"query": "{ viewer { nick } }"}', b'{"data": {}}', "Cannot query field 'nick'"),
    ],
    ids=["path", "method", "query", "key", "type", "nested type", "answer", "graphql"],
)
async def test_what_is_not_githubs_is_found(
    request_line: str, query: dict[str, str], body: bytes, answer: bytes, complaint: str, check: FidelityCheck
) -> None:
    "The check itself is not blind."
    sim = Simulator(clock=MovableClock(), public_key_pem="none needed")
    check.watch(sim)
    method, _, path = request_line.partition(" ")
    headers = {"Content-Type": "application/json"}
    status = 201 if method == "POST" and "comments" in path else 200

    sim.observers[0](RequestRecord(method, "", path, query, headers, body), ResponseRecord(status, headers, answer))

    assert any(complaint in violation for violation in check.violations), check.violations
