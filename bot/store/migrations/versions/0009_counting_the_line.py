"""The line's index holds the kind, too: counting who is ahead reads nothing but the index."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_jobs_line", "jobs")
    op.create_index("ix_jobs_line", "jobs", ["queue", "state", "due_at", "id", "kind"])


def downgrade() -> None:
    op.drop_index("ix_jobs_line", "jobs")
    op.create_index("ix_jobs_line", "jobs", ["queue", "state", "due_at", "id"])
