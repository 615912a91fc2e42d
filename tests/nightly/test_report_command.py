"""`taxonomy-bot nightly report` as an operator types it, and the settings of the chat."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date

import pytest

from bot.nightly.builds import BuildState
from bot.simulator import Simulator
from bot.store.builds import BuildStore
from bot.store.database import open_engine
from tests.nightly.test_builds import NOW, a_plan
from tests.nightly.test_command import Terminal
from tests.world.nights import skill


@pytest.fixture
async def terminal(database_url: str) -> AsyncIterator[Terminal]:
    "A failed build of one night, and one that was passed over."
    async with Simulator() as github:
        repo = github.create_repository("instruct/taxonomy", skill("haiku"))
        terminal = Terminal(github, repo, database_url)
        await terminal.hears_of_the_repository()
        engine = open_engine(database_url)
        builds = BuildStore(engine)
        for day, state in ((5, BuildState.FAILED), (6, BuildState.PASSED_OVER)):
            build = await builds.add(a_plan(repository_id=repo.id), date(2026, 1, day), NOW)
            assert build is not None
            assert await builds.end(build, state, NOW, "Every new or changed leaf had to be left out.")
        await engine.dispose()
        yield terminal


async def test_the_newest_report_is_shown(terminal: Terminal) -> None:
    "The call comes first, then what to type; a build that never began is none."
    shown = await terminal.types("report")
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("DO NOT SHIP: Every new or changed leaf had to be left out")
    assert "taxonomy-bot nightly resume --night 2026-01-05" in shown.output


async def test_json_is_one_document(terminal: Terminal) -> None:
    "By its name, by its night, and with its version."
    for name in ("2026-01-05", "2026-01-05.1"):
        told = json.loads((await terminal.types("report", name, "--json")).output)
        assert (told["version"], told["build"], told["call"]) == (1, "2026-01-05.1", "DO NOT SHIP")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("2026-01-04", "There is no build of 2026-01-04"),
        ("2026-01-05.2", "was planned anew"),
        ("yesterday", "such as 2026-11-21.1"),
        ("2026-13-45", "such as 2026-11-21.1"),
    ],
)
async def test_what_is_not_there_is_said(terminal: Terminal, name: str, said: str) -> None:
    "With what is."
    answer = await terminal.types("report", name)
    assert (answer.exit_code, said in answer.output) == (2, True), answer.output


@pytest.mark.parametrize(
    ("address", "hosts", "is_fine"),
    [
        ("https://chat.example/services/x", "", True),
        ("http://chat.example/services/x", "", False),
        ("http://chat.local/services/x", "chat.local,other.local", True),
        ("http://chat.example/services/x", "chat.local", False),
        ("https://eve@chat.example/services/x", "", False),
        ("https:///services/x", "", False),
        ("ftp://chat.example/x", "chat.example", False),
    ],
)
async def test_the_chat_is_reached_by_https_or_by_leave(
    terminal: Terminal, address: str, hosts: str, *, is_fine: bool
) -> None:
    "What is wrong is said without the address, which is a secret."
    answer = await terminal.types("status", nightly_webhook_url=address, nightly_webhook_hosts=hosts)
    assert (answer.exit_code == 0) is is_fine, answer.output
    assert is_fine or "TAXONOMY_BOT_NIGHTLY_WEBHOOK_URL: has to begin with https://" in answer.output
    assert "services/x" not in answer.output
