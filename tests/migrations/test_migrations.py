"""Migrations: whatever an earlier version stored is there afterwards, on both kinds of database."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.store import database, migrations
from bot.store.database import SchemaError, migrate, open_engine
from bot.store.deliveries import Delivery, DeliveryStore
from bot.store.tables import metadata
from tests.migrations.reading import Rows, read_by_stores, read_by_tables
from tests.migrations.rows import ROWS, paths_kept, rows_for

_FOLDER = Path(migrations.__file__).parent
_SCRIPTS = ScriptDirectory(str(_FOLDER))
REVISIONS = [script.revision for script in reversed(list(_SCRIPTS.walk_revisions()))]
EARLIER = REVISIONS[:-1]
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
async def engine(unbuilt_database_url: str) -> AsyncIterator[AsyncEngine]:
    "An engine on a database in which there is nothing yet."
    engine = open_engine(unbuilt_database_url)
    yield engine
    await engine.dispose()


async def goes_to(engine: AsyncEngine, revision: str) -> None:
    "Bring the schema to a revision, up or down, as the version of that time would have it."

    def go(connection: sa.Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(_FOLDER))
        config.attributes["connection"] = connection
        now = MigrationContext.configure(connection).get_current_revision()
        is_up = now is None or REVISIONS.index(now) < REVISIONS.index(revision)
        (command.upgrade if is_up else command.downgrade)(config, revision)

    async with engine.begin() as connection:
        await connection.run_sync(go)


async def fills(engine: AsyncEngine) -> dict[str, Rows]:
    "Insert rows into every table that there is. Return what is then there."
    async with engine.begin() as connection:
        tables = (await connection.run_sync(_found)).sorted_tables
        for table in tables:
            await connection.execute(sa.insert(table), rows_for(table))
    async with engine.connect() as connection:
        return await _rows(connection, tables)


async def held(engine: AsyncEngine) -> dict[str, Rows]:
    "Every row of every table that there is, as the database itself describes them."
    async with engine.connect() as connection:
        return await _rows(connection, (await connection.run_sync(_found)).sorted_tables)


async def _rows(connection: AsyncConnection, tables: Iterable[sa.Table]) -> dict[str, Rows]:
    return {
        table.name: [dict(row) for row in (await connection.execute(sa.select(table))).mappings()]
        for table in tables
    }


def _found(connection: sa.Connection) -> sa.MetaData:
    found = sa.MetaData()
    found.reflect(connection)
    found.remove(found.tables["alembic_version"])
    return found


async def differences(engine: AsyncEngine) -> list[Any]:
    "What the database has otherwise than the code's tables."
    async with engine.connect() as connection:
        return await connection.run_sync(lambda sync: compare_metadata(MigrationContext.configure(sync), metadata))


async def next_id(engine: AsyncEngine) -> int:
    "The id that the next delivery gets: the dispatcher reads on from the last one it has seen."
    store = DeliveryStore(engine)
    await store.add([Delivery("guid-after-all", "push", 1, "1", b"{}", NOW)])
    return next(d.id for d in await store.waiting(limit=100) if d.guid == "guid-after-all")


def is_kept(before: dict[str, Rows], after: dict[str, Rows]) -> None:
    "All rows of before are there, each with its values in the columns that both know; paths in whichever form."
    for name, rows in before.items():
        common = [column for column in rows[0] if column in after[name][0]]
        assert _told(after[name], common) == _told(rows, common), name


def _told(rows: Rows, columns: list[str]) -> list[dict[str, Any]]:
    told = [{column: row[column] for column in columns} for row in rows]
    for row in told:
        if "paths" in row:
            row["paths"] = paths_kept(row["paths"])
    return sorted(told, key=repr)


def test_the_revisions_are_one_line() -> None:
    "Each has exactly one before it, so that there is one way up."
    assert len(_SCRIPTS.get_heads()) == 1
    assert len(REVISIONS) == len(list(_FOLDER.glob("versions/[0-9]*.py")))


async def test_the_migrations_build_what_the_code_expects(engine: AsyncEngine) -> None:
    "A database built by the migrations has exactly the tables of the code."
    await migrate(engine)
    assert await differences(engine) == []


@pytest.mark.parametrize("revision", EARLIER)
async def test_nothing_is_lost_on_the_way_up(engine: AsyncEngine, revision: str) -> None:
    "What a version of that time has written is all there, today's stores read it, and ids go on from there."
    await goes_to(engine, revision)
    before = await fills(engine)
    assert all(len(rows) == ROWS for rows in before.values())

    await migrate(engine)

    assert await differences(engine) == []
    is_kept(before, await held(engine))
    by_tables = await read_by_tables(engine)
    assert {name: len(by_tables[name]) for name in before} == dict.fromkeys(before, ROWS)
    given_back = await read_by_stores(engine, by_tables)
    assert {name: n for name, n in given_back.items() if n < ROWS and name in before} == _fewer(by_tables)
    assert await next_id(engine) > ROWS


def _fewer(rows: dict[str, Rows]) -> dict[str, int]:
    "Of leaves and passages, stores give only those of open pull requests."
    open_ones = sum(row["is_open"] for row in rows["pull_requests"])
    return {name: open_ones for name in ("leaves", "passages") if rows.get(name) and open_ones < ROWS}


@pytest.mark.parametrize("revision", EARLIER)
async def test_the_way_back_keeps_what_the_earlier_version_knows(engine: AsyncEngine, revision: str) -> None:
    "An operator may go back by hand: what both versions know is there, and the way up is open again."
    await goes_to(engine, revision)
    before = await fills(engine)
    await migrate(engine)

    await goes_to(engine, revision)

    after = await held(engine)
    assert set(after) == set(before)
    is_kept(before, after)
    await migrate(engine)
    assert await differences(engine) == []
    is_kept(before, await held(engine))


async def test_migrating_again_keeps_the_data(engine: AsyncEngine) -> None:
    "Every start migrates; what is stored stays."
    await migrate(engine)
    before = await fills(engine)
    await migrate(engine)
    assert await held(engine) == before


async def test_a_database_of_a_newer_version_is_left_alone(engine: AsyncEngine) -> None:
    "An old program refuses a new database, and says what to do."
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(SchemaError, match=r"revision 9999.*newer version: start that one, or restore a backup"):
        await migrate(engine)


async def test_two_processes_that_start_at_once_migrate_once(
    engine: AsyncEngine, unbuilt_database_url: str
) -> None:
    "One waits for the other, and finds that nothing is left to do."
    others = [open_engine(unbuilt_database_url) for _ in range(3)]
    await asyncio.gather(migrate(engine), *(migrate(other) for other in others))
    for other in others:
        await other.dispose()
    assert await differences(engine) == []


async def test_a_migration_that_breaks_off_leaves_everything_as_it_was(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Half a schema would stop every later start: it is all of the way or nothing, so that the cause can be mended."
    await goes_to(engine, EARLIER[0])
    before = await fills(engine)
    shutil.copytree(_FOLDER, tmp_path / "migrations")
    (tmp_path / "migrations" / "versions" / "9000_broken.py").write_text(_BROKEN.format(after=REVISIONS[-1]))
    monkeypatch.setattr(database, "_MIGRATIONS", tmp_path / "migrations")
    with pytest.raises(sa.exc.DBAPIError, match="no_such_table"):
        await migrate(engine)
    assert await held(engine) == before

    monkeypatch.undo()
    await migrate(engine)
    assert await differences(engine) == []


_BROKEN = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{after}"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("half", sa.Integer))
    op.execute("insert into no_such_table values (1)")
"""
