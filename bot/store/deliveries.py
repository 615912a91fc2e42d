"""Webhook deliveries: each is one row, on disk before it is answered, and claimed before it is handled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, delete, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.intake import Intake
from bot.store.replicas import hold_fast
from bot.store.tables import deliveries

_AT_ONCE = 500  # rows that are deleted in one transaction
_LOOKED_AT = 500  # rows that a claim chooses from
_LANE_SHARE = 50  # rows of one subject that a replica holds at a time
_CLAIMING = 7_305_891_220_046_152_110  # the lock that only one replica holds at a time, while it claims
_MINE = deliveries.c


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    RECEIVED = "received"
    DONE = "done"
    FAILED = "failed"  # given up; `error` says why


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it came, verified. `subject` orders it among others: "REPOSITORY" or "REPOSITORY#NUMBER"."""

    guid: str
    event: str
    repository_id: int
    subject: str
    payload: bytes
    received_at: datetime
    id: int = 0
    attempts: int = 0
    state: DeliveryState = DeliveryState.RECEIVED  # DONE from the start when there is nothing to do

    def tried(self, attempts: int) -> Delivery:
        """Return the delivery after that many attempts that failed."""
        return replace(self, attempts=attempts)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a replica may handle now, in order. `is_all`: nothing else could be claimed.

    `next_at` is when the first of what was put off may be tried again.
    """

    deliveries: tuple[Delivery, ...]
    is_all: bool
    next_at: datetime | None


class DeliveryStore:
    """Reads and writes deliveries.

    Those of one subject are claimed by one replica at a time, in the order in which they were stored, and none
    while an earlier one is put off. What a replica writes about a delivery that is no longer its own is not
    written.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._intake = Intake(engine)
        self._is_shared = engine.dialect.name == "postgresql"
        insert = postgresql.insert if self._is_shared else sqlite.insert
        self._insert = insert(deliveries).on_conflict_do_nothing(index_elements=["guid"])

    async def add(self, batch: Sequence[Delivery]) -> None:
        """Store all of `batch`: what is new is in one commit.

        A GUID that is there already is left as it is, unless it was given up: sent again, it is tried again.
        """
        rows = [
            {
                "guid": d.guid,
                "event": d.event,
                "repository_id": d.repository_id,
                "subject": d.subject,
                "payload": d.payload,
                "state": d.state.value,
                "attempts": 0,
                "error": "",
                "received_at": d.received_at,
                "finished_at": None if d.state is DeliveryState.RECEIVED else d.received_at,
            }
            for d in batch
        ]
        if await self._intake.add(rows) == len(rows):
            return
        given_up = _MINE.state == DeliveryState.FAILED.value
        guids = _MINE.guid.in_([d.guid for d in batch])
        async with self._engine.begin() as connection:  # some were here already
            gone = await connection.execute(delete(deliveries).where(given_up, guids))
            if gone.rowcount:
                await connection.execute(self._insert, rows)

    async def claim(self, replica_id: int, now: datetime, held: Mapping[str, int], most_lanes: int) -> Claimed:
        """Claim what comes next for a replica that holds so many deliveries of some subjects.

        One replica claims at a time, so that two never choose the same subject. Raises ReplicaLostError.
        """
        async with self._engine.begin() as connection:
            if self._is_shared:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CLAIMING})
                await hold_fast(connection, replica_id)
            full = [subject for subject, count in held.items() if count >= _LANE_SHARE]
            rows = [tuple(row) for row in await connection.execute(_claimable(replica_id, now, full))]
            chosen = _chosen(rows, held, most_lanes)
            taken: Sequence[RowMapping] = []
            if chosen:
                statement = update(deliveries).where(_MINE.id.in_(chosen)).values(claimed_by=replica_id)
                taken = (await connection.execute(statement.returning(*deliveries.c))).mappings().all()
            put_off = select(func.min(_MINE.not_before)).where(_MINE.not_before > now)
            next_at = (await connection.execute(put_off)).scalar_one_or_none()
        found = tuple(sorted((_delivery(row) for row in taken), key=lambda delivery: delivery.id))
        return Claimed(found, len(found) == len(rows) < _LOOKED_AT and not full, next_at)

    async def finish(
        self, ids: Sequence[int], state: DeliveryState, at: datetime, error: str = "", *, replica_id: int
    ) -> bool:
        """Mark deliveries as done or given up. Of a done one only the fact is kept, not what stood in it.

        `error` is why it was given up; of a done one, what whoever sent it is to be told.

        Return False, with nothing written, when they are no longer this replica's.
        """
        values: dict[str, Any] = {"state": state.value, "finished_at": at, "error": error}
        values |= {"claimed_by": None, "not_before": None, "attempts": _MINE.attempts + 1}
        if state is DeliveryState.DONE:
            values["payload"] = b""
        statement = update(deliveries).where(_MINE.id.in_(ids), _MINE.claimed_by == replica_id)
        async with self._engine.begin() as connection:
            return (await connection.execute(statement.values(values))).rowcount > 0

    async def put_off(
        self, tried: Sequence[int], following: Sequence[int], until: datetime, error: str, *, replica_id: int
    ) -> None:
        """Remember that a try failed and why; not before `until` these and what follows are claimed again."""
        mine = _MINE.claimed_by == replica_id
        async with self._engine.begin() as connection:
            if following:
                statement = update(deliveries).where(_MINE.id.in_(following), mine)
                await connection.execute(statement.values(claimed_by=None))
            await connection.execute(
                update(deliveries)
                .where(_MINE.id.in_(tried), mine)
                .values(attempts=_MINE.attempts + 1, error=error, not_before=until, claimed_by=None)
            )

    async def give_back(self, replica_id: int) -> None:
        """Let others claim whatever this replica has claimed and not finished."""
        async with self._engine.begin() as connection:
            statement = update(deliveries).where(_MINE.claimed_by == replica_id)
            await connection.execute(statement.values(claimed_by=None))

    async def outcome_of(self, guid: str, subject: str) -> tuple[DeliveryState, str] | None:
        """Return how a delivery about a subject stands and what is told of it; None for one that is not kept."""
        query = select(_MINE.state, _MINE.error).where(_MINE.guid == guid, _MINE.subject == subject)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return (DeliveryState(row[0]), row[1]) if row else None

    async def waiting(self, *, limit: int) -> list[Delivery]:
        """Return deliveries that are not over, whoever has claimed them, oldest first."""
        query = select(deliveries).where(_is(DeliveryState.RECEIVED)).order_by(_MINE.id).limit(limit)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_delivery(row) for row in rows]

    async def forget(self, finished_before: datetime) -> int:
        """Delete what was done or given up before a moment; return how many, some at a time."""
        is_over = _MINE.state.in_((DeliveryState.DONE.value, DeliveryState.FAILED.value))
        some = select(_MINE.id).where(is_over, _MINE.finished_at < finished_before).limit(_AT_ONCE)
        count = 0
        while True:
            async with self._engine.begin() as connection:
                found = (await connection.execute(some)).scalars().all()
                await connection.execute(delete(deliveries).where(_MINE.id.in_(found), is_over))
            count += len(found)
            if len(found) < _AT_ONCE:
                return count


