"""`taxonomy-bot artifacts`: what is listed, what is cleaned up, and what never is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bot.artifact_retention import Cleaned, Cleaner
from bot.cli import cli
from bot.job_flow import ended
from bot.jobs import JobKind, JobRequest, JobState
from bot.store.artifacts import ArtifactRows, KeptArtifact
from bot.store.database import migrate, open_engine
from bot.store.jobs import JobStore
from checks.contribution import Login, Sha
from pipeline.artifacts import ArtifactStore, ArtifactStoreError
from pipeline.contract import Artifact


class Shelf:
    "The artifacts of an operator's bot, with a past."

    def __init__(self, folder: Path) -> None:
        self.database_url = f"sqlite+aiosqlite:///{folder / 'bot.sqlite'}"
        self.folder = folder / "taxonomy-bot-artifacts"
        self.store = ArtifactStore(str(self.folder))

    def stores(self, name: str, *, days_ago: float = 0, hours_ago: float = 0, size: int = 1000) -> Artifact:
        "A worker stored a file some time ago, and has named it nowhere yet."
        artifact = self.store.put(name, name.ljust(size, ".").encode(), "text/plain")
        moment = (datetime.now(UTC) - timedelta(days=days_ago, hours=hours_ago)).timestamp()
        os.utime(self.file_of(artifact), (moment, moment))
        return artifact

    def keeps(self, artifact: Artifact, *, days_ago: float = 0, number: int = 7, job_id: int | None = None) -> None:
        "A pull request's row named a file some time ago."
        kept = KeptArtifact.told(artifact, 1001, number, datetime.now(UTC) - timedelta(days=days_ago), job_id)

        async def note(rows: ArtifactRows, _jobs: JobStore) -> None:
            await rows.note([kept])

        self.in_database(note)

    def has_job_queued(self, *, days_ago: float, over: bool = False) -> None:
        "A job was queued some time ago; if it is over, GitHub does not show it yet."
        request = JobRequest(1001, 7, JobKind.EVALUATE, Sha("a" * 40), 5, Login("ana"), "comment:1")
        now = datetime.now(UTC)

        async def queue(_rows: ArtifactRows, jobs: JobStore) -> None:
            job = await jobs.add(request, "gpu.eval", 0, now - timedelta(days=days_ago))
            if over:
                await jobs.change(job.id, lambda job: job.living(ended(job.life, JobState.CANCELLED), now))

        self.in_database(queue)

    def shows_its_jobs(self) -> None:
        "GitHub shows every job as it is."

        async def show(_rows: ArtifactRows, jobs: JobStore) -> None:
            for job in await jobs.unshown():
                await jobs.note_shown(job, 1)

        self.in_database(show)

    def file_of(self, artifact: Artifact) -> Path:
        "Where the file lies."
        return next(self.folder.rglob(artifact.sha256))

    def in_database(self, act: Any) -> None:
        "Do something with the bot's database."

        async def run() -> None:
            engine = open_engine(self.database_url)
            await migrate(engine)
            task: Coroutine[Any, Any, None] = act(ArtifactRows(engine), JobStore(engine))
            await task
            await engine.dispose()

        asyncio.run(run())


@pytest.fixture
def shelf(operator: pytest.MonkeyPatch, tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def artifacts(*arguments: str) -> Result:
    "Run `taxonomy-bot artifacts ...` as an operator does."
    return CliRunner().invoke(cli, ["artifacts", *arguments])


def test_old_and_unnamed_files_go_and_the_rest_stays(shelf: Shelf) -> None:
    "What goes is named with its reason; the bytes are counted."
    fresh, old, unnamed = (shelf.stores(f"{word}.txt", days_ago=100) for word in ("fresh", "old", "unnamed"))
    shelf.keeps(fresh, days_ago=89)
    shelf.keeps(old, days_ago=91, number=12)

    done = artifacts("gc")

    assert done.exit_code == 0
    assert [shelf.store.exists(a) for a in (fresh, old, unnamed)] == [True, False, False]
    day = f"{datetime.now(UTC) - timedelta(days=91):%Y-%m-%d}"
    assert sorted(done.output.splitlines()) == sorted(
        [
            f"deleted: {old.sha256[:12]} (1,000 bytes): old.txt of #12 (repository 1001), last stored on {day}",
            f"deleted: {unnamed.sha256[:12]} (1,000 bytes): nothing names it",
            "kept: 1 (1,000 bytes)",
            "Deleted 2 file(s), 2,000 bytes.",
        ]
    )
    assert "Deleted 0 file(s), 0 bytes." in artifacts("gc").output
    assert "Nothing is kept of #12." in artifacts("list", "12").output


def test_a_trial_only_says_what_would_go(shelf: Shelf) -> None:
    "With --dry-run files and rows stay."
    old = shelf.stores("old.txt", days_ago=100)
    shelf.keeps(old, days_ago=91)
    done = artifacts("gc", "--dry-run")
    assert f"would delete: {old.sha256[:12]}" in done.output
    assert "Would delete 1 file(s), 1,000 bytes." in done.output
    assert shelf.store.exists(old)
    assert "old.txt" in artifacts("list", "7").output


def test_another_age_may_be_asked_for(shelf: Shelf) -> None:
    "--older-than takes the place of the setting, in both directions."
    young, old = shelf.stores("young.txt", days_ago=10), shelf.stores("old.txt", days_ago=100)
    shelf.keeps(young, days_ago=10)
    shelf.keeps(old, days_ago=100)
    artifacts("gc", "--older-than", "200")
    assert shelf.store.exists(old)
    artifacts("gc", "--older-than", "11")
    assert [shelf.store.exists(a) for a in (young, old)] == [True, False]
    assert artifacts("gc", "--older-than", "0").exit_code == 2


def test_content_that_another_pull_request_still_needs_stays(shelf: Shelf) -> None:
    "The old row goes, the file stays for the newer one."
    shared = shelf.stores("data.txt", days_ago=100)
    shelf.keeps(shared, days_ago=100, number=7)
    shelf.keeps(shared, days_ago=3, number=8)
    artifacts("gc")
    assert shelf.store.exists(shared)
    assert "Nothing is kept" in artifacts("list", "7").output
    assert "data.txt" in artifacts("list", "8").output


def test_what_was_just_stored_is_left_alone(shelf: Shelf) -> None:
    "A worker that stores now and names it in a moment loses nothing, even to --older-than 1."
    named = shelf.stores("named.txt", days_ago=100)
    shelf.keeps(named)
    fresh, old = shelf.stores("fresh.txt", hours_ago=0.9), shelf.stores("old.txt", hours_ago=1.1)
    done = artifacts("gc", "--older-than", "1")
    assert [shelf.store.exists(a) for a in (fresh, old)] == [True, False]
    assert "left for now: 1 (1,000 bytes)" in done.output


def test_what_a_long_job_has_stored_is_left_until_it_is_over(shelf: Shelf) -> None:
    "A job of many hours names its files only at its end."
    shelf.keeps(shelf.stores("named.txt", days_ago=100))
    checkpoint, before = shelf.stores("checkpoint.txt", hours_ago=20), shelf.stores("before.txt", days_ago=2)
    shelf.has_job_queued(days_ago=1)
    artifacts("gc")
    assert [shelf.store.exists(a) for a in (checkpoint, before)] == [True, False]


def test_what_a_job_has_stored_is_left_until_its_end_is_shown(shelf: Shelf) -> None:
    "While GitHub is down, the files of a job that is over are named by nothing, and are needed."
    shelf.keeps(shelf.stores("named.txt", days_ago=100))
    result = shelf.stores("result.txt", hours_ago=20)
    shelf.has_job_queued(days_ago=1, over=True)
    artifacts("gc")
    assert shelf.store.exists(result)
    shelf.shows_its_jobs()
    artifacts("gc")
    assert not shelf.store.exists(result)


def test_leftovers_of_dead_writers_go(shelf: Shelf) -> None:
    "A temporary file is deleted once nobody can be writing it any more."
    shelf.keeps(shelf.stores("named.txt"))
    dead, alive = shelf.folder / "incoming" / "dead", shelf.folder / "incoming" / "alive"
    for file in (dead, alive):
        file.write_bytes(b"half")
    os.utime(dead, (0, 0))
    done = artifacts("gc")
    assert "deleted: an unfinished file (4 bytes): its writer died" in done.output
    assert (dead.exists(), alive.exists()) == (False, True)


def test_the_wrong_database_deletes_nothing(shelf: Shelf) -> None:
    "A database that names nothing is refused, unless somebody insists."
    unnamed = shelf.stores("unnamed.txt", days_ago=100)
    refused = artifacts("gc")
    assert refused.exit_code == 2
    assert "TAXONOMY_BOT_DATABASE_URL" in refused.output
    assert shelf.store.exists(unnamed)
    assert artifacts("gc", "--force").exit_code == 0
    assert not shelf.store.exists(unnamed)


class ReadOnlyInPart(ArtifactStore):
    "A store that refuses to delete one file, as a bucket with a lock on it does."

    locked = ""

    def delete(self, sha256: str, *, unless_stored_since: datetime | None = None) -> bool:
        if sha256 == self.locked:
            raise ArtifactStoreError("The artifact store cannot be used: AccessDenied")
        return super().delete(sha256, unless_stored_since=unless_stored_since)


def test_what_cannot_be_deleted_is_said(shelf: Shelf) -> None:
    "The others go all the same, and the failure is counted."
    stuck, other = shelf.stores("stuck.txt", days_ago=2), shelf.stores("other.txt", days_ago=2)
    store = ReadOnlyInPart(str(shelf.folder))
    store.locked = stuck.sha256
    said: list[str] = []

    async def clean(rows: ArtifactRows, _jobs: JobStore) -> None:
        cleaner = Cleaner(rows, store, said.append)
        done = await cleaner.clean(datetime.now(UTC), timedelta(days=1), even_if_nothing_is_named=True)
        assert done == Cleaned(deleted=1, freed_bytes=1000, failed=1)

    shelf.in_database(clean)
    assert f"not deleted: {stuck.sha256[:12]}: The artifact store cannot be used: AccessDenied" in said
    assert [shelf.store.exists(a) for a in (stuck, other)] == [True, False]


def test_lost_files_are_named(shelf: Shelf) -> None:
    "A row without its file is no error of the clean-up, but nobody should find out by a broken link."
    lost = shelf.stores("lost.txt")
    shelf.keeps(lost)
    shelf.store.delete(lost.sha256)
    assert "lost: lost.txt of #7 (repository 1001) is not in the store any more" in artifacts("gc").output
    assert "lost.txt (text/plain)  NOT IN THE STORE" in artifacts("list", "7").output


def test_the_artifacts_of_a_pull_request_are_listed_with_links(shelf: Shelf, operator: pytest.MonkeyPatch) -> None:
    "Links only where the bot knows its address."
    report = shelf.stores("report.txt")
    shelf.keeps(report, job_id=3)
    assert "report.txt (text/plain, job 3)" in artifacts("list", "7").output
    assert "http" not in artifacts("list", "7").output
    operator.setenv("TAXONOMY_BOT_PUBLIC_URL", "https://bot.example")
    assert f"    https://bot.example/artifacts/{report.sha256}/report.txt?" in artifacts("list", "7").output


def test_with_several_repositories_one_has_to_be_named(shelf: Shelf, operator: pytest.MonkeyPatch) -> None:
    "A number alone says too little then."
    operator.setenv("TAXONOMY_BOT_REPOSITORIES", "1001,1002")
    shelf.keeps(shelf.stores("report.txt"))
    assert artifacts("list", "7").exit_code == 2
    assert "report.txt" in artifacts("list", "7", "--repository", "1001").output


def test_a_store_that_cannot_be_used_is_said_at_once(shelf: Shelf, operator: pytest.MonkeyPatch) -> None:
    "An address that is none stops the clean-up with the reason."
    operator.setenv("TAXONOMY_BOT_ARTIFACTS_URL", "ftp://somewhere")
    for command in (["gc"], ["list", "7"]):
        done = artifacts(*command)
        assert done.exit_code == 2
        assert "only folders and s3:// addresses are supported" in done.output
