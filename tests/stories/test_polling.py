"""Where no webhook reaches the bot, it asks: the same story as everywhere, at most one look later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from aiohttp import web

from bot.app import PARTS, make_app
from bot.labels import Label
from bot.polling.telling import POLLED
from bot.rule_workers import RuleWorkers
from bot.simulator import Comment
from bot.store.desk_log import AuditEntry
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.databases import PostgresServer
from tests.fidelity.check import FidelityCheck
from tests.world import PullRequest
from tests.world.people import a_good_skill
from tests.world.polling import RemoteWorld

BROKEN = {SKILL_PATH: a_skill(seed_examples=2)}
FIXED = {SKILL_PATH: a_skill(seed_examples=6)}


@pytest.fixture
async def world(
    database_url: str, rule_workers: RuleWorkers, fidelity: FidelityCheck | None
) -> AsyncIterator[RemoteWorld]:
    "A world in which the bot has to look; tess is a triager, apo an approver, max a maintainer."
    world = RemoteWorld(database_url, rule_workers)
    world.repo.permissions |= {"tess": "triage", "apo": "write", "max": "maintain"}
    if fidelity is not None:
        fidelity.watch(world.github)
    async with world:
        yield world


@pytest.fixture
async def pr(world: RemoteWorld) -> PullRequest:
    "A pull request of ana's that was found, and passed its checks."
    pr = await world.ana.opens_pr()
    await world.looks()
    await pr.next_comment()
    return pr


def acts(entries: list[AuditEntry]) -> list[str]:
    "What was done."
    return [entry.act for entry in entries]


async def test_a_pull_request_goes_its_whole_way(world: RemoteWorld) -> None:
    "Opened, judged, fixed by a push, triaged by command, labelled by hand, approved, merged: nobody told the bot."
    pr = await world.ana.opens_pr(a_good_skill() | BROKEN)
    await world.looks()
    assert pr.check("Contribution").conclusion == "failure"
    pr.has_been_read()
    assert Label.CHANGES_REQUESTED in pr.labels

    await world.ana.pushes(pr, FIXED)
    await world.looks()
    assert pr.check("Contribution").conclusion == "success"
    pr.has_been_read()

    await world.tess.comments(pr, "/triage-approve")
    await world.looks()
    pr.has_been_read()
    await world.github.label(pr.pull, Label.HOLD, by="tess")
    await world.looks()
    assert acts(await world.audit_of(pr))[-1] in ("/hold", "label +hold")
    await world.github.unlabel(pr.pull, Label.HOLD, by="tess")
    await world.looks()
    pr.has_been_read()

    await world.apo.comments(pr, "/approve")
    await world.looks()

    said = [entry.actor for entry in await world.audit_of(pr)]
    assert said.count("apo") == 1
    assert "tess" in said
    pr.has_been_read()
    await world.looks(2)
    assert pr.pull.merged, pr.thread()
    pr.has_been_read()


async def test_a_verdict_comes_with_the_next_look(world: RemoteWorld) -> None:
    "Nothing is said before it; then all of it, once."
    pr = await world.ana.opens_pr()
    await world.settled()
    assert not pr.pull.comments

    await world.looks()
    await pr.next_comment()
    before = len(world.github.calls_since(0))
    await world.looks(3)

    assert [line for line in world.github.calls_since(before) if line.is_write] == []


async def test_looking_costs_nothing_while_nothing_happens(world: RemoteWorld, pr: PullRequest) -> None:
    "What has not changed is answered with 304, which GitHub does not count."
    await world.looks(2)
    mark = world.github.mark
    await world.looks(5)

    calls = world.github.calls_since(mark)
    charged = [line for line in calls if line.status != 304]
    assert len(calls) <= 5 * 7
    assert charged == [], [f"{line.status} {line.path}" for line in charged]


async def test_a_restart_between_two_looks_loses_nothing(world: RemoteWorld, pr: PullRequest) -> None:
    "What happened while the bot was away is found by its first look; what it had done is not done again."
    await world.tess.comments(pr, "/hold")
    await world.looks()
    pr.has_been_read()
    await world.stop_bot()
    await world.clock.advance(minutes=30)
    await world.ana.pushes(pr, BROKEN)
    await world.clock.advance(minutes=30)
    await world.tess.comments(pr, "/unhold")
    other = await world.bea.opens_pr()
    await world.clock.advance(minutes=30)

    await world.start_bot()
    await world.settled()

    assert pr.check("Contribution").conclusion == "failure"
    await other.next_comment()
    assert acts(await world.audit_of(pr)) == ["/hold", "/unhold"]
    pr.has_been_read()


async def test_a_deleted_database_row_is_not_told_twice(world: RemoteWorld, pr: PullRequest) -> None:
    "A look that broke off after it had told everything is made up for by the next, and nothing is done twice."
    await world.stop_bot()
    rows = await world.rows("SELECT kind, mark FROM poll_marks ORDER BY kind")
    await world.start_bot()
    await world.tess.comments(pr, "/hold")
    await world.looks()
    pr.has_been_read()
    await world.stop_bot()
    async with world.database() as engine, engine.begin() as connection:
        for kind, mark in rows:
            await connection.execute(
                sa.text("UPDATE poll_marks SET mark = :mark WHERE kind = :kind"), {"mark": mark, "kind": kind}
            )
        await connection.execute(sa.text("DELETE FROM polled_pulls"))
    await world.start_bot()
    await world.looks()

    assert acts(await world.audit_of(pr)) == ["/hold"]


async def test_beside_webhooks_nothing_is_done_twice(world: RemoteWorld, pr: PullRequest) -> None:
    "Webhooks come as well: each act has one effect, and the look leaves it to them."
    world.github.webhook_url = world.webhook_url
    await world.tess.comments(pr, "/hold")
    await world.github.label(pr.pull, Label.LEGAL_HOLD, by="tess")
    await world.github.unlabel(pr.pull, Label.LEGAL_HOLD, by="max")
    await world.ana.pushes(pr, FIXED)
    await world.settled()
    held = await world.audit_of(pr)
    pr.has_been_read()
    mark = world.github.mark

    await world.looks(2)

    assert await world.audit_of(pr) == held
    writes = [line.path for line in world.github.calls_since(mark) if line.is_write]
    assert all(path.endswith("/reactions") for path in writes), "which GitHub counts once"
    told = await world.rows(f"SELECT guid FROM deliveries WHERE guid LIKE '{POLLED}changed%'")
    assert told == []


async def test_a_webhook_about_one_comment_tells_nothing_of_another(world: RemoteWorld, pr: PullRequest) -> None:
    "Both on one pull request within a minute, and only the second one's webhook arrives."
    await world.github.comment(pr.pull, "tess", "/hold")
    await world.clock.advance(seconds=30)
    world.github.webhook_url = world.webhook_url
    await world.github.comment(pr.pull, "otto", "Nice birds!")
    await world.settled()

    await world.looks(2)

    assert acts(await world.audit_of(pr)) == ["/hold"]
    pr.has_been_read()


async def test_a_comment_edited_before_it_was_read_commands_nothing(world: RemoteWorld, pr: PullRequest) -> None:
    "Nobody knows what it said."
    comment = await world.github.comment(pr.pull, "tess", "hello")
    await world.clock.advance(seconds=2)
    await world.github.edit_comment(comment, "/hold")
    await world.looks(2)

    assert Label.HOLD not in pr.labels
    assert await world.audit_of(pr) == []


async def approves(world: RemoteWorld, pr: PullRequest) -> Comment:
    "Triage signs off in a comment."
    comment = await world.github.comment(pr.pull, "tess", "/triage-approve")
    await world.looks()
    assert Label.TRIAGE_APPROVED in pr.labels, pr.thread()
    pr.has_been_read()
    return comment


@pytest.mark.parametrize("what", ["edited", "deleted"])
async def test_an_approval_falls_with_its_words(world: RemoteWorld, pr: PullRequest, what: str) -> None:
    "Somebody else changes them after they were read: as with webhooks, and by the name of who did it."
    comment = await approves(world, pr)
    await world.clock.advance(seconds=2)
    if what == "edited":
        await world.github.edit_comment(comment, "fine by me", by="max")
    else:
        await world.github.delete_comment(comment, by="max")

    await world.looks()

    assert Label.TRIAGE_APPROVED not in pr.labels, pr.thread()
    entry = (await world.audit_of(pr))[-1]
    assert (entry.act, entry.actor) == (f"words {what}", "max")
    pr.has_been_read()


async def test_ones_own_edit_changes_nothing(world: RemoteWorld, pr: PullRequest) -> None:
    "Edits are never read for commands, and an author may put a comma right."
    comment = await approves(world, pr)
    await world.clock.advance(seconds=2)
    await world.github.edit_comment(comment, "/reject", by="tess")
    await world.looks(2)

    assert Label.TRIAGE_APPROVED in pr.labels
    assert acts(await world.audit_of(pr)) == ["/triage-approve"]


async def test_a_review_commands_and_falls_when_dismissed(world: RemoteWorld, pr: PullRequest) -> None:
    "A review is read when its pull request has changed; who dismissed it stands in the history."
    await approves(world, pr)
    review = await world.github.review(pr.pull, "apo", "/approve", "APPROVED")
    await world.github.label(pr.pull, Label.HOLD, by="apo")
    await world.looks()
    assert "/approve" in acts(await world.audit_of(pr)), pr.thread()
    await world.github.dismiss_review(review, by="max")
    await world.looks()

    if not pr.pull.merged:
        entry = (await world.audit_of(pr))[-1]
        assert (entry.act, entry.actor) == ("words dismissed", "max")
    pr.has_been_read()


async def test_a_review_that_somebody_edited_before_it_was_read_commands_nothing(
    world: RemoteWorld, pr: PullRequest
) -> None:
    "Whoever may write may edit a maintainer's review: that must not make an approval of it."
    review = await world.github.review(pr.pull, "max", "not yet")
    await world.github.edit_review(review, "/approve", by="apo")
    await world.looks(2)

    assert await world.audit_of(pr) == []


async def test_closed_and_opened_again(world: RemoteWorld, pr: PullRequest) -> None:
    "The end of a pull request is seen, by whom, and its return."
    await world.github.close_pull(pr.pull, by="ana")
    await world.looks()
    pr.has_been_read()
    rows = await world.rows("SELECT is_open FROM pull_requests")
    assert [bool(row[0]) for row in rows] == [False]

    await world.github.reopen_pull(pr.pull, by="ana")
    await world.looks()

    rows = await world.rows("SELECT is_open FROM pull_requests")
    assert [bool(row[0]) for row in rows] == [True]
    pr.has_been_read()


async def test_a_label_of_a_stranger_is_put_right(world: RemoteWorld, pr: PullRequest) -> None:
    "By the name and the moment that GitHub tells."
    await world.github.label(pr.pull, Label.TRIAGE_APPROVED, by="rita")
    await world.looks()

    assert Label.TRIAGE_APPROVED not in pr.labels
    assert (await world.audit_of(pr))[-1].actor == "rita"
    assert "rita" in await pr.next_comment()


async def test_a_new_policy_holds_after_the_next_look(world: RemoteWorld, pr: PullRequest) -> None:
    "The default branch is watched: an approval by one's own rules comes at once, not when a cache has run out."
    world.github.webhook_url = None
    await world.github.push_to_default(world.repo, {".github/taxonomy-bot.yml": "version: 1\n"}, author="max")
    await world.looks()

    pushes = await world.rows("SELECT event FROM deliveries WHERE event = 'push'")
    assert len(pushes) == 1


async def test_checks_asked_for_again_are_made_again(world: RemoteWorld, pr: PullRequest) -> None:
    "Somebody presses Re-run: GitHub keeps no record of it, but the suite stands as if it were new."
    before = {run.id for run in pr.rule_checks()}
    await world.github.rerequest_check_run(min(before), by="ana")
    await world.looks()

    after = {run.id for run in pr.rule_checks()}
    assert after > before
    await world.looks(2)
    assert {run.id for run in pr.rule_checks()} == after
    pr.has_been_read()


async def test_the_merge_queue_is_answered(world: RemoteWorld, pr: PullRequest) -> None:
    "Its groups are branches that can be seen."
    group = await world.github.request_merge_group(pr.pull, by="max")
    await world.looks()

    assert [run.head_sha for run in pr.checks(group.head_sha)] == [group.head_sha]
    await world.github.end_merge_group(group, "dequeued", by="max")
    await world.looks()
    pr.has_been_read()


async def test_github_is_down_for_a_while(world: RemoteWorld, pr: PullRequest) -> None:
    "Looks that fail come ever later, and what they missed is found by the first that succeeds."
    await world.tess.comments(pr, "/hold")
    world.github.fail_next("GET", r"/issues/comments", times=9)
    await world.while_failing(minutes=10)

    assert Label.HOLD in pr.labels
    assert acts(await world.audit_of(pr)) == ["/hold"]
    pr.has_been_read()


async def test_a_limit_of_github_is_waited_for(world: RemoteWorld, pr: PullRequest) -> None:
    "It says how long; nothing is asked meanwhile."
    await world.tess.comments(pr, "/hold")
    world.github.fail_next("GET", r"/repositories/\d+", status=403, headers={"Retry-After": "600"}, body="{}")
    await world.looks()
    mark = world.github.mark
    await world.looks(5)
    assert world.github.calls_since(mark) == []
    await world.clock.advance(minutes=10)
    await world.looks(2)

    assert Label.HOLD in pr.labels
    pr.has_been_read()


async def test_a_repository_that_was_renamed_is_still_looked_at(world: RemoteWorld, pr: PullRequest) -> None:
    "Its id is what counts."
    world.github.rename_repository(world.repo, "knowledge-tree")
    await world.tess.comments(pr, "/hold")
    await world.looks()

    assert Label.HOLD in pr.labels
    pr.has_been_read()


async def test_an_app_that_is_not_installed_yet_is_waited_for(database_url: str, rule_workers: RuleWorkers) -> None:
    "It is looked for now and then, and found once it is installed."
    world = RemoteWorld(database_url, rule_workers)
    world.github.uninstall("instruct")
    async with world:
        await world.looks(2)
        world.github.install("instruct")
        for _ in range(3):
            await world.clock.advance(minutes=6)
            await world.looks()
        pr = await world.ana.opens_pr()
        await world.looks()
        await pr.next_comment()


async def test_many_changes_are_read_some_at_a_time(world: RemoteWorld) -> None:
    "A flood takes several looks; nothing of it is left out."
    pulls = [await world.github.open_pull(world.repo, author=f"p{n}", files={f"a{n}.md": "x\n"}) for n in range(14)]
    await world.looks()
    found = len(await world.rows("SELECT guid FROM deliveries WHERE event = 'pull_request'"))
    assert found < len(pulls)
    await world.looks()

    assert len(await world.rows("SELECT guid FROM deliveries WHERE event = 'pull_request'")) == len(pulls)
    for pull in pulls:
        world.sees(pull).has_been_read()


async def test_act_and_moment_are_githubs(world: RemoteWorld, pr: PullRequest) -> None:
    "A command written before a push that the same look finds is refused as with webhooks that come late."
    await world.apo.comments(pr, "/triage-approve")
    await world.clock.advance(seconds=3)
    await world.ana.pushes(pr, FIXED)
    await world.looks()

    assert Label.TRIAGE_APPROVED not in pr.labels
    assert world.clock.now() - timedelta(minutes=1) < (await world.audit_of(pr))[-1].at
    pr.has_been_read()


async def test_of_two_replicas_one_looks(postgres: PostgresServer, rule_workers: RuleWorkers) -> None:
    "The other goes on where it stopped, and does nothing again."
    with postgres.borrowed() as address:
        world = RemoteWorld(address, rule_workers, replica_silence_s=2.0)
        world.repo.permissions |= {"tess": "triage"}
        async with world:
            other = web.AppRunner(
                make_app(world.settings, clock=world.clock, workers=rule_workers, jobs=world.jobs)
            )
            await other.setup()
            pr = await world.ana.opens_pr()
            await world.looks()
            pr.has_been_read()
            assert other.app[PARTS].lookout.looks_done == 0
            await world.tess.comments(pr, "/hold")
            await world.stop_bot()

            async with asyncio.timeout(20):
                while Label.HOLD not in pr.labels:
                    await asyncio.sleep(0.05)
            await other.app[PARTS].dispatcher.settled()
            await other.cleanup()
            assert acts(await world.audit_of(pr)) == ["/hold"]
            pr.has_been_read()
