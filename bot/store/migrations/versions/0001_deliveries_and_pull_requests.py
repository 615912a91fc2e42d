"""Deliveries and pull requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("guid", sa.String(64), nullable=False, unique=True),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_state_id", "deliveries", ["state", "id"])
    op.create_table(
        "pull_requests",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("head_sha", sa.String(40), nullable=False),
        sa.Column("judged_sha", sa.String(40), nullable=False),
        sa.Column("verdict_digest", sa.String(64), nullable=False),
        sa.Column("comment_id", sa.BigInteger, nullable=True),
        sa.Column("comment_node_id", sa.String(128), nullable=False),
        sa.Column("comment_digest", sa.String(64), nullable=False),
        sa.Column("comment_turn", sa.String(16), nullable=False),
        sa.Column("comment_posted_for", sa.String(40), nullable=False),
        sa.Column("own_labels", sa.Text, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_pull_requests_head", "pull_requests", ["repository_id", "head_sha"])


def downgrade() -> None:
    op.drop_table("pull_requests")
    op.drop_table("deliveries")
