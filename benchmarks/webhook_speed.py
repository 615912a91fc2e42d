"""How fast a webhook is answered, beside Probot in the same run: `python -m benchmarks.webhook_speed`.

Our answer comes after the signature is verified and the delivery is on disk, in SQLite or in PostgreSQL; Probot
verifies, calls a handler that does nothing, and stores nothing. Each is a process on one core and takes turns under
the same load; PostgreSQL's own processes run where they like. A run counts only if every answer is 2xx and every
delivery we accepted is found in the database afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.deliveries import BODY_BYTES, signed_bodies
from benchmarks.webhook_load import Load, Steady, generator_name, load, steady
from benchmarks.webhook_servers import SECRET, ServerError, our_inbox, postgresql, probot
from bot.store.database import open_engine
from bot.store.tables import deliveries

TARGET_RATIO = 0.5
TARGET_P99_MS = 50.0
_VARIANTS = 32
_PROBOT = "Probot 14.3.2"


@dataclass(frozen=True, slots=True)
class Server:
    """The rounds of one server, and what it did at half of its rate; `stored` is None for who stores nothing.

    `stored` counts the deliveries of all turns that were found in the database, and `accepted` those that were
    answered with 2xx; warm-up is included in both.
    """

    name: str
    runs: tuple[Load, ...]
    at_half: Steady
    accepted: int = 0
    stored: int | None = None

    @property
    def per_second(self) -> float:
        """The median of requests a second."""
        return statistics.median(run.per_second for run in self.runs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours on both databases, and Probot; `theirs` is None where it could not be run, and `why` says so."""

    ours: tuple[Server, ...]
    theirs: Server | None
    connections: int
    why: str = ""

    def ratio(self, ours: Server) -> float | None:
        """Our requests a second, divided by Probot's: medians of the rounds."""
        return ours.per_second / self.theirs.per_second if self.theirs else None

    @property
    def problems(self) -> list[str]:
        """Why the numbers do not count; empty when they do."""
        servers = [*self.ours, *([self.theirs] if self.theirs else [])]
        found = [
            f"{server.name}: {run.refused} answers were not 2xx, {run.broken} connections broke"
            for server in servers
            for run in server.runs
            if run.refused or run.broken
        ]
        found += [f"{s.name}: {s.at_half.refused} answers were not 2xx" for s in servers if s.at_half.refused]
        for server in self.ours:
            in_flight = self.connections * (len(server.runs) + 1)  # sent when a turn ended, stored, never counted
            if not server.accepted <= (server.stored or 0) <= server.accepted + in_flight:
                found.append(f"{server.name}: {server.accepted} accepted, but {server.stored} are stored")
        return found

    @property
    def missed(self) -> bool:
        """Whether a target was missed."""
        ratios = [ratio for server in self.ours if (ratio := self.ratio(server)) is not None]
        too_slow = any(server.at_half.p99_ms > TARGET_P99_MS for server in self.ours)
        return too_slow or any(ratio < TARGET_RATIO for ratio in ratios)


def compare(rounds: int, seconds: float, connections: int) -> Comparison:
    """Load all servers by turns; each is warmed up first."""
    bodies = signed_bodies(SECRET, _VARIANTS)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="webhook-speed-")))
        databases = {
            "taxonomy-bot, SQLite": f"sqlite:///{folder / 'deliveries.sqlite'}",
            "taxonomy-bot, PostgreSQL": stack.enter_context(postgresql(folder / "postgresql")),
        }
        ports = {name: stack.enter_context(our_inbox(url)) for name, url in databases.items()}
        why = ""
        try:
            ports[_PROBOT] = stack.enter_context(probot())
        except ServerError as error:
            why = str(error)
        runs: dict[str, list[Load]] = {name: [] for name in ports}
        for number in range(rounds + 1):
            for name, port in ports.items():
                runs[name].append(load(port, bodies, seconds if number else 1, connections, folder))
        servers = []
        for name, port in ports.items():
            half = statistics.median(run.per_second for run in runs[name][1:]) / 2
            at_half = steady(port, bodies, half, 2 * seconds)
            accepted = sum(run.answered - run.refused for run in runs[name]) + at_half.answered - at_half.refused
            stored = asyncio.run(_stored(databases[name])) if name in databases else None
            servers.append(Server(name, tuple(runs[name][1:]), at_half, accepted, stored))
    theirs = servers.pop() if not why else None
    return Comparison(tuple(servers), theirs, connections, why)


async def _stored(database_url: str) -> int:
    engine = open_engine(database_url, 1)
    async with engine.connect() as connection:
        count = (await connection.execute(select(func.count()).select_from(deliveries))).scalar_one()
    await engine.dispose()
    return int(count)


def as_text(result: Comparison) -> str:
    """Return the result for people."""
    lines = [
        f"Webhook answers: signed pull_request deliveries of {BODY_BYTES / 1000:.0f} KB, a fresh GUID each, "
        f"{result.connections} connections, one core for each server, load by {generator_name()}"
    ]
    for server in (*result.ours, *([result.theirs] if result.theirs else [])):
        spread = f"{min(r.per_second for r in server.runs):,.0f} to {max(r.per_second for r in server.runs):,.0f}"
        p95, half = statistics.median(run.p95_ms for run in server.runs), server.at_half
        lines.append(f"  {server.name:<26}{server.per_second:>8,.0f} requests/s  ({spread}), p95 {p95:.1f} ms")
        lines.append(
            f"  {'':<26}{half.per_second:>8,.0f} requests/s, half of that, evenly: "
            f"median {half.median_ms:.1f} ms, p99 {half.p99_ms:.1f} ms"
        )
    for server in result.ours:
        ratio = result.ratio(server)
        if ratio is not None:
            verdict = "met" if ratio >= TARGET_RATIO else "MISSED"
            lines.append(f"  {server.name}: ratio {ratio:.2f}, target at least {TARGET_RATIO}: {verdict}")
        verdict = "met" if server.at_half.p99_ms <= TARGET_P99_MS else "MISSED"
        lines.append(f"  {server.name}: p99 at half, target at most {TARGET_P99_MS:.0f} ms: {verdict}")
        lines.append(
            f"  {server.name}: {server.accepted:,} deliveries answered with 2xx, {server.stored:,} found in the "
            "database (with those in flight at the end of a turn)"
        )
    if result.theirs is None:
        lines.append(f"  Probot was not measured: {result.why}")
    lines += [f"  NOT VALID: {problem}" for problem in result.problems]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns 1 when its numbers do not count or a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webhook_speed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a round")
    parser.add_argument("--connections", type=int, default=20)
    asked = parser.parse_args(arguments)
    result = compare(asked.rounds, asked.seconds, asked.connections)
    print(as_text(result))
    return 1 if result.problems or result.missed else 0


if __name__ == "__main__":
    sys.exit(main())
