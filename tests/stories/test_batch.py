"""One command for many pull requests: shown first, done once confirmed, answered once."""

from __future__ import annotations

import re

import pytest

from tests.checks.contributions import a_skill
from tests.world import PullRequest, World
from tests.world.people import own_leaf_of


@pytest.fixture
async def prs(world: World) -> list[PullRequest]:
    "Three pull requests that passed their checks; tess is a triager, apo an approver."
    world.repo.permissions |= {"tess": "triage", "apo": "write", "max": "maintain"}
    prs = [await person.opens_pr() for person in (world.ana, world.bob, world.carla)]
    for pr in prs:
        await pr.next_comment()
    return prs


def code_in(preview: str) -> str:
    "The code to confirm with."
    found = re.search(r"`/batch confirm ([a-z0-9]+)`", preview)
    assert found, preview
    return found[1]


async def previewed(world: World, pr: PullRequest, command: str, who: str = "tess") -> str:
    "Write a batch, and return the code that its preview shows."
    await getattr(world, who).comments(pr, command)
    return code_in(await pr.next_comment())


async def read(*prs: PullRequest) -> None:
    "Let the living comments have changed."
    for pr in prs:
        await pr.settled()
        pr.has_been_read()


async def test_a_batch_is_shown_first(world: World, prs: list[PullRequest]) -> None:
    "The preview says of each how it stands and what would happen; nothing is done."
    await world.tess.comments(prs[0], "/batch /hold #2 3 #2")
    preview = await prs[0].next_comment()
    assert "`/hold` for 2 pull requests. **Nothing is done yet.**" in preview
    for pr in prs[1:]:
        line = f"| #{pr.number} | `triage-needed` at `{pr.pull.head_sha[:7]}` | +`hold` |"
        assert line in preview
    assert "| #1 |" not in preview
    assert all("hold" not in pr.labels for pr in prs)


async def test_a_confirmed_batch_is_done_and_answered_once(world: World, prs: list[PullRequest]) -> None:
    "Each gets the command, the pull request it was written on only if it is named, and one table says so."
    code = await previewed(world, prs[0], "/batch hold #2 #3")
    await world.tess.comments(prs[0], f"/batch confirm {code.upper()}")
    results = await prs[0].next_comment()
    assert "`/hold`: done for 2 of 2 pull requests." in results
    assert "| #2 | done |" in results
    assert "| #3 | done |" in results
    assert [("hold" in pr.labels) for pr in prs] == [False, True, True]
    for pr in prs[1:]:
        assert "held up by hand" in await pr.edited_comment()
    assert [(e.actor, e.act, e.source) for e in await world.audit_of(prs[1])] == [
        ("tess", "/hold", f"batch:{code}:2")
    ]


async def test_the_pull_request_it_is_written_on_may_be_named(world: World, prs: list[PullRequest]) -> None:
    "Then it is one of them."
    code = await previewed(world, prs[0], "/batch hold #1 #2")
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    assert "done for 2 of 2" in await prs[0].next_comment()
    assert [("hold" in pr.labels) for pr in prs] == [True, True, False]
    await read(*prs)


async def test_words_for_the_author_reach_every_author(world: World, prs: list[PullRequest]) -> None:
    "What is asked for stands on each pull request, with who asked and where, and calls nobody."
    words = "please name your source @instruct/everyone"
    code = await previewed(world, prs[0], f"/batch request-changes {words} #2 #3")
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    assert "done for 2 of 2" in await prs[0].next_comment()
    for pr in prs[1:]:
        said = await pr.next_comment()
        assert "please name your source" in said
        assert "@instruct" not in said
        assert "Written by `tess` on #1" in said
        assert pr.labels == {"skill", "triage-requested-changes"}
    await read(*prs)


async def test_numbers_of_the_command_itself_are_no_pull_requests(world: World, prs: list[PullRequest]) -> None:
    "With `#`, the pull requests begin where the first `#` stands."
    await world.tess.comments(prs[0], "/batch remind 2 #3")
    preview = await prs[0].next_comment()
    assert "| #3 |" in preview
    assert "| #2 |" not in preview
    assert "a reminder in 2 days" in preview


async def test_refusals_are_shown_and_left_out(world: World, prs: list[PullRequest]) -> None:
    "One is closed, one is not there, one fails its checks: only the rest can be confirmed."
    await world.github.close_pull(prs[1].pull)
    await world.carla.pushes(prs[2], {own_leaf_of("carla"): a_skill(seed_examples=3, created_by="carla")})
    await prs[2].next_comment()
    await world.tess.comments(prs[0], "/batch triage-approve #1 #2 #3 #999")
    preview = await prs[0].next_comment()
    assert "| #2 | closed | ✋" in preview
    assert "| #3 | `triage-requested-changes` at" in preview
    assert "✋ The checks have not passed" in preview
    assert "| #999 | - | ✋ There is no such pull request. |" in preview
    assert "for the 1 pull request that allow" in preview
    await world.tess.comments(prs[0], f"/batch confirm {code_in(preview)}")
    assert "done for 1 of 1 pull request." in await prs[0].next_comment()
    assert prs[0].labels == {"skill", "triage-approved"}
    await read(*prs)


