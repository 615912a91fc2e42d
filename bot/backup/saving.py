"""Making a backup while the bot goes on: all tables as they stood at one moment, and a list of the artifacts."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.backup.counters import last_id
from bot.backup.manifest import ARTIFACT_INDEX, BackupError, Lines, Manifest, TableLines, artifact_member, member_of
from bot.backup.schema import OF_THE_MOMENT, columns_at, tables_of
from bot.backup.values import line_of
from bot.backup.writing import BackupWriter
from bot.store.address import driver_url
from bot.store.database import connected, patient_engine, revision_of
from bot.version import own_version
from pipeline.artifacts import ArtifactMissingError, ArtifactStore, StoredArtifact
from pipeline.contract import Artifact

_AT_ONCE = 100  # rows: one may be a webhook of many megabytes


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup holds. `size` in bytes."""

    path: Path
    rows: int
    artifacts: int
    artifacts_inside: int
    size: int


async def save(
    database_url: str, store: ArtifactStore, path: Path, now: datetime, *, with_artifacts: bool
) -> Saved:
    """Write a backup; it is there whole or not at all. Raises BackupError, DatabaseError and ArtifactError."""
    if not _is_there(database_url):
        raise BackupError("There is no database yet at TAXONOMY_BOT_DATABASE_URL: nothing to back up.")
    with BackupWriter(path) as writer:
        async with _one_moment(database_url) as (connection, revision):
            tables = [table async for table in _written(connection, revision, writer)]
        inside, index = _write_artifacts(writer, store, with_artifacts=with_artifacts)
        writer.finish(
            Manifest(
                made_at=now,
                made_by=own_version(),
                database=_kind(connection),
                revision=revision,
                tables=tuple(tables),
                artifacts=index,
            )
        )
    return Saved(path, sum(table.lines.count for table in tables), index.count, inside, _size_of(path))


def _size_of(path: Path) -> int:
    return path.stat().st_size


def _is_there(database_url: str) -> bool:
    url = driver_url(database_url)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def _kind(connection: AsyncConnection) -> Literal["sqlite", "postgresql"]:
    return "sqlite" if connection.dialect.name == "sqlite" else "postgresql"


@asynccontextmanager
async def _one_moment(database_url: str) -> AsyncIterator[tuple[AsyncConnection, str]]:
    """Yield a connection that sees the database as it is now, whatever is written meanwhile, and the revision."""
    engine = patient_engine(database_url)
    try:
        async with connected(engine) as connection:
            if _kind(connection) == "sqlite":
                await connection.exec_driver_sql("BEGIN")
            else:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            revision = await connection.run_sync(revision_of)
            if revision is None:
                raise BackupError("The database is empty: the bot has never been started with it.")
            yield connection, revision
            await connection.rollback()
    finally:
        await engine.dispose()


async def _written(connection: AsyncConnection, revision: str, writer: BackupWriter) -> AsyncIterator[TableLines]:
    found = await connection.run_sync(tables_of, revision)
    for name, columns in columns_at(revision).items():
        table = found.tables[name]
        lines = await _write_rows(connection, table, columns, writer)
        given = await connection.run_sync(last_id, table)
        yield TableLines(name=name, columns=columns, last_id=given, lines=lines)


async def _write_rows(
    connection: AsyncConnection, table: Table, columns: tuple[str, ...], writer: BackupWriter
) -> Lines:
    with writer.lines(member_of(table.name)) as member:
        if table.name not in OF_THE_MOMENT:
            query = select(*(table.c[column] for column in columns)).order_by(*table.primary_key.columns)
            async with connection.stream(query.execution_options(yield_per=_AT_ONCE)) as rows:
                async for row in rows:
                    member.add(line_of(row))
    return member.lines


def _write_artifacts(writer: BackupWriter, store: ArtifactStore, *, with_artifacts: bool) -> tuple[int, Lines]:
    """Write which files the store holds, and the files where they are wanted; return how many of those."""
    listed = [(found, with_artifacts and _write_file(writer, store, found)) for found in store.listing()]
    with writer.lines(ARTIFACT_INDEX) as index:
        for found, is_inside in listed:
            index.add(json.dumps([found.sha256, found.size, is_inside]).encode() + b"\n")
    return sum(is_inside for _, is_inside in listed), index.lines


def _write_file(writer: BackupWriter, store: ArtifactStore, found: StoredArtifact) -> bool:
    """Write a file that is as it was stored; return False where it has been cleaned up meanwhile."""
    artifact = Artifact("artifact", found.sha256, found.size, "application/octet-stream")
    with tempfile.TemporaryFile() as file:
        try:
            store.write_to(artifact, file)
        except ArtifactMissingError:
            return False
        file.seek(0)
        writer.add_file(artifact_member(found.sha256), file)
    return True
