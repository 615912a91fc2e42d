"""A world whose bot people can look at and sign in to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bot.rule_workers import RuleWorkers
from bot.simulator.signing_in import CLIENT_ID, CLIENT_SECRET
from tests.dashboard.shop_floor import ShopFloor, shop_floor
from tests.dashboard.visitor import Visitor
from tests.world import World


@pytest.fixture
async def world(database_url: str, rule_workers: RuleWorkers) -> AsyncIterator[World]:
    "A world with pages that people can sign in to."
    world = World(
        database_url, rule_workers, oauth_client_id=CLIENT_ID, oauth_client_secret=SecretStr(CLIENT_SECRET)
    )
    world.has_pages = True
    async with world:
        yield world


@pytest.fixture
async def shop(database_url: str, rule_workers: RuleWorkers) -> AsyncIterator[tuple[World, ShopFloor]]:
    "A world whose jobs are done by workers that the story plays; tess triages there."
    signing_in = {"oauth_client_id": CLIENT_ID, "oauth_client_secret": SecretStr(CLIENT_SECRET)}
    world = World(database_url, rule_workers, **signing_in)
    world.has_pages = True
    world.repo.permissions |= {"tess": "triage", "max": "maintain"}
    async with shop_floor(world, database_url) as floor, world:
        yield world, floor


@pytest.fixture
async def visitor(world: World) -> AsyncIterator[Visitor]:
    "Somebody who is not signed in."
    async with Visitor(world) as visitor:
        yield visitor
