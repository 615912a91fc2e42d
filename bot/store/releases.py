"""Releases: which builds stand in the store of models, which one is served, which one is pinned."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.nightly.builds import Build
from bot.nightly.releases import Release, ReleaseState, last_good_of, pinned_of
from bot.store.tables import releases
from pipeline.build_results import PackageResult

_MINE = releases.c


class ReleaseStore:
    """Reads and writes releases. Of several that change what is served at once, one does; the others are told."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def add(self, build: Build, package: PackageResult, at: datetime) -> Release:
        """Write down what a build has published, as a candidate. What is written down already stays as it is."""
        async with self._engine.begin() as connection:
            await connection.execute(adding_release(self._insert(releases), build, package, at))
        found = await self.named(build.repository_id, package.name)
        assert found is not None  # noqa: S101 - it has just been written, and rows are never deleted
        return found

    async def all_of(self, repository_id: int) -> list[Release]:
        """Return every release, the newest first."""
        return await self._found(_MINE.repository_id == repository_id)

    async def named(self, repository_id: int, name: str) -> Release | None:
        """Return the release of a name."""
        return next(iter(await self._found(_MINE.repository_id == repository_id, _MINE.name == name)), None)

    async def of_build(self, build: Build) -> Release | None:
        """Return what a build has published at its present attempt."""
        return await self.named(build.repository_id, build.name)

    async def served(self, repository_id: int) -> Release | None:
        """Return the one that is served."""
        is_served = _MINE.state == ReleaseState.SERVED.value
        return next(iter(await self._found(_MINE.repository_id == repository_id, is_served)), None)

    async def last_good(self, repository_id: int) -> Release | None:
        """Return the newest that nobody has withdrawn: what the next build is compared with."""
        return last_good_of(await self.all_of(repository_id))

    async def pinned(self, repository_id: int) -> Release | None:
        """Return the one that slow drift is measured against."""
        return pinned_of(await self.all_of(repository_id))

    async def promote(self, release: Release, instead_of: Release | None, by: str, at: datetime) -> bool:
        """Serve a release instead of the one that was seen served; that one can be rolled back to.

        Return False, with nothing changed, where either has moved on meanwhile.
        """
        changes = {"promoted_at": at, "promoted_by": by[:64]}
        return await self._serve(release, instead_of, ReleaseState.REPLACED, at, changes)

    async def rollback(self, to: Release, withdrawn: Release, at: datetime) -> bool:
        """Serve the one before again and withdraw what is served. Return False where either has moved on."""
        return await self._serve(to, withdrawn, ReleaseState.WITHDRAWN, at, {})

    async def pin(self, release: Release, at: datetime) -> bool:
        """Let slow drift be measured against this release and no other. Return False where it is removed."""
        is_it = _MINE.id == release.id
        async with self._engine.begin() as connection:
            pinned = update(releases).where(is_it, _MINE.state != ReleaseState.REMOVED.value).values(pinned_at=at)
            if not (await connection.execute(pinned)).rowcount:
                return False
            others = update(releases).where(_MINE.repository_id == release.repository_id)
            await connection.execute(others.values(pinned_at=case((is_it, _MINE.pinned_at), else_=None)))
        return True

    async def removed(self, release: Release) -> bool:
        """Write down that a release may be removed now. Return False where it has moved on since it was read."""
        unchanged = (_MINE.id == release.id, _MINE.state == release.state.value, _MINE.pinned_at.is_(None))
        async with self._engine.begin() as connection:
            moved = update(releases).where(*unchanged).values(state=ReleaseState.REMOVED.value)
            return bool((await connection.execute(moved)).rowcount)

    async def _found(self, *where: ColumnElement[bool]) -> list[Release]:
        query = select(releases).where(*where).order_by(_MINE.id.desc())
        async with self._engine.connect() as connection:
            return [_release(row) for row in (await connection.execute(query)).mappings()]

    async def _serve(
        self,
        release: Release,
        instead_of: Release | None,
        becomes: ReleaseState,
        at: datetime,
        changes: dict[str, Any],
    ) -> bool:
        try:
            async with self._engine.begin() as connection:
                if instead_of is not None:
                    left = {"state": becomes.value, "left_at": at}
                    await _move(connection, instead_of, ReleaseState.SERVED, left)
                await _move(connection, release, release.state, {"state": ReleaseState.SERVED.value, **changes})
        except (_MovedOnError, IntegrityError):  # the latter: the index that lets only one be served
            return False
        return True


def adding_release(insert: Any, build: Build, package: PackageResult, at: datetime) -> Any:
    """Return the statement that writes a candidate down, unless it is there; `insert` is one into `releases`."""
    return insert.values(
        repository_id=build.repository_id,
        build_id=build.id,
        name=package.name,
        manifest_sha256=package.manifest_sha256,
        size=package.size,
        files=package.files,
        commit_sha=build.commit,
        state=ReleaseState.CANDIDATE.value,
        added_at=at,
    ).on_conflict_do_nothing(index_elements=["repository_id", "name"])


class _MovedOnError(Exception):
    """A release is no longer as it was read."""


async def _move(
    connection: AsyncConnection, release: Release, expected: ReleaseState, values: dict[str, Any]
) -> None:
    where = (_MINE.id == release.id, _MINE.state == expected.value)
    if not (await connection.execute(update(releases).where(*where).values(values))).rowcount:
        raise _MovedOnError


def _release(row: Any) -> Release:
    return Release(
        id=row["id"],
        repository_id=row["repository_id"],
        build_id=row["build_id"],
        name=row["name"],
        manifest_sha256=row["manifest_sha256"],
        size=row["size"],
        files=row["files"],
        commit=row["commit_sha"],
        state=ReleaseState(row["state"]),
        added_at=row["added_at"],
        promoted_at=row["promoted_at"],
        promoted_by=row["promoted_by"],
        left_at=row["left_at"],
        pinned_at=row["pinned_at"],
    )
