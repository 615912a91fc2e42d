"""What waits, as an autoscaler and an operator's charts ask for it every few seconds: two queries, by indexes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs import JobState
from bot.store.deliveries import DeliveryState
from bot.store.tables import deliveries, jobs
from pipeline.contract import Queue

_J, _D = jobs.c, deliveries.c
_FIRST_IN_LINE = 50  # who has waited longest is among them, unless more of the head start of others came between


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits and runs by queue, and what lies in the inbox. Moments are None where nothing waits."""

    waiting: Mapping[str, int]
    running: Mapping[str, int]
    oldest: Mapping[str, datetime]  # by queue: when the oldest of those that are first in its line was queued
    deliveries: int
    oldest_delivery: datetime | None


async def backlog_of(engine: AsyncEngine) -> Backlog:
    """Return what waits in a database: the same whichever replica asks."""
    received = _D.state == DeliveryState.RECEIVED.value
    first = select(_D.received_at).where(received).order_by(_D.id).limit(1).scalar_subquery()
    inbox = select(func.count(), first).select_from(deliveries).where(received)
    async with engine.connect() as connection:
        found = (await connection.execute(union_all(*map(_line, Queue)))).all()
        depth, oldest = (await connection.execute(inbox)).one()
    return Backlog(
        {row.queue: row.waiting for row in found},
        {row.queue: row.running for row in found},
        {row.queue: row.oldest for row in found if row.oldest is not None},
        depth,
        oldest,
    )


def _line(queue: Queue) -> Select[Any]:
    """Return the query about one queue; it reads the index of the line, and of few jobs more than that."""
    waits = (_J.queue == queue.value, _J.state == JobState.QUEUED.value)
    runs = (_J.queue == queue.value, _J.state == JobState.RUNNING.value)
    first = select(_J.queued_at).where(*waits).order_by(_J.due_at, _J.id).limit(_FIRST_IN_LINE).subquery()
    return select(
        literal(queue.value).label("queue"),
        select(func.count()).select_from(jobs).where(*waits).scalar_subquery().label("waiting"),
        select(func.count()).select_from(jobs).where(*runs).scalar_subquery().label("running"),
        select(func.min(first.c.queued_at)).scalar_subquery().label("oldest"),
    )
