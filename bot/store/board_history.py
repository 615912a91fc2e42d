"""All that is written down about one pull request, as its history shows it: some at a time, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.store.tables import (
    approvals,
    audit,
    build_contributions,
    builds,
    heads,
    jobs,
    merge_requests,
    pardons,
    state_changes,
)

_LONGEST_WORDS = 300  # characters of somebody's words that a row brings along
Rows = tuple[RowMapping, ...]


@dataclass(frozen=True, slots=True)
class PullRows:
    """Rows of each kind, newest first, none as new as asked for. `heads` are the newest ones, whatever is asked."""

    heads: Rows
    moves: Rows
    deeds: Rows
    approvals: Rows
    fallen: Rows  # of the approvals, by when they fell
    pardons: Rows
    queued: Rows  # jobs, by when they were asked for
    finished: Rows  # jobs, by when they ended
    merges: Rows  # that are asked for and not done
    builds: Rows  # that took it in


class BoardHistory:
    """Reads what happened to pull requests."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def newest_deed(self, repository_id: int, number: int) -> int:
        """Return a number that grows with every act on a pull request; 0 before the first."""
        query = select(func.max(audit.c.id)).where(_of(audit, repository_id, number))
        async with self._engine.connect() as connection:
            return int((await connection.execute(query)).scalar() or 0)

    async def of_pull(self, repository_id: int, number: int, before: datetime | None, limit: int) -> PullRows:
        """Return at most `limit` rows of each kind from before a moment; without one, the newest."""
        key = (repository_id, number)

        def newest(table: Any, at: Any, *columns: Any) -> Select[Any]:
            found = select(at.label("at"), *columns).where(_of(table, *key), at.is_not(None))
            if before is not None:
                found = found.where(at < before)
            return found.order_by(at.desc()).limit(limit)

        a, p, j, d, m = approvals.c, pardons.c, jobs.c, audit.c, state_changes.c
        of_job = (
            j.id,
            j.kind,
            j.state,
            j.asked_by,
            j.head_sha,
            func.substr(j.message, 1, _LONGEST_WORDS).label("message"),
        )
        of_deed = (
            d.actor,
            d.role,
            d.act,
            d.result,
            d.sha,
            func.substr(d.arguments, 1, _LONGEST_WORDS).label("arguments"),
        )
        of_pardon = (p.actor, p.kind, p.rule, func.substr(p.reason, 1, _LONGEST_WORDS).label("reason"))
        async with self._engine.connect() as connection:
            return PullRows(
                heads=await _rows(connection, _heads(key, limit)),
                moves=await _rows(
                    connection, newest(state_changes, m.at, m.id, m.source, m.target, m.trigger, m.actor)
                ),
                deeds=await _rows(connection, newest(audit, d.at, d.id, *of_deed)),
                approvals=await _rows(connection, newest(approvals, a.at, a.id, a.kind, a.actor, a.sha)),
                fallen=await _rows(connection, newest(approvals, a.fell_at, a.id, a.kind, a.actor, a.fell_because)),
                pardons=await _rows(connection, newest(pardons, p.at, p.id, *of_pardon)),
                queued=await _rows(connection, newest(jobs, j.queued_at, *of_job)),
                finished=await _rows(connection, newest(jobs, j.finished_at, *of_job)),
                merges=await _rows(
                    connection,
                    newest(merge_requests, merge_requests.c.at, merge_requests.c.actor, merge_requests.c.sha),
                ),
                builds=await _rows(connection, _builds(key, before, limit)),
            )


def _of(table: Any, repository_id: int, number: int) -> ColumnElement[bool]:
    return and_(table.c.repository_id == repository_id, table.c.number == number)


def _heads(key: tuple[int, int], limit: int) -> Select[Any]:
    columns = (heads.c.id, heads.c.sha, heads.c.first_seen_at.label("at"))
    return select(*columns).where(_of(heads, *key)).order_by(heads.c.id.desc()).limit(limit)


def _builds(key: tuple[int, int], before: datetime | None, limit: int) -> Select[Any]:
    taken = build_contributions.join(builds, builds.c.id == build_contributions.c.build_id)
    at = func.coalesce(builds.c.began_at, builds.c.planned_at, type_=builds.c.planned_at.type)
    query = select(at.label("at"), builds.c.id, builds.c.night, builds.c.attempt, builds.c.state)
    query = query.select_from(taken).where(_of(build_contributions, *key))
    if before is not None:
        query = query.where(at < before)
    return query.order_by(at.desc()).limit(limit)


async def _rows(connection: AsyncConnection, query: Select[Any]) -> Rows:
    found: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
    return tuple(found)
