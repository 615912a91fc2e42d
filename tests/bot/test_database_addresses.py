"""The database's address: as operators write it, never repeated with its password, and wrong ones said plainly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.settings import SettingsError, read_settings
from bot.store.address import driver_url
from bot.store.database import migrate, open_engine, standing_of
from tests.databases import PostgresServer


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("sqlite:///bot.sqlite", "sqlite+aiosqlite:///bot.sqlite"),
        ("sqlite+aiosqlite:////srv/bot.sqlite", "sqlite+aiosqlite:////srv/bot.sqlite"),
        ("postgresql://ana:word@db/bot", "postgresql+asyncpg://ana:word@db/bot"),
        ("postgres://ana:word@db:5433/bot", "postgresql+asyncpg://ana:word@db:5433/bot"),
        ("postgresql://db/bot?sslmode=verify-full", "postgresql+asyncpg://db/bot?ssl=verify-full"),
        ("postgresql+asyncpg:///bot?host=/run/postgresql", "postgresql+asyncpg:///bot?host=%2Frun%2Fpostgresql"),
    ],
)
def test_an_address_gets_the_driver_that_we_use(written: str, used: str) -> None:
    "Operators need not know what the drivers are called."
    assert driver_url(written).render_as_string(hide_password=False) == used


@pytest.mark.parametrize(
    "wrong", ["mysql://ana:topsecret@db/bot", "topsecret", "postgresql://ana:topsecret@db:x/b"]
)
def test_another_database_is_refused_without_its_password(operator: pytest.MonkeyPatch, wrong: str) -> None:
    "The message shows what an address looks like."
    operator.setenv("TAXONOMY_BOT_DATABASE_URL", wrong)
    with pytest.raises(SettingsError, match=r"TAXONOMY_BOT_DATABASE_URL: .*postgresql://USER:PASSWORD@HOST") as no:
        read_settings()
    assert "topsecret" not in str(no.value)


def test_the_password_masks_itself(operator: pytest.MonkeyPatch) -> None:
    "Settings may end up in a log."
    operator.setenv("TAXONOMY_BOT_DATABASE_URL", "postgresql://ana:topsecret@db/bot")
    assert "topsecret" not in repr(read_settings())


@pytest.mark.parametrize("command", [["serve"], ["doctor"], ["gpu", "status"], ["audit", "7"]])
def test_a_database_that_is_away_is_said_in_a_sentence(operator: pytest.MonkeyPatch, command: list[str]) -> None:
    "No traceback, no password, and exit code 2."
    operator.setenv("TAXONOMY_BOT_DATABASE_URL", "postgresql://ana:topsecret@127.0.0.1:1/bot")
    operator.setenv("TAXONOMY_BOT_BROKER_URL", "off")
    operator.setenv("TAXONOMY_BOT_PORT", "0")
    operator.setenv("TAXONOMY_BOT_GITHUB_API_URL", "http://127.0.0.1:1")
    done = subprocess.run(
        [sys.executable, "-c", "from bot.cli import main; main()", *command],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "The database cannot be reached" in " ".join((done.stderr + done.stdout).split())
    assert "Traceback" not in done.stderr
    assert "topsecret" not in done.stderr + done.stdout


async def test_the_doctor_tells_how_the_schema_stands(postgres: PostgresServer, tmp_path: Path) -> None:
    "Not there, not built, built: an operator sees what the next start will do."
    file = f"sqlite:///{tmp_path / 'bot.sqlite'}"
    assert await standing_of(file) == f"Database: {file}, made at the first start."
    assert not (tmp_path / "bot.sqlite").exists()
    with postgres.unbuilt() as address:
        assert "schema not built yet; the next start brings it to 0" in await standing_of(address)
        engine = open_engine(address)
        await migrate(engine)
        await engine.dispose()
        assert "next start" not in await standing_of(address)
