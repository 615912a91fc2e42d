"""What open pull requests say: their passages, by which later ones are told that they say it again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passages",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("sheets", sa.LargeBinary, nullable=False),
        sa.Column("told_of", sa.Text, nullable=False, server_default=""),
    )


def downgrade() -> None:
    op.drop_table("passages")
