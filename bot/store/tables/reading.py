"""What the pages remember."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table

from bot.store.tables.columns import UtcDateTime, metadata
from bot.store.text import String

# who is signed in to the pages; of what the browser holds, only a digest is kept
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("login", String(64), nullable=False),
    Column("csrf_token", String(64), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Index("ix_sessions_ends_at", "ends_at"),
    Index("ix_sessions_user_id", "user_id"),
)

# what was judged of a pull request and what was found, as people read it: of its last few heads
readings = Table(
    "readings",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("head_sha", String(40), primary_key=True),
    Column("read_at", UtcDateTime, nullable=False),
    Column("sheet", LargeBinary, nullable=False),  # bot.readings.packed
    Index("ix_readings_read_at", "read_at"),
)

# at which commit each reader last looked at a pull request
last_looks = Table(
    "last_looks",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("head_sha", String(40), nullable=False),
    Column("looked_at", UtcDateTime, nullable=False),
)
