"""What all tests share: no network but loopback, one pool of rule workers, a fresh world for each story."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog

from bot.rule_workers import RuleWorkers
from pipeline import library_logs
from tests.databases import PostgresServer, SqliteFiles, no_waiting_for_disks, statements_compiled_once
from tests.fidelity.check import FidelityCheck
from tests.fidelity.fixtures import fidelity_fixture
from tests.sharing_out import SharingOut
from tests.world import World

__all__ = ["fidelity_fixture"]

# a busy machine is no fault of what is tested; whatever never ends is ended by the time limit of each test
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# an error is told in a few lines: with all that was known at each step it would take seconds to print
_LOGS = structlog.get_config() | {
    "processors": [
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
}

_LOOPBACK = ("127.", "::1", "localhost")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharingOut:
    """Share the tests out as `tests.sharing_out` says, where several workers run them."""
    return SharingOut(config, log)


def pytest_collection_finish() -> None:
    """Search for garbage less often, and never in the million objects that all tests have loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> None:
    """Let each test log where it is listened to: what another has set may lead to a file that is closed."""
    structlog.configure(**_LOGS)
    library_logs.let_go()


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to anywhere but this machine: no test may depend on the world outside."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
            raise PermissionError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session", autouse=True)
def _quick_disks() -> Iterator[None]:
    """Nothing here is worth a second's wait for a disk."""
    with no_waiting_for_disks():
        yield


@pytest.fixture(scope="session", autouse=True)
def _statements_compiled_once() -> Iterator[None]:
    """What a statement is called in a database is found out once, not in every test."""
    with statements_compiled_once():
        yield


@pytest.fixture(scope="session")
def rule_workers() -> Iterator[RuleWorkers]:
    """One worker process for all tests of this process: loading the rules takes a second."""
    workers = RuleWorkers(workers=1, rule_time_limit_s=5.0)
    asyncio.run(workers.warm_up())
    yield workers
    workers.close()


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    """SQLite databases, built by the migrations once."""
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started when the first test of this process asks for it."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of its own for each test, with today's tables: whoever asks for it runs on both kinds."""
    if request.param == "sqlite":
        files: SqliteFiles = request.getfixturevalue("sqlite_files")
        yield files.new_database(tmp_path)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.borrowed() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def unbuilt_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database in which there is nothing yet, of both kinds."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'bot.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.unbuilt() as address:
        yield address


@pytest.fixture
async def world(
    database_url: str, rule_workers: RuleWorkers, fidelity: FidelityCheck | None
) -> AsyncIterator[World]:
    """A simulated GitHub and the real bot, both freshly started; every byte between them is held against GitHub."""
    world = World(database_url, rule_workers)
    if fidelity is not None:
        fidelity.watch(world.github)
    async with world:
        yield world
