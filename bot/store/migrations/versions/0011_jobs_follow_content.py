"""Jobs know what content they are about and at which commit their check run is: both outlive a rebase."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# of an older head nobody knows the content any more: such a job stays where it is
_CONTENT = """
UPDATE jobs SET content_digest = (
  SELECT content_digest FROM pull_requests AS p
  WHERE p.repository_id = jobs.repository_id AND p.number = jobs.number AND p.head_sha = jobs.head_sha
)
WHERE EXISTS (
  SELECT 1 FROM pull_requests AS p
  WHERE p.repository_id = jobs.repository_id AND p.number = jobs.number AND p.head_sha = jobs.head_sha
)
"""
_CHECK_RUNS = "UPDATE jobs SET check_run_sha = head_sha WHERE check_run_id IS NOT NULL"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("content_digest", sa.String(64), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("check_run_sha", sa.String(40), nullable=False, server_default=""))
    op.execute(_CONTENT)
    op.execute(_CHECK_RUNS)


def downgrade() -> None:
    op.drop_column("jobs", "check_run_sha")
    op.drop_column("jobs", "content_digest")
