"""The lookout: every few seconds it looks at each served repository, in place of webhooks or beside them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from bot.clock import Clock
from bot.github.client import GitHubApp, GitHubClient
from bot.github.errors import GitHubError, NotInstalledError, TransientError
from bot.github.pulls import PullReader
from bot.inbox import Inbox
from bot.places import Places
from bot.polling.look import Look, Memory, Seen
from bot.polling.rerequests import Rerequests
from bot.store.approvals import ApprovalStore
from bot.store.polls import PollStore

log = structlog.get_logger()

_LONGEST_PAUSE_S = 300.0  # after failures in a row
_LONGEST_WAIT_S = 3600.0  # where GitHub says how long
_SHARE_LEFT = 1 / 3  # of the hour's requests, for what is found
_THRIFT = 6  # times as long a pause, when less is left


@dataclass
class _Watched:
    """One repository between two looks."""

    memory: Memory
    rerequests: Rerequests
    not_before: datetime
    failures: int = 0


class Lookout:
    """Looks in the background."""

    def __init__(
        self,
        app: GitHubApp,
        places: Places,
        store: PollStore,
        approvals: ApprovalStore,
        inbox: Inbox,
        clock: Clock,
        *,
        every_s: float,
        serves: frozenset[int],
    ) -> None:
        """`every_s` lie between two looks, 0: there are none. `serves` are ids of repositories."""
        self._app = app
        self._places = places
        self._store = store
        self._approvals = approvals
        self._inbox = inbox
        self._clock = clock
        self._every_s = every_s
        self._serves = serves
        self._watched: dict[int, _Watched] = {}
        self._looking = asyncio.Lock()
        self.looks_done = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, unless switched off. What another replica has read meanwhile, the database knows."""
        self._watched.clear()
        if self._every_s:
            self._task = asyncio.create_task(self._run(), name="lookout")

    async def stop(self) -> None:
        """Stop, also in the middle of a look: the next one begins where this one did."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> list[Seen]:
        """Look once at every repository whose time has come; whatever is wrong with one is no matter of others."""
        async with self._looking:
            return [seen for each in sorted(self._serves) if (seen := await self._look(each)) is not None]

    async def _look(self, repository_id: int) -> Seen | None:
        now = self._clock.now()
        watched = self._watched.get(repository_id)
        if watched is not None and now < watched.not_before:
            return None
        try:
            if watched is None:
                marks, faces = await self._store.marks(repository_id), await self._store.faces(repository_id)
                memory, rerequests = Memory(marks, faces), Rerequests(self._app.app_id)
                watched = self._watched[repository_id] = _Watched(memory, rerequests, now)
            seen = await self._look_at(repository_id, watched)
        except NotInstalledError as error:
            log.warning("polling.not_installed", repository_id=repository_id, error=str(error))
            self._put_off(watched)
        except GitHubError as error:
            wait_s = error.retry_after_s if isinstance(error, TransientError) else None
            log.warning("polling.put_off", repository_id=repository_id, error=str(error), wait_s=wait_s)
            self._put_off(watched, wait_s)
        except Exception:
            log.exception("polling.crashed", repository_id=repository_id)
            self._put_off(watched)
        else:
            watched.failures = 0
            if seen.told or seen.left_to_webhooks or seen.is_first:
                log.info("polling.told", repository_id=repository_id, **asdict(seen))
            return seen
        return None

    async def _look_at(self, repository_id: int, watched: _Watched) -> Seen:
        origin, place = await self._places.find(repository_id)
        client = self._app.installation(origin.installation_id)
        reader = PullReader(client, origin.full_name)
        look = Look(
            origin,
            place,
            client,
            watched.memory,
            self._store,
            self._approvals,
            self._inbox,
            self._clock,
            self._app.app_id,
            partial(watched.rerequests.found, reader=reader, faces=watched.memory.faces),
        )
        seen = await (look.take() if watched.memory.marks else look.begin())
        if _is_low(client):
            log.warning("polling.thrifty", repository_id=repository_id, pause_s=self._every_s * _THRIFT)
            watched.not_before = self._clock.now() + timedelta(seconds=self._every_s * _THRIFT)
        return seen

    def _put_off(self, watched: _Watched | None, wait_s: float | None = None) -> None:
        """Leave a repository alone for a while, ever longer while it fails, or as long as GitHub asked us to."""
        if watched is None:
            return
        watched.failures += 1
        pause_s = min(self._every_s * 2 ** min(watched.failures, 10), _LONGEST_PAUSE_S)
        if wait_s is not None:
            pause_s = max(self._every_s, min(wait_s, _LONGEST_WAIT_S))
        watched.not_before = self._clock.now() + timedelta(seconds=pause_s)

    async def _run(self) -> None:
        while True:
            await self.look()
            self.looks_done += 1
            await self._clock.sleep(self._every_s)


def _is_low(client: GitHubClient) -> bool:
    """True when what is left of the hour's requests is needed for what was found."""
    budget = client.limits.scarcest()
    return budget is not None and budget.remaining < budget.limit * _SHARE_LEFT
