"""Up to where each repository was read, and how its pull requests looked then; and what webhooks told meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import deliveries, poll_marks, polled_pulls

_NEWEST = 5_000  # deliveries that are looked through for what webhooks told


@dataclass(frozen=True, slots=True)
class Face:
    """How a pull request looked when it was last read. `face` is a digest of what a webhook would have told of."""

    number: int
    face: str
    head_sha: str
    is_open: bool
    author_id: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery that is stored, whoever brought it."""

    guid: str
    event: str
    subject: str
    at: datetime


class PollStore:
    """Reads and writes what polling remembers of repositories."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def marks(self, repository_id: int) -> dict[str, str]:
        """Return up to where each kind of thing was read; nothing for a repository that never was."""
        query = select(poll_marks.c.kind, poll_marks.c.mark).where(poll_marks.c.repository_id == repository_id)
        async with self._engine.connect() as connection:
            return {row.kind: row.mark for row in await connection.execute(query)}

    async def faces(self, repository_id: int) -> dict[int, Face]:
        """Return how the pull requests of a repository looked, by number."""
        query = select(polled_pulls).where(polled_pulls.c.repository_id == repository_id)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        found = (Face(**{k: v for k, v in row.items() if k != "repository_id"}) for row in rows)
        return {face.number: face for face in found}

    async def keep(self, repository_id: int, marks: dict[str, str], faces: Iterable[Face]) -> None:
        """Remember where we are now, all of it or nothing."""
        mark_rows = [{"repository_id": repository_id, "kind": kind, "mark": mark} for kind, mark in marks.items()]
        face_rows = [{"repository_id": repository_id, **asdict(face)} for face in faces]
        async with self._engine.begin() as connection:
            for table, keys, rows in (
                (poll_marks, ["repository_id", "kind"], mark_rows),
                (polled_pulls, ["repository_id", "number"], face_rows),
            ):
                if rows:
                    statement = self._insert(table)
                    fresh = {c.name: statement.excluded[c.name] for c in table.c if c.name not in keys}
                    await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=fresh), rows)

    async def arrived_since(self, repository_id: int, moment: datetime) -> list[Arrived]:
        """Return the newest deliveries about a repository, as far as they came after a moment."""
        newest = select(func.max(deliveries.c.id)).scalar_subquery()
        columns = (deliveries.c.guid, deliveries.c.event, deliveries.c.subject, deliveries.c.received_at)
        query = select(*columns).where(
            deliveries.c.id > newest - _NEWEST,
            deliveries.c.repository_id == repository_id,
            deliveries.c.received_at >= moment,
        )
        async with self._engine.connect() as connection:
            return [Arrived(*row) for row in await connection.execute(query)]
