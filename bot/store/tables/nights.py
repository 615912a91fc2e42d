"""Nightly builds: what is in them, what came of them, and which are served."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, text

from bot.store.tables.columns import RowId, UtcDateTime, metadata
from bot.store.text import String, Text

# the nightly builds, one for a night at most; never two of a repository run at once
builds = Table(
    "builds",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("night", String(10), nullable=False),  # the date in UTC on which it was due, such as 2026-01-05
    Column("state", String(16), nullable=False),  # bot.nightly.builds.BuildState
    Column("attempt", Integer, nullable=False),
    Column("commit_sha", String(40), nullable=False),
    Column("planned_at", UtcDateTime, nullable=False),
    Column("began_at", UtcDateTime, nullable=True),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("leaves_new", Integer, nullable=False),
    Column("leaves_changed", Integer, nullable=False),
    Column("leaves_removed", Integer, nullable=False),
    Column("pulls", Integer, nullable=False),
    Column("left_out", Integer, nullable=False),
    Column("plan", Text, nullable=False),  # JSON (bot/nightly/plan_text.py)
    Column("because", Text, nullable=False, server_default=""),  # why it ended as it did
    Column("held", Text, nullable=False, server_default=""),  # why its next step is not queued yet
    Column("labelled", Text, nullable=False, server_default=""),  # pull requests that show it as running, by spaces
    Column(
        "terms", Text, nullable=False, server_default=""
    ),  # JSON: what was set when it began (bot/nightly/terms.py)
    Index("ix_builds_night", "repository_id", "night", unique=True),
    Index(
        "ix_builds_running",
        "repository_id",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)

# which pull requests a build takes in
build_contributions = Table(
    "build_contributions",
    metadata,
    Column("build_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("author", String(64), nullable=False),
    Column("merge_sha", String(40), nullable=False),
    Index("ix_build_contributions_pull", "repository_id", "number"),
)

# what was generated from a leaf, for all builds in which it is the same
leaf_data = Table(
    "leaf_data",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("leaf", String(500), primary_key=True),
    Column("qna_sha", String(40), primary_key=True),
    Column("data_version", String(64), primary_key=True),
    Column("build", String(32), nullable=False),  # that generated it, such as 2026-01-05.1
    Column("job_id", BigInteger, nullable=False),
    Column("files", Text, nullable=False),  # JSON: what the job has made
    Column("stored_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime, nullable=False),  # by the newest build that took it in
)

# leaves that no build takes in until somebody lifts it
quarantined_leaves = Table(
    "quarantined_leaves",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("leaf", String(500), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("set_by", String(64), nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("lifted_by", String(64), nullable=False, server_default=""),
    Column("lifted_at", UtcDateTime, nullable=True),
)

# builds that stand in the store of models; of each repository one is served at most
releases = Table(
    "releases",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("build_id", BigInteger, nullable=False),
    Column("name", String(100), nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),  # of all files, in bytes
    Column("files", Integer, nullable=False),
    Column("commit_sha", String(40), nullable=False),
    Column("state", String(16), nullable=False),  # bot.nightly.releases.ReleaseState
    Column("added_at", UtcDateTime, nullable=False),
    Column("promoted_at", UtcDateTime, nullable=True),
    Column("promoted_by", String(64), nullable=False, server_default=""),
    Column("left_at", UtcDateTime, nullable=True),
    Column("pinned_at", UtcDateTime, nullable=True),
    Index("ix_releases_name", "repository_id", "name", unique=True),
    Index(
        "ix_releases_served",
        "repository_id",
        unique=True,
        sqlite_where=text("state = 'served'"),
        postgresql_where=text("state = 'served'"),
    ),
)

# what was said unasked about builds, so that nobody says it twice
announcements = Table(
    "announcements",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", String(100), primary_key=True),  # what about, such as pull:12
    Column("claimed_at", UtcDateTime, nullable=False),  # by whoever is saying it
    Column("made_at", UtcDateTime, nullable=True),  # None: not said yet
    Column("reference", BigInteger, nullable=False, server_default="0"),  # such as the number of an issue
    Column("gist", Text, nullable=False, server_default=""),  # what was said, in a line
)
