"""What waits, as an autoscaler and an operator's charts ask for it every few seconds: two queries, by indexes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs import JobState
from bot.store.deliveries import DeliveryState
from bot.store.stored_jobs import GOING
from bot.store.tables import deliveries, jobs

_J, _D = jobs.c, deliveries.c


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits and runs by queue, and what lies in the inbox. Moments are None where nothing waits."""

    waiting: Mapping[str, int]
    running: Mapping[str, int]
    oldest: Mapping[str, datetime]  # by queue: when the oldest waiting job was queued
    deliveries: int
    oldest_delivery: datetime | None


async def backlog_of(engine: AsyncEngine) -> Backlog:
    """Return what waits in a database: the same whichever replica asks."""
    lines = (
        select(_J.queue, _J.state, func.count(), func.min(_J.queued_at))
        .where(_J.state.in_(GOING))
        .group_by(_J.queue, _J.state)
    )
    received = _D.state == DeliveryState.RECEIVED.value
    first = select(_D.received_at).where(received).order_by(_D.id).limit(1).scalar_subquery()
    inbox = select(func.count(), first).select_from(deliveries).where(received)
    async with engine.connect() as connection:
        found = (await connection.execute(lines)).all()
        depth, oldest = (await connection.execute(inbox)).one()
    queued = [row for row in found if row.state == JobState.QUEUED.value]
    return Backlog(
        {queue: count for queue, _, count, _ in queued},
        {queue: count for queue, state, count, _ in found if state == JobState.RUNNING.value},
        {queue: at for queue, _, _, at in queued},
        depth,
        oldest,
    )
