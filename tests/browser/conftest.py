"""A browser, and a world whose pages it looks at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser
from pydantic import SecretStr

from bot.rule_workers import RuleWorkers
from bot.simulator.signing_in import CLIENT_ID, CLIENT_SECRET
from tests.browser.axe import AXE
from tests.browser.chromium import NoBrowserError, Noticed, executable, open_browser
from tests.npm_files import NpmUnavailableError, fetched
from tests.world import World


@pytest.fixture(scope="session")
def _browser_is_there() -> None:
    "Skip, with the reason, where there is no browser or no axe-core."
    try:
        executable()
        fetched(AXE, "package/axe.min.js")
    except (NoBrowserError, NpmUnavailableError) as error:
        pytest.skip(str(error))


@pytest.fixture
async def browser(_browser_is_there: None) -> AsyncIterator[Browser]:
    "A browser for one test."
    async with open_browser() as browser:
        yield browser


@pytest.fixture
async def world(rule_workers: RuleWorkers, sqlite_files: Any, tmp_path: Path) -> AsyncIterator[World]:
    "A world with pages that people can sign in to."
    url = sqlite_files.new_database(tmp_path)
    world = World(url, rule_workers, oauth_client_id=CLIENT_ID, oauth_client_secret=SecretStr(CLIENT_SECRET))
    world.has_pages = True
    async with world:
        yield world


@pytest.fixture
def noticed(world: World) -> Noticed:
    "What goes wrong in the pages of this test."
    return Noticed(world.address)
