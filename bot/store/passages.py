"""The passages of open pull requests, as bytes: what a later one may say again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import passages, pull_requests


@dataclass(frozen=True, slots=True)
class PullPassages:
    """The passages of one pull request. `told_of` are the pull requests that it may repeat."""

    number: int
    digest: str
    sheets: bytes
    told_of: frozenset[int]


class PassageStore:
    """Reads and writes passages."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def note(self, repository_id: int, kept: PullPassages) -> bool:
        """Remember the passages of a pull request in place of what it had before. Return whether they differ."""
        mine = (passages.c.repository_id == repository_id, passages.c.number == kept.number)
        told_of = " ".join(map(str, sorted(kept.told_of)))
        values = {"digest": kept.digest, "sheets": kept.sheets, "told_of": told_of}
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(passages.c.digest, passages.c.told_of).where(*mine))).first()
        if row is not None and (row.digest, row.told_of) == (kept.digest, told_of):
            return False
        async with self._engine.begin() as connection:
            is_there = row is not None
            if is_there:
                is_there = (await connection.execute(update(passages).where(*mine).values(values))).rowcount > 0
            if not is_there:
                whose = {"repository_id": repository_id, "number": kept.number}
                await connection.execute(insert(passages).values(whose | values))
        return row is None or row.digest != kept.digest

    async def drop(self, repository_id: int, number: int) -> None:
        """Forget the passages of a pull request."""
        mine = (passages.c.repository_id == repository_id, passages.c.number == number)
        async with self._engine.begin() as connection:
            await connection.execute(delete(passages).where(*mine))

    async def digests(self, repository_id: int) -> dict[int, str]:
        """Return what the passages of each open pull request are known by."""
        query = _of_open_ones(repository_id, passages.c.number, passages.c.digest)
        async with self._engine.connect() as connection:
            return {row.number: row.digest for row in await connection.execute(query)}

    async def of(self, repository_id: int, numbers: Iterable[int]) -> list[PullPassages]:
        """Return the passages of some open pull requests."""
        query = _of_open_ones(repository_id, *passages.c).where(passages.c.number.in_(list(numbers)))
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [PullPassages(row.number, row.digest, row.sheets, _numbers(row.told_of)) for row in rows]

    async def told_of(self, repository_id: int, number: int) -> list[int]:
        """Return the open pull requests that may repeat one."""
        query = _of_open_ones(repository_id, passages.c.number, passages.c.told_of)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query.where(passages.c.told_of != ""))).all()
        return [row.number for row in rows if number in _numbers(row.told_of)]


def _of_open_ones(repository_id: int, *columns: ColumnElement[Any]) -> Select[Any]:
    joined = (pull_requests.c.repository_id == passages.c.repository_id) & (
        pull_requests.c.number == passages.c.number
    )
    return (
        select(*columns)
        .select_from(passages.join(pull_requests, joined))
        .where(passages.c.repository_id == repository_id, pull_requests.c.is_open)
        .order_by(passages.c.number)
    )


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(word) for word in text.split() if word.isdigit())
