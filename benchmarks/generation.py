"""How full the teacher is kept: `python -m benchmarks.generation`, whole leaves against a server of known speed.

The offline teacher runs in a process of its own and holds every request for a fixed delay in one of its slots. The
ideal time is requests x delay / slots; a bare loop of the same HTTP client with the same number of requests shows
what the machine allows. Nothing is cached. Then the same seed examples go through instructlab-sdg's full flow for
freeform skills on a server that answers both programs, `--search` with each of its settings that were tried.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from benchmarks.generation_rival import BEST, NAME, OTHERS, QUESTIONS, RivalError, run, set_up
from checks.contribution import ChangedFile, read_leaf
from pipeline.generation import Order, Subject, generate
from pipeline.sdg.blocks.block import Models
from pipeline.sdg.flow import Flow, read_flow
from pipeline.sdg.starts import Lesson, lesson_of
from pipeline.teacher import Teacher, TeacherSettings
from pipeline.tiny import MODEL_ID
from pipeline.tiny.process import OfflineTeacherProcess

TARGET_TIMES_IDEAL, TARGET_TIMES_RIVAL = 1.2, 10.0
_BOTH_ANSWERED = (sys.executable, "-m", "benchmarks.generation_server")
_THINGS = (
    "bridge", "candle", "ferry", "garden", "harbour", "island", "journal", "kettle", "lantern", "meadow",
    "needle", "orchard", "pillow", "quarry", "ribbon", "saddle", "thimble", "umbrella", "valley", "windmill",
)  # fmt: skip
_PLACES = ("Norwich", "Bremen", "Turku", "Lisbon", "Gdansk", "Trieste", "Bergen", "Rouen", "Malmo", "Cadiz")


@dataclass(frozen=True, slots=True)
class Timing:
    """One run. `wall_s` and `cpu_s` in seconds."""

    leaves: int
    samples: int
    requests: int
    wall_s: float
    cpu_s: float
    ideal_s: float


def lessons(count: int, seeds: int) -> Iterator[Lesson]:
    """Yield leaves of a skill."""
    for n in range(count):
        thing = _THINGS[n % len(_THINGS)]
        examples = [
            {
                "question": f"Write a note to the keeper of the {thing} in {place} about visit {i + n}.",
                "answer": f"Dear keeper, on visit {i + n} the {thing} in {place} pleased us all. Thank you.",
            }
            for i, place in enumerate(_PLACES[:seeds])
        ]
        text = yaml.safe_dump(
            {"version": 2, "task_description": f"Write notes about a {thing}.", "seed_examples": examples}
        ).encode()
        path = f"compositional_skills/notes/{thing}_{n}/qna.yaml"
        yield lesson_of(read_leaf(ChangedFile(path, content=text, size=len(text))))


def flow_for(samples_per_seed: int) -> Flow:
    """Return our freeform flow, keeping so many samples of each seed example."""
    flow = read_flow("freeform")
    return Flow(flow.name, flow.about, flow.start, flow.makes, samples_per_seed, flow.blocks, flow.prompts)


async def ours(url: str, leaves: int, delay_s: float, slots: int, samples_per_seed: int = 10) -> Timing:
    """Generate from so many leaves of ten seed examples."""
    subjects = [Subject(lesson) for lesson in lessons(leaves, 10)]
    folder = Path(tempfile.mkdtemp(prefix="generation-"))
    began, cpu = time.perf_counter(), _cpu_s()
    try:
        async with Teacher(TeacherSettings(url, MODEL_ID, most_at_once=slots)) as teacher:
            order = Order(MODEL_ID, flows=(flow_for(samples_per_seed),), leaves_at_once=leaves)
            made = await generate(subjects, order, Models(teacher, teacher), folder)
            requests = teacher.counters.requests
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    wall = time.perf_counter() - began
    kept = sum(data.samples for data in made)
    return Timing(leaves, kept, requests, wall, _cpu_s() - cpu, requests * delay_s / slots)


async def bare(url: str, requests: int, slots: int) -> float:
    """Return how long as many requests take in a bare loop of the same client, in seconds."""
    body = {"model": MODEL_ID, "messages": [{"role": "user", "content": "Who?"}]}
    left = iter(range(requests))
    connector = aiohttp.TCPConnector(limit=slots)
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            for _ in left:
                async with session.post(f"{url}/chat/completions", json=body) as answer:
                    await answer.json()

        await asyncio.gather(*(work() for _ in range(slots)))
    return time.perf_counter() - began


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(leaves: int, delay_ms: float, slots: int) -> int:
    """Measure and print. Return the exit status: 0 when the target is met."""
    async with OfflineTeacherProcess("--delay-ms", f"{delay_ms:g}", "--slots", str(slots)) as server:
        mine = await ours(server.url, leaves, delay_ms / 1e3, slots)
        loop_s = await bare(server.url, mine.requests, slots)
    times = mine.wall_s / mine.ideal_s
    print(f"freeform flow, {leaves} leaves, {delay_ms:g} ms x {slots} slots: {mine.samples} samples kept")
    print(f"  requests              {mine.requests}")
    print(f"  ideal                 {mine.ideal_s:8.2f} s")
    print(f"  bare loop of requests {loop_s:8.2f} s   {loop_s / mine.ideal_s:5.2f} x ideal")
    print(f"  generate              {mine.wall_s:8.2f} s   {times:5.2f} x ideal   (target {TARGET_TIMES_IDEAL})")
    print(f"  samples per second    {mine.samples / mine.wall_s:8.1f}")
    print(f"  CPU per request       {mine.cpu_s / mine.requests * 1e3:8.2f} ms, flow, judging and safety included")
    return 0 if times <= TARGET_TIMES_IDEAL else 1


async def compare(leaves: int, delay_ms: float, slots: int, *, is_searching: bool) -> int:
    """Measure beside the rival and print. Return the exit status: 0 when the target is met."""
    try:
        set_up()
    except RivalError as error:
        print(f"{NAME} was not measured: {error}")
        return 1
    options = ("--delay-ms", f"{delay_ms:g}", "--slots", str(slots))
    taken = list(lessons(leaves, 10))
    print(f"\nfreeform flows on one server, {leaves} leaves of 10 seed examples, {delay_ms:g} ms x {slots} slots")
    async with OfflineTeacherProcess(*options, program=_BOTH_ANSWERED) as server:
        mine = await ours(server.url, leaves, delay_ms / 1e3, slots, QUESTIONS)
        _print_speed("ours", mine.samples, mine.wall_s, mine.cpu_s)
        best = 0.0
        for setting in (BEST, *OTHERS) if is_searching else (BEST,):
            try:
                theirs = await run(server.url, MODEL_ID, taken, setting)
            except RivalError as error:
                print(f"  {NAME}, {setting}: {error}")
                continue
            _print_speed(f"{NAME}, {setting}", theirs.samples, theirs.wall_s, theirs.cpu_s)
            best = max(best, theirs.samples / theirs.wall_s)
    if not best:
        return 1
    times = mine.samples / mine.wall_s / best
    print(f"  {times:.1f} times its samples per second   (target {TARGET_TIMES_RIVAL:g})")
    return 0 if times >= TARGET_TIMES_RIVAL else 1


def _print_speed(who: str, samples: int, wall_s: float, cpu_s: float) -> None:
    print(f"  {who}")
    print(
        f"    {samples} samples in {wall_s:.1f} s: {samples / wall_s:.1f} a second, {cpu_s:.1f} s of CPU",
        flush=True,
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=20)
    parser.add_argument("--delay-ms", type=float, default=200.0)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--rival-leaves", type=int, default=4, help="0: measure without the rival")
    parser.add_argument("--search", action="store_true", help="try every setting of the rival")
    given = parser.parse_args()
    missed = asyncio.run(measure(given.leaves, given.delay_ms, given.slots))
    if given.rival_leaves:
        rival = compare(given.rival_leaves, given.delay_ms, given.slots, is_searching=given.search)
        missed = asyncio.run(rival) or missed
    sys.exit(missed)


if __name__ == "__main__":
    main()
