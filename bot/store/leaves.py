"""Which open pull requests touch which leaf: where they meet, they get one decision."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.labels import Label
from bot.store.approvals import ApprovalKind
from bot.store.tables import approvals, leaves, pull_requests
from bot.workflow import State, Status

_LONGEST = 500  # characters of a leaf that the database keeps


@dataclass(frozen=True, slots=True)
class LeafHolder:
    """An open pull request with the leaves it touches. `is_approved` when an approver stands behind it."""

    number: int
    author: str
    status: Status
    leaves: frozenset[str]
    is_approved: bool


class LeafStore:
    """Reads and writes leaves."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def note(self, repository_id: int, number: int, touched: Iterable[str]) -> None:
        """Remember which leaves an open pull request adds or changes, in place of those it did before."""
        wanted = {as_kept(leaf) for leaf in touched}
        mine = (leaves.c.repository_id == repository_id, leaves.c.number == number)
        async with self._engine.connect() as connection:
            known = set((await connection.execute(select(leaves.c.leaf).where(*mine))).scalars())
        if known == wanted:
            return
        async with self._engine.begin() as connection:
            await connection.execute(delete(leaves).where(*mine))
            if wanted:
                rows = [{"repository_id": repository_id, "number": number, "leaf": leaf} for leaf in wanted]
                await connection.execute(insert(leaves), rows)

    async def holding(self, repository_id: int, touched: Iterable[str]) -> list[LeafHolder]:
        """Return the open pull requests that touch one of these leaves, by number, with those of them."""
        return await self._holders(repository_id, leaves.c.leaf.in_({as_kept(leaf) for leaf in touched}))

    async def around(self, repository_id: int, numbers: Iterable[int]) -> list[LeafHolder]:
        """Return these pull requests, those that share a leaf with them, and those that share one with these."""
        here, asked = leaves.c.repository_id == repository_id, set(numbers)
        # step by step: as one statement PostgreSQL may walk through all leaves for each of all leaves
        async with self._engine.connect() as connection:
            own = set(
                (await connection.execute(select(leaves.c.leaf).where(here, leaves.c.number.in_(asked)))).scalars()
            )
            rivals = set(
                (await connection.execute(select(leaves.c.number).where(here, leaves.c.leaf.in_(own)))).scalars()
            )
            theirs = own
            if rivals - asked:
                query = select(leaves.c.leaf).where(here, leaves.c.number.in_(rivals))
                theirs = set((await connection.execute(query)).scalars())
        return await self._holders(repository_id, leaves.c.leaf.in_(theirs))

    async def _holders(self, repository_id: int, where: ColumnElement[bool]) -> list[LeafHolder]:
        pulls = pull_requests.c
        query = (
            select(leaves.c.number, leaves.c.leaf, pulls.author, pulls.state, pulls.flags)
            .join(
                pull_requests,
                (pulls.repository_id == leaves.c.repository_id) & (pulls.number == leaves.c.number),
            )
            .where(leaves.c.repository_id == repository_id, where, pulls.is_open)
            .order_by(leaves.c.number)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
            backed = await connection.execute(
                select(approvals.c.number)
                .where(
                    approvals.c.repository_id == repository_id,
                    approvals.c.kind == ApprovalKind.APPROVE.value,
                    approvals.c.fell_at.is_(None),
                    approvals.c.number.in_({row.number for row in rows}),
                )
                .distinct()
            )
            approved = set(backed.scalars())
        touched: defaultdict[int, set[str]] = defaultdict(set)
        for row in rows:
            touched[row.number].add(row.leaf)
        first = {row.number: row for row in reversed(rows)}
        return [_holder(first[number], touched[number], number in approved) for number in touched]


def _holder(row: Any, touched: set[str], is_approved: bool) -> LeafHolder:
    status = Status(State(row.state), frozenset(Label(name) for name in row.flags.split()))
    return LeafHolder(row.number, row.author, status, frozenset(touched), is_approved)


def as_kept(leaf: str) -> str:
    """Return a leaf as the database keeps it: a path too long for it is known by its digest."""
    if len(leaf) <= _LONGEST:
        return leaf
    digest = hashlib.sha256(leaf.encode("utf-8", "surrogatepass")).hexdigest()
    return leaf[: _LONGEST - len(digest)] + digest
