"""The line of jobs: a stored place that ages, measured swaps of what is loaded, and who set a switch."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_PER_PRIORITY = timedelta(hours=1)

_jobs = sa.table(
    "jobs",
    sa.column("id", sa.BigInteger),
    sa.column("priority", sa.Integer),
    sa.column("queued_at", sa.DateTime(timezone=True)),
    sa.column("due_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    connection = op.get_bind()
    for row in connection.execute(sa.select(_jobs)).mappings().all():
        due_at = row["queued_at"] - row["priority"] * _PER_PRIORITY
        connection.execute(sa.update(_jobs).where(_jobs.c.id == row["id"]).values(due_at=due_at))
    with op.batch_alter_table("jobs") as table:
        table.alter_column("due_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        table.drop_index("ix_jobs_queue")
        table.create_index("ix_jobs_line", ["queue", "state", "due_at", "id"])
        table.create_index("ix_jobs_finished_at", ["finished_at"])
    op.add_column("switches", sa.Column("set_by", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "swaps",
        sa.Column("job_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("loaded_before", sa.String(16), nullable=False),
        sa.Column("loaded_after", sa.String(16), nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
    op.create_index("ix_swaps_direction", "swaps", ["loaded_before", "loaded_after", "at"])


def downgrade() -> None:
    op.drop_table("swaps")
    op.drop_column("switches", "set_by")
    op.drop_index("ix_jobs_finished_at", "jobs")
    op.drop_index("ix_jobs_line", "jobs")
    op.create_index("ix_jobs_queue", "jobs", ["queue", "state", "priority", "queued_at", "id"])
    op.drop_column("jobs", "due_at")
