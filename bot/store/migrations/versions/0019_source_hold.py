"""The bot remembers whether it has put the legal hold on itself, and for which sources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pull_requests", sa.Column("source_hold", sa.String(48), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("pull_requests", "source_hold")
