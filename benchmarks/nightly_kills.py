"""Whether killed builds come to the undisturbed model: `python -m benchmarks.nightly_kills`.

A build of two leaves, with a student of no size, is done by the bot and a worker as they are served. Then it is
done again from the same plan, and somebody is killed with -9: the worker, or the bot, in the middle of each step
and between it and the next one. Every file of what is published has to have the same hash every time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.small_nights import WEIGHTS, NoBuildError, begun, good, published, small_night, step_that
from bot.demo.night_stage import NightStage
from bot.jobs import JobState
from bot.store.stored_jobs import StoredJob

_AFTER_S = 120.0  # most that a step is waited for
_STEPS = (
    "generate/knowledge",
    "mix",
    "train/knowledge",
    "score/knowledge",
    "select/knowledge",
    "train/skills",
    "score/skills",
    "select/skills",
    "gate",
    "package",
)


class Victim(StrEnum):
    """Who is killed."""

    WORKER = "worker"
    BOT = "bot"


class When(StrEnum):
    """At which moment of a step."""

    AMID = "amid"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Case:
    """A build in which somebody is killed at the same moment of each of these steps."""

    victim: Victim
    when: When
    steps: tuple[str, ...]


@dataclass(slots=True)
class Found:
    """What came of one. `amid` are kills while the step was under way indeed; `attempts` the most of any step."""

    case: Case
    kills: int = 0
    amid: int = 0
    attempts: int = 0
    is_same: bool = False
    took_s: float = 0.0
    trouble: str = ""


def cases(only: str, *, apart: bool) -> Iterator[Case]:
    """Yield every killing there is, those of one kind in one build, or each in a build of its own."""
    steps = tuple(step for step in _STEPS if step.startswith(only))
    for when in When:
        for victim in Victim:
            yield from (Case(victim, when, (step,)) for step in steps) if apart else (Case(victim, when, steps),)


async def measured(student: Path, epochs: int, wanted: Sequence[Case]) -> list[Found]:
    """Build undisturbed, then with these kills."""
    async with small_night(student, epochs) as (night, _):
        began = time.monotonic()
        await begun(night, "undisturbed")
        build = await good(night)
        undisturbed = published(night, build)
        durations = _durations({job.request.step: job for job in await night.steps(build)})
        print(f"undisturbed: {time.monotonic() - began:.0f} s, weights {undisturbed[WEIGHTS][:16]}", flush=True)
        print("| killed | when | steps | kills | step under way | attempts | model | took |", flush=True)
        print("|---|---|---|---:|---:|---:|---|---:|", flush=True)
        found = []
        for number, case in enumerate(wanted, start=1):
            outcome = Found(case)
            began = time.monotonic()
            try:
                await _disturbed(night, f"case-{number}", outcome, durations)
                build = await good(night)
                outcome.attempts = max(job.life.attempt for job in await night.steps(build))
                outcome.is_same = published(night, build) == undisturbed
            except NoBuildError as error:
                outcome.trouble = str(error)
            outcome.took_s = time.monotonic() - began
            _print(outcome)
            found.append(outcome)
        return found


async def _disturbed(night: NightStage, name: str, found: Found, durations: Mapping[str, float]) -> None:
    """Begin the build, and kill somebody at each step in turn."""
    build, case = await begun(night, name), found.case
    wanted = {JobState.SUCCEEDED} if case.when is When.AFTER else {JobState.RUNNING, JobState.SUCCEEDED}
    for step in case.steps:
        await step_that(night, build, lambda steps, step=step: bool(_states(steps, step) & wanted), _AFTER_S)  # type: ignore[misc]
        if case.when is When.AMID:
            await asyncio.sleep(durations[step] / 2)
        program = night.bot if case.victim is Victim.BOT else night.workers[0]
        await program.dies()
        found.kills += 1
        steps = {job.request.step: job for job in await night.steps(build)}
        found.amid += JobState.RUNNING in _states(steps, step)
        if case.victim is Victim.BOT:
            await night.bot_is_ready()
        else:
            program.start()


def _named(steps: Mapping[str, StoredJob], begins: str) -> list[StoredJob]:
    return [job for name, job in steps.items() if name == begins or name.startswith(f"{begins}/")]


def _states(steps: Mapping[str, StoredJob], begins: str) -> set[JobState]:
    return {job.life.state for job in _named(steps, begins)}


def _durations(steps: Mapping[str, StoredJob]) -> dict[str, float]:
    """Return what each step took in the undisturbed build, in seconds."""
    found = {}
    for begins in _STEPS:
        taken = [job.life.outcome.run_s for job in _named(steps, begins) if job.life.outcome is not None]
        found[begins] = min(taken, default=0.0)
    return found


def _print(found: Found) -> None:
    case = found.case
    steps = case.steps[0] if len(case.steps) == 1 else f"all {len(case.steps)}"
    told = "same" if found.is_same else "ANOTHER"
    counts = (str(found.kills), str(found.amid), str(found.attempts))
    cells = (case.victim, case.when, steps, *counts, told, f"{found.took_s:.0f} s")
    print(f"| {' | '.join(cells)} |{' ' + found.trouble if found.trouble else ''}", flush=True)


def main() -> None:
    """Measure and print; exit 1 where a killed build came to something else, or to nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=2, help="of each phase")
    parser.add_argument("--only", default="", help="kills whose step begins so")
    parser.add_argument("--apart", action="store_true", help="each kill in a build of its own (an hour)")
    options = parser.parse_args()
    from tests.training.students import a_student

    with tempfile.TemporaryDirectory(prefix="nightly-kills-") as folder:
        student = a_student(Path(folder, "student"), max_position_embeddings=1024)
        wanted = list(cases(options.only, apart=options.apart))
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}", flush=True)
        found = asyncio.run(measured(student, options.epochs, wanted))
    same = sum(outcome.is_same for outcome in found)
    kills = sum(outcome.kills for outcome in found)
    print(f"{same} of {len(found)} builds with {kills} kills came to the undisturbed one, byte by byte")
    sys.exit(0 if same == len(found) else 1)


if __name__ == "__main__":
    main()
