"""Jobs, those who do them, and what they leave behind."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table

from bot.store.tables.columns import RowId, UtcDateTime, metadata
from bot.store.text import String, Text

# the queue of jobs: the broker only carries what this table holds
jobs = Table(
    "jobs",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("head_sha", String(40), nullable=False),  # a newer one that holds the same takes its place
    Column("content_digest", String(64), nullable=False, server_default=""),  # of what it is about; empty: unknown
    Column("asked_by_id", BigInteger, nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("queue", String(16), nullable=False),
    Column("priority", Integer, nullable=False),  # higher goes first
    Column("queued_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),  # the place in the line: earlier goes first (bot/job_line.py)
    Column("sent_at", UtcDateTime, nullable=True),  # when the message of this attempt last went to the broker
    Column("state", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("infra_retries", Integer, nullable=False),
    Column("hand_backs", Integer, nullable=False),
    Column("not_before", UtcDateTime, nullable=True),
    Column("message", Text, nullable=False),
    Column("progress_share", Float, nullable=True),
    Column("progress_stage", String(200), nullable=False),
    Column("outcome", Text, nullable=False),  # JSON; empty while it goes on
    Column("lease_worker", String(80), nullable=False),
    Column("lease_secret_digest", String(64), nullable=False),
    Column("lease_since", UtcDateTime, nullable=True),
    Column("lease_heard_at", UtcDateTime, nullable=True),
    Column("lease_deadline", UtcDateTime, nullable=True),
    Column("lease_sequence", Integer, nullable=False),
    Column("gpu_s", Float, nullable=False, server_default="0"),  # seconds that workers held it on a GPU queue
    Column("check_run_id", BigInteger, nullable=True),
    Column("check_run_sha", String(40), nullable=False, server_default=""),  # where that is, or is about to be made
    Column("is_shown", Boolean, nullable=False),  # on GitHub, as it is
    Column("finished_at", UtcDateTime, nullable=True),
    Column("revision", Integer, nullable=False),  # grows with every change: whoever changes names the one it read
    Column("build_id", BigInteger, nullable=False, server_default="0"),  # 0: it is about a pull request
    Column("build_attempt", Integer, nullable=False, server_default="0"),
    Column("step", Text, nullable=False, server_default=""),  # of the build (pipeline/build_orders.py)
    Column("variant", Text, nullable=False, server_default=""),  # JSON: what such a step does otherwise
    Index("ix_jobs_build", "build_id", "build_attempt", "id"),
    Index("ix_jobs_pull", "repository_id", "number"),
    Index("ix_jobs_source", "repository_id", "source", "kind", unique=True),
    Index("ix_jobs_line", "queue", "state", "due_at", "id", "kind"),  # counting who is ahead reads nothing else
    Index("ix_jobs_finished_at", "finished_at"),
    Index("ix_jobs_state", "state"),
    Index("ix_jobs_kind", "kind", "state", "id", "gpu_s"),  # what the newest of a kind took
    Index("ix_jobs_shown", "is_shown", "id"),
)

# the workers that one replica has heard of lately, for all of them
workers = Table(
    "workers",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("queues", String(200), nullable=False),  # where it takes jobs from, separated by spaces
    Column("is_busy", Boolean, nullable=False),
    Column("loaded", String(16), nullable=False),  # the model that it has loaded; empty where it swaps none
    Column("heard_at", UtcDateTime, nullable=False),
)

# what an operator has switched, such as the GPUs off
switches = Table(
    "switches",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("set_by", String(64), nullable=False, server_default=""),
)

# how long workers took to load another model in place of the one they had
swaps = Table(
    "swaps",
    metadata,
    Column("job_id", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("loaded_before", String(16), nullable=False),
    Column("loaded_after", String(16), nullable=False),
    Column("seconds", Float, nullable=False),
    Index("ix_swaps_direction", "loaded_before", "loaded_after", "at"),
)

# what workers told of an attempt, line by line
job_reports = Table(
    "job_reports",
    metadata,
    Column("job_id", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("lines", Text, nullable=False),
)

# which stored files belong to which pull request; the files themselves lie in the artifact store, by their hash
artifacts = Table(
    "artifacts",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String(100), primary_key=True),
    Column("media_type", String(100), nullable=False),
    Column("size", BigInteger, nullable=False),  # in bytes
    Column("job_id", BigInteger, nullable=True),  # the job that made it or needs it, if one does
    Column("stored_at", UtcDateTime, nullable=False),
    Index("ix_artifacts_pull", "repository_id", "number", "stored_at"),
    Index("ix_artifacts_stored_at", "stored_at"),
    Index("ix_artifacts_name", "repository_id", "name", "stored_at"),
)
