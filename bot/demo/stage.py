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
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path

from aiohttp import web
from pydantic import SecretStr

from bot.app import PARTS, make_app
from bot.demo.document_host import DocumentHost
from bot.demo.offline_teacher import NAME, OfflineTeacher
from bot.demo.programs import Program
from bot.demo.tiny_student import TinyStudent
from bot.events import Origin
from bot.settings import BotSettings
from bot.simulator import Repository, Simulator
from bot.simulator.signing_in import CLIENT_ID, CLIENT_SECRET
from bot.triage import Triaged
from checks.policy import POLICY_PATH, default_policy

_SECRET = "the demo's webhook secret"  # noqa: S105 - it guards a server on loopback for a minute


class Worker:
    """The program that does jobs, as it runs anywhere else: a process beside this one."""

    def __init__(self, folder: str, model: OfflineTeacher) -> None:
        self._log = Path(folder, "worker.log")
        self._settings = {
            "BROKER_URL": f"embedded://{folder}/taxonomy-bot-broker",
            "ARTIFACTS_URL": f"{folder}/taxonomy-bot-artifacts",
            "WORK_DIR": f"{folder}/work",
            "TEACHER_URL": model.url,
            "TEACHER_MODEL": NAME,
            "HELLO_S": "1",
        }
        # a small model is as quick on one thread, and several wait for one another where the machine is busy
        self._threads = {"OMP_NUM_THREADS": "1"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        """Start it, with more settings."""
        settings = self._settings | more
        named = {f"TAXONOMY_PIPELINE_{name}": value for name, value in settings.items()}
        environment = os.environ | self._threads | named
        program = Path(sys.executable).with_name("taxonomy-pipeline")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([program, "worker"], env=environment, stdout=log, stderr=log)

    async def stop(self) -> None:
        """Have it end."""
        if self._process is not None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait)


class Stage:
    """The simulated GitHub with the bot beside it, and what happened on it."""

    def __init__(
        self,
        github: Simulator,
        repo: Repository,
        runner: web.AppRunner,
        address: str,
        documents: DocumentHost,
        student: TinyStudent,
        worker: Worker,
        chats: Program,
    ) -> None:
        self.github = github
        self.repo = repo
        self.address = address
        self.documents = documents
        self.student = student
        self._worker = worker
        self._chats = chats
        self._runner = runner
        self.triaged: list[Triaged] = []
        self.seconds: list[float] = []

    async def teaches(self, student: Path) -> None:
        """Let the worker have a student from now on. Whatever it does is done first."""
        await self._worker.stop()
        self._worker.start(STUDENT_MODEL=str(student), STUDENT_PRESET="tiny")

    def lets_people_chat(self) -> None:
        """Serve the student to those who try it on the page, with the adapters that the page brings."""
        self._chats.start()

    def has_a_maintainer(self, login: str) -> None:
        """Let somebody be there who may see everything."""
        self.github.state.account(login)
        self.repo.permissions[login] = "maintain"

    async def settled(self) -> None:
        """Wait until the bot has handled everything, and note how long that took."""
        began = time.perf_counter()
        sent = -1
        while len(self.github.deliveries) != sent:
            sent = len(self.github.deliveries)
            await self.github.settle()
            await self._runner.app[PARTS].dispatcher.settled()
        self.seconds.append(time.perf_counter() - began)


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Set everything up on loopback with a database in a temporary folder, and take it down again."""
    with tempfile.TemporaryDirectory(prefix="taxonomy-bot-demo-") as folder, _free_port() as port:
        with _free_port() as other:  # let go at once: another program takes it, minutes from now
            student_port = other.getsockname()[1]
        address = f"http://127.0.0.1:{port.getsockname()[1]}"
        async with AsyncExitStack() as ends, Simulator(webhook_secret=_SECRET) as github:
            student = TinyStudent(Path(folder, "student"))
            ends.push_async_callback(student.stop)
            await student.start()
            documents = DocumentHost(Path(folder))
            ends.push_async_callback(documents.stop)
            await documents.start({"varholm.md": _text("varholm/varholm.md")})
            repo = github.create_repository(
                "instruct/taxonomy", {"README.md": "# Our taxonomy\n", POLICY_PATH: _policy(documents)}
            )
            triaged: list[Triaged] = []

            def note(_origin: Origin, _number: int, result: Triaged) -> None:
                triaged.append(result)

            settings = _settings(github, repo, folder, address, documents).model_copy(
                update={
                    "student_url": f"http://127.0.0.1:{student_port}/v1",
                    "student_adapter_folder": Path(folder, "adapters"),
                }
            )
            chats = _chats(student, student_port, Path(folder))
            ends.push_async_callback(chats.stop)
            runner = web.AppRunner(make_app(settings, on_triaged=note), access_log=None)
            model = OfflineTeacher()
            ends.push_async_callback(model.stop)
            await model.start()
            ends.push_async_callback(runner.cleanup)
            await runner.setup()
            worker = Worker(folder, model)
            ends.push_async_callback(worker.stop)
            worker.start()
            await web.SockSite(runner, port).start()
            github.webhook_url = f"{address}/webhooks"
            stage = Stage(github, repo, runner, address, documents, student, worker, chats)
            stage.triaged = triaged
            try:
                yield stage
            finally:
                github.webhook_url = None


def _chats(student: TinyStudent, port: int, folder: Path) -> Program:
    """Return the program that serves the student by OpenAI's protocol."""
    given = {"model": student.folder, "name": "tiny-student", "adapters-from": folder / "adapters", "port": port}
    arguments = [word for name, value in (given | {"threads": 1}).items() for word in (f"--{name}", str(value))]
    return Program("taxonomy-pipeline", "serve-student", *arguments, settings={}, log=folder / "chats.log")


def _text(name: str) -> str:
    return files("bot.demo").joinpath("fixtures", *name.split("/")).read_text(encoding="utf-8")


def _policy(documents: DocumentHost) -> str:
    """Return the community's policy: documents may lie on the demo's own host, too."""
    hosts = ", ".join((*default_policy().documents.allowed_hosts, f'"{documents.name}"'))
    return f"documents:\n  allowed_hosts: [{hosts}]\n"


def _free_port() -> socket.socket:
    """Return a socket on a free port of loopback: the bot's links name its port before it listens."""
    return socket.create_server(("127.0.0.1", 0))


def _settings(
    github: Simulator, repo: Repository, folder: str, address: str, documents: DocumentHost
) -> BotSettings:
    return BotSettings(
        app_id=github.state.app.id,
        private_key=SecretStr(github.private_key_pem),
        webhook_secrets=(SecretStr(_SECRET),),
        repositories=frozenset({repo.id}),
        database_url=f"sqlite+aiosqlite:///{Path(folder) / 'bot.sqlite'}",
        github_api_url=github.url,
        github_web_url=github.url,
        oauth_client_id=CLIENT_ID,
        oauth_client_secret=SecretStr(CLIENT_SECRET),
        public_url=address,
        rule_workers=1,
        start_in="adopted",
        document_networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        document_ca_file=documents.ca_file,
    )
