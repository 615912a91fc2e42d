"""The stage of the demo: a simulated GitHub, the bot and a worker on loopback, in a folder that goes at the end."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from pydantic import SecretStr

from bot.app import DISPATCHER, make_app
from bot.demo.offline_teacher import NAME, OfflineTeacher
from bot.events import Origin
from bot.settings import BotSettings
from bot.simulator import Repository, Simulator
from bot.triage import Triaged

_SECRET = "the demo's webhook secret"  # noqa: S105 - it guards a server on loopback for a minute


class Stage:
    """The simulated GitHub with the bot beside it, and what happened on it."""

    def __init__(self, github: Simulator, repo: Repository, runner: web.AppRunner, address: str) -> None:
        self.github = github
        self.repo = repo
        self.address = address
        self._runner = runner
        self.triaged: list[Triaged] = []
        self.seconds: list[float] = []

    async def settled(self) -> None:
        """Wait until the bot has handled everything, and note how long that took."""
        began = time.perf_counter()
        sent = -1
        while len(self.github.deliveries) != sent:
            sent = len(self.github.deliveries)
            await self.github.settle()
            await self._runner.app[DISPATCHER].settled()
        self.seconds.append(time.perf_counter() - began)


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Set everything up on loopback with a database in a temporary folder, and take it down again."""
    with tempfile.TemporaryDirectory(prefix="taxonomy-bot-demo-") as folder, _free_port() as port:
        address = f"http://127.0.0.1:{port.getsockname()[1]}"
        async with Simulator(webhook_secret=_SECRET) as github:
            repo = github.create_repository("instruct/taxonomy", {"README.md": "# Our taxonomy\n"})
            triaged: list[Triaged] = []

            def note(_origin: Origin, _number: int, result: Triaged) -> None:
                triaged.append(result)

            settings = _settings(github, repo, folder, address)
            runner = web.AppRunner(make_app(settings, on_triaged=note), access_log=None)
            model = OfflineTeacher()
            await model.start()
            await runner.setup()
            worker = _worker(folder, model)
            try:
                await web.SockSite(runner, port).start()
                github.webhook_url = f"{address}/webhooks"
                stage = Stage(github, repo, runner, address)
                stage.triaged = triaged
                yield stage
            finally:
                github.webhook_url = None
                worker.terminate()
                await asyncio.to_thread(worker.wait)
                await runner.cleanup()
                await model.stop()


def _free_port() -> socket.socket:
    """Return a socket on a free port of loopback: the bot's links name its port before it listens."""
    return socket.create_server(("127.0.0.1", 0))


def _worker(folder: str, model: OfflineTeacher) -> subprocess.Popen[bytes]:
    """Start a worker beside this process, as it runs anywhere else."""
    settings = {
        "BROKER_URL": f"embedded://{folder}/taxonomy-bot-broker",
        "ARTIFACTS_URL": f"{folder}/taxonomy-bot-artifacts",
        "WORK_DIR": f"{folder}/work",
        "TEACHER_URL": model.url,
        "TEACHER_MODEL": NAME,
        "HELLO_S": "1",
    }
    environment = os.environ | {f"TAXONOMY_PIPELINE_{name}": value for name, value in settings.items()}
    program = Path(sys.executable).with_name("taxonomy-pipeline")
    with Path(folder, "worker.log").open("wb") as log:
        return subprocess.Popen([program, "worker"], env=environment, stdout=log, stderr=log)


def _settings(github: Simulator, repo: Repository, folder: str, address: str) -> BotSettings:
    return BotSettings(
        app_id=github.state.app.id,
        private_key=SecretStr(github.private_key_pem),
        webhook_secrets=(SecretStr(_SECRET),),
        repositories=frozenset({repo.id}),
        database_url=f"sqlite+aiosqlite:///{Path(folder) / 'bot.sqlite'}",
        github_api_url=github.url,
        public_url=address,
        rule_workers=1,
    )
