"""For the pages: which workers are there, what was merged, and a repository's deliveries and former names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_MERGED = (
    "UPDATE pull_requests SET closed_as = 'merged' WHERE NOT is_open AND EXISTS (SELECT 1 FROM build_contributions "
    "AS built WHERE built.repository_id = pull_requests.repository_id AND built.number = pull_requests.number)"
)


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("queues", sa.String(200), nullable=False),
        sa.Column("is_busy", sa.Boolean, nullable=False),
        sa.Column("loaded", sa.String(16), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("pull_requests", sa.Column("closed_as", sa.String(8), nullable=False, server_default=""))
    op.execute(_MERGED)
    op.add_column("repositories", sa.Column("former_names", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_deliveries_repository", "deliveries", ["repository_id", "state", "id"])


def downgrade() -> None:
    op.drop_index("ix_deliveries_repository", table_name="deliveries")
    op.drop_column("repositories", "former_names")
    op.drop_column("pull_requests", "closed_as")
    op.drop_table("workers")
