"""The workers that the one replica hears which gives out jobs, so that the pages of all replicas know them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.presence import Presence
from bot.store.tables import workers
from pipeline.contract import Load, Queue


class WorkerRows:
    """Reads and writes who was heard of."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def tell(self, news: Mapping[str, Presence], gone: Collection[str], forgotten_before: datetime) -> None:
        """Write down who was heard of, and strike those that left or fell silent long ago."""
        async with self._engine.begin() as connection:
            is_over = workers.c.name.in_(sorted(gone)) | (workers.c.heard_at < forgotten_before)
            await connection.execute(delete(workers).where(is_over))
            for name, each in sorted(news.items()):
                told = {
                    "queues": " ".join(sorted(queue.value for queue in each.queues)),
                    "is_busy": each.is_busy,
                    "loaded": each.loaded.value if each.loaded is not None else "",
                    "heard_at": each.heard_at,
                }
                statement = self._insert(workers).values(name=name, **told)
                await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=told))

    async def heard_since(self, at: datetime) -> dict[str, Presence]:
        """Return those that were heard of since a moment, by name."""
        query = select(workers).where(workers.c.heard_at >= at).order_by(workers.c.name)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return {
            row["name"]: Presence(
                frozenset(Queue(name) for name in row["queues"].split() if name in _QUEUES),
                row["is_busy"],
                row["heard_at"],
                Load(row["loaded"]) if row["loaded"] in _LOADS else None,
            )
            for row in rows
        }


_QUEUES, _LOADS = frozenset(Queue), frozenset(Load)  # a newer version may have written others
