"""What people want to be reminded of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import reminders


@dataclass(frozen=True, slots=True)
class Reminder:
    """A word to say on a pull request from `due_at` on."""

    repository_id: int
    number: int
    actor: str
    text: str
    due_at: datetime
    source: str
    asked_at: datetime | None = None

    @classmethod
    def after(
        cls, days: int, repository_id: int, number: int, actor: str, text: str, now: datetime, source: str
    ) -> Self:
        """Return a reminder that is due some days from now."""
        return cls(repository_id, number, actor, text, now + timedelta(days=days), source, now)


class ReminderStore:
    """Reads and writes reminders."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def add(self, reminder: Reminder) -> None:
        """Write a reminder down, instead of an older one of the same person on the same pull request.

        The same one from the same place is written once.
        """
        values = {
            "repository_id": reminder.repository_id,
            "number": reminder.number,
            "actor": reminder.actor,
            "text": reminder.text,
            "due_at": reminder.due_at,
            "source": reminder.source,
            "asked_at": reminder.asked_at,
        }
        async with self._engine.begin() as connection:
            result = await connection.execute(self._insert(reminders).values(values).on_conflict_do_nothing())
            if result.rowcount == 1:
                older = (
                    reminders.c.repository_id == reminder.repository_id,
                    reminders.c.number == reminder.number,
                    reminders.c.actor == reminder.actor,
                    reminders.c.source != reminder.source,
                    reminders.c.done_at.is_(None),
                )
                await connection.execute(update(reminders).where(*older).values(done_at=reminder.asked_at))

    async def due(self, repository_id: int, now: datetime) -> list[Reminder]:
        """Return the reminders that are due and not done, oldest first."""
        query = (
            select(reminders)
            .where(
                reminders.c.repository_id == repository_id,
                reminders.c.done_at.is_(None),
                reminders.c.due_at <= now,
            )
            .order_by(reminders.c.due_at)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [Reminder(**{k: v for k, v in row.items() if k not in ("id", "done_at")}) for row in rows]

    async def finish(self, reminder: Reminder, at: datetime) -> None:
        """Mark a reminder as done."""
        where = (
            reminders.c.repository_id == reminder.repository_id,
            reminders.c.source == reminder.source,
        )
        async with self._engine.begin() as connection:
            await connection.execute(update(reminders).where(*where).values(done_at=at))
