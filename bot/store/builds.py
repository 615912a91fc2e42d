"""The nightly builds: one for a night, never two at once, and what each takes in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.job_flow import Life
from bot.job_line import NIGHTLY_PRIORITY, due_at
from bot.jobs import JobState
from bot.nightly.builds import PLANNED_ANEW, Build, BuildState, Counts
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan
from bot.nightly.plan_text import plan_as_text, plan_from_text
from bot.nightly.terms import NightTerms, terms_as_text, terms_from_text
from bot.store.releases import adding_release
from bot.store.stored_jobs import GOING, life_columns
from bot.store.tables import build_contributions, builds, jobs, releases
from pipeline.build_results import PackageResult

_B = builds.c
_NOT_ROUNDED_OFF = "It is asked next whether this build is to be served."
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

    async def begin(self, build: Build, at: datetime, terms: NightTerms | None = None) -> bool:
        """Let a planned build run, on these terms to its end.

        Return False where it has moved on, or another of its repository runs.
        """
        where = (_B.id == build.id, _B.attempt == build.attempt, _B.state == BuildState.PLANNED.value)
        kept = terms_as_text(terms) if terms is not None else ""
        try:
            return await self._move(where, state=BuildState.RUNNING.value, began_at=at, terms=kept)
        except IntegrityError:  # the index that lets only one run
            return False

    async def end(
        self, build: Build, state: BuildState, at: datetime, because: str = "", plan: BuildPlan | None = None
    ) -> bool:
        """End a build that is planned or runs. Return False where it was over already.

        `plan` takes the place of its plan: what it came to leave out, the plans after it take up again.
        """
        going = [state.value for state in BuildState if state.is_open]
        where = (_B.id == build.id, _B.attempt == build.attempt, _B.state.in_(going))
        values: dict[str, Any] = {"state": state.value, "ended_at": at, "because": because, "held": ""}
        if plan is not None:
            left_out = len(plan.left_out_leaves) + len(plan.left_out_pulls)
            values |= {"plan": plan_as_text(plan), "left_out": left_out}
        return await self._move(where, **values)

    async def end_good(self, build: Build, at: datetime, plan: BuildPlan, package: PackageResult) -> bool:
        """End a build that runs as good, together with its release, or not at all. Return False as `end` does.

        It is rounded off when the policy was asked whether to serve it: see `not_rounded_off`.
        """
        where = (_B.id == build.id, _B.attempt == build.attempt, _B.state == BuildState.RUNNING.value)
        values = {
            "state": BuildState.GOOD.value,
            "ended_at": at,
            "because": "",
            "held": _NOT_ROUNDED_OFF,
            "plan": plan_as_text(plan),
            "left_out": len(plan.left_out_leaves) + len(plan.left_out_pulls),
        }
        async with self._engine.begin() as connection:
            if not (await connection.execute(update(builds).where(*where).values(values))).rowcount:
                return False
            await connection.execute(adding_release(self._insert(releases), build, package, at))
        return True

    async def not_rounded_off(self, repository_id: int) -> list[Build]:
        """Return good builds of which nobody has asked yet whether they are to be served."""
        where = (_B.repository_id == repository_id, _B.state == BuildState.GOOD.value, _B.held != "")
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(*_SHOWN).where(*where).order_by(_B.id))).mappings().all()
        return [_build(row) for row in rows]

    async def rounded_off(self, build: Build, because: str) -> None:
        """Remember that it was asked, and why a build is not served though it should be. The first word counts."""
        where = (_B.id == build.id, _B.attempt == build.attempt, _B.state == BuildState.GOOD.value, _B.held != "")
        await self._move(where, held="", because=because)

    async def resume(self, build: Build, at: datetime) -> bool:
        """Let a build run on that failed or was cancelled, with the steps anew that came to nothing.

        Return False where it has moved on, or another of its repository runs.
        """
        states = [BuildState.FAILED.value, BuildState.CANCELLED.value]
        where = (_B.id == build.id, _B.attempt == build.attempt, _B.state.in_(states))
        began = func.coalesce(_B.began_at, literal(at, _B.began_at.type))
        running = {"state": BuildState.RUNNING.value, "ended_at": None, "because": "", "began_at": began}
        steps = (jobs.c.build_id == build.id, jobs.c.build_attempt == build.attempt)
        anew = life_columns(Life()) | {
            "attempt": jobs.c.attempt + 1,
            "queued_at": at,
            "due_at": due_at(at, NIGHTLY_PRIORITY),
            "sent_at": None,
            "finished_at": None,
            "revision": jobs.c.revision + 1,
        }
        try:
            async with self._engine.begin() as connection:
                if not (await connection.execute(update(builds).where(*where).values(running))).rowcount:
                    return False
                failed = jobs.c.state.not_in([*GOING, JobState.SUCCEEDED.value])
                await connection.execute(update(jobs).where(*steps, failed).values(anew))
        except IntegrityError:  # the index that lets only one run
            return False
        return True

    async def hold(self, build: Build, why: str) -> None:
        """Remember why the next step of a build is not queued yet; empty when nothing holds it."""
        await self._move((_B.id == build.id, _B.attempt == build.attempt), held=why)

    async def labelled(self, repository_id: int) -> dict[int, frozenset[str]]:
        """Return of the builds that pull requests show what those are marked with, by build."""
        query = select(_B.id, _B.labelled).where(_B.repository_id == repository_id, _B.labelled != "")
        async with self._engine.connect() as connection:
            return {build_id: frozenset(text.split()) for build_id, text in await connection.execute(query)}

    async def note_labelled(self, build_id: int, marks: Iterable[str]) -> None:
        """Remember what pull requests are marked with because of a build."""
        await self._move((_B.id == build_id,), labelled=" ".join(sorted(marks)))

    async def planned(self, repository_id: int) -> Build | None:
        """Return the newest build that is planned and not begun."""
        return await self._one(_B.repository_id == repository_id, _B.state == BuildState.PLANNED.value)

    async def stray_steps(self, repository_id: int) -> list[int]:
        """Return the jobs, by number, that wait or run for a build that does not run, or was planned anew."""
        its = (builds.c.id == jobs.c.build_id, builds.c.attempt == jobs.c.build_attempt)
        runs = select(builds.c.id).where(*its, _B.state == BuildState.RUNNING.value).exists()
        where = (jobs.c.repository_id == repository_id, jobs.c.build_id > 0, jobs.c.state.in_(GOING), ~runs)
        async with self._engine.connect() as connection:
            return [int(job_id) for job_id in (await connection.execute(select(jobs.c.id).where(*where))).scalars()]

    async def get(self, build_id: int) -> Build | None:
        """Return a build by its number."""
        return await self._one(_B.id == build_id)

    async def repositories(self) -> list[int]:
        """Return the ids of the repositories that have builds."""
        async with self._engine.connect() as connection:
            return [int(each) for each in (await connection.execute(select(_B.repository_id).distinct())).scalars()]

    async def of_night(self, repository_id: int, night: date) -> Build | None:
        """Return the build of a night."""
        return await self._one(_B.repository_id == repository_id, _B.night == night.isoformat())

    async def running(self, repository_id: int) -> Build | None:
        """Return the build that runs."""
        return await self._one(_B.repository_id == repository_id, _B.state == BuildState.RUNNING.value)

    async def last_good(self, repository_id: int) -> Build | None:
        """Return the newest build that passed its gate."""
        return await self._one(_B.repository_id == repository_id, _B.state == BuildState.GOOD.value)

    async def newest_good(self, repository_id: int, limit: int) -> list[Build]:
        """Return the last builds that passed their gates, the newest first."""
        where = (_B.repository_id == repository_id, _B.state == BuildState.GOOD.value)
        query = select(*_SHOWN).where(*where).order_by(_B.night.desc()).limit(limit)
        async with self._engine.connect() as connection:
            return [_build(row) for row in (await connection.execute(query)).mappings()]

    async def newest(self, repository_id: int, limit: int) -> list[Build]:
        """Return the builds of the last nights, the newest first."""
        query = select(*_SHOWN).where(_B.repository_id == repository_id).order_by(_B.night.desc()).limit(limit)
        async with self._engine.connect() as connection:
            return [_build(row) for row in (await connection.execute(query)).mappings()]

    async def plan_of(self, build: Build) -> BuildPlan:
        """Return what a build takes in."""
        async with self._engine.connect() as connection:
            text = (await connection.execute(select(_B.plan).where(_B.id == build.id))).scalar_one()
        return await asyncio.to_thread(plan_from_text, text)  # megabytes, where there are thousands of leaves

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
        "terms": "",
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
        terms=terms_from_text(row["terms"]),
    )
