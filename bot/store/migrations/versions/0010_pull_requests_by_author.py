"""Pull requests are found by their author: whoever asks for a job is asked what the author has spent."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_pull_requests_author", "pull_requests", ["repository_id", "author_id", "number"])


def downgrade() -> None:
    op.drop_index("ix_pull_requests_author", "pull_requests")
