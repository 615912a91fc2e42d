"""What GitHub refuses to show or to give us: no access token, no members, no collaborators."""

from __future__ import annotations

import json

import pytest

from bot.simulator import CommitSpec
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import World
from tests.world.people import PullRequest, a_good_skill

MEMBERS_MAY_LEAVE_IT_OUT = {".github/taxonomy-bot.yml": "dco: {exempt_members: true}\n"}
MEMBER = r"/orgs/instruct/members/mia$"
TOKEN = r"/access_tokens$"

REFUSALS = [
    (401, "A JSON web token could not be decoded"),
    (403, "This installation has been suspended"),
    (403, "Resource not accessible by integration"),
    (404, "Not Found"),
    (429, "Too many requests"),
    (500, "Server Error"),
]


def refused(message: str) -> str:
    return json.dumps({"message": message})


@pytest.mark.parametrize(("status", "message"), REFUSALS, ids=[f"{status} {text}" for status, text in REFUSALS])
async def test_a_refused_token_is_nobodys_fault(world: World, status: int, message: str) -> None:
    "A key being rotated, a suspended App: the verdict comes when we are let in again, and the author sees nothing."
    world.github.fail_next("POST", TOKEN, status=status, body=refused(message), times=2)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=5)
    assert "All checks passed" in await pr.next_comment()
    assert len(pr.rule_checks()) == 2


@pytest.mark.parametrize("body", ["{}", "[]", '{"token"', '{"token": "ghs_x", "expires_at": "soon"}', "<html>"])
async def test_a_token_that_cannot_be_read_is_asked_for_again(world: World, body: str) -> None:
    "An answer that is no token is no token."
    world.github.fail_next("POST", TOKEN, status=201, body=body)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=5)
    assert "All checks passed" in await pr.next_comment()


async def test_a_suspended_installation_is_given_up_in_the_end_and_taken_up_again(world: World) -> None:
    "Suspended for an hour: the delivery is kept with the reason, and pressing Redeliver brings the verdict."
    suspended = refused("This installation has been suspended")
    world.github.fail_next("POST", TOKEN, status=403, body=suspended, times=8 * 3)  # each try asks three times
    pr = await world.ana.opens_pr()
    await world.while_time_passes(hours=1)
    assert await kept(world) == ("failed", "GitHub gave us no access token (403)")
    assert pr.checks() == []

    world.github.redeliver(next(d for d in world.github.deliveries if d.event == "pull_request"))
    assert "All checks passed" in await pr.next_comment()


async def test_a_token_that_is_refused_again_and_again_does_not_loop(world: World) -> None:
    "GitHub gives us tokens and takes none of them: after some tries the delivery waits, then all goes on."
    world.github.fail_next("GET", r"/pulls/1$", status=401, body=refused("Bad credentials"), times=3)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=1)
    assert "All checks passed" in await pr.next_comment()


async def test_a_stumbling_member_look_up_is_tried_again(world: World) -> None:
    "A member may leave out the sign-off: a 502 in between changes nothing about it."
    pr = await opened_by_member(world, status=502, times=2)
    assert "All checks passed" in await pr.next_comment()


async def test_while_members_cannot_be_looked_up_nobody_is_blamed(world: World) -> None:
    "GitHub is down for a while: the verdict waits, rather than asking a member for a sign-off."
    pr = await opened_by_member(world, status=503, times=6)
    assert "All checks passed" in await pr.next_comment()
    assert len(pr.rule_checks()) == 2


@pytest.mark.parametrize("status", [302, 403, 404])
async def test_members_that_we_may_not_see_sign_off_like_everybody(world: World, status: int) -> None:
    "Whoever cannot be shown to be a member is none: unsure means no."
    pr = await opened_by_member(world, status=status, times=20)
    assert "Not ready yet" in await pr.next_comment()
    assert pr.check("Sign-off").conclusion == "failure"
    assert pr.check("Contribution").conclusion == "success"


@pytest.mark.parametrize(("status", "conclusion"), [(None, "success"), (403, "failure"), (404, "failure")])
async def test_an_author_who_cannot_be_shown_to_be_a_maintainer_is_none(
    world: World, status: int | None, conclusion: str
) -> None:
    "Foundational skills are for maintainers: where GitHub does not say who is one, nobody is, and a verdict comes."
    world.repo.permissions["mia"] = "maintain"
    if status:
        collaborator = r"/collaborators/mia/permission$"
        world.github.fail_next("GET", collaborator, status=status, body=refused("No"), times=20)
    path = "foundational_skills/reasoning/deduction/qna.yaml"
    pr = await world.mia.opens_pr(a_good_skill("mia", path))
    await pr.settled()
    assert pr.check("Contribution").conclusion == conclusion
    pr.has_been_read()


async def opened_by_member(world: World, *, status: int, times: int) -> PullRequest:
    "Mia, a member, leaves out the sign-off on the web, and looking her up fails so many times."
    await world.github.push_to_default(world.repo, MEMBERS_MAY_LEAVE_IT_OUT)
    world.repo.owner.members.add("mia")
    world.github.fail_next("GET", MEMBER, status=status, times=times)
    files = {**a_good_skill("mia"), SKILL_PATH: a_skill(created_by="mia")}
    commit = CommitSpec("A skill from the web", files, web_editor=True)
    pr = await world.mia.opens_pr(commits=[commit], sign_off=False)
    await world.while_time_passes(minutes=10)
    return pr


async def kept(world: World) -> tuple[str, str]:
    "How the delivery about the pull request ended, and why."
    ((state, error),) = await world.rows("select state, error from deliveries where event = 'pull_request'")
    return state, error
