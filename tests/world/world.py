"""One world per test: simulator and bot on loopback, sharing one movable clock."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.app import PARTS, make_app
from bot.clock import MovableClock
from bot.events import Origin
from bot.github.needs import is_declared
from bot.jobs import JobQueue, JobsInMemory
from bot.nightly.reporting import Reporting
from bot.reconcile import Found
from bot.rule_workers import RuleWorkers
from bot.settings import BotSettings
from bot.simulator import Pull, Simulator
from bot.store.database import migrate, open_engine
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.rule_starts import RuleStarts
from bot.sweeper import Sweeper
from bot.triage import Triaged
from checks.registry import release_days
from tests.world.people import Person, PullRequest

_LOOKS_ABOUT = frozenset({"nightly reports", "releases"})  # the names of tasks that never end
SECRET = "the webhook secret of the tests"
T = TypeVar("T")


class World:
    """Everything a story needs. Use it as an async context manager."""

    def __init__(self, database_url: str, workers: RuleWorkers, **settings: Any) -> None:
        self.clock = MovableClock()
        self.github = Simulator(clock=self.clock, webhook_secret=SECRET)
        self.repo = self.github.create_repository(
            "instruct/taxonomy",
            {"README.md": "# Taxonomy\n", "knowledge/science/animals/mammals/otter/qna.yaml": "\n"},
        )
        self.triaged: list[Triaged] = []
        self.triaged_pulls: list[tuple[int, Triaged]] = []  # the same, with their numbers
        self.workers = workers
        self.jobs = JobsInMemory()  # outlives restarts of the bot, as an engine of its own would
        self.queue: JobQueue | None = self.jobs  # what the next start uses; None: what the settings name
        self._database_url = database_url
        self._stores = tempfile.TemporaryDirectory(prefix="world-")
        self._settings = settings
        self.rules_are_old = True  # a story about new rules says so before it starts the bot anew
        self._seen: dict[int, PullRequest] = {}
        self._runner: web.AppRunner | None = None
        self._handles = True
        self.webhook_url = ""
        self.address = ""  # of the running bot
        self.has_pages = False  # whether people look at the bot's pages here, and sign in

    def __getattr__(self, login: str) -> Person:
        "`world.ana` is the person ana; hyphens are written as underscores."
        if login.startswith("_"):
            raise AttributeError(login)
        return Person(self, login.replace("_", "-"))

    async def __aenter__(self) -> Self:
        await self.github.start()
        await self.start_bot()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.settled()
        finally:
            await self.stop_bot()
            await self.github.stop()
            self._stores.cleanup()
        if error is None:
            self._check_nothing_is_left()

    def _check_nothing_is_left(self) -> None:
        said = () if self.has_pages else self._seen.values()  # stories about pages look at those
        left = [text for pr in said for text in pr.unexpected()]
        assert not left, "the bot said what no line of the test expected:\n" + "\n---\n".join(left)
        unknown = [f"{line.method} {line.path}" for line in self.github.unknown_routes]
        assert not unknown, f"the bot called what GitHub does not have: {unknown}"
        called = {(line.method, line.route) for line in self.github.requests if line.route != "/graphql"}
        undeclared = [call for call in called if not is_declared(*call)]
        assert not undeclared, f"the bot called what bot/github/needs.py does not name: {undeclared}"

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[AsyncEngine]:
        "The bot's database, opened beside the bot as an operator would."
        engine = open_engine(self._database_url)
        try:
            yield engine
        finally:
            await engine.dispose()

    async def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        "What an operator reads in the database."
        async with self.database() as engine, engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(query), values)]

    async def lose_the_database(self) -> None:
        "Let everything in the database be lost while the bot is stopped."
        async with self.database() as engine, engine.begin() as connection:
            await connection.run_sync(_drop_everything)

    @property
    def settings(self) -> BotSettings:
        "The bot's settings in this world."
        values: dict[str, Any] = {
            "app_id": 1234,
            "private_key": SecretStr(self.github.private_key_pem),
            "webhook_secrets": (SecretStr(SECRET),),
            "repositories": frozenset({self.repo.id}),
            "database_url": self._database_url,
            "artifacts_url": f"{self._stores.name}/artifacts",
            "model_store_url": f"{self._stores.name}/models",
            "github_api_url": self.github.url,
            "start_in": "adopted",  # a story that is about observing says so
            "sweep_minutes": 0,  # a story that is about sweeps asks for them
            "nightly": False,  # likewise
            "drain_s": 0.0,  # likewise: what is under way may wait for a clock that nobody moves
            "check_duplicates": False,  # likewise: most stories open the same leaf again and again
            "index_folder": Path(self._stores.name) / "indexes",
            "check_documents": False,  # likewise: the leaves of most stories name documents of nowhere
        }
        if self.has_pages:
            values |= {"public_url": self.address, "github_web_url": self.github.url}
        return BotSettings(**(values | self._settings))

    async def start_bot(self, *, handling: bool = True, **settings: Any) -> None:
        "Start the bot, with the database as it is; with `handling=False` it only stores what arrives."
        self._settings |= settings
        self._handles = handling
        listening = socket.create_server(("127.0.0.1", 0))  # its links name its port before it listens
        self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        if self.rules_are_old and release_days():
            await self._has_long_known_the_rules()
        app = make_app(
            self.settings,
            clock=self.clock,
            workers=self.workers,
            on_triaged=self._note_triage,
            handles=handling,
            jobs=self.queue,
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        self.webhook_url = f"{self.address}/webhooks"
        self.github.webhook_url = self.webhook_url

    async def _has_long_known_the_rules(self) -> None:
        async with self.database() as engine:
            await migrate(engine)
            await RuleStarts(engine).begin(release_days(), datetime(2020, 1, 1, tzinfo=UTC))

    async def stop_bot(self) -> None:
        "Stop the bot as a restart would."
        if self._runner is not None:
            self.github.webhook_url = None
            await self._runner.cleanup()
            self._runner = None

    async def sweeps(self) -> list[Found]:
        "Let the bot sweep once, some minutes after all that has happened."
        await self.clock.advance(minutes=5)
        found = await self.sweeper.sweep()
        await self.settled()
        return found

    async def wakes_the_dispatcher(self) -> None:
        "Let the bot look now for what operators have changed, as it does every few seconds."
        self.app[PARTS].dispatcher.wake()
        await self.settled()

    @property
    def app(self) -> web.Application:
        "The running bot."
        assert self._runner is not None
        return self._runner.app

    @property
    def sweeper(self) -> Sweeper:
        "The part of the running bot that sweeps."
        assert self._runner is not None
        return self._runner.app[PARTS].sweeper

    @property
    def reporting(self) -> Reporting:
        "The part of the running bot that reports on builds."
        assert self._runner is not None
        return self._runner.app[PARTS].reporting

    async def one_sweep_passes(self) -> None:
        "Move the clock to the next sweep of a bot that sweeps by itself, and wait until it is over."
        await self.settled()
        sleeps_from = self.sweeper.sweeps_done
        async with asyncio.timeout(20):
            while self.sweeper.sweeps_done == sleeps_from:
                await self.clock.advance(minutes=1)
                await asyncio.sleep(0.02)
        await self.settled()

    @contextlib.contextmanager
    def no_webhooks(self) -> Iterator[None]:
        "What happens meanwhile, nobody tells the bot."
        self.github.webhook_url = None
        yield
        self.github.webhook_url = self.webhook_url

    def sees(self, pull: Pull) -> PullRequest:
        "Return the pull request as the story sees it."
        return self._seen.setdefault(pull.number, PullRequest(self, pull))

    async def audit_of(self, pr: PullRequest) -> list[AuditEntry]:
        "What is written down of a pull request."
        async with self.database() as engine:
            return await DeskLog(engine).of_pull(self.repo.id, pr.number)

    def deletes_the_bots_comments(self, pr: PullRequest) -> None:
        "A maintainer deletes what the bot wrote."
        for comment in [c for c in pr.pull.comments if c.by_app]:
            pr.pull.comments.remove(comment)
            del self.repo.comments[comment.id]
            self.github.state.nodes.pop(comment.node_id, None)

    async def settled(self) -> None:
        "Wait until GitHub has delivered everything and the bot has handled it, also what that led to."
        async with asyncio.timeout(60):
            while True:
                sent = len(self.github.deliveries)
                await self.github.settle()
                if self._runner is not None and self._handles:
                    await self._runner.app[PARTS].dispatcher.settled()
                if len(self.github.deliveries) == sent:
                    return

    async def while_time_passes(self, **delta: float) -> None:
        "Move the clock from one awakening to the next until all is settled, at most by `timedelta(**delta)`."
        await self.over_time(self.settled(), **delta)

    async def over_time(self, work: Coroutine[Any, Any, T], **delta: float) -> T:
        """Move the clock from one awakening to the next until `work` is done, at most by `timedelta(**delta)`.

        What looks about every few minutes is not waited for: the time would be over before the bot had acted.
        """
        end = self.clock.now() + timedelta(**delta)
        doing = asyncio.create_task(work)
        async with asyncio.timeout(60):
            while not doing.done():
                await asyncio.sleep(0.005)
                moment = self.clock.next_awakening(besides=_LOOKS_ABOUT)
                if moment is not None and moment <= end:
                    await self.clock.advance(seconds=(moment - self.clock.now()).total_seconds())
        return await doing

    def _note_triage(self, _origin: Origin, number: int, triaged: Triaged) -> None:
        self.triaged.append(triaged)
        self.triaged_pulls.append((number, triaged))


def _drop_everything(connection: Connection) -> None:
    found = MetaData()
    found.reflect(connection)
    found.drop_all(connection)
