"""`taxonomy-bot nightly` as an operator types it, against a GitHub on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bot.cli import cli
from bot.clock import SystemClock
from bot.events import Origin
from bot.simulator import Repository, Simulator
from bot.store.database import open_engine
from bot.store.quarantine import QuarantineStore
from bot.store.repositories import RepositoryStore
from tests.world.nights import skill


@dataclass
class Terminal:
    """A terminal of an operator, with the settings of the bot."""

    github: Simulator
    repo: Repository
    database_url: str

    async def types(self, *words: str, **settings: str) -> Result:
        "Run a command; more settings in small letters."
        named = self._environment(settings)
        return await asyncio.to_thread(CliRunner().invoke, cli, ["nightly", *words], env=named)

    async def types_elsewhere(self, *words: str) -> int:
        "Run a command as a process of its own, beside others; return its exit code."
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from bot.cli import cli; cli()", "nightly", *words),
            env=os.environ | self._environment({}),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await program.wait()

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        env = {
            "app_id": "1234",
            "private_key": self.github.private_key_pem,
            "webhook_secrets": "a secret of the tests",
            "repositories": str(self.repo.id),
            "database_url": self.database_url,
            "github_api_url": self.github.url,
        } | settings
        return {f"TAXONOMY_BOT_{name.upper()}": value for name, value in env.items()}

    async def hears_of_the_repository(self) -> None:
        "Let the first webhook have come."
        engine = open_engine(self.database_url)
        assert self.repo.installation_id is not None
        origin = Origin(self.repo.id, self.repo.full_name, self.repo.installation_id)
        await RepositoryStore(engine, SystemClock()).note(origin)
        await engine.dispose()


@pytest.fixture
async def terminal(database_url: str) -> AsyncIterator[Terminal]:
    "The taxonomy has one leaf; the bot has heard of it."
    async with Simulator() as github:
        repo = github.create_repository("instruct/taxonomy", skill("haiku"))
        terminal = Terminal(github, repo, database_url)
        await terminal.hears_of_the_repository()
        yield terminal


async def test_plan_shows_what_a_build_would_take_in(terminal: Terminal) -> None:
    "As a table, or everything as JSON; nothing is written, neither on GitHub nor here."
    mark = terminal.github.mark
    table = await terminal.types("plan")
    assert table.exit_code == 0, table.output
    assert "There is no good build yet" in table.output
    assert "haiku" in table.output
    told = json.loads((await terminal.types("plan", "--json")).output)
    assert told["commit"] == terminal.repo.head_sha
    assert [(leaf["change"], leaf["licences"]) for leaf in told["leaves"]] == [("new", ["CC-BY-SA-4.0"])]
    writes = [f"{c.method} {c.path}" for c in terminal.github.calls_since(mark) if c.is_write]
    assert all("access_tokens" in line for line in writes)
    assert "There is no build yet." in (await terminal.types("status")).output


async def test_status_says_when_the_next_one_is_due(terminal: Terminal) -> None:
    "Or that none is planned by itself."
    assert "03:15 UTC" in (await terminal.types("status", nightly_cron="15 3 * * *")).output
    assert "TAXONOMY_BOT_NIGHTLY is off" in (await terminal.types("status", nightly="off")).output


async def test_what_is_wrong_is_said_with_what_to_do(terminal: Terminal) -> None:
    "A repository that nobody told us of, one of several, a GitHub that is away."
    unknown = await terminal.types("plan", repositories="77")
    assert (unknown.exit_code, "first webhook" in unknown.output) == (2, True)
    several = await terminal.types("plan", repositories=f"{terminal.repo.id},77")
    assert (several.exit_code, "--repository ID" in several.output) == (2, True)
    chosen = await terminal.types(
        "plan", "--repository", str(terminal.repo.id), repositories=f"{terminal.repo.id},77"
    )
    assert chosen.exit_code == 0, chosen.output
    unserved = await terminal.types("plan", "--repository", "5")
    assert (unserved.exit_code, "is not served" in unserved.output) == (2, True)
    terminal.github.fail_next("GET", r"/repositories/\d+", times=3, status=404, body="{}")
    away = await terminal.types("plan")
    assert (away.exit_code, "GitHub did not tell" in away.output) == (2, True)


async def test_what_is_kept_out_is_listed_and_lifted(terminal: Terminal) -> None:
    "With the reason, and nothing that a terminal would obey; what is not kept out is said to be so."
    assert (await terminal.types("quarantine", "list")).output == "No leaf is kept out.\n"
    engine = open_engine(terminal.database_url)
    leaf, at = "compositional_skills/writing/freeform/haiku", SystemClock().now()
    await QuarantineStore(engine).put(terminal.repo.id, leaf, "it fell \x1b[31mdeep", "taxonomy-bot", at)
    await engine.dispose()

    shown = (await terminal.types("quarantine", "list")).output
    assert shown.startswith(f"{leaf}\n  since {at:%Y-%m-%d}, by taxonomy-bot: it fell")
    assert "\x1b" not in shown

    lifted = await terminal.types("quarantine", "lift", leaf)
    assert lifted.output == f"{leaf} comes in with the next build.\n"
    again = await terminal.types("quarantine", "lift", leaf)
    assert again.exit_code == 2
    assert "is not kept out" in again.output
