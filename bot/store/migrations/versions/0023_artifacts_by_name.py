"""Artifacts found by their name, newest first: the adapters that people may try, and files that builds hand on."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_artifacts_name", "artifacts", ["repository_id", "name", "stored_at"])


def downgrade() -> None:
    op.drop_index("ix_artifacts_name", table_name="artifacts")
