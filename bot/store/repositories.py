"""The repositories that have told us something: where to ask what we were not told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.clock import Clock
from bot.events import Origin
from bot.store.tables import pull_requests, repositories

_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class KnownRepository:
    """A repository under its newest name, and since when we listen to it."""

    origin: Origin
    first_seen_at: datetime
    is_adopted: bool = True  # else it is only observed
    former_names: tuple[str, ...] = ()  # the newest last


class RepositoryStore:
    """Reads and writes repositories."""

    def __init__(self, engine: AsyncEngine, clock: Clock, *, starts_adopted: bool = False) -> None:
        """`starts_adopted` is how a repository begins that was never served before."""
        self._starts_adopted = starts_adopted
        self._engine = engine
        self._clock = clock
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._noted: dict[int, Origin] = {}

    async def note(self, origin: Origin) -> None:
        """Remember a repository; what it is called now takes the place of what it was called before."""
        if self._noted.get(origin.repository_id) == origin:
            return
        named = {"full_name": origin.full_name, "installation_id": origin.installation_id}
        is_adopted = true() if self._starts_adopted else _was_served(origin.repository_id)
        its_own = repositories.c.id == origin.repository_id
        async with self._engine.begin() as connection:
            query = select(repositories.c.full_name, repositories.c.former_names).where(its_own)
            before = (await connection.execute(query.with_for_update())).one_or_none()
            former = _former_names(*before, origin.full_name) if before is not None else ""
            statement = (
                self._insert(repositories)
                .values(
                    id=origin.repository_id,
                    first_seen_at=self._clock.now(),
                    is_adopted=is_adopted,
                    former_names=former,
                    **named,
                )
                .on_conflict_do_update(index_elements=["id"], set_=named | {"former_names": former})
            )
            await connection.execute(statement)
        self._noted[origin.repository_id] = origin

    async def origin_of(self, repository_id: int) -> Origin | None:
        """Return where a repository is, None for one that never told us anything."""
        return next((k.origin for k in await self.all_known() if k.origin.repository_id == repository_id), None)

    async def all_known(self) -> list[KnownRepository]:
        """Return every repository, by id."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(repositories).order_by(repositories.c.id))).mappings().all()
        return [
            KnownRepository(
                Origin(row["id"], row["full_name"], row["installation_id"]),
                row["first_seen_at"],
                row["is_adopted"],
                tuple(row["former_names"].split()),
            )
            for row in rows
        ]


def _was_served(repository_id: int) -> ColumnElement[bool]:
    """Say of a repository that is new to us whether pull requests of it are known all the same."""
    return exists().where(pull_requests.c.repository_id == repository_id)


def _former_names(name: str, former: str, new_name: str) -> str:
    """Return the names that a repository had before `new_name`."""
    names = [each for each in former.split() if each not in (name, new_name)]
    return " ".join([*names, *([name] if name != new_name else [])][-_MOST_NAMES:])
