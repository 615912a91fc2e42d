"""A pull request keeps the rules by which its head was first judged; when new rules began to count is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rule_starts",
        sa.Column("cause", sa.String(120), nullable=False),
        sa.Column("released", sa.String(10), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cause", "released", name="pk_rule_starts"),
    )
    op.add_column("pull_requests", sa.Column("ruled_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE pull_requests SET ruled_at = updated_at WHERE head_sha <> ''")


def downgrade() -> None:
    op.drop_column("pull_requests", "ruled_at")
    op.drop_table("rule_starts")
