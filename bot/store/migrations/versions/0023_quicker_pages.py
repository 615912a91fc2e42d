"""Indexes for the pages: artifacts by name, newest first, and what the newest jobs of a kind took."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_artifacts_name", "artifacts", ["repository_id", "name", "stored_at"])
    op.create_index("ix_jobs_kind", "jobs", ["kind", "state", "id", "gpu_s"])


def downgrade() -> None:
    op.drop_index("ix_jobs_kind", table_name="jobs")
    op.drop_index("ix_artifacts_name", table_name="artifacts")
