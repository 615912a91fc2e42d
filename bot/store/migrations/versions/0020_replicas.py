"""Several replicas of the bot: who they are, what each has claimed, and what was put off until when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "replicas",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("replica_id", sa.BigInteger, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("deliveries", sa.Column("claimed_by", sa.BigInteger, nullable=True))
    op.add_column("deliveries", sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))
    is_put_off = sa.text("not_before IS NOT NULL")
    op.create_index("ix_deliveries_claimable", "deliveries", ["state", "claimed_by", "id"])
    op.create_index(
        "ix_deliveries_put_off",
        "deliveries",
        ["not_before"],
        postgresql_where=is_put_off,
        sqlite_where=is_put_off,
    )
    op.drop_index("ix_deliveries_state_id", "deliveries")


def downgrade() -> None:
    op.create_index("ix_deliveries_state_id", "deliveries", ["state", "id"])
    op.drop_index("ix_deliveries_put_off", "deliveries")
    op.drop_index("ix_deliveries_claimable", "deliveries")
    op.drop_column("deliveries", "not_before")
    op.drop_column("deliveries", "claimed_by")
    op.drop_table("leases")
    op.drop_table("replicas")
