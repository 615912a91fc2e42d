"""When each rule that was ever new began to count with this bot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.store.tables import pull_requests, rule_starts
from checks.gentleness import midnight


class RuleStarts:
    """Reads and writes the first start with each rule."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def read(self, released: Mapping[str, date], now: datetime) -> dict[str, datetime]:
        """Return when each cause began to count, or begins if this version starts now."""
        async with self._engine.connect() as connection:
            return await _starts(connection, released, now)

    async def noted(self, released: Mapping[str, date], now: datetime) -> dict[str, datetime]:
        """Remember the causes that this start brings, and return when each began to count."""
        async with self._engine.begin() as connection:
            starts = await _starts(connection, released, now)
            rows = [
                {"cause": cause, "released": released[cause].isoformat(), "starts_at": at}
                for cause, at in starts.items()
            ]
            if rows:
                await connection.execute(self._insert(rule_starts).on_conflict_do_nothing(), rows)
        return starts

    async def begin(self, released: Mapping[str, date], at: datetime) -> None:
        """Have causes that are not known yet count from a moment."""
        rows = [{"cause": cause, "released": day.isoformat(), "starts_at": at} for cause, day in released.items()]
        async with self._engine.begin() as connection:
            known = {
                tuple(row) for row in await connection.execute(select(rule_starts.c.cause, rule_starts.c.released))
            }
            new = [row for row in rows if (row["cause"], row["released"]) not in known]
            if new:
                await connection.execute(insert(rule_starts), new)


async def _starts(connection: AsyncConnection, released: Mapping[str, date], now: datetime) -> dict[str, datetime]:
    """A bot that has judged before gets to know a rule at its first start with it; else the release counts."""
    rows = (await connection.execute(select(rule_starts))).mappings().all()
    known = {(row["cause"], row["released"]): row["starts_at"] for row in rows}
    has_judged = (await connection.execute(select(pull_requests.c.number).limit(1))).first() is not None
    starts = {}
    for cause, day in released.items():
        arrived = max(now, midnight(day)) if has_judged else midnight(day)
        starts[cause] = known.get((cause, day.isoformat()), arrived)
    return starts
