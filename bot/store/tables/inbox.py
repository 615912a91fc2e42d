"""What reaches the bot, and who of several bots holds what."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, text

from bot.store.tables.columns import RowId, UtcDateTime, metadata
from bot.store.text import String, Text

_IS_PUT_OFF = text("not_before IS NOT NULL")

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
    Column("claimed_by", BigInteger, nullable=True),  # the replica that handles it, while it is not over
    Column("not_before", UtcDateTime, nullable=True),  # of one that was tried in vain; what follows it waits, too
    Index("ix_deliveries_claimable", "state", "claimed_by", "id"),
    Index("ix_deliveries_repository", "repository_id", "state", "id"),
    Index("ix_deliveries_put_off", "not_before", postgresql_where=_IS_PUT_OFF, sqlite_where=_IS_PUT_OFF),
    sqlite_autoincrement=True,  # an id is never given twice: the order of deliveries
)

# the processes that share this database; a row is there while its process is one of them
replicas = Table(
    "replicas",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False),  # host and process, for operators
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),  # by the database's clock: then others may take what it holds
    sqlite_autoincrement=True,  # an id is never given twice: it fences off whoever was taken for dead
)

# what only one replica does at a time: the work on a pull request, a merge queue, all that runs in the background
leases = Table(
    "leases",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("replica_id", BigInteger, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

# what GitHub sent and we do not have, and how often it was asked for
redeliveries = Table(
    "redeliveries",
    metadata,
    Column("guid", String(64), primary_key=True),
    Column("sending_id", BigInteger, nullable=False),  # GitHub's number of one try to send it
    Column("event", String(64), nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("ask_at", UtcDateTime, nullable=False),  # not before
    Index("ix_redeliveries_ask_at", "ask_at"),
)

# up to where a repository was read by one who asks instead of being told
poll_marks = Table(
    "poll_marks",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),
    Column("mark", String(300), nullable=False),
)

# how pull requests looked then
polled_pulls = Table(
    "polled_pulls",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("face", String(40), nullable=False),  # a digest of what a webhook would have told of
    Column("head_sha", String(64), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),  # by GitHub's clock
)
