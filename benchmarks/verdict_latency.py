"""How long a contributor waits: `python -m benchmarks.verdict_latency`, delivery to posted verdict.

The bot runs as served, with its own rule workers, in a process of its own; the simulated GitHub runs in the
process of the benchmark. Time runs from the moment a webhook is sent until all check runs, the labels and the
comment of that pull request are there. Each pull request adds a knowledge leaf of two files to a taxonomy of about
1,500 files; every other one lacks its sign-off.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.verdict_stage import DEFAULT, WIDE_OPEN, Stage, percentile, stage

TARGET_ALONE_MS, TARGET_TOGETHER_MS = 300.0, 1_000.0
TARGET_CALLS, TARGET_WRITES = 12.0, 5.0
_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """What one way of arriving came to. Times are in seconds."""

    verdicts_s: tuple[float, ...]
    answers_s: tuple[float, ...]
    reads: float  # for each triage
    writes: float

    @property
    def median_ms(self) -> float:
        """Half of the verdicts came sooner."""
        return statistics.median(self.verdicts_s) * 1e3

    @property
    def p95_ms(self) -> float:
        """95 of 100 verdicts came sooner."""
        return percentile(self.verdicts_s, 0.95) * 1e3

    @property
    def answers_p95_ms(self) -> float:
        """95 of 100 webhooks were answered sooner."""
        return percentile(self.answers_s, 0.95) * 1e3


@dataclass(frozen=True, slots=True)
class Result:
    """All timings, and how many pull requests arrived together."""

    alone: Timing
    together: Timing
    default_bucket: Timing
    at_once: int
    refused_answers: int

    @property
    def is_met(self) -> bool:
        """Whether every target is reached."""
        return not self.refused_answers and (
            self.alone.p95_ms <= TARGET_ALONE_MS
            and self.together.p95_ms <= TARGET_TOGETHER_MS
            and all(t.reads + t.writes <= TARGET_CALLS and t.writes <= TARGET_WRITES for t in self._timings)
        )

    @property
    def within_a_second(self) -> int:
        """How many verdicts came within a second with the default bucket."""
        return sum(took_s <= 1.0 for took_s in self.default_bucket.verdicts_s)

    @property
    def _timings(self) -> tuple[Timing, ...]:
        return self.alone, self.together, self.default_bucket


async def measure(alone: int, rounds: int, at_once: int) -> Result:
    """Run all parts, one after the other."""
    async with stage(WIDE_OPEN) as wide:
        for _ in range(_WARM_UP):
            await wide.opens(1)
        one_by_one = await _timed(wide, alone, 1)
        together = await _timed(wide, rounds, at_once)
        refused = wide.refused_answers
    async with stage(DEFAULT) as paced:
        throttled = await _timed(paced, 1, at_once)
        refused += paced.refused_answers
    return Result(one_by_one, together, throttled, at_once, refused)


async def _timed(on: Stage, rounds: int, at_once: int) -> Timing:
    reads, writes = on.calls()
    on.answers_s.clear()
    verdicts = [took_s for _ in range(rounds) for took_s in await on.opens(at_once)]
    reads_after, writes_after = on.calls()
    count = len(verdicts)
    return Timing(
        tuple(verdicts), tuple(on.answers_s), (reads_after - reads) / count, (writes_after - writes) / count
    )


def as_text(result: Result) -> Iterator[str]:
    """Yield the result for people."""
    alone, together, paced, at_once = result.alone, result.together, result.default_bucket, result.at_once
    yield "Delivery to posted verdict, a pull request of two files; the simulated GitHub in a process of its own"
    yield f"  with the write bucket wide open ({WIDE_OPEN}):"
    yield _line(f"alone, {len(alone.verdicts_s)} in sequence", alone, TARGET_ALONE_MS)
    yield _line(f"{at_once} at once, {len(together.verdicts_s) // at_once} rounds", together, TARGET_TOGETHER_MS)
    yield f"  with the default write bucket ({DEFAULT}), full at the start:"
    yield _line(f"{at_once} at once, 1 round", paced)
    writes = round(paced.writes * at_once)
    quick = f"{result.within_a_second} of {at_once} within a second"
    yield f"    {quick}; {DEFAULT.burst} of the {writes} writes may go at once"
    if result.refused_answers:
        yield f"  NOT VALID: {result.refused_answers} webhooks were not answered with 2xx"
    yield f"Targets {'met' if result.is_met else 'MISSED'}."


def _line(name: str, timing: Timing, target_ms: float | None = None) -> str:
    target = f" (target {target_ms:.0f})" if target_ms else ""
    return (
        f"    {name:<24} median {timing.median_ms:6.0f} ms, p95 {timing.p95_ms:6.0f} ms{target}; "
        f"calls of a triage: {timing.reads:.1f} reads, {timing.writes:.1f} writes; "
        f"webhooks answered in {timing.answers_p95_ms:.1f} ms (p95)"
    )


def as_markdown(result: Result) -> Iterator[str]:
    """Yield table rows: what, median, p95, target, ratio, calls of a triage, webhook answer p95, write bucket."""
    at_once = result.at_once
    yield _row(f"alone, {len(result.alone.verdicts_s)} in sequence", result.alone, TARGET_ALONE_MS, "wide open")
    rounds = len(result.together.verdicts_s) // at_once
    yield _row(f"{at_once} at once, {rounds} rounds", result.together, TARGET_TOGETHER_MS, "wide open")
    shown = f"default: {DEFAULT}; {result.within_a_second} of {at_once} within a second"
    yield _row(f"{at_once} at once, 1 round", result.default_bucket, None, shown)


def _row(name: str, timing: Timing, target_ms: float | None, bucket: str) -> str:
    target = f"<= {target_ms:.0f} ms | {timing.p95_ms / target_ms:.2f}" if target_ms else "- | -"
    return (
        f"| {name} | {timing.median_ms:.0f} ms | {timing.p95_ms:.0f} ms | {target} "
        f"| {timing.reads:.1f} + {timing.writes:.1f} | {timing.answers_p95_ms:.1f} ms | {bucket} |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict_latency", description=__doc__)
    parser.add_argument("--alone", type=int, default=30, help="pull requests that arrive one by one")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--at-once", type=int, default=20, help="pull requests that arrive together in a round")
    parser.add_argument("--markdown", action="store_true", help="print table rows")
    asked = parser.parse_args(arguments)
    result = asyncio.run(measure(asked.alone, asked.rounds, asked.at_once))
    print("\n".join(as_markdown(result) if asked.markdown else as_text(result)))
    return 0 if result.is_met else 1


if __name__ == "__main__":
    sys.exit(main())
