"""The stage of the nightly demo: bot and workers as processes of their own, a simulated GitHub, stand-in models."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.demo.document_host import DocumentHost
from bot.demo.offline_teacher import NAME as TEACHER
from bot.demo.offline_teacher import OfflineTeacher
from bot.demo.programs import Program, typed
from bot.nightly.builds import Build
from bot.simulator import Limits, Pull, Repository, Simulator
from bot.store.builds import BuildStore
from bot.store.database import open_engine
from bot.store.jobs import JobStore
from bot.store.stored_jobs import StoredJob
from checks.policy import POLICY_PATH, default_policy

_SECRET = "the demo's webhook secret"  # noqa: S105 - it guards a server on loopback for some minutes
_MANY = "1000000"  # writes: there is no GitHub to be gentle with
_STARTS_WITHIN_S = 90.0
_LOOKS_EVERY_S = 0.2


class NightStageError(Exception):
    """Something on the stage did not come about; the text says what, and ends with the log of who did not do it."""


class NightStage:
    """A served taxonomy that is built from. `bot` and `workers` may be killed and started again."""

    bot: Program
    workers: list[Program]
    builds: BuildStore

    def __init__(
        self,
        root: Path,
        github: Simulator,
        repo: Repository,
        documents: DocumentHost,
        bot_settings: Mapping[str, str],
        workers_settings: Sequence[Mapping[str, str]],
    ) -> None:
        self.github = github
        self.repo = repo
        self.documents = documents
        self.folder = root
        self.address = ""
        self._root = root
        self._bot_settings = bot_settings
        self._workers_settings = workers_settings
        self._settings: dict[str, str] = {}
        self._engine: AsyncEngine | None = None

    async def open(self, name: str, like: str = "", *, has_workers: bool = True) -> None:
        """Start bot and workers in a new folder of this name, which holds nothing, or what another one holds.

        Raises NightStageError.
        """
        folder = self.folder = self._root / name
        if like:
            shutil.copytree(self._root / like, folder, ignore=shutil.ignore_patterns("taxonomy-bot-broker"))
        else:
            folder.mkdir()
        self.address = f"http://127.0.0.1:{_free_port()}"
        database = f"sqlite+aiosqlite:///{folder / 'bot.sqlite'}"
        own = {"DATABASE_URL": database, "PORT": self.address.rpartition(":")[2], "PUBLIC_URL": self.address}
        self._settings = _prefixed("BOT", {**own, **self._bot_settings})
        self.bot = Program("taxonomy-bot", "serve", settings=self._settings, log=folder / "bot.log")
        self.workers = [
            _worker(folder, number, told) for number, told in enumerate(self._workers_settings, start=1)
        ]
        self._engine = open_engine(database)
        self.builds, self._jobs = BuildStore(self._engine), JobStore(self._engine)
        await self.bot_is_ready()
        for program in self.workers if has_workers else ():
            program.start()

    async def close(self) -> None:
        """Stop bot and workers."""
        self.github.webhook_url = None
        if self._engine is not None:
            await asyncio.gather(*(program.stop() for program in self.workers))
            await self.bot.stop()
            await self._engine.dispose()
            self._engine = None

    async def bot_is_ready(self) -> None:
        """Start the bot, and return once it takes webhooks. Raises NightStageError."""
        self.bot.start()
        began = time.monotonic()
        async with aiohttp.ClientSession() as session:
            while not await _is_ready(session, f"{self.address}/readyz"):
                if not self.bot.is_alive or time.monotonic() - began > _STARTS_WITHIN_S:
                    raise NightStageError(f"The bot did not start:\n{self.bot.said()}")
                await asyncio.sleep(_LOOKS_EVERY_S)
        self.github.webhook_url = f"{self.address}/webhooks"

    async def types(self, *arguments: str) -> tuple[int, str]:
        """Type `taxonomy-bot nightly ...`; return the status, and what it said."""
        return await typed("taxonomy-bot", "nightly", *arguments, settings=self._settings)

    async def until(self, holds: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait until something on GitHub holds. Raises NightStageError."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > within_s:
                raise NightStageError(f"It did not come about within {within_s:.0f} s: {what}.\n{self.bot.said()}")
            await asyncio.sleep(_LOOKS_EVERY_S)

    async def newest(self) -> Build | None:
        """Return the newest build."""
        found = await self.builds.newest(self.repo.id, 1)
        return found[0] if found else None

    async def steps(self, build: Build) -> list[StoredJob]:
        """Return the jobs of a build, oldest first."""
        return await self._jobs.of_build(build.id)

    async def merged(self, pulls: Sequence[Pull], within_s: float) -> None:
        """Have a triager and an approver let pull requests in whose checks are green."""
        await self.until(lambda: all("triage-needed" in pull.labels for pull in pulls), within_s, "triage")
        await asyncio.sleep(1.1)  # GitHub's times are whole seconds: who writes in that of a push saw nothing
        for pull in pulls:
            await self.github.comment(pull, "tess", "/triage-approve")
        await self.until(lambda: all("triage-approved" in pull.labels for pull in pulls), within_s, "triaging")
        for pull in pulls:
            await self.github.comment(pull, "apo", "/approve")
        await self.until(lambda: all(pull.merged for pull in pulls), within_s, "merging")


@asynccontextmanager
async def open_night_stage(
    student: Path,
    texts: Mapping[str, str],
    *,
    workers: int = 2,
    has_workers: bool = True,
    bot_settings: Mapping[str, str] | None = None,
    worker_settings: Mapping[str, str] | None = None,
) -> AsyncIterator[NightStage]:
    """Set everything up on loopback in a temporary folder, and take it down again. Raises NightStageError.

    `texts` are the documents that leaves name. Settings are named without their prefix. Without `has_workers`
    nobody works until it is opened again.
    """
    async with AsyncExitStack() as ends:
        root = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="taxonomy-bot-night-")))
        documents = DocumentHost(root)
        ends.push_async_callback(documents.stop)
        await documents.start(dict(texts))
        github = await ends.enter_async_context(Simulator(webhook_secret=_SECRET, limits=Limits(None, None, None)))
        teacher = OfflineTeacher(delay_ms=0)
        ends.push_async_callback(teacher.stop)
        await teacher.start()
        repo = github.create_repository(
            "instruct/taxonomy", {"README.md": "# Our taxonomy\n", POLICY_PATH: _policy(documents)}
        )
        repo.permissions.update({"tess": "triage", "apo": "write", "max": "maintain"})
        told = _of_worker(teacher, student) | dict(worker_settings or {})
        of_bot = _of_bot(github, repo, documents) | dict(bot_settings or {})
        stage = NightStage(root, github, repo, documents, of_bot, [told] * workers)
        ends.push_async_callback(stage.close)
        await stage.open("first", has_workers=has_workers)
        yield stage


def _worker(folder: Path, number: int, told: Mapping[str, str]) -> Program:
    settings = {
        "BROKER_URL": f"embedded://{folder}/taxonomy-bot-broker",
        "ARTIFACTS_URL": f"{folder}/taxonomy-bot-artifacts",
        "MODEL_STORE_URL": f"{folder}/taxonomy-bot-models",
        "WORK_DIR": f"{folder}/work",
        "WORKER_NAME": f"worker-{number}",
        **told,
    }
    environment = _prefixed("PIPELINE", settings) | {"OMP_NUM_THREADS": "1"}
    return Program("taxonomy-pipeline", "worker", settings=environment, log=folder / f"worker-{number}.log")


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _policy(documents: DocumentHost) -> str:
    """Return the community's policy: documents may lie on the demo's own host, too."""
    hosts = ", ".join((*default_policy().documents.allowed_hosts, f'"{documents.name}"'))
    return f"documents:\n  allowed_hosts: [{hosts}]\n"


def _prefixed(program: str, settings: Mapping[str, str]) -> dict[str, str]:
    return {f"TAXONOMY_{program}_{name}": value for name, value in settings.items()}


def _of_bot(github: Simulator, repo: Repository, documents: DocumentHost) -> dict[str, str]:
    return {
        "APP_ID": str(github.state.app.id),
        "PRIVATE_KEY": github.private_key_pem,
        "WEBHOOK_SECRETS": _SECRET,
        "REPOSITORIES": str(repo.id),
        "START_IN": "adopted",
        "GITHUB_API_URL": github.url,
        "RULE_WORKERS": "1",
        "NIGHTLY": "false",  # nights begin when the story says so
        "NIGHTLY_LOOK_S": "3",
        "DOCUMENT_NETWORKS": "127.0.0.0/8,::1/128",
        "DOCUMENT_CA_FILE": str(documents.ca_file),
        **dict.fromkeys(("WRITE_BURST", "WRITES_PER_MINUTE", "WRITES_PER_HOUR"), _MANY),
    }


def _of_worker(teacher: OfflineTeacher, student: Path) -> dict[str, str]:
    return {
        "TEACHER_URL": teacher.url,
        "TEACHER_MODEL": TEACHER,
        "STUDENT_MODEL": str(student),
        "STUDENT_PRESET": "tiny",
        "BUILD_PRESET": "tiny",
        "HELLO_S": "1",
    }
