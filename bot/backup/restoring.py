"""Bringing a backup back, wholly or not at all, into either kind of database."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, Table, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from bot.backup.counters import go_on_from
from bot.backup.manifest import BackupError, Manifest, TableLines
from bot.backup.reading import Backup
from bot.backup.schema import OF_THE_MOMENT, VERSION_TABLE, columns_at, tables_of
from bot.store.database import climb, connected, known_revisions, lock_schema, patient_engine, revision_of
from bot.store.only_process import OnlyProcess
from bot.store.tables import deliveries, pull_requests
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact

_ROWS_AT_ONCE, _BYTES_AT_ONCE = 500, 8 * 1024**2


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back, and how many files the backup names that the artifact store lacks."""

    manifest: Manifest
    rows: int
    artifacts: int
    lacking: int


async def restore(database_url: str, store: ArtifactStore, path: Path, *, replace: bool) -> Restored:
    """Bring a backup back and up to date. With `replace`, what the database holds goes.

    Everything is checked before anything is written. Raises BackupError, DatabaseError and ArtifactError.
    """
    with Backup(path) as backup:
        _check_schema(backup.manifest)
        backup.check()
        claim = OnlyProcess(database_url, 0)
        await claim.claim()
        engine = patient_engine(database_url)
        try:
            async with connected(engine) as connection:
                await connection.run_sync(_check_room, replace)
            # first the files: named by their content, they change nothing should the database fail
            stored, lacking = await asyncio.to_thread(_bring_files_back, backup, store)
            async with connected(engine) as connection, connection.begin():
                await connection.run_sync(_brought_back, backup, replace)
        finally:
            await engine.dispose()
            claim.release()
        rows = sum(table.lines.count for table in backup.manifest.tables)
        return Restored(backup.manifest, rows, stored, lacking)


def _check_schema(manifest: Manifest) -> None:
    """Refuse a backup of a schema that this version does not know, or with other tables than that schema has."""
    if manifest.revision not in known_revisions():
        raise BackupError(
            f"The backup has schema revision {manifest.revision}, which this version does not know. It was made by "
            f"version {manifest.made_by}: restore it with that one, or a newer one."
        )
    told = {table.name: table.columns for table in manifest.tables}
    if told != columns_at(manifest.revision) or len(told) != len(manifest.tables):
        raise BackupError(
            f"The backup says that it has schema revision {manifest.revision}, but holds other tables or columns. "
            "It is damaged. Nothing was restored. Take another backup."
        )


def _brought_back(connection: Connection, backup: Backup, replace: bool) -> None:
    lock_schema(connection)
    _make_room(connection, replace=replace)
    manifest = backup.manifest
    climb(connection, manifest.revision)
    tables = tables_of(connection, manifest.revision).tables
    for told in manifest.tables:
        if told.name not in OF_THE_MOMENT:
            _fill(connection, tables[told.name], told, backup)
        if told.last_id is not None:
            go_on_from(connection, tables[told.name], told.last_id)
    climb(connection)
    _distrust(connection)


def _distrust(connection: Connection) -> None:
    """Have the bot ask GitHub what it has posted since: what was remembered then may be folded away by now."""
    connection.execute(update(deliveries).values(claimed_by=None))  # whoever held them does not run any more
    connection.execute(update(pull_requests).values(judged_sha="", swept=""))


def _make_room(connection: Connection, *, replace: bool) -> None:
    """Take our tables away, provided that nobody uses them and they are empty or may go."""
    found = _check_room(connection, replace)
    if found is not None:
        found.drop_all(connection)
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))


def _check_room(connection: Connection, replace: bool) -> MetaData | None:
    """Return our tables, None where there are none. Refuse those that a bot uses, or that hold what has to stay."""
    revision = revision_of(connection)
    if revision is None:
        return None
    found = tables_of(connection, revision)
    _check_nobody_runs(connection, found.tables.get("replicas"))
    full = [table.name for table in found.sorted_tables if connection.scalar(select(1).select_from(table).limit(1))]
    if full and not replace:
        raise BackupError(
            f"The database is not empty: it has rows in {', '.join(full[:5])}{' and more' * (len(full) > 5)}. "
            "Restore into an empty one, or say --replace to have all of that deleted first."
        )
    return found


def _check_nobody_runs(connection: Connection, replicas: Table | None) -> None:
    """Refuse while a bot uses the database; on SQLite its lock has told already."""
    if replicas is None or connection.dialect.name == "sqlite":
        return
    running = connection.scalars(select(replicas.c.name).where(replicas.c.until > func.now())).all()
    if running:
        raise BackupError(f"A bot uses this database: {', '.join(running)}. Stop it first; it takes some seconds.")


def _fill(connection: Connection, table: Table, told: TableLines, backup: Backup) -> None:
    for rows in _in_batches(backup.rows(told.member, len(told.columns))):
        try:
            connection.execute(insert(table), [dict(zip(told.columns, row, strict=True)) for row in rows])
        except (SQLAlchemyError, OverflowError, ValueError, TypeError) as error:
            reason = getattr(error, "orig", None) or error
            raise BackupError(
                f"The database does not take rows of {told.name} from the backup ({type(reason).__name__}). "
                "Nothing was restored. If the backup is of SQLite, a value may be longer than PostgreSQL allows."
            ) from None


def _in_batches(rows: Iterator[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    """Yield rows some at a time, and few at a time where they are large."""
    batch: list[Sequence[Any]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(batch) >= _ROWS_AT_ONCE or size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _bring_files_back(backup: Backup, store: ArtifactStore) -> tuple[int, int]:
    """Store the files that are inside and lack; return how many those were, and how many lack even so."""
    stored = lacking = 0
    for sha256, size, is_inside in backup.artifacts():
        if store.exists(Artifact("artifact", sha256, size, "application/octet-stream")):
            continue
        if not is_inside:
            lacking += 1
            continue
        with tempfile.NamedTemporaryFile() as file, backup.artifact(sha256) as content:
            while piece := content.read(1024**2):
                file.write(piece)
            file.flush()
            store.put(sha256, Path(file.name))
        stored += 1
    return stored, lacking
