"""What keeps the teacher's cache from growing for ever: answers unused for long go, then the oldest."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

GIB = 1024**3
_DAY_S = 86_400
_DOWN_TO = 0.9  # of the size, so that there is room for a while
_AT_ONCE = 500  # rows, so that nobody waits long for the file
_TABLE = (
    "CREATE TABLE IF NOT EXISTS replies (key BLOB PRIMARY KEY, reply BLOB NOT NULL, crc INTEGER NOT NULL,"
    " used INTEGER NOT NULL DEFAULT 0)"
)
_BY_USE = "CREATE INDEX IF NOT EXISTS replies_by_use ON replies (used)"
_OLDEST = "DELETE FROM replies WHERE rowid IN (SELECT rowid FROM replies {where} ORDER BY used, rowid LIMIT ?)"


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How much is kept: so many bytes, and nothing that was not used for so many days. 0: no such limit."""

    most_bytes: int = 20 * GIB
    most_days: float = 180.0
    now_s: Callable[[], float] = time.time

    @property
    def today(self) -> int:
        """The day, counted from 1970; uses are remembered by it."""
        return int(self.now_s() // _DAY_S)


def build(connection: sqlite3.Connection) -> None:
    """Make the table; one of an earlier version learns when its rows are used."""
    connection.execute(_TABLE)
    columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(replies)")}
    if "used" not in columns:
        connection.execute("ALTER TABLE replies ADD COLUMN used INTEGER NOT NULL DEFAULT 0")
        connection.execute("UPDATE replies SET used = ?", (CacheLimits().today,))
    connection.execute(_BY_USE)
    connection.commit()


def note_uses(connection: sqlite3.Connection, keys: Iterable[bytes], today: int) -> None:
    """Remember that these were used today."""
    with connection:
        connection.executemany("UPDATE replies SET used = ? WHERE key = ?", [(today, key) for key in keys])


def evict(connection: sqlite3.Connection, limits: CacheLimits) -> int:
    """Delete what is over the limits, a few rows at a time, and return how many rows that was."""
    gone = 0
    if limits.most_days:
        oldest = limits.today - limits.most_days
        while found := _delete(connection, _AT_ONCE, "WHERE used < ?", (oldest,)):
            gone += found
    if limits.most_bytes and _bytes_in(connection) > limits.most_bytes:
        (rows,) = connection.execute("SELECT count(*) FROM replies").fetchone()
        of_one = _bytes_in(connection) / max(1, rows)
        while (over := _bytes_in(connection) - limits.most_bytes * _DOWN_TO) > 0:
            found = _delete(connection, min(_AT_ONCE, int(over / of_one) + 1))
            if not found:
                break
            gone += found
    if gone:
        connection.executescript("PRAGMA incremental_vacuum")  # `execute` would stop after one page
    return gone


def _delete(connection: sqlite3.Connection, most: int, where: str = "", values: tuple[float, ...] = ()) -> int:
    with connection:
        return connection.execute(_OLDEST.format(where=where), (*values, most)).rowcount


def _bytes_in(connection: sqlite3.Connection) -> int:
    """Return how much of the file is in use; what was deleted is free for what comes."""
    size, pages, free = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "page_count", "freelist_count")
    )
    return size * (pages - free)
