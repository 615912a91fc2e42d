"""Which artifacts belong to which pull request, so that they are found, handed out, and one day cleaned up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import RowMapping, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs import JobState
from bot.store.tables import artifacts, jobs
from pipeline.artifacts import plain_name
from pipeline.contract import Artifact

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,49}/[a-z0-9.+-]{1,50}")
_GOING = (JobState.QUEUED.value, JobState.RUNNING.value)


@dataclass(frozen=True, slots=True)
class KeptArtifact:
    """An artifact of a pull request; `job_id` is the job that made it or needs it, if one does."""

    repository_id: int
    number: int
    artifact: Artifact
    stored_at: datetime
    job_id: int | None = None

    @classmethod
    def told(
        cls, artifact: Artifact, repository_id: int, number: int, stored_at: datetime, job_id: int | None = None
    ) -> Self:
        """Return the artifact that a worker tells of, under a harmless name and media type.

        Raises ValueError when it names no hash, or no possible size: then there is nothing to keep.
        """
        if not _SHA256.fullmatch(artifact.sha256) or not 0 <= artifact.size < 2**63:
            raise ValueError("an artifact without a SHA-256 or a size")
        media_type = artifact.media_type.lower()
        media_type = media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
        plain = Artifact(plain_name(artifact.name), artifact.sha256, artifact.size, media_type)
        return cls(repository_id, number, plain, stored_at, job_id)


class ArtifactRows:
    """Reads and writes which artifacts there are. The files are in `pipeline.artifacts.ArtifactStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def note(self, kept: Sequence[KeptArtifact]) -> None:
        """Write artifacts down; one that is there counts as stored anew."""
        async with self._engine.begin() as connection:
            for each in kept:
                statement = self._insert(artifacts).values(
                    sha256=each.artifact.sha256,
                    repository_id=each.repository_id,
                    number=each.number,
                    name=each.artifact.name,
                    media_type=each.artifact.media_type,
                    size=each.artifact.size,
                    job_id=each.job_id,
                    stored_at=each.stored_at,
                )
                renewed = {"job_id": statement.excluded.job_id, "stored_at": statement.excluded.stored_at}
                keys = ["sha256", "repository_id", "number", "name"]
                await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=renewed))

    async def of_pull(self, repository_id: int, number: int) -> list[KeptArtifact]:
        """Return the artifacts of a pull request, oldest first."""
        here = (artifacts.c.repository_id == repository_id, artifacts.c.number == number)
        query = select(artifacts).where(*here).order_by(artifacts.c.stored_at, artifacts.c.name)
        async with self._engine.connect() as connection:
            return [_kept(row) for row in (await connection.execute(query)).mappings()]

    async def newest_named(self, repository_id: int, name: str) -> KeptArtifact | None:
        """Return the newest artifact with this name, of whichever pull request or build."""
        here = (artifacts.c.repository_id == repository_id, artifacts.c.name == name)
        query = select(artifacts).where(*here).order_by(artifacts.c.stored_at.desc()).limit(1)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return _kept(row) if row else None

    async def find(self, sha256: str, name: str) -> Artifact | None:
        """Return the artifact with this hash and name, of whichever pull request."""
        query = select(artifacts).where(artifacts.c.sha256 == sha256, artifacts.c.name == name).limit(1)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return _kept(row).artifact if row else None

    async def every(self) -> list[KeptArtifact]:
        """Return the artifacts of all pull requests, oldest first."""
        query = select(artifacts).order_by(artifacts.c.stored_at, artifacts.c.name)
        async with self._engine.connect() as connection:
            return [_kept(row) for row in (await connection.execute(query)).mappings()]

    async def forget(self, stored_before: datetime) -> int:
        """Delete the rows of what was last stored before a moment; return how many."""
        async with self._engine.begin() as connection:
            done = await connection.execute(delete(artifacts).where(artifacts.c.stored_at < stored_before))
        return done.rowcount

    async def busy_since(self) -> datetime | None:
        """Return when the oldest job was queued that is not over, or whose end is not on GitHub yet.

        What a job stores is named by rows only when its end is shown.
        """
        is_open = or_(jobs.c.state.in_(_GOING), jobs.c.is_shown.is_(False))
        query = select(func.min(jobs.c.queued_at)).where(is_open)
        async with self._engine.connect() as connection:
            queued_at: datetime | None = (await connection.execute(query)).scalar()
        return queued_at


def _kept(row: RowMapping) -> KeptArtifact:
    artifact = Artifact(row["name"], row["sha256"], row["size"], row["media_type"])
    return KeptArtifact(row["repository_id"], row["number"], artifact, row["stored_at"], row["job_id"])
