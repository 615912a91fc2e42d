"""`python -m tests.chaos`: hurt everything that can be hurt, and tell what came of each job. Needs Linux."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import sys
import time
from random import Random, SystemRandom

import structlog

from bot.jobs import JobState
from tests.chaos.arena import QUESTIONS, Arena
from tests.chaos.processes import adopt_orphans, orphans
from tests.chaos.report import Tally, as_markdown, as_text
from tests.chaos.scenarios import SCENARIOS, Scenario

_LATE_MAIL_S = 2.0


async def run(scenario: Scenario, seed: str, times: int, *, keeps_files: bool) -> Tally:
    """Play one scenario in an arena of its own, and count what came of it."""
    tally = Tally(scenario.title)
    began = time.monotonic()
    try:
        arena = Arena(Random(seed), redelivery_s=scenario.redelivery_s, keeps_files=keeps_files)
        if keeps_files:
            tally.notes.append(f"logs and database are in {arena.folder}")
        async with arena:
            await scenario.play(arena, tally, times)
            await asyncio.sleep(_LATE_MAIL_S)
            await arena.send_workers_home()
            _judge(arena, tally, scenario)
    except Exception as error:
        tally.complaints.append(f"broken off: {type(error).__name__}: {error}")
    found = await orphans()
    tally.orphans += len(found)
    tally.complaints += [f"left behind {line}" for line in found]
    tally.seconds = time.monotonic() - began
    return tally


def _judge(arena: Arena, tally: Tally, scenario: Scenario) -> None:
    """Look at every job once more, now that nobody works any longer."""
    ledger = arena.ledger
    for pull in arena.pulls:
        job = arena.job(pull)
        tally.jobs += 1
        tally.ended_once += ledger.is_ended_once(job)
        tally.check_runs += ledger.check_runs(job)
        tally.succeeded += job.state is JobState.SUCCEEDED
        tally.results += ledger.results(job)
        tally.in_progress += ledger.is_in_progress(job)
        tally.complaints += ledger.complaints(job)
        if arena.asked(pull) > QUESTIONS:
            tally.done_twice += 1
            if scenario.is_done_once:
                tally.complaints.append(f"job {job.id} was computed more than once")
    left = arena.left_folders()
    tally.files_left = len(left)
    tally.complaints += [f"left in the workers' folder: {name}" for name in left]


def main() -> int:
    """Run the scenarios. Returns 1 when something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", default="", help="the same seed chooses the same moments")
    parser.add_argument("--only", action="append", choices=list(SCENARIOS), help="may be given several times")
    parser.add_argument("--times", type=int, help="how often each; without it, as often as is promised")
    parser.add_argument("--keep", action="store_true", help="keep logs and databases, and say where")
    parser.add_argument("--markdown", action="store_true", help="print the table for a document")
    asked = parser.parse_args()
    seed = asked.seed or f"{SystemRandom().getrandbits(32):08x}"
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    adopt_orphans()
    print(f"Seed {seed}; {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}")
    tallies = []
    for name in asked.only or SCENARIOS:
        scenario = SCENARIOS[name]
        times = asked.times or scenario.times
        tally = asyncio.run(run(scenario, f"{seed} {name}", times, keeps_files=asked.keep))
        print(f"  {scenario.title}: {'ok' if tally.is_well else 'WRONG'}, {tally.seconds:.0f} s", flush=True)
        tallies.append(tally)
    print()
    print("\n".join((as_markdown if asked.markdown else as_text)(tallies)))
    return 0 if all(tally.is_well for tally in tallies) else 1


if __name__ == "__main__":
    sys.exit(main())
