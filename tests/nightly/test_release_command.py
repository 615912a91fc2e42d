"""`taxonomy-bot nightly promote|rollback|pin|releases` as an operator types it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.simulator import Simulator
from bot.store.database import open_engine
from bot.store.tables import audit
from pipeline.model_store import ModelStore
from tests.nightly.test_command import Terminal
from tests.nightly.test_releases import Office
from tests.world.nights import skill


class Operators:
    "People at a terminal, beside a store with the builds of three nights."

    def __init__(self, terminal: Terminal, office: Office) -> None:
        self._terminal = terminal
        self._office = office

    async def types(self, *words: str, **settings: str) -> Result:
        return await self._terminal.types(
            *words, **{"model_store_url": str(self._office.folder / "models"), "repositories": "1"} | settings
        )

    @property
    def latest(self) -> str:
        return self._office.latest

    @property
    def engine(self) -> AsyncEngine:
        return self._office.engines[0]

    @property
    def models(self) -> ModelStore:
        return self._office.models


@pytest.fixture
async def operators(database_url: str, tmp_path: Path) -> AsyncIterator[Operators]:
    engine = open_engine(database_url)
    async with Simulator() as github:
        repo = github.create_repository("instruct/taxonomy", skill("haiku"))
        office = Office([engine, engine], tmp_path)
        await office.takes(0, 1, 2)
        yield Operators(Terminal(github, repo, database_url), office)
    await engine.dispose()


async def test_a_build_is_promoted_and_taken_back(operators: Operators) -> None:
    "What is said names the way back; who did it is written down."
    for name in ("2026-01-05.1", "2026-01-06.1"):
        said = await operators.types("promote", name, "--by", "max")
        assert said.exit_code == 0, said.output
        assert f"{name} is served now." in said.output
    shown = (await operators.types("releases")).output
    assert "`taxonomy-bot nightly rollback` serves 2026-01-05.1 again." in shown

    said = await operators.types("rollback", "--by", "mia")
    assert "2026-01-05.1 is served again; 2026-01-06.1 is withdrawn" in said.output
    assert operators.latest == "2026-01-05.1"
    async with operators.engine.connect() as connection:
        entries = (await connection.execute(select(audit.c.actor, audit.c.act).order_by(audit.c.id))).all()
    assert [tuple(entry) for entry in entries] == [
        ("max", "nightly promote"),
        ("max", "nightly promote"),
        ("mia", "nightly rollback"),
    ]


async def test_releases_are_shown_with_how_they_stand(operators: Operators) -> None:
    "Served, pinned, candidates; and what to type where nothing is served."
    assert "Nothing is served." in (await operators.types("releases")).output
    await operators.types("promote", "2026-01-06.1")
    assert (await operators.types("pin", "2026-01-05.1")).output == "2026-01-05.1 is pinned.\n"
    lines = (await operators.types("releases")).output.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["2026-01-07.1", "candidate"],
        ["2026-01-06.1", "served"],
        ["2026-01-05.1", "candidate,"],
    ]
    assert "pinned" in lines[3]


async def test_refusals_end_with_an_exit_code_and_plain_words(operators: Operators) -> None:
    for words, said in (
        (("promote", "2026-02-01.1"), "There is no build '2026-02-01.1'."),
        (("promote", "../latest.json"), "There is no build"),
        (("rollback",), "Nothing is served yet"),
        (("pin", "x"), "There is no build 'x'."),
        (("releases", "--repository", "9"), "Repository 9 is not served"),
    ):
        answer = await operators.types(*words)
        assert answer.exit_code == 2
        assert said in answer.output
        assert "Traceback" not in answer.output


async def test_a_store_that_cannot_be_used_is_said(operators: Operators, tmp_path: Path) -> None:
    "A wrong address in the settings, and a place that is none."
    (tmp_path / "file").write_text("")
    for url in ("ftp://somewhere", str(tmp_path / "file")):
        answer = await operators.types("promote", "2026-01-05.1", model_store_url=url)
        assert answer.exit_code in (1, 2)
        assert url in answer.output
    assert operators.latest == ""
