"""Issues beside pull requests: one row of numbers, one list, two permissions."""

from __future__ import annotations

from bot.clock import MovableClock
from bot.simulator import Repository, Simulator
from tests.simulator.client import AppClient

R = "/repos/instruct/taxonomy"


async def test_issues_and_pull_requests_share_their_numbers(
    sim: Simulator, client: AppClient, repo: Repository
) -> None:
    "An issue takes the next number; it is no pull request, and a pull request is an issue."
    first = await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    answer = await client.post(f"{R}/issues", {"title": "Broken", "body": "See log", "labels": ["ops", "bot"]})
    second = await sim.open_pull(repo, author="ana", files={"b.md": "b\n"})

    (issue,) = repo.issues
    assert (answer.status, answer.body["number"], issue.number) == (201, 2, 2)
    assert (first.number, second.number) == (1, 3)
    assert (issue.title, issue.body, issue.labels, issue.author) == (
        "Broken",
        "See log",
        ["ops", "bot"],
        "taxonomy-bot[bot]",
    )
    assert answer.body["performed_via_github_app"]["id"] == 1234
    assert (await client.get(f"{R}/pulls/2")).status == 404
    assert "pull_request" not in (await client.get(f"{R}/issues/2")).body
    assert "pull_request" in (await client.get(f"{R}/issues/3")).body


async def test_issues_are_found_again(
    sim: Simulator, client: AppClient, repo: Repository, clock: MovableClock
) -> None:
    "The list has both kinds and can be narrowed by who opened them, state and labels, in either order."
    await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    await clock.advance(minutes=1)
    await client.post(f"{R}/issues", {"title": "Mine", "labels": ["ops", "bot"]})
    await clock.advance(minutes=1)
    closed = await sim.open_issue(repo, author="mia", title="Hers", labels=["ops"])
    await sim.close_issue(closed, by="tom", reason="not_planned")

    async def numbers(query: str) -> list[int]:
        return [one["number"] for one in (await client.get(f"{R}/issues?{query}")).body]

    assert await numbers("") == [2, 1]
    assert await numbers("state=all&direction=asc") == [1, 2, 3]
    assert await numbers("state=all&labels=ops") == [3, 2]
    assert await numbers("state=all&labels=OPS,bot") == [2]
    assert await numbers("creator=taxonomy-bot%5Bbot%5D") == [2]
    assert await numbers("state=closed&creator=mia&sort=updated") == [3]
    assert await numbers("state=all&sort=created&direction=asc&per_page=1&page=2") == [2]
    assert await numbers("state=all&since=2999-01-01T00:00:00Z") == []


async def test_an_issue_is_changed_and_closed(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "A PATCH retitles, relabels, closes with a reason and opens again; the history tells it in order."
    sim.state.app.events += ("issues",)
    await client.post(f"{R}/issues", {"title": "Broken"})
    closed = await client.call(
        "PATCH", f"{R}/issues/1", {"title": "Mended", "body": "Done", "state": "closed", "labels": ["ops"]}
    )
    opened = await client.call("PATCH", f"{R}/issues/1", {"state": "open"})
    refused = await client.call("PATCH", f"{R}/issues/1", {"title": ""})

    (issue,) = repo.issues
    assert (closed.body["state"], closed.body["state_reason"], opened.body["state"]) == (
        "closed",
        "completed",
        "open",
    )
    assert (issue.title, issue.body, issue.labels, refused.status) == ("Mended", "Done", ["ops"], 422)
    told = [entry["event"] for entry in (await client.get(f"{R}/issues/1/events")).body]
    assert told == ["renamed", "closed", "labeled", "reopened"]
    assert [one.action for one in sim.deliveries] == ["opened", "edited", "closed", "labeled", "reopened"]


async def test_each_kind_needs_its_permission(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "With pull requests alone issues stay shut, and the other way round."
    await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    await sim.open_issue(repo, author="mia", title="Broken")
    sim.state.app.permissions["issues"] = "read"
    statuses = [
        (await client.post(f"{R}/issues", {"title": "x"})).status,
        (await client.call("PATCH", f"{R}/issues/2", {"title": "x"})).status,
        (await client.get(f"{R}/issues/2")).status,
        (await client.call("PATCH", f"{R}/issues/1", {"title": "x"})).status,
    ]
    sim.state.app.permissions |= {"issues": "write", "pull_requests": "read"}
    statuses += [
        (await client.call("PATCH", f"{R}/issues/2", {"title": "x"})).status,
        (await client.call("PATCH", f"{R}/issues/1", {"title": "y"})).status,
    ]

    assert statuses == [403, 403, 200, 200, 200, 403]
    assert repo.pulls[1].title == "x"
