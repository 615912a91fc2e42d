"""The audit for the pages: what people did in a repository, some at a time, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import audit

_A = audit.c
_LONGEST_WORDS = 1_000  # characters of what was written behind a command
_SHOWN = (
    _A.id,
    _A.number,
    _A.at,
    _A.actor,
    _A.role,
    _A.act,
    func.substr(_A.arguments, 1, _LONGEST_WORDS).label("arguments"),
    _A.sha,
    _A.result,
    _A.source,
)


@dataclass(frozen=True, slots=True)
class Act:
    """One act: on which pull request (0: on the repository), when, by whom in which role, what, what came of it."""

    id: int
    number: int
    at: datetime
    actor: str
    role: str
    act: str
    arguments: str
    sha: str
    result: str
    source: str


@dataclass(frozen=True, slots=True)
class ActFilter:
    """Which acts are looked for, in any case, with or without @ and /; what is empty does not narrow it."""

    actor: str = ""
    act: str = ""
    number: int = 0


class BoardAudit:
    """Reads the audit of one repository."""

    def __init__(self, engine: AsyncEngine, repository_id: int) -> None:
        self._engine = engine
        self._its = _A.repository_id == repository_id

    async def newest(self, wanted: ActFilter, before: int, limit: int) -> list[Act]:
        """Return acts, the newest first: before one, or with 0 the newest of all."""
        where: list[ColumnElement[bool]] = [self._its]
        if wanted.number:
            where.append(_A.number == wanted.number)
        if wanted.actor:
            where.append(func.lower(_A.actor) == wanted.actor.removeprefix("@").lower())
        if wanted.act:
            bare = wanted.act.removeprefix("/").lower()
            where.append(func.lower(_A.act).in_([bare, f"/{bare}"]))
        if before:
            where.append(_A.id < before)
        query = select(*_SHOWN).where(*where).order_by(_A.id.desc()).limit(limit)
        async with self._engine.connect() as connection:
            return [Act(**row) for row in (await connection.execute(query)).mappings()]
