"""What we remember of a pull request between two deliveries, so that nothing is posted twice."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import pull_requests


@dataclass(frozen=True, slots=True)
class PullMemory:
    """Our last report on one pull request; empty strings where nothing has been posted yet."""

    repository_id: int
    number: int
    head_sha: str = ""
    judged_sha: str = ""
    verdict_digest: str = ""
    comment_id: int | None = None
    comment_node_id: str = ""
    comment_digest: str = ""
    comment_turn: str = ""
    comment_posted_for: str = ""
    own_labels: str = ""  # names separated by spaces
    content_digest: str = ""  # of what was judged
    outcome: str = ""  # of the last verdict


_COLUMNS = tuple(field.name for field in fields(PullMemory))
_KEY = ("repository_id", "number")


class PullRequestStore:
    """Reads and writes what we remember."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def get(self, repository_id: int, number: int) -> PullMemory | None:
        """Return what we remember, or None for a pull request never reported on (or a lost database)."""
        query = select(pull_requests).where(
            pull_requests.c.repository_id == repository_id, pull_requests.c.number == number
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return PullMemory(**{name: row[name] for name in _COLUMNS}) if row else None

    async def save(self, memory: PullMemory, at: datetime) -> None:
        """Store `memory`, replacing what was remembered."""
        values = {name: getattr(memory, name) for name in _COLUMNS} | {"updated_at": at}
        changed = {name: value for name, value in values.items() if name not in _KEY}
        statement = (
            self._insert(pull_requests)
            .values(values)
            .on_conflict_do_update(index_elements=list(_KEY), set_=changed)
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)

    async def with_head(self, repository_id: int, head_sha: str) -> list[int]:
        """Return the numbers of pull requests whose last reported head is `head_sha`."""
        query = select(pull_requests.c.number).where(
            pull_requests.c.repository_id == repository_id, pull_requests.c.head_sha == head_sha
        )
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())
