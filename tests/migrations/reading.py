"""Today's stores, reading everything that a database holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.clock import MovableClock
from bot.store.approvals import ApprovalStore
from bot.store.artifacts import ArtifactRows
from bot.store.batches import BatchStore
from bot.store.builds import BuildStore
from bot.store.deliveries import DeliveryStore
from bot.store.desk_log import DeskLog
from bot.store.history import History
from bot.store.jobs import JobStore
from bot.store.leaves import LeafStore
from bot.store.merge_requests import MergeRequestStore
from bot.store.pardons import PardonStore
from bot.store.passages import PassageStore
from bot.store.pull_requests import PullRequestStore
from bot.store.releases import ReleaseStore
from bot.store.reminders import ReminderStore
from bot.store.repositories import RepositoryStore
from bot.store.switches import Switches
from bot.store.tables import metadata

_EVER = datetime(1, 1, 1, tzinfo=UTC)
_NEVER = datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)

Rows = list[dict[str, Any]]


async def read_by_stores(engine: AsyncEngine, rows: Mapping[str, Rows]) -> dict[str, int]:
    """Return how many of these rows the stores give back, for each table that a store gives back row by row."""

    async def each(name: str, read: Callable[[dict[str, Any]], Awaitable[object]]) -> None:
        found[name] = 0
        for row in rows.get(name, []):
            answer = await read(row)
            found[name] += len(answer) if isinstance(answer, (list, dict)) else answer is not None

    found: dict[str, int] = {}
    memories, approvals, pardons = PullRequestStore(engine), ApprovalStore(engine), PardonStore(engine)
    history, log, jobs, leaves = History(engine), DeskLog(engine), JobStore(engine), LeafStore(engine)

    async def memory(row: dict[str, Any]) -> object:
        kept = await memories.get(row["repository_id"], row["number"])
        return kept and (kept.status, kept.verdict, kept.changed_paths)

    await each("pull_requests", memory)
    await each("approvals", lambda row: approvals.all_of(row["repository_id"], row["number"]))
    await each(
        "pardons", lambda row: pardons.of_content(row["repository_id"], row["number"], row["content_digest"])
    )
    await each("state_changes", lambda row: history.of_pull(row["repository_id"], row["number"]))
    await each("chores", lambda row: history.last_done(row["repository_id"], row["name"]))
    await each("merge_requests", lambda row: MergeRequestStore(engine).waiting(row["repository_id"]))
    await each("batches", lambda row: BatchStore(engine).get(row["repository_id"], row["code"]))
    await each("repositories", lambda row: RepositoryStore(engine, MovableClock()).origin_of(row["id"]))
    await each("heads", lambda row: log.head_seen_before(row["repository_id"], row["number"], _NEVER))
    await each("audit", lambda row: log.of_pull(row["repository_id"], row["number"]))
    await each("jobs", lambda row: jobs.of_pull(row["repository_id"], row["number"]))
    await each("artifacts", lambda row: ArtifactRows(engine).of_pull(row["repository_id"], row["number"]))
    await each("switches", lambda row: Switches(engine).is_on(row["name"]))
    await each("leaves", lambda row: leaves.holding(row["repository_id"], [row["leaf"]]))
    await each("passages", lambda row: PassageStore(engine).of(row["repository_id"], [row["number"]]))
    await each("builds", lambda row: BuildStore(engine).newest(row["repository_id"], 10))
    await each("releases", lambda row: ReleaseStore(engine).all_of(row["repository_id"]))
    await pardons.precision(1, _EVER)
    await history.median_wait(1, _EVER)
    await ReminderStore(engine).due(1, _NEVER)
    await DeliveryStore(engine).waiting(limit=100)
    return found


async def read_by_tables(engine: AsyncEngine) -> dict[str, Rows]:
    """Return every row of every table, through the types of today's code."""
    async with engine.connect() as connection:
        return {
            table.name: [dict(row) for row in (await connection.execute(sa.select(table))).mappings()]
            for table in metadata.sorted_tables
        }
