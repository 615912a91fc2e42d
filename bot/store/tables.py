"""The tables, as SQLAlchemy Core; the migrations beside this file build them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"},
)

# SQLite numbers rows by itself only for INTEGER, PostgreSQL should use 64 bits
RowId = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC on every database; SQLite itself forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment with its zone."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


deliveries = Table(
    "deliveries",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("guid", String(64), nullable=False, unique=True),
    Column("event", String(64), nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("subject", String(64), nullable=False),  # what is handled in order: a pull request, or the repository
    Column("payload", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),  # received | done | failed
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=True),
    Index("ix_deliveries_state_id", "state", "id"),
    sqlite_autoincrement=True,  # an id is never given twice: the dispatcher reads on from the last one it saw
)

pull_requests = Table(
    "pull_requests",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("head_sha", String(40), nullable=False),  # the commit we last began to report on
    Column("judged_sha", String(40), nullable=False),  # the commit whose report is complete on GitHub
    Column("verdict_digest", String(64), nullable=False),
    Column("comment_id", BigInteger, nullable=True),
    Column("comment_node_id", String(128), nullable=False),
    Column("comment_digest", String(64), nullable=False),
    Column("comment_turn", String(16), nullable=False),
    Column("comment_posted_for", String(40), nullable=False),
    Column("own_labels", Text, nullable=False),  # the labels that the bot itself has set, separated by spaces
    Column("content_digest", String(64), nullable=False, server_default=""),
    Column("outcome", String(16), nullable=False, server_default=""),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_pull_requests_head", "repository_id", "head_sha"),
)

# each time we first saw another commit as a pull request's head: what a comment's writer can have looked at
heads = Table(
    "heads",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("sha", String(40), nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Index("ix_heads_pull", "repository_id", "number", "id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("act", String(64), nullable=False),  # the command, such as "/hold"
    Column("arguments", Text, nullable=False),
    Column("sha", String(40), nullable=False),
    Column("result", String(16), nullable=False),  # done | refused
    Column("source", String(64), nullable=False),  # where it was written, such as "comment:77:3" (its third line)
    Index("ix_audit_pull", "repository_id", "number", "id"),
    Index("ix_audit_source", "repository_id", "source", unique=True),
)
