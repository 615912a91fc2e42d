"""Check runs of jobs whose commit is no longer the newest, though its content is: each is ended there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.jobs import followed
from bot.simulator import CheckRun
from bot.store.stored_jobs import StoredJob
from checks.contribution import Sha
from tests.bot.test_job_board import Exhibition
from tests.checks.contributions import SKILL_PATH, a_skill

CONTENT = "c0" * 32


class Easel(Exhibition):
    """An exhibition whose author rebases."""

    async def a_shown_job(self) -> StoredJob:
        "A job that waits, and is shown."
        job = await self.a_job()
        await self.shows(job)
        return job

    async def rebases(self, *jobs: StoredJob) -> str:
        "The author pushes the same content, and the jobs follow it. Return the commit that was the head."
        left = self.pull.head_sha
        message = f"The same as {left[:7]}"
        await self.github.push(self.pull, {SKILL_PATH: a_skill()}, force=True, message=message)
        assert self.pull.head_sha != left
        head = Sha(self.pull.head_sha)

        def there(job: StoredJob) -> StoredJob:
            about = replace(job.request, content_digest=CONTENT)
            return replace(job, request=followed(about, job.life.state, head, CONTENT))

        for job in jobs:
            await self.store.change(job.id, there)
        return left

    def told_at(self, sha: str) -> list[tuple[str, str, str | None]]:
        "What the check runs at a commit say."
        return [_told(run) for run in self.repo.check_runs(sha)]


def _told(run: CheckRun) -> tuple[str, str, str | None]:
    return run.status, run.conclusion or "", run.title


GONE_ON = ("completed", "neutral", "It goes on at the newest commit")
WAITS = ("queued", "", "Next in the queue, held up for now")
DONE = ("completed", "success", "The model knows most of this already: it answers 1 of 1 seed questions")


@pytest.fixture
async def easel(database_url: str, tmp_path: Path) -> AsyncIterator[Easel]:
    async with Easel(database_url, tmp_path) as opened:
        yield opened


async def test_a_job_that_waits_goes_on_at_the_newest_commit(easel: Easel) -> None:
    "Its check run is completed where it was, with a word where it went; later changes are shown there alone."
    job = await easel.a_shown_job()
    left = await easel.rebases(job)
    await easel.board.show_all()
    assert (easel.told_at(left), easel.told_at(easel.pull.head_sha)) == ([GONE_ON], [WAITS])
    (run,) = easel.repo.check_runs(left)
    assert f"how the job stands is told at `{easel.pull.head_sha[:7]}`" in (run.summary or "")
    await easel.begins(job)
    await easel.is_done(job)
    await easel.board.show_all()
    assert (easel.told_at(left), easel.told_at(easel.pull.head_sha)) == ([GONE_ON], [DONE])


async def test_several_pushes_leave_no_trace_between(easel: Easel) -> None:
    "Nobody had looked at the commit in the middle: nothing is written there."
    job = await easel.a_shown_job()
    first, second = await easel.rebases(job), await easel.rebases(job)
    await easel.board.show_all()
    assert [easel.told_at(sha) for sha in (first, second, easel.pull.head_sha)] == [[GONE_ON], [], [WAITS]]
    third = await easel.rebases(job)
    await easel.board.show_all()
    assert [easel.told_at(sha) for sha in (first, third, easel.pull.head_sha)] == [[GONE_ON], [GONE_ON], [WAITS]]


async def test_what_was_told_is_told_again_but_is_no_news(easel: Easel) -> None:
    "The end stays where it was shown, stands at the newest commit too, and moves the review only once."
    job = await easel.a_shown_job()
    await easel.begins(job)
    await easel.is_done(job)
    await easel.board.show_all()
    heard = len(easel.refreshed)
    left = await easel.rebases(job)
    await easel.board.show_all()
    assert (easel.told_at(left), easel.told_at(easel.pull.head_sha)) == ([DONE], [DONE])
    assert len(easel.refreshed) == heard


async def test_an_end_that_nobody_was_told_of_is_news(easel: Easel) -> None:
    "It ended at the very moment of the push."
    job = await easel.a_shown_job()
    await easel.begins(job)
    await easel.board.show_all()
    heard = len(easel.refreshed)
    await easel.is_done(job)
    left = await easel.rebases(job)
    await easel.board.show_all()
    assert (easel.told_at(left), easel.told_at(easel.pull.head_sha)) == ([GONE_ON], [DONE])
    assert len(easel.refreshed) == heard + 1


@pytest.mark.parametrize("call", ["PATCH", "POST"])
@pytest.mark.parametrize("gets_lost", ["the request", "the answer"])
async def test_whatever_breaks_off_is_made_up_for(easel: Easel, call: str, gets_lost: str) -> None:
    "Completing the old check run, or making the new one: afterwards there is one of each, and the old one is over."
    job = await easel.a_shown_job()
    left = await easel.rebases(job)
    breaks(easel, call, gets_lost)
    await easel.board.show_all()
    await easel.board.show_all()
    assert (easel.told_at(left), easel.told_at(easel.pull.head_sha)) == ([GONE_ON], [WAITS])


async def test_a_check_run_that_nobody_remembers_is_completed_all_the_same(easel: Easel) -> None:
    "GitHub made it, the answer got lost, and before we looked again the job was elsewhere."
    job = await easel.a_job()
    breaks(easel, "POST", "the answer")
    await easel.board.show_all()
    left = await easel.rebases(job)
    assert easel.told_at(left) == [WAITS]
    await easel.board.show_all()
    assert (easel.told_at(left), easel.told_at(easel.pull.head_sha)) == ([GONE_ON], [WAITS])


def breaks(easel: Easel, call: str, gets_lost: str) -> None:
    "Let the next call that writes a check run come to nothing."
    if gets_lost == "the answer":
        easel.github.drop_next_response(call, r"/check-runs")
    else:
        easel.github.fail_next(call, r"/check-runs", status=502)
