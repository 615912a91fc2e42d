"""The sweeper: every few minutes it asks for what never came, and has all repositories reconciled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

import structlog

from bot.clock import Clock
from bot.github.errors import GitHubError, NotInstalledError
from bot.places import Places
from bot.reconcile import Found, Reconciler
from bot.redelivery import Redelivery
from bot.store.repositories import KnownRepository, RepositoryStore

log = structlog.get_logger()

_FIRST_PAUSE_S = 60.0  # what was stored before a restart is handled first


class Sweeper:
    """Sweeps in the background."""

    def __init__(
        self,
        redelivery: Redelivery,
        reconciler: Reconciler,
        repositories: RepositoryStore,
        places: Places,
        tidying: Sequence[Callable[[], Awaitable[None]]],
        clock: Clock,
        *,
        every_s: float,
        serves: frozenset[int],
    ) -> None:
        """`tidying` is done at the end of each sweep; `every_s` lie between two, 0: there are none.

        `serves` are ids of repositories.
        """
        self._redelivery = redelivery
        self._reconciler = reconciler
        self._repositories = repositories
        self._places = places
        self._tidying = tidying
        self._clock = clock
        self._every_s = every_s
        self._serves = serves
        self._sweeping = asyncio.Lock()
        self.sweeps_done = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, unless switched off."""
        if self._every_s:
            self._task = asyncio.create_task(self._run(), name="sweeper")

    async def stop(self) -> None:
        """Stop, also in the middle of a sweep: the next one finds what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def is_sweeping(self) -> bool:
        """True while a sweep is under way."""
        return self._sweeping.locked()

    async def sweep(self) -> list[Found]:
        """Sweep every repository once; return nothing, and do nothing, while another sweep is under way."""
        if self._sweeping.locked():
            log.info("sweep.skipped", reason="the one before is still under way")
            return []
        async with self._sweeping:
            await self._ask_again()
            await self._look_for_new_ones()
            swept = [found for known in await self._known() if (found := await self._sweep(known)) is not None]
            for tidy_up in self._tidying:
                await tidy_up()
            return swept

    async def _ask_again(self) -> None:
        """Have sent again what never came; should that fail, reconciling finds what it would have told."""
        try:
            await self._redelivery.ask()
        except GitHubError as error:
            log.error("redelivery.broken_off", error=str(error))
        except Exception:
            log.exception("redelivery.crashed")

    async def _look_for_new_ones(self) -> None:
        """Find the served repositories that nobody has told us of yet: their pull requests are looked at, too."""
        known = {each.origin.repository_id for each in await self._repositories.all_known()}
        for repository_id in sorted(self._serves - known):
            try:
                await self._places.find(repository_id)
            except NotInstalledError:
                log.info("sweep.not_installed_yet", repository_id=repository_id)
            except GitHubError as error:
                log.warning("sweep.not_found", repository_id=repository_id, error=str(error))

    async def _known(self) -> list[KnownRepository]:
        return [k for k in await self._repositories.all_known() if k.origin.repository_id in self._serves]

    async def _sweep(self, known: KnownRepository) -> Found | None:
        """Sweep one repository; whatever is wrong with it is no matter of the others."""
        repository_id = known.origin.repository_id
        try:
            found = await self._reconciler.sweep(known)
        except NotInstalledError:
            log.warning("sweep.not_installed", repository_id=repository_id)
            return None
        except GitHubError as error:
            log.error("sweep.broken_off", repository_id=repository_id, error=str(error))
            return None
        except Exception:
            log.exception("sweep.crashed", repository_id=repository_id)
            return None
        log.info("sweep.done", repository_id=repository_id, **asdict(found))
        return found

    async def _run(self) -> None:
        await self._clock.sleep(min(_FIRST_PAUSE_S, self._every_s))
        while True:
            try:
                await self.sweep()
            except Exception:  # the database stumbled
                log.exception("sweep.crashed")
            self.sweeps_done += 1
            await self._clock.sleep(self._every_s)
