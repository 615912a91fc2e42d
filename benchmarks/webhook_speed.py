"""How fast a webhook is answered, beside Probot in the same run: `python -m benchmarks.webhook_speed`.

Our answer comes after the signature is verified and the delivery is on disk; Probot verifies, calls a handler that
does nothing, and stores nothing. Both run as one process on this machine and take turns under the same load. A run
counts only if every answer is 2xx and every delivery we accepted is found in the database afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deliveries import BODY_BYTES, signed_bodies
from benchmarks.webhook_load import Load, generator_name, load
from benchmarks.webhook_servers import SECRET, ServerError, our_inbox, probot

TARGET_RATIO = 0.25
_VARIANTS = 32


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rounds of both servers; `theirs` is empty where Probot could not be run, and `why` says so.

    `accepted` and `stored` count our deliveries of all turns, warm-up included: answered with 2xx, and found in
    the database afterwards.
    """

    ours: tuple[Load, ...]
    theirs: tuple[Load, ...]
    accepted: int
    stored: int
    connections: int
    why: str = ""

    @property
    def ratio(self) -> float | None:
        """Our requests a second, divided by Probot's: medians of the rounds."""
        return median(self.ours) / median(self.theirs) if self.theirs else None

    @property
    def problems(self) -> list[str]:
        """Why the numbers do not count; empty when they do."""
        found = [
            f"{name}: {run.refused} answers were not 2xx, {run.broken} connections broke"
            for name, runs in (("ours", self.ours), ("Probot", self.theirs))
            for run in runs
            if run.refused or run.broken
        ]
        in_flight = self.connections * (len(self.ours) + 1)  # sent when a turn ended, stored, and never counted
        if not self.accepted <= self.stored <= self.accepted + in_flight:
            found.append(f"{self.accepted} deliveries were accepted, but {self.stored} are stored")
        return found


def median(runs: Sequence[Load]) -> float:
    """Return the median of requests a second."""
    return statistics.median(run.per_second for run in runs)


def compare(rounds: int, seconds: float, connections: int) -> Comparison:
    """Load both servers by turns; each is warmed up first."""
    bodies = signed_bodies(SECRET, _VARIANTS)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="webhook-speed-")))
        database = folder / "deliveries.sqlite"
        ours = stack.enter_context(our_inbox(database))
        why = ""
        theirs: int | None = None
        try:
            theirs = stack.enter_context(probot())
        except ServerError as error:
            why = str(error)
        runs: dict[int, list[Load]] = {port: [] for port in (ours, theirs) if port is not None}
        for number in range(rounds + 1):
            for port, loads in runs.items():
                loads.append(load(port, bodies, seconds if number else 1, connections, folder))
        stored = _stored(database)
    our_runs, their_runs = runs[ours], runs.get(theirs or 0, [])
    accepted = sum(run.answered - run.refused for run in our_runs)
    return Comparison(tuple(our_runs[1:]), tuple(their_runs[1:]), accepted, stored, connections, why)


def _stored(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM deliveries").fetchone()[0])


def as_text(result: Comparison) -> str:
    """Return the result for people."""
    rows = [("taxonomy-bot (verified and stored)", result.ours)]
    if result.theirs:
        rows.append(("Probot 14.3.2 (verified, not stored)", result.theirs))
    lines = [
        f"Webhook answers: signed pull_request deliveries of {BODY_BYTES / 1000:.0f} KB, a fresh GUID each, "
        f"{result.connections} connections, load by {generator_name()}"
    ]
    for name, runs in rows:
        spread = f"{min(r.per_second for r in runs):,.0f} to {max(r.per_second for r in runs):,.0f}"
        p95 = statistics.median(run.p95_ms for run in runs)
        lines.append(f"  {name:<38}{median(runs):>8,.0f} requests/s  ({spread}), p95 {p95:.1f} ms")
    if result.ratio is None:
        lines.append(f"  Probot was not measured: {result.why}")
    else:
        verdict = "met" if result.ratio >= TARGET_RATIO else "MISSED"
        lines.append(f"  ratio {result.ratio:.2f}, target at least {TARGET_RATIO}: {verdict}")
    lines.append(
        f"  {result.accepted:,} deliveries answered with 2xx, {result.stored:,} found in the database "
        "(with those in flight at the end of a turn)"
    )
    lines += [f"  NOT VALID: {problem}" for problem in result.problems]
    return "\n".join(lines)


def as_markdown(result: Comparison) -> str:
    """Return a table row: what, ours, theirs, ratio, target."""
    theirs = f"{median(result.theirs):,.0f}/s" if result.theirs else "not measured"
    ratio = f"{result.ratio:.2f}" if result.ratio is not None else "-"
    ours = f"{median(result.ours):,.0f}/s"
    return f"| webhook answers, Probot 14.3.2 beside | {ours} | {theirs} | {ratio} | >= {TARGET_RATIO} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns 1 when its numbers do not count or the target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webhook_speed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a round")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--markdown", action="store_true", help="print one table row")
    asked = parser.parse_args(arguments)
    result = compare(asked.rounds, asked.seconds, asked.connections)
    print(as_markdown(result) if asked.markdown else as_text(result))
    if asked.markdown and result.problems:
        print("\n".join(result.problems), file=sys.stderr)
    missed = result.ratio is not None and result.ratio < TARGET_RATIO
    return 1 if result.problems or missed else 0


if __name__ == "__main__":
    sys.exit(main())
