"""Jobs: the queue that the broker only carries, and what workers told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("head_sha", sa.String(40), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger, nullable=False),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("queue", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("infra_retries", sa.Integer, nullable=False),
        sa.Column("hand_backs", sa.Integer, nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("progress_share", sa.Float, nullable=True),
        sa.Column("progress_stage", sa.String(200), nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("lease_worker", sa.String(80), nullable=False),
        sa.Column("lease_secret_digest", sa.String(64), nullable=False),
        sa.Column("lease_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_sequence", sa.Integer, nullable=False),
        sa.Column("gpu_s", sa.Float, nullable=False, server_default="0"),
        sa.Column("check_run_id", sa.BigInteger, nullable=True),
        sa.Column("is_shown", sa.Boolean, nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_index("ix_jobs_pull", "jobs", ["repository_id", "number"])
    op.create_index("ix_jobs_source", "jobs", ["repository_id", "source", "kind"], unique=True)
    op.create_index("ix_jobs_queue", "jobs", ["queue", "state", "priority", "queued_at", "id"])
    op.create_index("ix_jobs_state", "jobs", ["state"])
    op.create_index("ix_jobs_shown", "jobs", ["is_shown", "id"])
    op.create_table(
        "switches",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "job_reports",
        sa.Column("job_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lines", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("job_reports")
    op.drop_table("switches")
    op.drop_table("jobs")
