"""Care: the repositories that are swept, since when pull requests are stale, when reminders were asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pull_requests", sa.Column("stale_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("reminders", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "repositories",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("full_name", sa.String(256), nullable=False),
        sa.Column("installation_id", sa.BigInteger, nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("repositories")
    op.drop_column("reminders", "asked_at")
    op.drop_column("pull_requests", "stale_at")
