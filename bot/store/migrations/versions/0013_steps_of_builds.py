"""Jobs that are steps of builds; the data of each leaf, for the builds after the one that generated them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("build_id", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("build_attempt", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("step", sa.Text, nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("variant", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_jobs_build", "jobs", ["build_id", "build_attempt", "id"])
    op.add_column("builds", sa.Column("because", sa.Text, nullable=False, server_default=""))
    op.add_column("builds", sa.Column("held", sa.Text, nullable=False, server_default=""))
    op.add_column("builds", sa.Column("labelled", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "leaf_data",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("leaf", sa.String(500), primary_key=True),
        sa.Column("qna_sha", sa.String(40), primary_key=True),
        sa.Column("data_version", sa.String(64), primary_key=True),
        sa.Column("build", sa.String(32), nullable=False),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("leaf_data")
    op.drop_column("builds", "labelled")
    op.drop_column("builds", "held")
    op.drop_column("builds", "because")
    op.drop_index("ix_jobs_build", table_name="jobs")
    op.drop_column("jobs", "variant")
    op.drop_column("jobs", "step")
    op.drop_column("jobs", "build_attempt")
    op.drop_column("jobs", "build_id")
