"""Whatever is tried twice is done once: lost answers, half-done reports, overtaken heads, labels set by hand."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bot.comments import check_report
from bot.rule_workers import RuleWorkers
from bot.simulator import CommitSpec
from bot.store.deliveries import DeliveryStore
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import World
from tests.world.people import a_good_skill

TOO_FEW = {**a_good_skill(), SKILL_PATH: a_skill(seed_examples=3)}


async def test_a_retry_does_not_take_a_folded_comment_for_the_living_one(world: World) -> None:
    "After a half-done report the newest comment is found again, not an older one that was folded away."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await pr.next_comment()

    world.github.fail_next("POST", r"/graphql$", status=500)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=4)})
    await world.while_time_passes(minutes=5)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=5)})

    await pr.settled()
    assert "All checks passed" in pr.living_comment.body
    assert len(pr.folded_comments) == 1
    pr.has_been_read()


async def test_a_push_before_the_retry_brings_no_second_comment(world: World) -> None:
    "The comment was written, its answer got lost, and the author pushed before we tried again."
    world.github.drop_next_response("POST", r"/issues/1/comments$")
    pr = await world.ana.opens_pr(TOO_FEW)
    while not pr.pull.comments:
        await asyncio.sleep(0.01)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=4)})

    await world.while_time_passes(minutes=5)

    assert "Not ready yet" in pr.living_comment.body
    assert len(pr.pull.comments) == 1
    pr.has_been_read()


async def test_annotations_that_did_not_get_through_are_not_forgotten(world: World) -> None:
    "The second batch of annotations failed: the next try reports all of them in a new run."
    seeds = [{"question": f"Question {n}?", "answer": True} for n in range(120)]
    world.github.fail_next("PATCH", r"/check-runs/\d+$", status=500)
    pr = await world.ana.opens_pr({**a_good_skill(), SKILL_PATH: a_skill(seed_examples=seeds)})

    await world.while_time_passes(minutes=5)

    assert len(pr.check("Contribution").annotations) >= 120
    pr.has_been_read()


async def test_asking_once_brings_one_new_run_however_often_it_is_tried(world: World) -> None:
    "The answer to the first new run gets lost; trying again posts only what is missing."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    world.github.drop_next_response("POST", r"/graphql$")

    await world.github.rerequest_check_suite(world.repo, pr.pull.head_sha)
    await world.while_time_passes(minutes=5)

    assert sorted(run.name for run in pr.rule_checks()) == ["Contribution"] * 2 + ["Sign-off"] * 2


async def test_a_delivery_that_was_given_up_is_tried_again_when_it_is_sent_again(world: World) -> None:
    "GitHub was down for an hour; pressing Redeliver brings the verdict."
    world.github.fail_next("GET", r"/pulls/1$", status=503, times=24)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(hours=2)
    assert pr.checks() == []

    world.github.redeliver(next(d for d in world.github.deliveries if d.event == "pull_request"))

    assert "All checks passed" in await pr.next_comment()


async def test_what_a_triager_asked_for_stays_until_the_author_pushes(world: World) -> None:
    "A new title does not take a triager's label off; a push does, and the triager looks again."
    world.repo.permissions["tess"] = "triage"
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.github.label(pr.pull, "triage-requested-changes", by="tess")
    assert "A triager asks you for a change" in await pr.next_comment()

    await world.github.edit_pull(pr.pull, title="A better title")
    assert "a triager asks for a change. Next: you" in await pr.edited_comment()
    assert pr.labels == {"skill", "triage-requested-changes"}

    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    assert "who looks again" in await pr.edited_comment()
    assert pr.labels == {"skill", "triage-follow-up"}


async def test_commits_of_a_pull_request_that_is_too_large_are_judged_all_the_same(world: World) -> None:
    "Too many files are refused, and an unsigned commit is still called unsigned."
    files = {f"knowledge/big/leaf_{n}/notes.txt": f"{n}\n" for n in range(301)}
    pr = await world.ana.opens_pr(files, sign_off=False)
    await pr.next_comment()
    assert {run.conclusion for run in pr.rule_checks()} == {"failure"}


async def test_commits_that_were_not_read_are_not_called_signed_off(
    database_url: str, rule_workers: RuleWorkers
) -> None:
    "More commits than we read: refused with a word on what to do, and the sign-off check stays neutral."
    async with World(database_url, rule_workers, max_commits=20) as world:
        commits = [CommitSpec(f"Step {n}", a_good_skill() if n == 0 else {}) for n in range(25)]
        pr = await world.ana.opens_pr(commits=commits)
        comment = await pr.next_comment()
        assert "25 commits" in comment
        assert "fault" not in comment
        assert pr.check("Contribution").conclusion == "failure"
        assert pr.check("Sign-off").conclusion == "neutral"


async def test_the_policy_cannot_switch_the_refusal_off(world: World) -> None:
    "A pull request that nobody could read is never green, whatever the policy says."
    await world.github.push_to_default(world.repo, {".github/taxonomy-bot.yml": "rules: {intake: notice}\n"})
    files = {f"knowledge/big/leaf_{n}/notes.txt": f"{n}\n" for n in range(301)}
    pr = await world.ana.opens_pr(files)
    assert "Not ready yet" in await pr.next_comment()
    assert "triage-needed" not in pr.labels


async def test_a_community_may_leave_out_the_welcome(world: World) -> None:
    "The policy of the default branch is in force, and a push to it counts at once."
    await world.github.push_to_default(world.repo, {".github/taxonomy-bot.yml": "messages: {welcome: false}\n"})
    pr = await world.ana.opens_pr(association="FIRST_TIME_CONTRIBUTOR")
    assert "Welcome" not in await pr.next_comment()


async def test_a_broken_policy_leaves_the_last_good_one_in_force(world: World) -> None:
    "A mistake in the file does not loosen what was in force."
    await world.github.push_to_default(
        world.repo, {".github/taxonomy-bot.yml": "limits: {skill_seed_examples: 7}\n"}
    )
    first = await world.ana.opens_pr()
    assert "Not ready yet" in await first.next_comment()
    await world.github.push_to_default(world.repo, {".github/taxonomy-bot.yml": "limits: {nonsense: 1}\n"})
    second = await world.bob.opens_pr()
    assert "Not ready yet" in await second.next_comment()


async def test_a_pull_request_that_breaks_the_policy_is_told_the_line(world: World) -> None:
    "The mistake is annotated where it stands, before it can be merged."
    pr = await world.max.opens_pr({".github/taxonomy-bot.yml": "limits:\n  contxt_tokens: 1\n"})
    await pr.next_comment()
    (annotation,) = pr.check("Contribution").annotations
    assert (annotation.path, annotation.start_line) == (".github/taxonomy-bot.yml", 2)
    assert "context_tokens" in annotation.message


async def test_when_the_wording_breaks_down_people_get_an_apology(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    "An unforeseen crash of ours still completes both checks, neutral, with a trace id for the maintainers."

    def breaks(*_args: object) -> str:
        raise KeyError("unforeseen")

    monkeypatch.setattr(check_report, "_summary", breaks)
    pr = await world.ana.opens_pr()
    await pr.settled()
    assert {run.conclusion for run in pr.rule_checks()} == {"neutral"}
    assert "our fault" in (pr.check("Contribution").title or "")


async def test_a_database_that_stumbles_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    "Reading and finishing deliveries fail once each; a moment later everything is done."
    failures = {"claim": 1, "finish": 1}

    def stumbling(name: str) -> Any:
        original = getattr(DeliveryStore, name)

        async def call(self: DeliveryStore, *args: Any, **kwargs: Any) -> Any:
            if failures[name]:
                failures[name] -= 1
                raise sqlite3.OperationalError("database is locked")
            return await original(self, *args, **kwargs)

        return call

    for name in failures:
        monkeypatch.setattr(DeliveryStore, name, stumbling(name))
    pr = await world.ana.opens_pr()
    await world.while_time_passes(minutes=1)
    assert "All checks passed" in await pr.next_comment()
    assert len(pr.rule_checks()) == 2


async def test_a_rule_process_killed_while_idle_is_replaced(database_url: str) -> None:
    "The system kills a waiting process; the next pull request is judged as if nothing had happened."
    others = _rule_processes()
    workers = RuleWorkers(workers=1, rule_time_limit_s=5.0)
    await workers.warm_up()
    try:
        (process,) = _rule_processes() - others
        os.kill(process, signal.SIGKILL)
        await asyncio.sleep(0.5)
        async with World(database_url, workers) as world:
            pr = await world.ana.opens_pr()
            assert "All checks passed" in await pr.next_comment()
    finally:
        await asyncio.to_thread(workers.close)


def _rule_processes() -> set[int]:
    "The processes that this one has spawned to run rules."
    children = [
        c for thread in Path("/proc/self/task").iterdir() for c in (thread / "children").read_text().split()
    ]
    return {int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()}
