"""One GPU for teacher and student, with a real worker and a real model server that sleeps and wakes."""

from __future__ import annotations

import asyncio
import json
import shlex
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.job_inputs import Material
from bot.jobs import JobKind, JobState
from bot.store.stored_jobs import StoredJob
from pipeline.contract import Load
from tests.jobs.workshop import Workshop
from tests.training.students import a_row

SLEEPY = Path(__file__).parents[1] / "pipeline" / "sleepy_server.py"


def single_gpu(folder: Path, *options: str) -> dict[str, str]:
    "The settings of a worker whose GPU is for all, and which starts the model server itself."
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        "GPU_PROFILE": "single",
        "TEACHER_URL": f"http://127.0.0.1:{port}/v1",
        "MODEL_SERVER_COMMAND": shlex.join(
            [sys.executable, str(SLEEPY), str(port), str(folder / "diary"), *options]
        ),
        "MODEL_SERVER_READY_S": "20",
    }


async def test_teacher_and_student_take_turns(tmp_path: Path) -> None:
    "The server is started for the precheck, sleeps before the evaluation, wakes for the next; each is measured."
    async with Workshop(tmp_path) as workshop:
        settings = single_gpu(tmp_path)
        worker = workshop.starts_a_worker(**settings)
        assert (await workshop.ends(await workshop.asks_for())).life.state is JobState.SUCCEEDED
        assert workshop.leases.workers["worker"].loaded is Load.TEACHER
        evaluation = await workshop.asks_for(JobKind.EVALUATE)
        await workshop.ends(evaluation)
        assert (tmp_path / "diary").read_text().split() == ["awake", "asleep"]
        assert (await workshop.ends(await workshop.asks_for())).life.state is JobState.SUCCEEDED
        assert (tmp_path / "diary").read_text().split() == ["awake", "asleep", "awake"]
        measured = await workshop.store.swaps.usual()
        assert (Load.NOTHING, Load.TEACHER) in measured
        assert (Load.TEACHER, Load.STUDENT) in measured
        assert (Load.STUDENT, Load.TEACHER) in measured
        workshop.tells_to_go(worker)
        assert await asyncio.to_thread(worker.wait, 10) == 0
        with pytest.raises(OSError, match="Connect"):
            await asyncio.open_connection("127.0.0.1", urlsplit(settings["TEACHER_URL"]).port)


class Examining(Workshop):
    "A workshop whose evaluations are given a skill's samples, some of them to be judged."

    async def inputs(self, job: StoredJob) -> Material:
        "What a job is given."
        rows = [a_row(number, 3, "train" if number < 4 else "test") for number in range(8)]
        content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        return Material({"made:owls.samples.jsonl": self.artifacts.put("owls.samples.jsonl", content)})


async def test_the_judge_is_fetched_when_the_student_has_answered(tmp_path: Path) -> None:
    "One GPU holds the student, and then, within the same job, the judge."
    from benchmarks.tiny_llama import make

    make(tmp_path / "student")
    async with Examining(tmp_path, silent_s=20) as workshop:
        workshop.starts_a_worker(
            **single_gpu(tmp_path),
            STUDENT_MODEL=str(tmp_path / "student"),
            EVALUATE_ANSWER_TOKENS="4",
        )
        over = await workshop.ends(await workshop.asks_for(JobKind.EVALUATE), within_s=80)
        assert over.life.state is JobState.SUCCEEDED, over.life.message
        assert (tmp_path / "diary").read_text().split() == ["awake"]
        assert "of 4 questions none was answered by all models and judged" in over.life.message
        assert over.life.outcome is not None
        assert over.life.outcome.verdict == "too few questions to tell"
        async with asyncio.timeout(20):  # its next word tells
            while workshop.leases.workers["worker"].loaded is not Load.TEACHER:
                await asyncio.sleep(0.1)


async def test_a_server_that_does_not_come_back_is_our_fault_in_clear_words(tmp_path: Path) -> None:
    "The job ends as an infrastructure error, never red; the words name no address."
    async with Workshop(tmp_path) as workshop:
        workshop.starts_a_worker(**single_gpu(tmp_path, "--dies-with", "3"))
        over = await workshop.ends(await workshop.asks_for())
        assert over.life.state is JobState.INFRA_ERROR
        assert "The model server ended while it was waited for (exit code 3)" in over.life.message
        assert "127.0.0.1" not in over.life.message


async def test_a_job_is_cancelled_while_the_server_loads(tmp_path: Path) -> None:
    "The worker is free within seconds, although the server would take half a minute."
    async with Workshop(tmp_path) as workshop:
        workshop.starts_a_worker(**single_gpu(tmp_path, "--load-takes", "30"))
        job = await workshop.asks_for()
        await workshop.runs(job)
        await workshop.engine.end(1, 12, JobState.CANCELLED, job.id)
        student = await workshop.asks_for(JobKind.EVALUATE)
        await workshop.ends(student, within_s=20)
        assert not (tmp_path / "diary").exists()
