"""Who somebody is to a repository, what they say, and what of it GitHub tells."""

from __future__ import annotations

import pytest

from bot.clock import MovableClock
from bot.simulator import Pull, Repository, Simulator
from tests.simulator.client import AppClient

R = "/repos/instruct/taxonomy"


@pytest.fixture
async def pull(sim: Simulator, repo: Repository) -> Pull:
    return await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})


@pytest.mark.parametrize(
    ("role", "legacy", "powers"),
    [
        ("read", "read", ["pull"]),
        ("triage", "read", ["pull", "triage"]),
        ("write", "write", ["pull", "triage", "push"]),
        ("maintain", "write", ["pull", "triage", "push", "maintain"]),
        ("admin", "admin", ["pull", "triage", "push", "maintain", "admin"]),
    ],
)
async def test_the_legacy_word_hides_roles(
    role: str, legacy: str, powers: list[str], sim: Simulator, client: AppClient, repo: Repository
) -> None:
    "Triage is called read and maintain write; only `user.permissions` and `role_name` tell the truth."
    mia = sim.create_user("mia")
    repo.permissions["mia"] = role

    told = (await client.get(f"{R}/collaborators/mia/permission")).body

    assert (told["permission"], told["role_name"], told["user"]["id"]) == (legacy, role, mia.id)
    assert [power for power, is_held in told["user"]["permissions"].items() if is_held] == powers


async def test_a_team_gives_its_role_while_one_is_in_it(
    sim: Simulator, client: AppClient, repo: Repository
) -> None:
    "The role of a team counts for its active members only, and is gone with the membership."
    sim.create_team("instruct", "approvers", ["mia"])
    sim.add_team_member("instruct", "approvers", "tom", pending=True)
    repo.team_permissions["approvers"] = "maintain"
    team = "/orgs/instruct/teams/approvers"

    async def role(login: str) -> str:
        return str((await client.get(f"{R}/collaborators/{login}/permission")).body["role_name"])

    assert (await role("mia"), await role("tom")) == ("maintain", "read")
    assert (await client.get(f"{team}/memberships/tom")).body["state"] == "pending"
    assert [member["login"] for member in (await client.get(f"{team}/members")).body] == ["mia"]
    sim.remove_team_member("instruct", "approvers", "mia")
    assert (await client.get(f"{team}/memberships/mia")).status == 404
    assert await role("mia") == "read"


