"""A running simulator and a client that is signed in; every test is also a test of fidelity."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.clock import MovableClock
from bot.simulator import Repository, Simulator
from tests.fidelity.check import FidelityCheck
from tests.fidelity.fixtures import fidelity_fixture as fidelity_fixture
from tests.simulator.client import AppClient


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def sim(clock: MovableClock, fidelity: FidelityCheck | None) -> AsyncIterator[Simulator]:
    async with Simulator(clock=clock) as simulator:
        if fidelity is not None:
            fidelity.watch(simulator)
        yield simulator


@pytest.fixture
async def repo(sim: Simulator) -> Repository:
    files = {"README.md": "# Taxonomy\n", "knowledge/old/qna.yaml": "version: 3\ncreated_by: ana\ndomain: cars\n"}
    return sim.create_repository("instruct/taxonomy", files)


@pytest.fixture
async def client(sim: Simulator, repo: Repository) -> AsyncIterator[AppClient]:
    async with aiohttp.ClientSession() as session:
        client = AppClient(sim, session)
        await client.sign_in(repo)
        yield client
