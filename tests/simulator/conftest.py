"""A running simulator and a client that is signed in; every test is also a test of fidelity."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from bot.clock import MovableClock
from bot.simulator import Repository, Simulator
from bot.simulator.access import KeyPair, new_key_pair
from tests.fidelity.check import FidelityCheck
from tests.fidelity.schemas import SchemasUnavailableError
from tests.simulator.client import AppClient


@pytest.fixture(scope="session")
def keys() -> KeyPair:
    return new_key_pair()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def fidelity() -> Iterator[FidelityCheck | None]:
    "What the simulator heard and said must be GitHub's, wherever the schemas can be had."
    try:
        check = FidelityCheck()
    except SchemasUnavailableError:
        yield None
        return
    yield check
    assert check.violations == []


@pytest.fixture
async def sim(clock: MovableClock, keys: KeyPair, fidelity: FidelityCheck | None) -> AsyncIterator[Simulator]:
    async with Simulator(clock=clock, public_key_pem=keys.public_pem) as simulator:
        simulator.private_key_pem = keys.private_pem
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
