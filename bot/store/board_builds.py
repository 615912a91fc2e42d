"""Builds as pages list them: with what was said of each, what it published and the GPU time it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import String, and_, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs import JobState
from bot.nightly.builds import BuildState, Counts
from bot.nightly.releases import ReleaseState
from bot.store.tables import announcements, builds, jobs, releases

_B, _J, _R, _A = builds.c, jobs.c, releases.c, announcements.c
_GENERATING = "generate/%"


@dataclass(frozen=True, slots=True)
class ListedBuild:
    """One row of the list. `said` is what its report began with, `pinned` that slow drift is measured against it."""

    id: int
    night: date
    attempt: int
    state: BuildState
    counts: Counts
    planned_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    because: str
    held: str
    said: str
    release: ReleaseState | None
    pinned: bool
    gpu_s: float

    @property
    def name(self) -> str:
        """Its public name."""
        return f"{self.night.isoformat()}.{self.attempt}"


@dataclass(frozen=True, slots=True)
class ListedStep:
    """A job of a build. `took_s` is from when it was queued; None while it is not over."""

    id: int
    step: str
    state: JobState
    took_s: float | None
    gpu_s: float
    message: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nights before and after that have builds; None for none."""

    before: date | None
    after: date | None


class BoardBuilds:
    """Reads what pages show of builds."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(self, repository_id: int, before: date | None, limit: int) -> list[ListedBuild]:
        """Return builds of the nights before one, or the newest, the newest first."""
        name = _B.night + literal(".") + cast(_B.attempt, String)
        of_build = and_(_R.repository_id == _B.repository_id, _R.name == name)
        said = and_(_A.repository_id == _B.repository_id, _A.topic == literal("report:") + name)
        gpu_s = (
            select(func.coalesce(func.sum(_J.gpu_s), 0.0))
            .where(_J.build_id == _B.id, _J.build_attempt == _B.attempt)
            .scalar_subquery()
        )
        shown = [c for c in builds.columns if c.name not in {"plan", "terms", "labelled", "commit_sha"}]
        query = (
            select(*shown, _A.gist, _R.state.label("release"), _R.pinned_at, gpu_s.label("gpu_s"))
            .select_from(builds.outerjoin(releases, of_build).outerjoin(announcements, said))
            .where(_B.repository_id == repository_id)
            .order_by(_B.night.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(_B.night < before.isoformat())
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            ListedBuild(
                row["id"],
                date.fromisoformat(row["night"]),
                row["attempt"],
                BuildState(row["state"]),
                Counts(
                    row["leaves_new"], row["leaves_changed"], row["leaves_removed"], row["pulls"], row["left_out"]
                ),
                row["planned_at"],
                row["began_at"],
                row["ended_at"],
                row["because"],
                row["held"],
                row["gist"] or "",
                ReleaseState(row["release"]) if row["release"] else None,
                row["pinned_at"] is not None,
                float(row["gpu_s"]),
            )
            for row in rows
        ]

    async def neighbours(self, repository_id: int, night: date) -> Neighbours:
        """Return the nights beside one that have builds."""
        mine = _B.repository_id == repository_id
        query = select(
            select(func.max(_B.night)).where(mine, _B.night < night.isoformat()).scalar_subquery(),
            select(func.min(_B.night)).where(mine, _B.night > night.isoformat()).scalar_subquery(),
        )
        async with self._engine.connect() as connection:
            before, after = (await connection.execute(query)).one()
        return Neighbours(*(date.fromisoformat(each) if each else None for each in (before, after)))

    async def steps(self, build_id: int, attempt: int, limit: int) -> list[ListedStep]:
        """Return the jobs of a build that people look for: all but generations that went well, in their order."""
        telling = or_(_J.step.not_like(_GENERATING), _J.state != JobState.SUCCEEDED.value)
        columns = (_J.id, _J.step, _J.state, _J.queued_at, _J.finished_at, _J.gpu_s, _J.message)
        query = (
            select(*columns)
            .where(_J.build_id == build_id, _J.build_attempt == attempt, telling)
            .order_by(_J.id)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            ListedStep(
                row["id"],
                row["step"],
                JobState(row["state"]),
                (row["finished_at"] - row["queued_at"]).total_seconds() if row["finished_at"] else None,
                float(row["gpu_s"]),
                row["message"],
            )
            for row in rows
        ]
