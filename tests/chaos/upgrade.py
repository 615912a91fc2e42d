"""`python -m tests.chaos.upgrade`: a new version under live traffic, two bots on one PostgreSQL server.

The database is that of an earlier revision, with pull requests in it; the first bot to start brings it up to
date. Then, while people act, a next version's migration (columns with defaults, a table, indexes) is run under the
bots as the job before a rollout runs it, and after that the bots are restarted one after the other while webhooks
go on arriving at the one that is up. No delivery may be refused, given up or handled twice.

What it proves: migrations keep what is stored, this version's code works on a schema that a next one has added to,
the locks of such a migration refuse no webhook, and a rolling restart loses nothing. What it cannot prove: that two
real versions of the code understand each other's rows, as the code of an earlier one is not at hand; that rests on
migrations that only add (tests/migrations/test_expand_then_contract.py) and on tests of each change.
Needs Linux, takes a minute or two.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys
import time
from http import HTTPStatus
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bot.store import migrations
from bot.store.database import patient_engine
from tests.chaos.processes import adopt_orphans, orphans
from tests.chaos.replicas import Rehearsal

_EARLIER = 3  # so many revisions before the newest
_BETWEEN_S = 6.0
_PULLS = 4  # at a time
_OUT_OF_THE_WAY_S = 2.0  # as an operator's load balancer needs before a bot is told to go
_NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade() -> None:
    op.create_table("next_things", sa.Column("id", sa.Integer, primary_key=True))
    for table in ("deliveries", "pull_requests", "audit"):
        op.add_column(table, sa.Column("next_word", sa.Text, nullable=False, server_default="unknown"))
        op.create_index("ix_next_" + table, table, ["next_word"])


def downgrade() -> None:
    for table in ("deliveries", "pull_requests", "audit"):
        op.drop_column(table, "next_word")
    op.drop_table("next_things")
"""


class Rollout(Rehearsal):
    """The pair, people who never stop, and the database's schema."""

    def __init__(self) -> None:
        super().__init__()
        self.acts = 0

    @property
    def address(self) -> str:
        "Where the database is, as an operator writes it."
        return f"postgresql://postgres@/postgres?host={self._host}"

    async def goes_to(self, revision: str, *, is_up: bool = False) -> float:
        "Run migrations up or down, also that of the next version. Return how long it took, in seconds."
        folder = self.folder / "migrations"
        if not folder.exists():
            await asyncio.to_thread(_with_a_next_version, folder)

        def go(connection: Connection) -> None:
            config = Config()
            config.set_main_option("script_location", str(folder))
            config.attributes["connection"] = connection
            (command.upgrade if is_up else command.downgrade)(config, revision)

        began = time.monotonic()
        engine = patient_engine(self.address)
        async with engine.begin() as connection:
            await connection.run_sync(go)
        await engine.dispose()
        return time.monotonic() - began

    async def people_act(self, stop: asyncio.Event, up: list[int]) -> None:
        "Open and push, a few at a time, to whichever bots are up."
        while not stop.is_set():
            await self.opens_some(to=up, count=_PULLS)
            self.acts += 1
            await asyncio.sleep(_BETWEEN_S)


async def play() -> list[str]:
    """Play it all. Return what went wrong."""
    async with Rollout() as pair:
        earlier, head = _revision_before(_EARLIER), _revision_before(0)
        await pair.opens_some(to=(0, 1), count=_PULLS)
        await pair.all_is_handled()
        await asyncio.gather(*(bot.is_told_to_go() for bot in pair.bots))
        await pair.goes_to(earlier)
        began = time.monotonic()
        pair.bots = [await pair.starts(0), await pair.starts(1)]
        print(f"  from revision {earlier} to {head}, both bots ready after {time.monotonic() - began:.1f} s")
        stop, up = asyncio.Event(), [0, 1]
        acting = asyncio.create_task(pair.people_act(stop, up))
        while pair.acts < 2 and not acting.done():
            await asyncio.sleep(0.1)
        print(f"  a next version's migration under traffic: {await pair.goes_to('next', is_up=True):.2f} s")
        acts = pair.acts
        while pair.acts < acts + 2:  # people go on, and this version works on the next one's schema
            await asyncio.sleep(0.1)
        await pair.is_idle()
        await pair.goes_to(head)
        for number in (0, 1):
            up.remove(number)
            pair.tells(up[0])
            await asyncio.sleep(_OUT_OF_THE_WAY_S)
            await pair.bots[number].is_told_to_go()
            pair.bots[number] = await pair.starts(number)
            up.append(number)
        stop.set()
        await acting
        await pair.all_is_handled()
        return await judged(pair)


async def judged(pair: Rollout) -> list[str]:
    """Return what a rolling upgrade should not leave."""
    sent = len(pair.github.deliveries)
    refused = sum(delivery.status != HTTPStatus.ACCEPTED for delivery in pair.github.deliveries)
    states = {
        state: await pair.value("SELECT count(*) FROM deliveries WHERE state = $1", state)
        for state in ("received", "done", "failed")
    }
    print(f"  {len(pair.pulls)} pull requests, {sent} deliveries sent, {refused} not taken at the first try")
    print(f"  in the database: {states}; sent again by GitHub: {pair.sent_again}")
    wrong = [f"{states['failed']} deliveries were given up"] * bool(states["failed"])
    wrong += [f"{refused} deliveries were not taken at the first try"] * bool(refused)
    return pair.complaints() + wrong


def _with_a_next_version(folder: Path) -> None:
    """Copy the migrations, and add one of the kind that a next version may have."""
    shutil.copytree(next(iter(migrations.__path__)), folder)
    (folder / "versions" / "9000_next.py").write_text(_NEXT.format(head=_revision_before(0)))


def _revision_before(steps: int) -> str:
    scripts = ScriptDirectory(str(next(iter(migrations.__path__))))
    return [script.revision for script in scripts.walk_revisions()][steps]


def main() -> int:
    """Play once. Returns 1 when something went wrong."""
    argparse.ArgumentParser(prog="python -m tests.chaos.upgrade", description=__doc__).parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    adopt_orphans()

    async def all_of_it() -> list[str]:
        found = await play()
        return found + [f"left behind {line}" for line in await orphans() if "postgres" not in line]

    complaints = asyncio.run(all_of_it())
    for line in complaints:
        print(f"  WRONG: {line}")
    print("  no delivery failed, nothing twice" if not complaints else f"  {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
