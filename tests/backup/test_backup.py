"""A backup brings back everything, into either database, or says why not and changes nothing."""

from __future__ import annotations

import asyncio
import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.backup import reading
from bot.backup.manifest import BackupError
from bot.backup.restoring import restore
from bot.backup.saving import save
from bot.backup.schema import OF_THE_MOMENT
from bot.store.database import migrate, open_engine
from bot.store.replicas import ReplicaStore
from pipeline.artifacts import ArtifactError, ArtifactStore
from tests.databases import PostgresServer
from tests.migrations.reading import Rows
from tests.migrations.rows import ROWS
from tests.migrations.test_migrations import REVISIONS, differences, fills, goes_to, held, is_kept, next_id

NOW = datetime(2026, 11, 22, 4, 41, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    "An artifact store in a folder."
    return ArtifactStore(str(tmp_path / "artifacts"))


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    "Another database in which there is nothing yet."
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.unbuilt() as address:
        yield address


async def is_filled(address: str, revision: str = "head") -> dict[str, Rows]:
    "Fill a database as a version of a time would have it; return what is there."
    engine = open_engine(address)
    try:
        await (migrate(engine) if revision == "head" else goes_to(engine, revision))
        return await fills(engine)
    finally:
        await engine.dispose()


async def content_of(address: str) -> dict[str, Rows]:
    "Every row that a database holds."
    engine = open_engine(address)
    try:
        return await held(engine)
    finally:
        await engine.dispose()


def as_told(rows: dict[str, Rows]) -> dict[str, Any]:
    "Rows as they compare across databases: SQLite forgets that moments are in UTC."

    def plain(value: Any) -> Any:
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value

    return {
        name: sorted(({key: plain(value) for key, value in row.items()} for row in found), key=repr)
        for name, found in rows.items()
        if name not in OF_THE_MOMENT
    }


async def test_a_backup_goes_into_either_database(
    unbuilt_database_url: str, elsewhere: str, store: ArtifactStore, tmp_path: Path
) -> None:
    "Every row at the edges of what columns take is the same there, the ids go on, and only the owner may read it."
    before = await is_filled(unbuilt_database_url)
    path = tmp_path / "all.zip"
    saved = await save(unbuilt_database_url, store, path, NOW, with_artifacts=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert saved.rows == sum(len(rows) for name, rows in before.items() if name not in OF_THE_MOMENT)

    done = await restore(elsewhere, store, path, replace=False)

    assert done.rows == saved.rows
    engine = open_engine(elsewhere)
    assert await differences(engine) == []
    after = await held(engine)
    expected = as_told(before)
    for table, distrusted in (
        ("deliveries", {"claimed_by": None}),
        ("pull_requests", {"judged_sha": "", "swept": ""}),
    ):
        expected[table] = sorted(({**row, **distrusted} for row in expected[table]), key=repr)
    assert as_told(after) == expected
    assert not any(after[name] for name in OF_THE_MOMENT)
    assert await next_id(engine) > ROWS
    assert await ReplicaStore(engine).join("the next one", 60) > ROWS
    await engine.dispose()


@pytest.mark.parametrize("revision", [REVISIONS[0], REVISIONS[-2]])
async def test_an_older_backup_is_brought_up_to_date(
    unbuilt_database_url: str, elsewhere: str, store: ArtifactStore, tmp_path: Path, revision: str
) -> None:
    "Made by a version of that time, it is migrated as its database would have been."
    before = await is_filled(unbuilt_database_url, revision)
    await save(unbuilt_database_url, store, tmp_path / "old.zip", NOW, with_artifacts=False)
    await restore(elsewhere, store, tmp_path / "old.zip", replace=False)
    engine = open_engine(elsewhere)
    assert await differences(engine) == []
    kept = as_told(await held(engine))
    old = as_told(before)
    for rows in (*old.values(), *kept.values()):
        for row in rows:
            for name in ("claimed_by", "judged_sha", "swept"):
                row.pop(name, None)
    is_kept(old, kept)
    await engine.dispose()


async def test_ids_that_were_given_are_not_given_again(
    unbuilt_database_url: str, elsewhere: str, store: ArtifactStore, tmp_path: Path
) -> None:
    "Not even where the rows that had them are gone."
    await is_filled(unbuilt_database_url)
    engine = open_engine(unbuilt_database_url)
    async with engine.begin() as connection:
        await connection.execute(sa.text("DELETE FROM deliveries"))
    await engine.dispose()
    await save(unbuilt_database_url, store, tmp_path / "a.zip", NOW, with_artifacts=False)
    await restore(elsewhere, store, tmp_path / "a.zip", replace=False)
    engine = open_engine(elsewhere)
    assert await next_id(engine) == ROWS + 1
    await engine.dispose()


async def test_what_is_written_meanwhile_is_in_whole_or_not_at_all(
    unbuilt_database_url: str, store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    "The bot goes on, also while the backup is half done: all tables are as they stood when it began."
    before = await is_filled(unbuilt_database_url)
    engine = open_engine(unbuilt_database_url)
    writes = 0

    async def the_bot_writes() -> None:
        nonlocal writes
        while True:
            async with engine.begin() as connection:
                await connection.execute(sa.text("UPDATE switches SET set_by = 'late'"))
                await connection.execute(sa.text("UPDATE audit SET actor = 'late'"))
            writes += 1

    async with asyncio.TaskGroup() as group:
        writing = group.create_task(the_bot_writes())
        while not writes:
            await asyncio.sleep(0.01)
        await save(unbuilt_database_url, store, tmp_path / "a.zip", NOW, with_artifacts=False)
        seen, writes = writes, 0
        while not writes:
            await asyncio.sleep(0.01)
        writing.cancel()
    await engine.dispose()
    assert seen
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        lines = archive.read("tables/audit.jsonl").splitlines()
    assert len(lines) == len(before["audit"])
    assert all(b'"late"' in line for line in lines)


async def test_files_of_the_artifact_store_come_back(
    database_url: str, store: ArtifactStore, tmp_path: Path
) -> None:
    "With --artifacts they are inside; without, the backup tells which lack."
    kept = store.put("a.jsonl", b"one" * 1000)
    lost = store.put("b.jsonl", b"two" * 1000)
    bare, whole = tmp_path / "bare.zip", tmp_path / "whole.zip"
    await save(database_url, store, bare, NOW, with_artifacts=False)
    saved = await save(database_url, store, whole, NOW, with_artifacts=True)
    assert (saved.artifacts, saved.artifacts_inside) == (2, 2)
    store.delete(lost.sha256)

    assert (await restore(database_url, store, bare, replace=True)).lacking == 1
    done = await restore(database_url, store, whole, replace=True)

    assert (done.artifacts, done.lacking) == (1, 0)
    assert store.get(lost) == b"two" * 1000
    assert store.exists(kept)


async def test_where_a_file_cannot_come_back_nothing_does(
    unbuilt_database_url: str, store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    "The store is full: the database still holds what it held."
    await is_filled(unbuilt_database_url)
    lost = store.put("b.jsonl", b"two" * 1000)
    path = tmp_path / "whole.zip"
    await save(unbuilt_database_url, store, path, NOW, with_artifacts=True)
    store.delete(lost.sha256)
    engine = open_engine(unbuilt_database_url)
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE audit SET actor = 'later'"))
        await connection.execute(sa.text("DELETE FROM replicas"))
    await engine.dispose()
    later = await content_of(unbuilt_database_url)

    def is_full(*_: object) -> None:
        raise ArtifactError("no space left")

    monkeypatch.setattr(ArtifactStore, "put", is_full)
    with pytest.raises(ArtifactError):
        await restore(unbuilt_database_url, store, path, replace=True)
    assert await content_of(unbuilt_database_url) == later


async def test_a_database_with_something_in_it_is_left_alone(
    unbuilt_database_url: str, store: ArtifactStore, tmp_path: Path
) -> None:
    "Unless somebody says that it may go."
    await is_filled(unbuilt_database_url)
    path, cleaned_up = tmp_path / "a.zip", store.put("b.jsonl", b"two" * 1000)
    await save(unbuilt_database_url, store, path, NOW, with_artifacts=True)
    store.delete(cleaned_up.sha256)
    engine = open_engine(unbuilt_database_url)
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE audit SET actor = 'later'"))
        await connection.execute(sa.text("DELETE FROM replicas"))  # some are alive until the year 9999
    await engine.dispose()
    later = await content_of(unbuilt_database_url)
    with pytest.raises(BackupError, match=r"not empty: it has rows in .* or say --replace"):
        await restore(unbuilt_database_url, store, path, replace=False)
    assert await content_of(unbuilt_database_url) == later
    assert not store.exists(cleaned_up), "nor is a file brought back"

    await restore(unbuilt_database_url, store, path, replace=True)
    assert {row["actor"] for row in (await content_of(unbuilt_database_url))["audit"]} != {"later"}


async def test_not_under_a_running_bot(postgres: PostgresServer, store: ArtifactStore, tmp_path: Path) -> None:
    "It would go on writing what it remembers."
    with postgres.borrowed() as address:
        await save(address, store, tmp_path / "a.zip", NOW, with_artifacts=False)
        engine = open_engine(address)
        await ReplicaStore(engine).join("host:17", 60)
        await engine.dispose()
        with pytest.raises(BackupError, match=r"A bot uses this database: host:17\. Stop it first"):
            await restore(address, store, tmp_path / "a.zip", replace=True)


async def test_nothing_is_there_to_back_up(store: ArtifactStore, tmp_path: Path) -> None:
    "A mistyped address does not make an empty database and save that."
    with pytest.raises(BackupError, match="no database yet"):
        await save(f"sqlite:///{tmp_path / 'no.sqlite'}", store, tmp_path / "a.zip", NOW, with_artifacts=False)
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


async def test_a_backup_replaces_nothing(tmp_path: Path, database_url: str, store: ArtifactStore) -> None:
    "Not even another backup."
    (tmp_path / "a.zip").write_text("precious")
    with pytest.raises(BackupError, match="never replaces"):
        await save(database_url, store, tmp_path / "a.zip", NOW, with_artifacts=False)
    assert (tmp_path / "a.zip").read_text() == "precious"


@pytest.fixture
async def backup(tmp_path: Path, store: ArtifactStore) -> Path:
    "A backup of a SQLite database that holds something."
    address = f"sqlite:///{tmp_path / 'source.sqlite'}"
    await is_filled(address)
    store.put("a.jsonl", b"content")
    await save(address, store, tmp_path / "good.zip", NOW, with_artifacts=True)
    return tmp_path / "good.zip"


Parts = dict[str, bytes]


def _with_manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[Parts], None]:
    def changed(parts: Parts) -> None:
        manifest = json.loads(parts["manifest.json"])
        change(manifest)
        parts["manifest.json"] = json.dumps(manifest).encode()

    return changed


def _other_rows(parts: Parts) -> None:
    parts["tables/audit.jsonl"] = parts["tables/audit.jsonl"].replace(b"plain", b"plane")


DAMAGES: dict[str, tuple[Callable[[Parts], object], str]] = {
    "rows that were changed": (_other_rows, "tables/audit.jsonl is not what was written"),
    "a table that is missing": (lambda parts: parts.pop("tables/audit.jsonl"), "audit.jsonl is not in it"),
    "rows that are missing": (lambda p: p.update({"tables/audit.jsonl": b""}), "is not what was written"),
    "a line without an end": (lambda p: p.update({"tables/audit.jsonl": b"[1"}), "cut off or too long"),
    "a path that leads out": (lambda p: p.update({"../../etc/cron.d/x": b"x"}), "holds files that no backup holds"),
    "an artifact that was changed": (
        lambda p: p.update({next(n for n in p if n.startswith("artifacts/")): b"CONTENT"}),
        "the artifact [0-9a-f]{12} is not what was stored",
    ),
    "no word about itself": (lambda parts: parts.pop("manifest.json"), "manifest.json is not in it"),
    "nonsense about itself": (lambda p: p.update({"manifest.json": b"[" * 10_000}), "made by a newer version"),
    "a table of a strange name": (
        _with_manifest(lambda m: m["tables"][0].update(name="../x")),
        "does not understand .*tables.0.name",
    ),
    "a table that nobody knows": (
        _with_manifest(lambda m: m["tables"][0].update(name="users")),
        "holds other tables or columns",
    ),
    "a table twice": (_with_manifest(lambda m: m["tables"].append(m["tables"][0])), "other tables or columns"),
    "a schema of the future": (_with_manifest(lambda m: m.update(revision="9999")), "does not know.*newer one"),
    "another format": (_with_manifest(lambda m: m.update(format="taxonomy-bot backup 2")), "newer version"),
}


@pytest.mark.parametrize("case", DAMAGES)
async def test_a_damaged_backup_is_refused(backup: Path, store: ArtifactStore, tmp_path: Path, case: str) -> None:
    "Before anything is written; the text says what is wrong."
    damage, complaint = DAMAGES[case]
    with zipfile.ZipFile(backup) as good:
        parts = {name: good.read(name) for name in good.namelist()}
    damage(parts)
    with zipfile.ZipFile(tmp_path / "bad.zip", "w", zipfile.ZIP_DEFLATED) as bad:
        for name, content in parts.items():
            bad.writestr(name, content)
    await refused(tmp_path / "bad.zip", store, complaint)


async def refused(path: Path, store: ArtifactStore, complaint: str) -> None:
    "The backup is not restored, and nothing is there afterwards."
    place = path.parent / "target.sqlite"
    with pytest.raises(BackupError, match=complaint):
        await restore(f"sqlite:///{place}", store, path, replace=False)
    assert not place.exists() or await content_of(f"sqlite:///{place}") == {}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
async def test_half_a_backup_is_none(backup: Path, store: ArtifactStore, share: float) -> None:
    "Such as what a full disk leaves behind."
    with backup.open("r+b") as file:
        file.truncate(int(file.seek(0, 2) * share))
    await refused(backup, store, "it is no backup, or not all of one")


async def test_a_bomb_is_not_unpacked(backup: Path, store: ArtifactStore) -> None:
    "A small file that would become a huge one is refused by what it says of itself."
    with zipfile.ZipFile(backup, "a", zipfile.ZIP_DEFLATED) as bomb, bomb.open("artifacts/x", "w") as member:
        for _ in range(100):
            member.write(bytes(1024**2))
    await refused(backup, store, "unpacked it would have 1[0-9]{2},[0-9]{3},[0-9]{3} bytes")


async def test_a_bomb_that_lies_about_its_size_is_cut_off(
    backup: Path, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    "No more is read of a line than the longest one has."
    monkeypatch.setattr(reading, "LONGEST_LINE", 50)
    await refused(backup, store, "cut off or too long")


async def test_a_huge_table_of_contents_is_not_read(
    backup: Path, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Each name in it would cost ten times its size in memory."
    monkeypatch.setattr(reading, "_LARGEST_DIRECTORY", 100)
    await refused(backup, store, "table of contents is larger")
