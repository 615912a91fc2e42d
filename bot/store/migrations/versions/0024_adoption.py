"""Which repositories the bot only observes, and what it would have said on their pull requests.

A repository that was served before knew nothing of observing: it stays as it was, adopted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("repositories", sa.Column("is_adopted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("repositories", sa.Column("adopted_after", sa.Integer, nullable=False, server_default="0"))
    op.add_column("repositories", sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("repositories", sa.Column("chosen_by", sa.String(64), nullable=False, server_default=""))
    op.execute(sa.text("UPDATE repositories SET is_adopted = true"))
    op.create_table(
        "observed_pulls",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("head_sha", sa.String(40), nullable=False, server_default=""),
        sa.Column("appearance", sa.String(64), nullable=False, server_default=""),
        sa.Column("is_shadow", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("would_say", sa.Text, nullable=False, server_default=""),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("woken_at", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("observed_pulls")
    with op.batch_alter_table("repositories") as table:
        for name in ("chosen_by", "chosen_at", "adopted_after", "is_adopted"):
            table.drop_column(name)
