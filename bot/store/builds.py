"""The nightly builds: one for a night, never two at once, and what each takes in."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.nightly.builds import PLANNED_ANEW, Build, BuildState, Counts
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan
from bot.nightly.plan_text import plan_as_text, plan_from_text
from bot.store.tables import build_contributions, builds

_B = builds.c
_SHOWN = [column for column in builds.columns if column.name != "plan"]  # a plan may be megabytes


class BuildStore:
    """Reads and writes builds."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def add(self, plan: BuildPlan, night: date, at: datetime) -> Build | None:
        """Write down the build of a night. Return None, with nothing written, where that night has one already.

        Builds of earlier nights that were planned and never begun are passed over: this plan holds theirs.
        """
        key = {"repository_id": plan.repository_id, "night": night.isoformat(), "attempt": 1}
        statement = (
            self._insert(builds)
            .values(key | _values(plan, at))
            .on_conflict_do_nothing(index_elements=["repository_id", "night"])
            .returning(*_SHOWN)
        )
        async with self._engine.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
            if row is None:
                return None
            earlier = (_B.repository_id == plan.repository_id, _B.night < night.isoformat())
            await connection.execute(
                update(builds)
                .where(*earlier, _B.state == BuildState.PLANNED.value)
                .values(state=BuildState.PASSED_OVER.value, ended_at=at)
            )
            await _contribute(connection, row["id"], plan)
        return _build(row)

    async def plan_anew(self, build: Build, plan: BuildPlan, at: datetime) -> Build | None:
        """Give the build of a night another plan. Return None where it has moved on, or is not to be built anew."""
        where = (
            _B.id == build.id,
            _B.attempt == build.attempt,
            _B.state.in_([state.value for state in PLANNED_ANEW]),
        )
        values = _values(plan, at) | {"attempt": build.attempt + 1}
        async with self._engine.begin() as connection:
            row = (
                (await connection.execute(update(builds).where(*where).values(values).returning(*_SHOWN)))
                .mappings()
                .one_or_none()
            )
            if row is None:
                return None
            await connection.execute(delete(build_contributions).where(build_contributions.c.build_id == build.id))
            await _contribute(connection, build.id, plan)
        return _build(row)

    async def begin(self, build: Build, at: datetime) -> bool:
        """Let a planned build run. Return False where it has moved on, or another of its repository runs."""
        where = (_B.id == build.id, _B.attempt == build.attempt, _B.state == BuildState.PLANNED.value)
        try:
            return await self._move(where, state=BuildState.RUNNING.value, began_at=at)
        except IntegrityError:  # the index that lets only one run
            return False

    async def end(self, build: Build, state: BuildState, at: datetime) -> bool:
        """End a build that is planned or runs. Return False where it was over already."""
        going = [state.value for state in BuildState if state.is_open]
        where = (_B.id == build.id, _B.attempt == build.attempt, _B.state.in_(going))
        return await self._move(where, state=state.value, ended_at=at)

    async def get(self, build_id: int) -> Build | None:
        """Return a build by its number."""
        return await self._one(_B.id == build_id)

    async def of_night(self, repository_id: int, night: date) -> Build | None:
        """Return the build of a night."""
        return await self._one(_B.repository_id == repository_id, _B.night == night.isoformat())

    async def running(self, repository_id: int) -> Build | None:
        """Return the build that runs."""
        return await self._one(_B.repository_id == repository_id, _B.state == BuildState.RUNNING.value)

    async def last_good(self, repository_id: int) -> Build | None:
        """Return the newest build that passed its gate."""
        return await self._one(_B.repository_id == repository_id, _B.state == BuildState.GOOD.value)

    async def newest(self, repository_id: int, limit: int) -> list[Build]:
        """Return the builds of the last nights, the newest first."""
        query = select(*_SHOWN).where(_B.repository_id == repository_id).order_by(_B.night.desc()).limit(limit)
        async with self._engine.connect() as connection:
            return [_build(row) for row in (await connection.execute(query)).mappings()]

    async def plan_of(self, build: Build) -> BuildPlan:
        """Return what a build takes in."""
        async with self._engine.connect() as connection:
            text = (await connection.execute(select(_B.plan).where(_B.id == build.id))).scalar_one()
        return plan_from_text(text)

    async def with_pull(self, repository_id: int, number: int) -> list[Build]:
        """Return the builds that take in a pull request, the newest first."""
        mine = build_contributions.c
        query = (
            select(*_SHOWN)
            .join(build_contributions, mine.build_id == _B.id)
            .where(mine.repository_id == repository_id, mine.number == number)
            .order_by(_B.night.desc())
        )
        async with self._engine.connect() as connection:
            return [_build(row) for row in (await connection.execute(query)).mappings()]

    async def _one(self, *where: ColumnElement[bool]) -> Build | None:
        query = select(*_SHOWN).where(*where).order_by(_B.night.desc()).limit(1)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return _build(row) if row else None

    async def _move(self, where: tuple[ColumnElement[bool], ...], **values: Any) -> bool:
        async with self._engine.begin() as connection:
            return bool((await connection.execute(update(builds).where(*where).values(**values))).rowcount)


async def _contribute(connection: AsyncConnection, build_id: int, plan: BuildPlan) -> None:
    rows = [
        {
            "build_id": build_id,
            "number": pull.number,
            "repository_id": plan.repository_id,
            "author_id": pull.author_id,
            "author": pull.author[:64],
            "merge_sha": pull.merge_sha,
        }
        for pull in plan.pulls
    ]
    if rows:
        await connection.execute(insert(build_contributions), rows)


def _values(plan: BuildPlan, at: datetime) -> dict[str, Any]:
    return {
        "state": BuildState.PLANNED.value,
        "commit_sha": plan.commit,
        "planned_at": at,
        "began_at": None,
        "ended_at": None,
        "because": "",
        "held": "",
        "leaves_new": plan.count(LeafChange.NEW),
        "leaves_changed": plan.count(LeafChange.CHANGED),
        "leaves_removed": plan.count(LeafChange.REMOVED),
        "pulls": len(plan.pulls),
        "left_out": len(plan.left_out_leaves) + len(plan.left_out_pulls),
        "plan": plan_as_text(plan),
    }


def _build(row: Any) -> Build:
    return Build(
        id=row["id"],
        repository_id=row["repository_id"],
        night=date.fromisoformat(row["night"]),
        state=BuildState(row["state"]),
        attempt=row["attempt"],
        commit=row["commit_sha"],
        planned_at=row["planned_at"],
        counts=Counts(
            row["leaves_new"], row["leaves_changed"], row["leaves_removed"], row["pulls"], row["left_out"]
        ),
        began_at=row["began_at"],
        ended_at=row["ended_at"],
        because=row["because"],
        held=row["held"],
    )
