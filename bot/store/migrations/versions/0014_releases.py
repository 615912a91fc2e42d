"""Builds that stand in the store of models: which one is served, which one is pinned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_RowId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_SERVED = sa.text("state = 'served'")


def upgrade() -> None:
    op.create_table(
        "releases",
        sa.Column("id", _RowId, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("build_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sa.Column("commit_sha", sa.String(40), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("promoted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("promoted_by", sa.String(64), nullable=False, server_default=""),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_releases_name", "releases", ["repository_id", "name"], unique=True)
    op.create_index(
        "ix_releases_served",
        "releases",
        ["repository_id"],
        unique=True,
        sqlite_where=_SERVED,
        postgresql_where=_SERVED,
    )


def downgrade() -> None:
    op.drop_table("releases")
