"""Whether killed builds come to the undisturbed model: `python -m benchmarks.nightly_kills`.

A build of two leaves, with a student of no size, is done by the bot and a worker as they are served. Then it is
done again and again from the same plan, and each time somebody is killed with -9: the worker, or the bot, in
the middle of each step and between it and the next one. Every file of what is published has to have the same hash
every time.
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

_AFTER_S = 60.0  # most that a step is waited for
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
class Kill:
    """One killing."""

    step: str
    when: When
    victim: Victim


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one. `attempts` are of the step that it was about; `was_amid`: it was under way indeed."""

    kill: Kill
    is_same: bool
    attempts: int
    was_amid: bool
    took_s: float
    trouble: str = ""


def kills() -> Iterator[Kill]:
    """Yield every killing there is."""
    for step in _STEPS:
        for when in When:
            for victim in Victim:
                yield Kill(step, when, victim)


async def measured(student: Path, epochs: int, wanted: Sequence[Kill]) -> list[Outcome]:
    """Build undisturbed, then with each of these kills."""
    async with small_night(student, epochs) as (night, _):
        began = time.monotonic()
        await begun(night, "undisturbed")
        build = await good(night)
        undisturbed = published(night, build)
        durations = _durations({job.request.step: job for job in await night.steps(build)})
        print(f"undisturbed: {time.monotonic() - began:.0f} s, weights {undisturbed[WEIGHTS][:16]}", flush=True)
        found = []
        for number, kill in enumerate(wanted, start=1):
            found.append(await _killed(night, f"case-{number}", kill, durations, undisturbed))
            _print(found[-1])
        return found


async def _killed(
    night: NightStage, name: str, kill: Kill, durations: Mapping[str, float], undisturbed: Mapping[str, str]
) -> Outcome:
    began = time.monotonic()
    was_amid, attempts, trouble, is_same = False, 0, "", False
    try:
        build = await begun(night, name)
        if kill.when is When.AMID:
            await step_that(night, build, lambda steps: _stands(steps, kill.step, JobState.RUNNING), _AFTER_S)
            await asyncio.sleep(durations.get(kill.step, 0.0) / 2)
        else:
            await step_that(night, build, lambda steps: _stands(steps, kill.step, JobState.SUCCEEDED), _AFTER_S)
        program = night.bot if kill.victim is Victim.BOT else night.workers[0]
        await program.dies()
        was_amid = _stands({job.request.step: job for job in await night.steps(build)}, kill.step, JobState.RUNNING)
        if kill.victim is Victim.BOT:
            await night.bot_is_ready()
        else:
            program.start()
        build = await good(night)
        steps = {job.request.step: job for job in await night.steps(build)}
        attempts = max(job.life.attempt for job in _named(steps, kill.step))
        is_same = published(night, build) == undisturbed
    except NoBuildError as error:
        trouble = str(error)
    return Outcome(kill, is_same, attempts, was_amid, time.monotonic() - began, trouble)


def _named(steps: Mapping[str, StoredJob], begins: str) -> list[StoredJob]:
    return [job for name, job in steps.items() if name == begins or name.startswith(f"{begins}/")]


def _stands(steps: Mapping[str, StoredJob], begins: str, state: JobState) -> bool:
    return any(job.life.state is state for job in _named(steps, begins))


def _durations(steps: Mapping[str, StoredJob]) -> dict[str, float]:
    """Return what each step took in the undisturbed build, in seconds."""
    found = {}
    for begins in _STEPS:
        taken = [job.life.outcome.run_s for job in _named(steps, begins) if job.life.outcome is not None]
        found[begins] = min(taken, default=0.0)
    return found


def _print(found: Outcome) -> None:
    kill = found.kill
    moment = "amid" if found.was_amid else "at the boundary"
    told = "same" if found.is_same else "ANOTHER"
    cells = (kill.step, kill.when, kill.victim, moment, str(found.attempts), told, f"{found.took_s:.0f} s")
    print(f"| {' | '.join(cells)} |{' ' + found.trouble if found.trouble else ''}", flush=True)


def main() -> None:
    """Measure and print; exit 1 where a killed build came to something else, or to nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=2, help="of each phase")
    parser.add_argument("--only", default="", help="kills whose step begins so")
    parser.add_argument("--every", type=int, default=1, help="of so many kills one, for a sample")
    options = parser.parse_args()
    from tests.training.students import a_student

    with tempfile.TemporaryDirectory(prefix="nightly-kills-") as folder:
        student = a_student(Path(folder, "student"), max_position_embeddings=1024)
        wanted = [kill for kill in kills() if kill.step.startswith(options.only)][:: options.every]
        print(f"{len(wanted)} kills; {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}", flush=True)
        print("| step | when | killed | was it | attempts | model | took |\n|---|---|---|---|---:|---|---:|")
        found = asyncio.run(measured(student, options.epochs, wanted))
    same = sum(outcome.is_same for outcome in found)
    print(f"{same} of {len(found)} killed builds came to the undisturbed one, byte by byte")
    sys.exit(0 if same == len(found) else 1)


if __name__ == "__main__":
    main()
