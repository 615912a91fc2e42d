"""What a worker cannot use, it says: a spec of a newer bot, an input that is lost. It is no author's fault."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from bot import job_leases
from bot.comments.job_report import job_report
from bot.job_inputs import Material
from bot.job_mail import JobMail
from bot.jobs import JobState
from bot.store.stored_jobs import StoredJob, as_job
from pipeline import contract
from pipeline.contract import Artifact, JobSpec
from tests.jobs.workshop import Workshop


def shown(job: StoredJob) -> str:
    "What the check run of a job says, as people read it."
    told = replace(as_job(job, position=1), attempt=job.life.attempt, message=job.life.message)
    view = job_report(told)
    assert view.conclusion in ("", "neutral", "success"), "never red: it is our fault"
    return view.summary.replace("\\", "").replace("<!-- -->", "")


def the_file(folder: Path) -> Path:
    "The one file in the artifact store."
    (found,) = [path for path in (folder / "artifacts").rglob("*") if path.is_file()]
    return found


async def test_an_older_worker_says_that_it_is_older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "The bot learns it in words; tried again a few times with pauses, the job ends as our fault and never runs."
    async with Workshop(tmp_path) as workshop:
        for module in (contract, job_leases):
            monkeypatch.setattr(module, "VERSION", 99)
        workshop.starts_a_worker("veteran")
        over = await workshop.ends(await workshop.asks_for())
        assert (over.life.state, over.life.attempt) == (JobState.INFRA_ERROR, 3)
        assert "worker veteran is older than the bot" in shown(over)
        assert "updates that worker" in shown(over)
        waiting = [after for _, after in workshop.changes if after.life.state is JobState.QUEUED]
        assert "veteran is older" in shown(waiting[-1])
        assert JobState.RUNNING not in {after.life.state for _, after in workshop.changes}
        assert not workshop.model.asked


async def test_a_job_that_an_older_worker_refused_goes_to_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    "It stays queued meanwhile."
    async with Workshop(tmp_path) as workshop:
        with monkeypatch.context() as newer:
            newer.setattr(contract, "VERSION", 99)
            worker = workshop.starts_a_worker("veteran")
            job = await workshop.asks_for()
            await workshop.until(lambda seen: seen.life.attempt == 2, job)
            worker.kill()
            worker.wait()
        workshop.starts_a_worker("recruit")
        over = await workshop.ends(job)
        assert over.life.state is JobState.SUCCEEDED


async def test_a_spec_that_nobody_can_read_is_no_hot_loop(tmp_path: Path) -> None:
    "Not even the number of the job can be read from it: the id of the message tells, and the tries are bounded."

    class Garbled(JobSpec):
        def to_data(self) -> dict[str, object]:
            return {"contract": contract.VERSION, "kind": self.KIND, "job_id": "seven", "leaf": "a/b <!-- c -->"}

    async with Workshop(tmp_path) as workshop:
        sent: list[str] = []
        spec_of = workshop.sender.spec_of

        async def garbled(job: StoredJob) -> JobSpec:
            good = await spec_of(job)
            sent.append(good.head_sha)
            return Garbled(*(getattr(good, field.name) for field in fields(good)))

        workshop.sender.spec_of = garbled  # type: ignore[method-assign]
        workshop.starts_a_worker("reader")
        over = await workshop.ends(await workshop.asks_for())
        assert (over.life.state, over.life.attempt) == (JobState.INFRA_ERROR, 3)
        assert "reader could not read the job" in shown(over)
        assert "a/b" not in shown(over)
        assert len(sent) == 3


async def test_a_message_of_a_stranger_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "It names no job, so nobody is told; the worker goes on with the next."
    async with Workshop(tmp_path) as workshop:
        workshop.starts_a_worker()
        with monkeypatch.context() as strange:
            strange.setattr("bot.job_mail.task_id_of", lambda *_: "9f4d2c")
            strange.setattr(contract, "VERSION", 99)
            mail = JobMail(workshop.redis.url)
            await mail.send_job("cpu", JobSpec(1, 1, contract.TaskKind.PRECHECK, 1, 12, "0" * 40, 60.0))
            await mail.stop()
        assert (await workshop.ends(await workshop.asks_for())).life.state is JobState.SUCCEEDED


async def test_a_lost_input_is_told_with_what_to_do(tmp_path: Path) -> None:
    "The role of the input, what is wrong, what an operator does; never red, and never the store's address."
    async with Workshop(tmp_path) as workshop:

        async def gone(_: StoredJob) -> Material:
            return Material({"contribution": Artifact("contribution.json", "ab" * 32, 12, "application/json")})

        workshop.inputs = gone
        workshop.starts_a_worker()
        over = await workshop.ends(await workshop.asks_for())
        assert (over.life.state, over.life.infra_retries) == (JobState.INFRA_ERROR, 2)
        assert "input 'contribution'" in shown(over)
        assert "not in the artifact store" in shown(over)
        assert "ARTIFACTS_URL" in shown(over)
        assert str(tmp_path) not in shown(over)


async def test_a_damaged_input_is_not_used(tmp_path: Path) -> None:
    "Its content is not what was stored: the model is asked nothing, and the job succeeds once the file is deleted."
    async with Workshop(tmp_path) as workshop:
        job = await workshop.asks_for()
        await workshop.sends(job)
        file = the_file(tmp_path)
        file.chmod(0o600)
        file.write_bytes(file.read_bytes().replace(b"question", b"quest10n"))
        workshop.starts_a_worker()
        over = await workshop.ends(job)
        assert over.life.state is JobState.INFRA_ERROR
        assert "is damaged in the artifact store" in shown(over)
        assert file.name[:12] in shown(over)
        assert not workshop.model.asked
        file.unlink()
        again = await workshop.engine.retry(1, 12, job.id, workshop.clock.now())
        assert (await workshop.ends(again)).life.state is JobState.SUCCEEDED
