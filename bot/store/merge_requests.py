"""Who asked for a merge: the queue outlives the process."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import merge_requests


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """Somebody wants one commit of a pull request merged."""

    repository_id: int
    number: int
    actor_id: int
    actor: str
    sha: str
    at: datetime


class MergeRequestStore:
    """Reads and writes the queue of merges."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def add(self, request: MergeRequest) -> None:
        """Queue a merge; asked for again, it keeps its place, but for the commit named last."""
        changed = {"actor_id": request.actor_id, "actor": request.actor, "sha": request.sha}
        statement = (
            self._insert(merge_requests)
            .values(asdict(request))
            .on_conflict_do_update(index_elements=["repository_id", "number"], set_=changed)
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)

    async def drop(self, repository_id: int, number: int) -> None:
        """Take a pull request out of the queue, if it is in it."""
        where = (merge_requests.c.repository_id == repository_id, merge_requests.c.number == number)
        async with self._engine.begin() as connection:
            await connection.execute(delete(merge_requests).where(*where))

    async def waiting(self, repository_id: int) -> list[MergeRequest]:
        """Return the queue, first come first."""
        query = (
            select(merge_requests)
            .where(merge_requests.c.repository_id == repository_id)
            .order_by(merge_requests.c.at, merge_requests.c.number)
        )
        async with self._engine.connect() as connection:
            return [MergeRequest(**row) for row in (await connection.execute(query)).mappings()]
