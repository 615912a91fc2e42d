"""The nightly builds, what each takes in, and leaves that none takes in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_RowId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    op.create_table(
        "builds",
        sa.Column("id", _RowId, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("night", sa.String(10), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("commit_sha", sa.String(40), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leaves_new", sa.Integer, nullable=False),
        sa.Column("leaves_changed", sa.Integer, nullable=False),
        sa.Column("leaves_removed", sa.Integer, nullable=False),
        sa.Column("pulls", sa.Integer, nullable=False),
        sa.Column("left_out", sa.Integer, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
    )
    op.create_index("ix_builds_night", "builds", ["repository_id", "night"], unique=True)
    op.create_index(
        "ix_builds_running",
        "builds",
        ["repository_id"],
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_table(
        "build_contributions",
        sa.Column("build_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("author_id", sa.BigInteger, nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("merge_sha", sa.String(40), nullable=False),
    )
    op.create_index("ix_build_contributions_pull", "build_contributions", ["repository_id", "number"])
    op.create_table(
        "quarantined_leaves",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("leaf", sa.String(500), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("set_by", sa.String(64), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.String(64), nullable=False, server_default=""),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("quarantined_leaves")
    op.drop_table("build_contributions")
    op.drop_table("builds")
