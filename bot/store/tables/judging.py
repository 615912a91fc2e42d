"""What verdicts are made with: rules and exceptions, and what open pull requests hold."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table

from bot.store.tables.columns import RowId, UtcDateTime, metadata
from bot.store.text import String, Text

# when each rule that was ever new began to count here; another day of release is another beginning
rule_starts = Table(
    "rule_starts",
    metadata,
    Column("cause", String(120), primary_key=True),
    Column("released", String(10), primary_key=True),
    Column("starts_at", UtcDateTime, nullable=False),
)

# each content on which a rule had something to say: what /wrong is counted against
rule_hits = Table(
    "rule_hits",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content_digest", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

# findings that a person has set aside for one content: overridden (right, but accepted) or wrong
pardons = Table(
    "pardons",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),  # override | wrong
    Column("rule", String(64), nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("source", String(64), nullable=False),
    Index("ix_pardons_pull", "repository_id", "number"),
    Index("ix_pardons_source", "repository_id", "source", unique=True),
)

# the leaves that open pull requests add or change, for those that meet
leaves = Table(
    "leaves",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("leaf", String(500), primary_key=True),
    Index("ix_leaves_leaf", "repository_id", "leaf"),
)

# what open pull requests say, so that a later one hears of it when it says it again
passages = Table(
    "passages",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("sheets", LargeBinary, nullable=False),  # checks.likeness.sheets.packed
    Column("told_of", Text, nullable=False, server_default=""),  # numbers of those it may repeat
)