def _is(state: DeliveryState) -> Any:
    return _MINE.state == state.value


def _claimable(replica_id: int, now: datetime, full: Collection[str]) -> Any:
    """Return the query for what is nobody's: without the subjects that others hold, that wait, or are full."""
    others = or_(_MINE.claimed_by < replica_id, _MINE.claimed_by > replica_id)
    with_others = select(_MINE.subject).where(_is(DeliveryState.RECEIVED), others)
    put_off = select(_MINE.subject).where(_is(DeliveryState.RECEIVED), _MINE.not_before > now)
    return (
        select(_MINE.id, _MINE.subject)
        .where(_is(DeliveryState.RECEIVED), _MINE.claimed_by.is_(None))
        .where(_MINE.subject.not_in(with_others), _MINE.subject.not_in(put_off), _MINE.subject.not_in(full))
        .order_by(_MINE.id)
        .limit(_LOOKED_AT)
    )


def _chosen(rows: Collection[tuple[int, str]], held: Mapping[str, int], most_lanes: int) -> list[int]:
    """Return the ids that are to be claimed: no more subjects than there is room for, a share of each."""
    lanes, chosen = dict(held), []
    for delivery_id, subject in rows:
        is_new = subject not in lanes
        if (is_new and len(lanes) >= most_lanes) or lanes.get(subject, 0) >= _LANE_SHARE:
            continue
        lanes[subject] = lanes.get(subject, 0) + 1
        chosen.append(delivery_id)
    return chosen


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        guid=row["guid"],
        event=row["event"],
        repository_id=row["repository_id"],
        subject=row["subject"],
        payload=row["payload"],
        received_at=row["received_at"],
        id=row["id"],
        attempts=row["attempts"],
    )
