"""Storing new deliveries in as few steps as a database allows: one call, one commit, however many they are.

All others go through SQLAlchemy; here, at the door, its care for each statement would cost more than the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import deliveries

Row = dict[str, Any]

_COLUMNS = (
    *("guid", "event", "repository_id", "subject", "payload", "state", "attempts", "error"),
    *("received_at", "finished_at"),
)
_KINDS = ("text", "text", "bigint", "text", "bytea", "text", "int", "text", "timestamptz", "timestamptz")
_POSTGRESQL = (
    f"INSERT INTO deliveries ({', '.join(_COLUMNS)}) "  # noqa: S608 - the names are ours
    f"SELECT * FROM unnest({', '.join(f'${n}::{kind}[]' for n, kind in enumerate(_KINDS, 1))}) "
    "ON CONFLICT (guid) DO NOTHING"
)


class Intake:
    """Stores rows of deliveries; one whose GUID is there already is left as it is."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        insert = sqlite.insert(deliveries).on_conflict_do_nothing(index_elements=["guid"])
        compiled = insert.compile(dialect=sqlite.dialect(), column_keys=list(_COLUMNS))
        self._sqlite, self._order = str(compiled), tuple(compiled.positiontup or ())
        self._moment = _moments_of(engine.dialect)

    async def add(self, rows: Sequence[Row]) -> int:
        """Store rows in one commit, and return how many were new.

        Raises what the driver raises; then none is stored.
        """
        told = [row | {name: self._moment(row[name]) for name in ("received_at", "finished_at")} for row in rows]
        async with self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            if self._is_sqlite:
                cursor = driver.cursor()
                await cursor.executemany(self._sqlite, [tuple(row[name] for name in self._order) for row in told])
                await driver.commit()
                return int(cursor.rowcount)
            columns = [[row[name] for row in told] for name in _COLUMNS]
            status: str = await driver.execute(_POSTGRESQL, *columns)
            return int(status.rsplit(" ", 1)[1])  # INSERT 0 42


def _moments_of(dialect: Dialect) -> Callable[[Any], Any]:
    """Return what turns moments into what the driver takes, as SQLAlchemy does."""
    process = deliveries.c.received_at.type.dialect_impl(dialect).bind_processor(dialect)
    return process or (lambda moment: moment)
