"""What people did and what they can have seen: the audit, and the heads as we first saw them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import audit, heads

BEGUN = "begun"  # what came of it is not written down yet: GitHub may have been told already


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: who, when, in which role, what, at which commit, and what came of it."""

    repository_id: int
    number: int
    at: datetime
    actor_id: int
    actor: str
    role: str
    act: str
    arguments: str
    sha: str
    result: str
    source: str


class DeskLog:
    """Reads and writes the audit and the heads."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def note_head(self, repository_id: int, number: int, sha: str, at: datetime) -> None:
        """Remember that `sha` has become the head; seeing the same head again changes nothing."""
        newest = (
            select(heads.c.sha)
            .where(heads.c.repository_id == repository_id, heads.c.number == number)
            .order_by(heads.c.id.desc())
            .limit(1)
        )
        async with self._engine.begin() as connection:
            if (await connection.execute(newest)).scalar_one_or_none() != sha:
                row = {"repository_id": repository_id, "number": number, "sha": sha, "first_seen_at": at}
                await connection.execute(insert(heads).values(row))

    async def head_seen_before(self, repository_id: int, number: int, moment: datetime) -> str | None:
        """Return the head that somebody writing at `moment` can have looked at; None when we knew none then."""
        query = (
            select(heads.c.sha)
            .where(
                heads.c.repository_id == repository_id,
                heads.c.number == number,
                heads.c.first_seen_at <= moment,
            )
            .order_by(heads.c.id.desc())
            .limit(1)
        )
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def add(self, entry: AuditEntry) -> None:
        """Write an act down; the same act at the same place is written once."""
        statement = self._insert(audit).values(asdict(entry)).on_conflict_do_nothing()
        async with self._engine.begin() as connection:
            await connection.execute(statement)

    async def outcome(self, repository_id: int, source: str, result: str) -> None:
        """Write down what came of an act that is written down as begun."""
        of_source = (audit.c.repository_id == repository_id) & (audit.c.source == source)
        async with self._engine.begin() as connection:
            await connection.execute(update(audit).where(of_source, audit.c.result == BEGUN).values(result=result))

    async def knows(self, repository_id: int, source: str) -> bool:
        """True when an act has come to something whose place begins with this one, such as "comment:77"."""
        query = select(audit.c.id).where(
            audit.c.repository_id == repository_id,
            audit.c.source.startswith(source + ":", autoescape=True),
            audit.c.result != BEGUN,
        )
        async with self._engine.connect() as connection:
            return (await connection.execute(query.limit(1))).scalar_one_or_none() is not None

    async def result_of(self, repository_id: int, source: str) -> str:
        """Return what came of the act at this place; empty when nothing is written down of it."""
        query = select(audit.c.result).where(audit.c.repository_id == repository_id, audit.c.source == source)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one_or_none() or ""

    async def carried_out(self, repository_id: int, number: int) -> list[tuple[str, int, str]]:
        """Return act, actor and place of everything that was carried out on a pull request, or is about to be."""
        query = select(audit.c.act, audit.c.actor_id, audit.c.source).where(
            audit.c.repository_id == repository_id, audit.c.number == number, audit.c.result.in_((BEGUN, "done"))
        )
        async with self._engine.connect() as connection:
            return [(row.act, row.actor_id, row.source) for row in await connection.execute(query)]

    async def pulls_with(self, repository_id: int, act: str, arguments: str) -> list[int]:
        """Return the pull requests on which this was done, such as what was done for one leaf."""
        query = (
            select(audit.c.number)
            .where(
                audit.c.repository_id == repository_id,
                audit.c.act == act,
                audit.c.arguments == arguments,
                audit.c.number > 0,
            )
            .distinct()
            .order_by(audit.c.number)
        )
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def shas_of(self, repository_id: int, number: int, act: str, arguments: str) -> list[str]:
        """Return the commits at which this was done on a pull request, such as those pushed for one wish."""
        query = select(audit.c.sha).where(
            audit.c.repository_id == repository_id,
            audit.c.number == number,
            audit.c.act == act,
            audit.c.arguments == arguments,
        )
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def of_pull(self, repository_id: int, number: int) -> list[AuditEntry]:
        """Return everything done on a pull request, oldest first."""
        query = (
            select(audit)
            .where(audit.c.repository_id == repository_id, audit.c.number == number)
            .order_by(audit.c.id)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [AuditEntry(**{k: v for k, v in row.items() if k != "id"}) for row in rows]
