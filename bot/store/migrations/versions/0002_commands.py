"""What commands need: heads as first seen, the audit, and the content of the last verdict."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("pull_requests", sa.Column("content_digest", sa.String(64), nullable=False, server_default=""))
    op.add_column("pull_requests", sa.Column("outcome", sa.String(16), nullable=False, server_default=""))
    op.create_table(
        "heads",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("sha", sa.String(40), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_heads_pull", "heads", ["repository_id", "number", "id"])
    op.create_table(
        "audit",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("act", sa.String(64), nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("sha", sa.String(40), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
    )
    op.create_index("ix_audit_pull", "audit", ["repository_id", "number", "id"])
    op.create_index("ix_audit_source", "audit", ["repository_id", "source"], unique=True)


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_table("heads")
    op.drop_column("pull_requests", "outcome")
    op.drop_column("pull_requests", "content_digest")
