"""Who stands behind what: approvals are bound to a content, and fall; none is ever deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import approvals


class ApprovalKind(StrEnum):
    """What somebody stands behind."""

    TRIAGE = "triage"  # triage is satisfied with the contribution
    APPROVE = "approve"  # an approver wants the contribution merged
    LGTM = "lgtm"  # a maintainer wants the change of anything else merged


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval. `source` is where it was given, such as "comment:77:3"; `fell_because` why it fell, if so."""

    repository_id: int
    number: int
    kind: ApprovalKind
    actor_id: int
    actor: str
    sha: str
    content_digest: str
    at: datetime
    source: str
    fell_because: str = ""


class ApprovalStore:
    """Reads and writes approvals."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def add(self, approval: Approval) -> None:
        """Write an approval down; the same one from the same place is written once, and stays fallen if it fell."""
        values = {
            "repository_id": approval.repository_id,
            "number": approval.number,
            "kind": approval.kind.value,
            "actor_id": approval.actor_id,
            "actor": approval.actor,
            "sha": approval.sha,
            "content_digest": approval.content_digest,
            "at": approval.at,
            "source": approval.source,
        }
        async with self._engine.begin() as connection:
            await connection.execute(self._insert(approvals).values(values).on_conflict_do_nothing())

    async def standing(self, repository_id: int, number: int) -> list[Approval]:
        """Return the approvals that have not fallen, oldest first."""
        return [a for a in await self.all_of(repository_id, number) if not a.fell_because]

    async def all_of(self, repository_id: int, number: int) -> list[Approval]:
        """Return every approval ever given on a pull request, oldest first."""
        query = (
            select(approvals)
            .where(approvals.c.repository_id == repository_id, approvals.c.number == number)
            .order_by(approvals.c.id)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            Approval(
                repository_id=row["repository_id"],
                number=row["number"],
                kind=ApprovalKind(row["kind"]),
                actor_id=row["actor_id"],
                actor=row["actor"],
                sha=row["sha"],
                content_digest=row["content_digest"],
                at=row["at"],
                source=row["source"],
                fell_because=row["fell_because"],
            )
            for row in rows
        ]

    async def let_fall(
        self,
        repository_id: int,
        number: int,
        because: str,
        at: datetime,
        *,
        actor_id: int | None = None,
        kind: ApprovalKind | None = None,
        source: str = "",
    ) -> int:
        """Let standing approvals fall: all, or those of one person, kind or place. Return how many fell."""
        where = [
            approvals.c.repository_id == repository_id,
            approvals.c.number == number,
            approvals.c.fell_at.is_(None),
        ]
        if actor_id is not None:
            where.append(approvals.c.actor_id == actor_id)
        if kind is not None:
            where.append(approvals.c.kind == kind.value)
        if source:
            where.append(approvals.c.source.startswith(source + ":", autoescape=True))
        async with self._engine.begin() as connection:
            result = await connection.execute(
                update(approvals).where(*where).values(fell_at=at, fell_because=because)
            )
        return int(result.rowcount)
