"""Looks for an input that breaks the checks: parse, all rules and fixes over thousands of generated contributions.

Run `python -m benchmarks.fuzz_checks [PULL_REQUESTS.jsonl] [--inputs 20000] [--seed N]`. The files of a corpus are
mutated beside our own. An input that fails is made as small as it can, and printed with its seed.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky

from benchmarks.fuzz_inputs import Facts, contributions, corpus_like, recorded
from checks.policy import default_policy
from checks.repair import repairs
from checks.run import judge
from checks.time_limit import RULE_LIMIT_S, OverranError, within

ROUND = 500  # inputs drawn from one seed
PARSE_LIMIT_S, FIX_LIMIT_S = RULE_LIMIT_S, 30.0
SHRINKING_S = 40.0
MEMORY_BYTES = 1024**3


class BrokenCheckError(Exception):
    """A check did what it never may."""


@dataclass(slots=True)
class Slowest:
    """The longest times seen, in seconds of processor time, by step."""

    seconds: dict[str, float] = field(default_factory=dict)

    def took(self, what: str, since: float) -> None:
        """Count one time."""
        self.seconds[what] = max(self.seconds.get(what, 0.0), time.process_time() - since)


def try_one(facts: Facts, slowest: Slowest) -> None:
    """Parse, judge by all rules and fix. Raises whatever any of it raises, and where a rule crashed or overran."""
    policy = default_policy()
    started = time.process_time()
    contribution = within(PARSE_LIMIT_S, lambda: facts.contribution)
    slowest.took("parsing", started)
    started = time.process_time()
    verdict = judge(contribution, policy)
    slowest.took("all rules", started)
    if verdict.crashes:
        raise BrokenCheckError("; ".join(f"{crash.rule}: {crash.detail}" for crash in verdict.crashes))
    started = time.process_time()
    within(FIX_LIMIT_S, lambda: repairs(contribution, policy))
    slowest.took("fixing", started)


def look(seeds: Sequence[str], number: int, inputs: int, slowest: Slowest) -> tuple[Facts, BaseException] | None:
    """Try so many inputs drawn from a seed; return the smallest that fails, with how it fails."""
    failed: list[tuple[Facts, BaseException]] = []
    first_failed: list[float] = []

    @seed(number)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(facts=contributions(seeds))
    def attempt(facts: Facts) -> None:
        if first_failed and time.monotonic() - first_failed[0] > SHRINKING_S:
            return
        try:
            try_one(facts, slowest)
        except (Exception, OverranError) as error:
            failed.append((facts, error))
            first_failed.append(time.monotonic())
            raise BrokenCheckError(str(error)) from error

    with contextlib.suppress(BrokenCheckError, Flaky):  # it looks flaky when there is no time left to make it small
        attempt()
    return min(failed, key=lambda one: sum(file.size for file in one[0].files), default=None)


def with_bounded_memory() -> None:
    """Let no input take more than a gigabyte: a MemoryError is a failure like any other."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, hard))


def _told(facts: Facts, error: BaseException, number: int, say: Callable[[str], None]) -> None:
    say(f"Seed {number} breaks the checks. The smallest input:")
    for file in facts.files:
        say(f"  {file.status} {file.kind} {file.path!r}: {file.content!r}"[:4_000])
    say(f"  commit messages {facts.messages!r}, description {facts.said!r}, document {facts.document!r}")
    say("".join(traceback.format_exception(error)))


def main() -> int:
    """Run the search from the command line; exits 1 when something breaks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; the next ones count on")
    arguments = parser.parse_args()
    with_bounded_memory()
    seeds = corpus_like() + (recorded(arguments.corpus) if arguments.corpus else [])
    slowest, started, broken = Slowest(), time.monotonic(), 0
    for number in range(arguments.seed, arguments.seed + -(-arguments.inputs // ROUND)):
        found = look(seeds, number, min(ROUND, arguments.inputs), slowest)
        if found is not None:
            broken += 1
            _told(*found, number, partial(print, flush=True))  # a long search may be cut short
        print(f"seed {number}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{arguments.inputs} inputs, {broken} rounds broken, at most {peak_mib:.0f} MiB.")
    for what, seconds in sorted(slowest.seconds.items(), key=lambda row: -row[1])[:8]:
        print(f"  {what}: at most {seconds:.2f} s of processor time")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
