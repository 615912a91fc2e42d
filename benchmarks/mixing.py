"""Mixing a million samples: `python -m benchmarks.mixing`, how fast, in how much memory, twice to the same bytes.

Three data sets (one of knowledge) and earlier data as replay, a fifth of the samples each for dev and test, and
questions to measure with. Each mix runs in a process of its own; samples a second count all that the files hold.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.mixing import TRAIN, mix
from pipeline.recipes import Ingredient, Recipe, Source

SAMPLES, FEWER = 1_000_000, 100_000
TARGET_SAMPLES_S, TARGET_PEAK_MIB, TARGET_GROWTH_MIB = 50_000, 500, 60
_QUESTIONS = 2_000
_SHARES = {"skills": 0.4, "knowledge": 0.1, "more": 0.2, "earlier": 0.3}
_BEGINNINGS = ("bri", "kes", "tor", "vale", "mun", "ash", "fen", "lor", "pel", "wen")
_ENDS = ("ant", "ock", "ide", "ume", "ering", "old", "ish", "ow")
_WORDS = [beginning + end for beginning in _BEGINNINGS for end in _ENDS]


@dataclass(frozen=True, slots=True)
class Run:
    """One mix. `wall_s` and `cpu_s` in seconds, `peak_mib` the process's memory at its highest."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    taken: int
    left_out: int
    sha256: str


def write_samples(path: Path, count: int) -> None:
    """Write so many samples of leaves with 150 each, some 700 bytes long, a fifth for dev and a fifth for test."""
    chance = random.Random(path.name)
    with path.open("w", encoding="utf-8") as file:
        for i in range(count):
            question = f"What {' '.join(chance.choices(_WORDS, k=9))} {i} of {path.stem}?"
            answer = " ".join(chance.choices(_WORDS, k=60)) + "."
            split = ("test", "dev", "train", "train", "train")[i % 5]
            said = {
                "leaf": f"{path.stem}/{i // 150}",
                "split": split,
                "seed": i % 5,
                "seed_digest": f"{i % 5:016x}",
            }
            messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            row = {"id": f"{i:024x}", "messages": messages, "metadata": said}
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


def write_questions(path: Path, samples: Path) -> None:
    """Write questions that nearly repeat some of those that are trained on."""
    with samples.open(encoding="utf-8") as given, path.open("w", encoding="utf-8") as file:
        for number, line in enumerate(given):
            if number >= _QUESTIONS:
                return
            asked = json.loads(line)["messages"][0]["content"]
            file.write(json.dumps({"question": f"{asked.lower()} to us"}) + "\n")


def recipe_in(folder: Path, count: int) -> Recipe:
    """Write the files of a mix of so many samples, and return its recipe."""
    folder.mkdir()
    for name, share in _SHARES.items():
        write_samples(folder / f"{name}.jsonl", round(share * count))
    write_questions(folder / "questions.jsonl", folder / "skills.jsonl")
    return _recipe(folder)


def _recipe(folder: Path) -> Recipe:
    return Recipe(
        datasets=(
            Ingredient(path=folder / "skills.jsonl"),
            Ingredient(path=folder / "knowledge.jsonl", is_knowledge=True),
            Ingredient(path=folder / "more.jsonl", times=0.75),
        ),
        replay=(Ingredient(path=folder / "earlier.jsonl"),),
        replay_share=0.2,
        tests=(Source(path=folder / "questions.jsonl"),),
    )


def one(folder: Path, out: Path) -> Run:
    """Mix in this process."""
    began = time.perf_counter()
    made = mix(_recipe(folder), out)
    wall = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    train = next(file for file in made.manifest["files"] if file["name"] == TRAIN)
    left_out = sum(sum(each["left_out"].values()) for each in made.manifest["ingredients"])
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, train["rows"], left_out, train["sha256"])


def _runs(folder: Path, count: int, times: int) -> Iterator[Run]:
    place = folder / str(count)
    recipe_in(place, count)
    for number in range(times):
        out = folder / f"mix-{number}"
        argv = [sys.executable, "-m", "benchmarks.mixing", "--one", str(place), str(out)]
        yield Run(**json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout))
        shutil.rmtree(out)
    shutil.rmtree(place)


def measure(samples: int, fewer: int) -> int:
    """Measure and print. Return the exit status: 0 when every target is met."""
    folder = Path(tempfile.mkdtemp(prefix="mixing-"))
    try:
        few = next(iter(_runs(folder, fewer, 1)))
        first, second = _runs(folder, samples, 2)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    best = min(first, second, key=lambda run: run.wall_s)
    growth = best.peak_mib - few.peak_mib
    print(f"{samples:,} samples, of them {best.taken:,} taken, {best.left_out:,} left out as held back")
    print(f"samples/s        {samples / best.wall_s:12,.0f}   target >= {TARGET_SAMPLES_S:,}")
    print(f"each s of CPU    {samples / best.cpu_s:12,.0f}   start of the program included")
    print(f"peak memory      {best.peak_mib:8.0f} MiB   target <= {TARGET_PEAK_MIB} MiB")
    print(f"beyond {fewer:,}   {growth:8.0f} MiB   target <= {TARGET_GROWTH_MIB} MiB")
    print(f"twice the same   {'yes' if first.sha256 == second.sha256 else 'NO':>12}")
    is_met = samples / best.wall_s >= TARGET_SAMPLES_S and first.sha256 == second.sha256
    return 0 if is_met and best.peak_mib <= TARGET_PEAK_MIB and growth <= TARGET_GROWTH_MIB else 1


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--fewer", type=int, default=FEWER, help="for the memory to be compared with")
    parser.add_argument("--one", nargs=2, type=Path, metavar=("FILES", "OUT"), help="only mix these, for figures")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(asdict(one(*given.one))))
        return 0
    return measure(given.samples, given.fewer)


if __name__ == "__main__":
    sys.exit(main())
