"""Nothing is left behind: no folder, no unanswered report, no work that nobody wants any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.job_mail import BrokerAwayError, JobMail
from bot.jobs import JobState
from pipeline.contract import Confirmation, Ending, JobReport, LeaseRequest, Message, Outcome
from pipeline.worker.held import held_folder, remove_abandoned
from tests.jobs.workshop import NUMBER, REPOSITORY, Workshop


async def comes_about(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    "Wait until something holds."
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.05)


def has_begun(workshop: Workshop) -> bool:
    "True once the model was asked for the first time."
    return bool(workshop.model.asked)


async def test_a_cancelled_job_leaves_no_folder(tmp_path: Path) -> None:
    "Its process is killed and cannot tidy up; its worker does."
    async with Workshop(tmp_path) as workshop:
        workshop.model.pause_s = 30
        workshop.starts_a_worker()
        job = await workshop.asks_for()
        await comes_about(lambda: has_begun(workshop))
        assert list((tmp_path / "work-worker").glob("job-*"))
        await workshop.engine.end(REPOSITORY, NUMBER, JobState.CANCELLED, job.id)
        await comes_about(lambda: not list((tmp_path / "work-worker").glob("job-*")))


async def test_the_folder_of_a_killed_worker_goes_with_the_next(tmp_path: Path) -> None:
    "Whatever its name is: what belongs to nobody alive is removed."
    async with Workshop(tmp_path) as workshop:
        workshop.model.pause_s = 30
        shared = str(tmp_path / "work")
        first = workshop.starts_a_worker("first", WORK_DIR=shared)
        await workshop.asks_for()
        await comes_about(lambda: has_begun(workshop))
        (left,) = (tmp_path / "work").glob("job-*")
        first.kill()
        first.wait()
        workshop.starts_a_worker("second", WORK_DIR=shared)
        await comes_about(lambda: not left.exists())


def test_folders_of_the_living_are_left_alone(tmp_path: Path) -> None:
    "Two workers may share a folder for their work."
    (tmp_path / "job-1-abandoned").mkdir()
    with held_folder(tmp_path, "job-2-") as held:
        assert remove_abandoned(tmp_path, "job-") == 1
        assert [*tmp_path.iterdir()] == [held]
    assert not list(tmp_path.iterdir())


async def test_the_report_of_a_worker_that_is_gone_is_confirmed_to_the_next(tmp_path: Path) -> None:
    "It ended its job while the bot was away, and died; the next one tells it, and is told that it was heard."
    async with Workshop(tmp_path) as workshop:
        unconfirmed = tmp_path / "work" / "unconfirmed"
        workshop.model.pause_s = 0.5
        first = workshop.starts_a_worker("first", WORK_DIR=str(tmp_path / "work"))
        job = await workshop.asks_for()
        await workshop.runs(job)
        await workshop.close_bot()
        await comes_about(lambda: bool(list(unconfirmed.glob("*.json"))))
        first.kill()
        first.wait()
        workshop.redis.wipe()
        workshop.starts_a_worker("second", WORK_DIR=str(tmp_path / "work"))
        await comes_about(lambda: b"worker.ready" in (tmp_path / "second.log").read_bytes())
        await workshop.open_bot()
        over = await workshop.ends(job)
        assert (over.life.state, over.life.attempt) == (JobState.SUCCEEDED, 1)
        await comes_about(lambda: not list(unconfirmed.iterdir()))


async def test_a_job_that_was_cancelled_in_time_is_never_begun(tmp_path: Path) -> None:
    "Its message lies in the broker already; who takes it gets no lease, and does the next one."
    async with Workshop(tmp_path) as workshop:
        job = await workshop.asks_for()
        await workshop.until(lambda seen: seen.sent_at is not None, job)
        await workshop.engine.end(REPOSITORY, NUMBER, JobState.CANCELLED, job.id)
        workshop.starts_a_worker()
        after = await workshop.asks_for()
        assert (await workshop.ends(after)).life.state is JobState.SUCCEEDED
        stored = await workshop.store.get(job.id)
        assert stored is not None
        assert (stored.life.state, stored.life.attempt) == (JobState.CANCELLED, 1)
        assert len(workshop.model.asked) == 5


async def test_a_stop_on_the_heels_of_the_lease_is_heeded(tmp_path: Path) -> None:
    "The worker learns at once that it was cancelled, not with its first report."
    heard: list[JobReport] = []
    async with Workshop(tmp_path, heartbeat_s=60, silent_s=240) as workshop:

        async def listen(message: Message) -> None:
            await workshop.leases.receive(message)
            if isinstance(message, LeaseRequest):
                await workshop.engine.end(REPOSITORY, NUMBER, JobState.CANCELLED, message.job_id)
            if isinstance(message, JobReport):
                heard.append(message)

        await workshop.mail.stop()
        ears = JobMail(workshop.redis.url)
        ears.start(listen)
        try:
            workshop.model.pause_s = 30
            workshop.starts_a_worker(HELLO_S="60")
            await workshop.asks_for()
            await comes_about(lambda: bool(heard))
            endings = [report.outcome.ending if report.outcome else None for report in heard]
            assert endings == [Ending.STOPPED]
        finally:
            await ears.stop()


async def test_a_broker_that_is_not_there_holds_nobody_up(tmp_path: Path) -> None:
    "Who has something to send learns it at once, and can go on with its work; when to try again is its own choice."
    mail = JobMail(f"redis+socket://{tmp_path}/nowhere.sock")
    async with asyncio.timeout(2):
        with pytest.raises(BrokerAwayError):
            await mail.answer("worker", Confirmation(1, 1))


async def test_a_broker_that_stands_still_costs_no_lease(tmp_path: Path) -> None:
    "Nobody can be heard then, so nobody is silent: what runs goes on and is done once."
    async with Workshop(tmp_path, silent_s=2.0) as workshop:
        workshop.model.pause_s = 2.0
        workshop.starts_a_worker()
        job = await workshop.asks_for()
        await comes_about(lambda: has_begun(workshop))
        workshop.redis.freeze()
        try:
            for _ in range(8):  # by itself it looks at the clock every few seconds only
                await asyncio.sleep(0.5)
                await workshop.leases.look_at_the_clock()
        finally:
            workshop.redis.thaw()
        for _ in range(4):
            await workshop.leases.look_at_the_clock()
            await asyncio.sleep(0.1)
        over = await workshop.ends(job)
        assert (over.life.state, over.life.attempt) == (JobState.SUCCEEDED, 1)
        assert len(workshop.model.asked) == 5


async def test_the_end_of_a_job_that_nobody_knows_is_confirmed(tmp_path: Path) -> None:
    "The bot has lost its database: what a worker still has to tell is not told for ever."
    async with Workshop(tmp_path) as workshop:
        unconfirmed = tmp_path / "work-worker" / "unconfirmed"
        unconfirmed.mkdir(parents=True)
        report = JobReport(77, 1, "gone", 9, "a secret", outcome=Outcome(Ending.SUCCEEDED))
        (unconfirmed / "77-1.json").write_text(report.to_json())
        workshop.starts_a_worker()
        await comes_about(lambda: not list(unconfirmed.iterdir()))