async def test_nothing_to_confirm_where_all_refuse(world: World, prs: list[PullRequest]) -> None:
    "A triager previews what only an approver may."
    await world.tess.comments(prs[0], "/batch approve #2 #3")
    preview = await prs[0].next_comment()
    assert preview.count("✋ Only an approver may do this.") == 2
    assert "nothing to confirm" in preview
    assert "/batch confirm" not in preview


async def test_a_batch_is_bound_to_the_commits_it_showed(world: World, prs: list[PullRequest]) -> None:
    "A branch that moves between preview and confirmation is refused; the others go on."
    code = await previewed(world, prs[0], "/batch triage-approve #1 #2 #3")
    await world.bob.pushes(prs[1], {own_leaf_of("bob"): a_skill(seed_examples=6, created_by="bob")})
    await read(*prs)
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    results = await prs[0].next_comment()
    assert "done for 2 of 3" in results
    assert "| #2 | ✋ The branch moved" in results
    assert [("triage-approved" in pr.labels) for pr in prs] == [True, False, True]
    await read(*prs)


async def test_only_the_one_who_asked_confirms(world: World, prs: list[PullRequest]) -> None:
    "Neither another triager nor an outsider, who is told who may."
    code = await previewed(world, prs[0], "/batch hold #2")
    await world.apo.comments(prs[0], f"/batch confirm {code}")
    assert "shown to somebody else" in await prs[0].next_comment()
    await world.mallory.comments(prs[0], f"/batch confirm {code}")
    assert "Only a triager may do this." in await prs[0].next_comment()
    assert "hold" not in prs[1].labels


async def test_a_role_that_was_lost_meanwhile_does_not_count(world: World, prs: list[PullRequest]) -> None:
    "The role is looked up anew, whatever was known a second ago."
    code = await previewed(world, prs[0], "/batch hold #2")
    world.repo.permissions["tess"] = "read"
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    assert "Only a triager may do this." in await prs[0].next_comment()
    assert "hold" not in prs[1].labels


async def test_a_code_is_valid_for_an_hour_and_where_it_was_shown(world: World, prs: list[PullRequest]) -> None:
    "Elsewhere, too late, or made up: nothing is done, and each says why."
    code = await previewed(world, prs[0], "/batch hold #2")
    await world.tess.comments(prs[2], f"/batch confirm {code}")
    assert "This batch was shown on #1: confirm it there." in await prs[2].next_comment()
    await world.tess.comments(prs[0], "/batch confirm zzzzzz")
    assert "no batch with this code" in await prs[0].next_comment()
    await world.tess.comments(prs[0], "/batch confirm")
    assert "Write the code" in await prs[0].next_comment()
    await world.clock.advance(minutes=61)
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    assert "more than an hour ago" in await prs[0].next_comment()
    assert "hold" not in prs[1].labels


async def test_confirming_twice_does_nothing_twice(world: World, prs: list[PullRequest]) -> None:
    "What was lifted meanwhile is not held again."
    code = await previewed(world, prs[0], "/batch hold #2")
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    assert "done for 1 of 1" in await prs[0].next_comment()
    await world.tess.comments(prs[1], "/unhold")
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    assert "carried out already" in await prs[0].next_comment()
    assert "hold" not in prs[1].labels
    await read(*prs)


async def test_a_crash_in_the_middle_goes_on(world: World, prs: list[PullRequest]) -> None:
    "GitHub fails between the first and the last: tried again, each is done once and all is said in one table."
    code = await previewed(world, prs[0], "/batch request-changes please name your source #1 #2 #3")
    world.github.fail_next("POST", r"/issues/2/comments$", status=500)
    world.github.fail_next("GET", r"/pulls/3$", status=503)
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    await world.while_time_passes(minutes=10)
    replies = [await pr.next_comment() for pr in prs]
    assert all("please name your source" in reply for reply in replies)
    results = await prs[0].next_comment()
    assert "done for 3 of 3" in results
    for pr in prs:
        assert pr.labels == {"skill", "triage-requested-changes"}
        assert len(await world.audit_of(pr)) == 1 + 2 * (pr is prs[0])
        assert "a triager asks for a change" in await pr.edited_comment()


async def test_a_lost_answer_brings_no_second_table(world: World, prs: list[PullRequest]) -> None:
    "The table was written, we never learned; the batch is over all the same."
    code = await previewed(world, prs[0], "/batch hold #2")
    world.github.drop_next_response("POST", r"/issues/1/comments$")
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    await world.while_time_passes(minutes=5)
    assert "done for 1 of 1" in await prs[0].next_comment()
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    assert "carried out already" in await prs[0].next_comment()
    await read(*prs)


