"""The triage desk: the state of the review, approvals, set-aside findings, waits, merges, reminders, batches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("pull_requests", sa.Column("state", sa.String(32), nullable=False, server_default="new"))
    op.add_column("pull_requests", sa.Column("flags", sa.Text, nullable=False, server_default=""))
    op.add_column("pull_requests", sa.Column("state_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("pull_requests", sa.Column("author_id", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("pull_requests", sa.Column("author", sa.String(64), nullable=False, server_default=""))
    op.add_column("pull_requests", sa.Column("author_seen_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("pull_requests", sa.Column("is_open", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("pull_requests", sa.Column("paths", sa.Text, nullable=False, server_default=""))
    op.add_column("pull_requests", sa.Column("failing_causes", sa.Text, nullable=False, server_default=""))
    op.add_column("pull_requests", sa.Column("failed_pushes", sa.Integer, nullable=False, server_default="0"))
    op.add_column("pull_requests", sa.Column("heard", sa.Text, nullable=False, server_default=""))
    op.add_column("pull_requests", sa.Column("readiness_digest", sa.String(64), nullable=False, server_default=""))
    op.add_column("pull_requests", sa.Column("merge_refusal", sa.Text, nullable=False, server_default=""))
    op.add_column("pull_requests", sa.Column("reviewer", sa.String(64), nullable=False, server_default=""))
    op.add_column("pull_requests", sa.Column("swept", sa.String(64), nullable=False, server_default=""))
    op.create_index("ix_pull_requests_open", "pull_requests", ["repository_id", "is_open"])
    op.create_table(
        "leaves",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("leaf", sa.String(500), primary_key=True),
    )
    op.create_index("ix_leaves_leaf", "leaves", ["repository_id", "leaf"])
    op.create_table(
        "approvals",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("actor_id", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("sha", sa.String(40), nullable=False),
        sa.Column("content_digest", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("fell_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fell_because", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("ix_approvals_pull", "approvals", ["repository_id", "number"])
    op.create_index("ix_approvals_source", "approvals", ["repository_id", "source", "kind"], unique=True)
    op.create_table(
        "pardons",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("content_digest", sa.String(64), nullable=False),
        sa.Column("actor_id", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
    )
    op.create_index("ix_pardons_pull", "pardons", ["repository_id", "number"])
    op.create_index("ix_pardons_source", "pardons", ["repository_id", "source"], unique=True)
    op.create_table(
        "rule_hits",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content_digest", sa.String(64), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )

    op.create_table(
        "state_changes",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("target", sa.String(32), nullable=False),
        sa.Column("trigger", sa.String(80), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
    )
    op.create_index("ix_state_changes_pull", "state_changes", ["repository_id", "number", "id"])
    op.create_index("ix_state_changes_at", "state_changes", ["repository_id", "at"])
    op.create_table(
        "merge_requests",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("actor_id", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("sha", sa.String(40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )

    op.create_table(
        "reminders",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_reminders_due", "reminders", ["done_at", "due_at"])
    op.create_index("ix_reminders_source", "reminders", ["repository_id", "source"], unique=True)
    op.create_table(
        "batches",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("code", sa.String(16), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("actor_id", sa.BigInteger, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("targets", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
    )

    op.create_table(
        "chores",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("chores")
    op.drop_table("batches")
    op.drop_table("reminders")
    op.drop_table("merge_requests")
    op.drop_table("state_changes")
    op.drop_table("rule_hits")
    op.drop_table("pardons")
    op.drop_table("approvals")
    op.drop_table("leaves")
    op.drop_index("ix_pull_requests_open", "pull_requests")
    op.drop_column("pull_requests", "swept")
    op.drop_column("pull_requests", "reviewer")
    op.drop_column("pull_requests", "merge_refusal")
    op.drop_column("pull_requests", "readiness_digest")
    op.drop_column("pull_requests", "heard")
    op.drop_column("pull_requests", "failed_pushes")
    op.drop_column("pull_requests", "failing_causes")
    op.drop_column("pull_requests", "paths")
    op.drop_column("pull_requests", "is_open")
    op.drop_column("pull_requests", "author_seen_at")
    op.drop_column("pull_requests", "author")
    op.drop_column("pull_requests", "author_id")
    op.drop_column("pull_requests", "state_since")
    op.drop_column("pull_requests", "flags")
    op.drop_column("pull_requests", "state")
