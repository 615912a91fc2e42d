"""A simulated GitHub with something of everything in it, watched."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.clock import MovableClock
from bot.simulator import CommitSpec, Executable, Pull, Repository, Simulator, Submodule, Symlink
from tests.fidelity.check import FidelityCheck
from tests.npm_files import NpmUnavailableError
from tests.simulator.client import AppClient


@pytest.fixture
def check() -> FidelityCheck:
    try:
        return FidelityCheck()
    except NpmUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
async def sim(check: FidelityCheck) -> AsyncIterator[Simulator]:
    async with Simulator(clock=MovableClock()) as simulator:
        check.watch(simulator)
        yield simulator


@pytest.fixture
async def repo(sim: Simulator) -> Repository:
    sim.create_team("instruct", "triagers", ["tom"])
    sim.add_team_member("instruct", "triagers", "nia", pending=True)
    files = {"README.md": "# Taxonomy\n", "docs/link": Symlink("../README.md"), "docs/away": Symlink("/etc/hosts")}
    repo = sim.create_repository("instruct/taxonomy", files | {"docs/theme": Submodule("a" * 40)})
    repo.permissions["mia"] = "maintain"
    sim.create_user("mia")
    return repo


@pytest.fixture
async def pull(sim: Simulator, repo: Repository) -> Pull:
    commits = [
        CommitSpec("One", {"knowledge/a/qna.yaml": "version: 3\n", "run.sh": Executable(b"#!/bin/sh\n")}),
        CommitSpec("Two", {"image.png": b"\0\1\2", "README.md": None}, web_editor=True),
        CommitSpec("Three", {"link": Symlink("run.sh")}, author_name="Who", author_email="who@nowhere.example"),
    ]
    pull = await sim.open_pull(repo, author="ana", commits=commits)
    await sim.label(pull, "size: small", by="tom")
    await sim.comment(pull, "tom", "Welcome")
    comment = await sim.comment(pull, "helper[bot]", "I am a bot, too")
    await sim.react(comment, "tom", "eyes")
    await sim.react(pull, "tom", "+1")
    await sim.review(pull, "tom", "Looks good", "APPROVED")
    await sim.remark(pull, "tom", "run.sh", 1, "Which shell?")
    await sim.assign(pull, "tom", by="mia")
    await sim.request_review(pull, "mia", teams=["triagers"], by="tom")
    await sim.open_issue(repo, author="mia", title="Broken", body="See log", labels=["ops"])
    return pull


@pytest.fixture
async def client(sim: Simulator, repo: Repository) -> AsyncIterator[AppClient]:
    async with aiohttp.ClientSession() as session:
        client = AppClient(sim, session)
        await client.sign_in(repo)
        yield client