async def test_new_checks_for_many(world: World, prs: list[PullRequest]) -> None:
    "`/batch check` posts new runs on each."
    code = await previewed(world, prs[0], "/batch check #2 #3")
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    assert "done for 2 of 2" in await prs[0].next_comment()
    for pr, times in zip(prs, (1, 2, 2), strict=True):
        assert [run.name for run in pr.checks()].count("Contribution") == times


async def test_a_pull_request_older_than_the_bot_is_looked_at_first(world: World, prs: list[PullRequest]) -> None:
    "It is judged, so that the preview can say what would happen."
    await world.stop_bot()
    old = await world.dora.opens_pr()
    await world.start_bot()
    code = await previewed(world, prs[0], f"/batch triage-approve #{old.number}")
    assert "All checks passed" in await old.next_comment()
    await world.tess.comments(prs[0], f"/batch confirm {code}")
    assert "done for 1 of 1" in await prs[0].next_comment()
    assert old.labels == {"skill", "triage-approved"}
    await read(old)


REFUSED = {
    "nothing named": ("/batch", "Name a command"),
    "no numbers": ("/batch hold", "Name a command"),
    "only numbers": ("/batch #2 #3", "Name a command"),
    "mistyped": ("/batch hodl #2", "Did you mean `/hold`?"),
    "nested": ("/batch batch hold #2", "not for many at once"),
    "help": ("/batch help #2", "not for many at once"),
    "status": ("/batch /status #2", "not for many at once"),
    "why": ("/batch why #2", "not for many at once"),
    "question": ("/batch question who? #2", "not for many at once"),
    "explain": ("/batch explain dco #2", "not for many at once"),
    "one rule": ("/batch check pii #2", "not for many at once"),
    "a request without words": ("/batch request-changes #2", "Say what is asked for"),
    "too many": ("/batch hold " + " ".join(f"#{n}" for n in range(1, 52)), "At most 50"),
    "too long": (f"/batch hold {'x' * 501} #2", "At most 500 characters"),
}


async def test_what_cannot_be_a_batch_is_refused_at_once(world: World, prs: list[PullRequest]) -> None:
    "Each with what to write instead; nothing is shown and nothing is done."
    for command, reason in REFUSED.values():
        await world.tess.comments(prs[0], command)
        assert reason in await prs[0].next_comment(), command
    assert all(pr.labels == {"skill", "triage-needed"} for pr in prs)


async def test_outsiders_and_authors_have_no_batches(world: World, prs: list[PullRequest]) -> None:
    "Not even of the own pull requests."
    for person in (world.ana, world.mallory):
        await person.comments(prs[0], "/batch hold #1 #2")
        assert "Only a triager may do this." in await prs[0].next_comment()
    assert "hold" not in prs[0].labels


async def test_a_comment_holds_one_batch(world: World, prs: list[PullRequest]) -> None:
    "A second one is told to come by itself."
    await world.tess.comments(prs[0], "/batch hold #2\n/batch hold #3")
    preview = await prs[0].next_comment()
    assert "Only the first `/batch` of a comment" in preview
    assert "| #3 |" not in preview


async def test_pipes_stay_in_their_cell(world: World, prs: list[PullRequest]) -> None:
    "What somebody writes cannot add a column to the table."
    await world.tess.comments(prs[0], "/batch label a|b | c #2")
    (row,) = [line for line in (await prs[0].next_comment()).splitlines() if line.startswith("| #2 |")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 4


async def test_an_approver_has_several_merged(world: World, prs: list[PullRequest]) -> None:
    "Approvals by batch count as if each had been written on its pull request."
    for pr in prs[:2]:
        await world.tess.comments(pr, "/triage-approve")
        await pr.settled()
    code = await previewed(world, prs[2], "/batch approve #1 #2", "apo")
    await world.apo.comments(prs[2], f"/batch confirm {code}")
    assert "done for 2 of 2" in await prs[2].next_comment()
    assert [pr.pull.merged for pr in prs] == [True, True, False]
    await read(*prs)


async def test_several_merges_are_asked_for_at_once(world: World, prs: list[PullRequest]) -> None:
    "Where the policy leaves merging to people: one after the other, and what is not ready says why not."
    policy = {".github/taxonomy-bot.yml": "merging: {automatic: false}\n"}
    await world.github.push_to_default(world.repo, policy)
    for pr in prs[:2]:
        await world.tess.comments(pr, "/triage-approve")
        await world.apo.comments(pr, "/approve")
    await read(*prs)
    await world.apo.comments(prs[2], "/batch merge #1 #2 #3")
    preview = await prs[2].next_comment()
    assert preview.count("it is queued for its merge") == 2
    assert "✋ Not yet. Triage has not signed it off yet." in preview
    await world.apo.comments(prs[2], f"/batch confirm {code_in(preview)}")
    assert "done for 2 of 2" in await prs[2].next_comment()
    assert [pr.pull.merged for pr in prs] == [True, True, False]
    await read(*prs)
