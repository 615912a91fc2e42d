"""What was said unasked about builds: once each, whoever says it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "announcements",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("topic", sa.String(100), primary_key=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reference", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("gist", sa.Text, nullable=False, server_default=""),
    )


def downgrade() -> None:
    op.drop_table("announcements")
