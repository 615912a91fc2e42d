"""Who had a hand in a pull request: whose commits it holds, and who closed it. Paths are kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_pulls = sa.table(
    "pull_requests",
    sa.column("repository_id", sa.BigInteger),
    sa.column("number", sa.Integer),
    sa.column("paths", sa.Text),
)


def upgrade() -> None:
    op.add_column("pull_requests", sa.Column("commit_authors", sa.Text, nullable=False, server_default=""))
    op.add_column("pull_requests", sa.Column("closed_by_id", sa.BigInteger, nullable=False, server_default="0"))
    _rewrite(lambda text: json.dumps(text.split("\n")) if text else "")


def downgrade() -> None:
    _rewrite(lambda text: "\n".join(json.loads(text)) if text else "")
    op.drop_column("pull_requests", "closed_by_id")
    op.drop_column("pull_requests", "commit_authors")


def _rewrite(changed: Callable[[str], str]) -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(_pulls)).mappings().all():
        where = (_pulls.c.repository_id == row["repository_id"], _pulls.c.number == row["number"])
        connection.execute(sa.update(_pulls).where(*where).values(paths=changed(row["paths"])))
