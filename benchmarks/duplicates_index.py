"""How long an index over a tree of many leaves takes to build, how much memory, and how quickly it is looked into.

The leaves are invented: half knowledge with contexts, half skills, of words as frequent as in a language. What is
asked for are leaves of the tree with some words changed, and leaves that are not in it.
"""

from __future__ import annotations

import argparse
import itertools
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from checks.contribution import ChangedFile, Contribution, read_contribution
from checks.likeness.index import IndexWriter, PassageIndex, Source
from checks.likeness.neighbours import neighbours_of
from checks.likeness.sheets import sheets_of
from checks.likeness.signing import new_permutations

GOAL_BUILD_S, GOAL_LOOKUP_MS, GOAL_MEMORY_MIB = 60.0, 20.0, 300.0
_CONSONANTS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "h",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "r",
    "s",
    "st",
    "t",
    "v",
)
_SYLLABLES = [consonant + vowel for consonant in _CONSONANTS for vowel in "aeiou"]


@dataclass(frozen=True, slots=True)
class _Moment:
    """A moment by two clocks, or how long something took by both: the wall's, and the processor's own for us."""

    wall_s: float
    cpu_s: float

    @classmethod
    def now(cls) -> _Moment:
        """Return the present moment."""
        return cls(time.perf_counter(), time.process_time())

    def __add__(self, other: _Moment) -> _Moment:
        return _Moment(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)

    def __sub__(self, other: _Moment) -> _Moment:
        return _Moment(self.wall_s - other.wall_s, self.cpu_s - other.cpu_s)


class _Author:
    """Writes leaves, always the same ones for a seed."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self._words = ["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(20_000)]
        self._weights = list(itertools.accumulate(1 / rank for rank in range(1, len(self._words) + 1)))

    def leaf(self, number: int) -> ChangedFile:
        """Return a leaf: every second one is knowledge."""
        chance = random.Random(number)
        is_knowledge = number % 2 == 0
        lines = ["version: 3", "created_by: ana", "seed_examples:"]
        for _ in range(5):
            if is_knowledge:
                lines += [f"  - context: {self._text(chance, 120)}", "    questions_and_answers:"]
                for _ in range(3):
                    lines += [
                        f"      - question: {self._text(chance, 10)}",
                        f"        answer: {self._text(chance, 25)}",
                    ]
            else:
                lines += [f"  - question: {self._text(chance, 14)}", f"    answer: {self._text(chance, 50)}"]
        root = "knowledge" if is_knowledge else "compositional_skills"
        content = "\n".join(lines).encode()
        return ChangedFile(f"{root}/a/b{number}/qna.yaml", content=content, size=len(content))

    def _text(self, chance: random.Random, words: int) -> str:
        return " ".join(chance.choices(self._words, cum_weights=self._weights, k=words))


def main() -> None:
    """Print the figures beside the goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=10_000)
    parser.add_argument("--lookups", type=int, default=100)
    asked = parser.parse_args()
    author = _Author(1)
    permutations = new_permutations()
    loaded_mib = _peak_mib()
    with tempfile.TemporaryDirectory() as folder:
        build, index = _build(author, asked.leaves, Path(folder), permutations)
        times, found = _look_up(author, index, asked.leaves, asked.lookups)
        disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    print(f"{asked.leaves:,} leaves, {len(index):,} passages, {disk / 2**20:.0f} MiB on disk")
    print(
        f"build, reading the YAML included: {build.wall_s:.1f} s (goal {GOAL_BUILD_S:.0f}), "
        f"{build.cpu_s:.1f} s of a processor"
    )
    for name, taken in (("wall", [t.wall_s for t in times]), ("of a processor", [t.cpu_s for t in times])):
        ordered = sorted(1000 * s for s in taken)
        print(
            f"look-up of a whole leaf, warm, {name}: median {statistics.median(ordered):.1f} ms, "
            f"p99 {ordered[int(len(ordered) * 0.99)]:.1f} ms (goal {GOAL_LOOKUP_MS:.0f})"
        )
    print(f"changed copies found: {found:.1%} of their passages")
    print(f"peak memory {_peak_mib():.0f} MiB (goal {GOAL_MEMORY_MIB:.0f}): {loaded_mib:.0f} with nothing read")


def _build(
    author: _Author, leaves: int, folder: Path, permutations: NDArray[np.uint32]
) -> tuple[_Moment, PassageIndex]:
    spent = _Moment(0.0, 0.0)
    with IndexWriter(folder / "tree", "benchmark", permutations) as writer:
        for files in _batches(author, leaves):
            started = _Moment.now()
            contribution = read_contribution(files)
            for path, sheet in sheets_of(contribution.leaves, permutations).items():
                writer.add(Source(path, is_knowledge=path.startswith("knowledge/")), sheet)
            spent = spent + (_Moment.now() - started)
        started = _Moment.now()
        index = PassageIndex(writer.finish())
        return spent + (_Moment.now() - started), index


def _batches(author: _Author, leaves: int) -> Iterator[list[ChangedFile]]:
    for at in range(0, leaves, 50):
        yield [author.leaf(number) for number in range(at, min(at + 50, leaves))]


def _look_up(author: _Author, index: PassageIndex, leaves: int, lookups: int) -> tuple[list[_Moment], float]:
    times, copies, found = [], 0, 0
    for n in range(lookups + 5):
        contribution, is_copy = _asked_for(author, n, leaves)
        started = _Moment.now()
        near = neighbours_of(contribution.leaves, contribution.files, index)
        if n >= 5:  # the first ones warm it up
            times.append(_Moment.now() - started)
        if is_copy:
            copies += sum(len(seed.pairs) for seed in contribution.leaves[0].seed_examples)
            found += len({neighbour.own.line for neighbour in near if not neighbour.own.is_context})
    return times, found / copies


def _asked_for(author: _Author, n: int, leaves: int) -> tuple[Contribution, bool]:
    """Return a leaf of the tree with every tenth word changed under another path, or one that is not in it."""
    is_copy = n % 3 > 0
    file = author.leaf((n * 7919) % leaves if is_copy else leaves + n)
    words = (file.content or b"").decode().split(" ")
    if is_copy:
        words = [f"{word}x" if at % 10 == 9 and word.isalpha() else word for at, word in enumerate(words)]
    content = " ".join(words).encode()
    return read_contribution([ChangedFile(f"{file.root}/new/leaf/qna.yaml", content=content)]), is_copy


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