async def test_a_login_may_pass_to_somebody_else(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "After a renaming the role follows the id, and the old login is another account."
    mia = sim.create_user("mia")
    repo.permissions["mia"] = "admin"
    sim.rename_user("mia", "mia-new")
    stranger = sim.create_user("mia")

    told = (await client.get(f"{R}/collaborators/mia/permission")).body
    assert (told["user"]["id"], told["role_name"]) == (stranger.id, "read")
    assert (await client.get(f"{R}/collaborators/mia-new/permission")).body["user"]["id"] == mia.id


async def test_bots_are_no_users(sim: Simulator, client: AppClient, pull: Pull) -> None:
    "Other Apps comment and label as bots; they have no role that could be asked for."
    comment = await sim.comment(pull, "helper[bot]", "/approve")
    await sim.label(pull, "triage-approved", by="github-actions[bot]")

    written, labelled = sim.deliveries[-2:]
    told = written.payload["comment"]
    assert (told["user"]["type"], told["performed_via_github_app"]["slug"]) == ("Bot", "helper")
    assert not comment.by_app
    assert labelled.payload["sender"]["type"] == "Bot"
    assert (await client.get(f"{R}/collaborators/helper[bot]/permission")).status == 404


async def test_a_review_remembers_its_commit(sim: Simulator, client: AppClient, pull: Pull) -> None:
    "A review is of the head at that time, or of the commit that the reviewer still looked at."
    first = pull.head_sha
    await sim.request_review(pull, "tom", by="ana")
    await sim.review(pull, "tom", "/approve", "APPROVED")
    await sim.push(pull, {"a.md": "b\n"})
    late = await sim.review(pull, "mia", "/approve", commit_id=first)
    await sim.edit_review(late, "/approve cancel", by="tom")

    listed = (await client.get(f"{R}/pulls/1/reviews")).body
    assert [(review["state"], review["commit_id"]) for review in listed] == [
        ("APPROVED", first),
        ("COMMENTED", first),
    ]
    edited = sim.deliveries[-1]
    assert (edited.event, edited.action, edited.payload["review"]["state"]) == (
        "pull_request_review",
        "edited",
        "commented",
    )
    assert edited.payload["changes"] == {"body": {"from": "/approve"}}
    assert pull.requested_reviewers == []


async def test_nobody_approves_their_own(sim: Simulator, pull: Pull) -> None:
    "GitHub itself refuses an opinion of the author, and takes a comment."
    with pytest.raises(ValueError, match="own pull request"):
        await sim.review(pull, "ana", "", "APPROVED")
    await sim.review(pull, "ana", "/approve")


async def test_a_foreign_edit_names_both(sim: Simulator, pull: Pull) -> None:
    "The webhook of an edit has the author in the comment, the editor as sender, and the old text."
    comment = await sim.comment(pull, "tom", "/approve")
    await sim.edit_comment(comment, "/reject", by="mia")
    payload = sim.deliveries[-1].payload
    await sim.delete_comment(comment, by="mia")

    assert (payload["comment"]["user"]["login"], payload["sender"]["login"]) == ("tom", "mia")
    assert payload["changes"]["body"]["from"] == "/approve"
    assert (sim.deliveries[-1].action, pull.comments) == ("deleted", [])


async def test_a_reaction_is_given_once(sim: Simulator, client: AppClient, pull: Pull) -> None:
    "The second time GitHub answers 200 with the same reaction; no webhook tells of either."
    comment = await sim.comment(pull, "tom", "/help")
    told = len(sim.deliveries)
    path = f"{R}/issues/comments/{comment.id}/reactions"
    first, second = [await client.post(path, {"content": "eyes"}) for _ in range(2)]

    assert (first.status, second.status, first.body["id"]) == (201, 200, second.body["id"])
    assert comment.reactions == {"eyes": {"taxonomy-bot[bot]"}}
    assert (await client.get(f"{R}/issues/comments/{comment.id}")).body["reactions"]["eyes"] == 1
    assert len(sim.deliveries) == told


async def test_only_those_who_belong_are_assigned(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "Strangers are passed over; collaborators and commenters are assigned; a review needs a collaborator."
    sim.create_user("mia")
    repo.permissions["mia"] = "triage"
    sim.create_user("stranger")
    await sim.comment(pull, "tom", "I take this one")
    sent = {"assignees": ["mia", "tom", "stranger", "nobody"]}
    assert (await client.post(f"{R}/issues/1/assignees", sent)).status == 201
    refused = await client.post(f"{R}/pulls/1/requested_reviewers", {"reviewers": ["mia", "stranger"]})
    taken = await client.post(f"{R}/pulls/1/requested_reviewers", {"reviewers": ["mia"]})

    assert pull.assignees == ["mia", "tom"]
    assert (refused.status, taken.status, pull.requested_reviewers) == (422, 201, ["mia"])
    actions = [delivery.action for delivery in sim.deliveries[-3:]]
    assert actions == ["assigned", "assigned", "review_requested"]


async def test_a_patch_tells_only_what_differs(sim: Simulator, client: AppClient, pull: Pull) -> None:
    "Closing, reopening and retitling are told once each; a PATCH that changes nothing is not told."
    told = len(sim.deliveries)
    await client.call("PATCH", f"{R}/pulls/1", {"title": pull.title, "state": "open"})
    assert len(sim.deliveries) == told
    await client.call("PATCH", f"{R}/issues/1", {"state": "closed"})
    await client.call("PATCH", f"{R}/pulls/1", {"state": "open", "title": "Better"})

    assert [delivery.action for delivery in sim.deliveries[told:]] == ["closed", "reopened", "edited"]
    history = (await client.get(f"{R}/issues/1/events")).body
    assert [entry["event"] for entry in history] == ["closed", "reopened", "renamed"]


async def test_what_is_merged_stays_closed(sim: Simulator, client: AppClient, pull: Pull) -> None:
    "A merged pull request cannot be opened again."
    await sim.merge_pull(pull, by="tom")
    assert (await client.call("PATCH", f"{R}/pulls/1", {"state": "open"})).status == 422
    assert (pull.state, pull.merged_by and pull.merged_by.login) == ("closed", "tom")


async def test_unchanged_pull_requests_cost_nothing(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull, clock: MovableClock
) -> None:
    "Lists and single pull requests keep their ETag while nothing changes; a new token makes it worthless."
    paths = [f"{R}/pulls?head=ana:{pull.head_ref}", f"{R}/pulls?per_page=100", f"{R}/pulls/1", f"{R}/issues/1"]
    await client.get(f"{R}/pulls/1")
    tags = [(await client.get(path)).headers["Etag"] for path in paths]

    async def statuses() -> list[int]:
        return [
            (await client.get(path, **{"If-None-Match": tag})).status for path, tag in zip(paths, tags, strict=True)
        ]

    await clock.advance(minutes=10)
    assert await statuses() == [304] * 4
    await client.sign_in(repo)
    assert await statuses() == [200] * 4
    tags = [(await client.get(path)).headers["Etag"] for path in paths]
    await sim.label(pull, "skill", by="tom")
    assert await statuses() == [200] * 4


async def test_the_history_tells_who_labelled_when(
    sim: Simulator, client: AppClient, pull: Pull, clock: MovableClock
) -> None:
    "Each label put on or taken off is an entry, in order, with who did it and through which App."
    await sim.label(pull, "skill", by="tom")
    await clock.advance(minutes=5)
    await client.post(f"{R}/issues/1/labels", {"labels": ["triage-needed"]})
    await sim.unlabel(pull, "skill", by="github-actions[bot]")
    await sim.label(pull, "skill", by="mia")

    told = (await client.get(f"{R}/issues/1/events?per_page=100")).body
    assert [(one["event"], one["label"]["name"], one["actor"]["login"]) for one in told] == [
        ("labeled", "skill", "tom"),
        ("labeled", "triage-needed", "taxonomy-bot[bot]"),
        ("unlabeled", "skill", "github-actions[bot]"),
        ("labeled", "skill", "mia"),
    ]
    apps = [one["performed_via_github_app"] for one in told]
    assert [app and app["slug"] for app in apps] == [None, "taxonomy-bot", "github-actions", None]
    times = [one["created_at"] for one in told]
    assert (times, len(set(times))) == (sorted(times), 2)


async def test_all_comments_of_a_repository_are_listed(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull, clock: MovableClock
) -> None:
    "Those of all pull requests, since a time, by what was last changed; GitHub ignores a lone direction."
    other = await sim.open_pull(repo, author="mia", files={"b.md": "b\n"})
    first = await sim.comment(pull, "tom", "One")
    await clock.advance(minutes=5)
    await sim.comment(other, "tom", "Two")
    await clock.advance(minutes=5)
    await sim.edit_comment(first, "One, edited")
    since = first.updated_at.isoformat()[:19] + "Z"

    async def bodies(query: str) -> list[str]:
        return [one["body"] for one in (await client.get(f"{R}/issues/comments?{query}")).body]

    assert await bodies("sort=updated&direction=asc&per_page=100") == ["Two", "One, edited"]
    assert await bodies("sort=created&direction=desc") == ["Two", "One, edited"]
    assert await bodies("direction=desc") == ["One, edited", "Two"]
    assert await bodies(f"since={since}&sort=updated&direction=asc&per_page=100") == ["One, edited"]
    assert await bodies("sort=updated&direction=asc&per_page=1&page=2") == ["One, edited"]
