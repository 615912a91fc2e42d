"""Deliveries that never came, and how often GitHub was asked for each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "redeliveries",
        sa.Column("guid", sa.String(64), primary_key=True),
        sa.Column("sending_id", sa.BigInteger, nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("ask_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_redeliveries_ask_at", "redeliveries", ["ask_at"])


def downgrade() -> None:
    op.drop_index("ix_redeliveries_ask_at", table_name="redeliveries")
    op.drop_table("redeliveries")
