"""A whole build as small as it can be: one place and one skill, a student with random weights, one worker.

It is done by the bot and the worker as they are served, so that either can be killed.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bot.demo.night_leaves import documents, first_contributions
from bot.demo.night_stage import NightStage, open_night_stage
from bot.nightly.builds import Build, BuildState
from bot.simulator import Pull
from bot.store.stored_jobs import StoredJob

LEAVES = 2
PLANNED = "first"  # the folder in which the build is planned and not begun
WEIGHTS = "model.safetensors"
_MERGED_WITHIN_S, _BUILT_WITHIN_S = 120.0, 300.0
_LOOKS_EVERY_S = 0.05
_BOT = {
    "NIGHTLY_NOISE_SEEDS": "0",
    "NIGHTLY_LOOK_S": "1",
    "WORKER_SILENCE_S": "4",
    "JOB_RETRY_PAUSE_S": "0.5",
    "JOB_RESEND_S": "3",
    "JOB_RETRIES": "5",
}
_WORKER = {
    "HELLO_S": "0.5",
    "RESEND_S": "1",
    "LEASE_WAIT_S": "2",
    "BUILD_KEEP_CHECKPOINTS": "2",
    "EVALUATE_ANSWER_TOKENS": "12",  # it never comes to an end by itself
    "EVALUATE_GATES_ACCURACY_MARGIN": "1",  # this student learns nothing, and that is no matter here
}


class NoBuildError(Exception):
    """A build did not come to its end; the text tells how it stands."""


@asynccontextmanager
async def small_night(student: Path, epochs: int) -> AsyncIterator[tuple[NightStage, list[Pull]]]:
    """Give a stage with two merged leaves and a planned build, as they stand when nobody is there to do it.

    Raises NoBuildError.
    """
    worker = {**_WORKER, "BUILD_EPOCHS": str(epochs)}
    stage = open_night_stage(
        student, documents(), workers=1, has_workers=False, bot_settings=_BOT, worker_settings=worker
    )
    async with stage as night:
        pulls = []
        for each in first_contributions(night.documents, LEAVES):
            files = dict(each.files)
            pulls.append(
                await night.github.open_pull(night.repo, author=each.author, title=each.title, files=files)
            )
        await night.merged(pulls, _MERGED_WITHIN_S)
        await asyncio.sleep(1)  # the last webhooks
        await night.close()
        status, said = await night.types("run", "--night", str(datetime.now(UTC).date()))
        if status:
            raise NoBuildError(f"no build was planned: {said}")
        yield night, pulls


async def begun(night: NightStage, name: str) -> Build:
    """Let a bot and a worker begin the planned build, in a folder of this name, whatever others did before them."""
    await night.close()
    await night.open(name, like=PLANNED)
    build = await night.newest()
    assert build is not None
    return build


async def step_that(
    night: NightStage, build: Build, is_so: Callable[[Mapping[str, StoredJob]], bool], within_s: float
) -> Mapping[str, StoredJob]:
    """Wait until something is so of a build's steps, and return them. Raises NoBuildError."""
    began = time.monotonic()
    while True:
        steps = {job.request.step: job for job in await night.steps(build)}
        if is_so(steps):
            return steps
        now = await night.newest()
        if (now is not None and not now.state.is_open) or time.monotonic() - began > within_s:
            raise NoBuildError(f"it never was so: {_standing(now, steps)}")
        await asyncio.sleep(_LOOKS_EVERY_S)


async def good(night: NightStage) -> Build:
    """Wait until the build is good. Raises NoBuildError."""
    began = time.monotonic()
    while True:
        build = await night.newest()
        if build is not None and build.state is BuildState.GOOD:
            return build
        if (build is not None and not build.state.is_open) or time.monotonic() - began > _BUILT_WITHIN_S:
            steps = {job.request.step: job for job in await night.steps(build)} if build else {}
            raise NoBuildError(_standing(build, steps))
        await asyncio.sleep(_LOOKS_EVERY_S)


def published(night: NightStage, build: Build) -> dict[str, str]:
    """Return the files of a published build with their hashes, without the manifest: it tells what steps took."""
    (path,) = night.folder.glob(f"taxonomy-bot-models/*/builds/{build.name}/manifest.json")
    return {file["path"]: file["sha256"] for file in json.loads(path.read_text(encoding="utf-8"))["files"]}


def _standing(build: Build | None, steps: Mapping[str, StoredJob]) -> str:
    if build is None:
        return "there is no build"
    told = "; ".join(f"{name}: {job.life.state} {job.life.message[:200]}" for name, job in steps.items())
    return f"{build.name} is {build.state}. {build.because} {build.held} {told}"
