"""Findings that a person has set aside for one content, and how often each rule was right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import pardons, rule_hits


class PardonKind(StrEnum):
    """Why a finding is set aside."""

    OVERRIDE = "override"  # it is right, and a maintainer accepts it all the same
    WRONG = "wrong"  # it is a mistake of the rule


@dataclass(frozen=True, slots=True)
class Pardon:
    """One set-aside rule or cause, for exactly one content."""

    repository_id: int
    number: int
    kind: PardonKind
    rule: str  # a rule's id ("limits") or a cause's ("limits/long-pair")
    content_digest: str
    actor_id: int
    actor: str
    reason: str
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Precision:
    """How often a rule found something, and how often a triager called that wrong."""

    rule: str
    hits: int
    wrong: int

    @property
    def share_right(self) -> float:
        """Between 0 and 1."""
        return 1 - self.wrong / self.hits if self.hits else 1.0


class PardonStore:
    """Reads and writes pardons, and counts what rules found."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def add(self, pardon: Pardon) -> None:
        """Write a pardon down; the same one from the same place is written once."""
        values = asdict(pardon) | {"kind": pardon.kind.value}
        async with self._engine.begin() as connection:
            await connection.execute(self._insert(pardons).values(values).on_conflict_do_nothing())

    async def of_content(self, repository_id: int, number: int, content_digest: str) -> list[Pardon]:
        """Return the pardons that hold for a content, oldest first."""
        query = (
            select(pardons)
            .where(
                pardons.c.repository_id == repository_id,
                pardons.c.number == number,
                pardons.c.content_digest == content_digest,
            )
            .order_by(pardons.c.id)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            Pardon(**{k: v for k, v in row.items() if k not in ("id", "kind")}, kind=PardonKind(row["kind"]))
            for row in rows
        ]

    async def count_hits(
        self, repository_id: int, number: int, content_digest: str, rules: Iterable[str], at: datetime
    ) -> None:
        """Count that these rules had something to say about a content; the same content counts once."""
        key = {"repository_id": repository_id, "number": number, "content_digest": content_digest, "at": at}
        rows = [key | {"rule": rule} for rule in sorted(set(rules))]
        if rows:
            async with self._engine.begin() as connection:
                await connection.execute(self._insert(rule_hits).on_conflict_do_nothing(), rows)

    async def precision(self, repository_id: int, since: datetime) -> list[Precision]:
        """Return how often each rule was right since a moment, worst first."""
        wrong = select(pardons.c.rule, pardons.c.number, pardons.c.content_digest).where(
            pardons.c.repository_id == repository_id,
            pardons.c.kind == PardonKind.WRONG.value,
            pardons.c.at >= since,
        )
        hits = (
            select(rule_hits.c.rule, func.count())
            .where(rule_hits.c.repository_id == repository_id, rule_hits.c.at >= since)
            .group_by(rule_hits.c.rule)
        )
        async with self._engine.connect() as connection:
            called_wrong = {
                (str(name).partition("/")[0], number, digest)
                for name, number, digest in await connection.execute(wrong)
            }
            counted = [(str(name), int(count)) for name, count in await connection.execute(hits)]
        found = [
            Precision(name, count, sum(1 for wrong_rule, _, _ in called_wrong if wrong_rule == name))
            for name, count in counted
        ]
        return sorted(found, key=lambda p: (p.share_right, p.rule))
