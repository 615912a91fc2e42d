"""Deliveries that failed or never came are asked for again: GitHub tells what it sent, our rows what arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.apply import send_again
from bot.clock import Clock
from bot.github.client import GitHubApp
from bot.github.errors import GitHubError, TransientError
from bot.github.hook_deliveries import HookDeliveries, Sending
from bot.store.history import History
from bot.store.redeliveries import Missed, RedeliveryStore
from bot.store.repositories import RepositoryStore

log = structlog.get_logger()

GRACE = timedelta(minutes=2)  # what is younger may still be on its way to us
GITHUB_REMEMBERS = timedelta(days=3)  # what is older GitHub no longer sends
MOST_ASKED = 5  # times for one delivery
_PAUSES = tuple(timedelta(minutes=m) for m in (5, 30, 180, 720, 720))
_AT_ONCE = 50  # of one sweep
_MOST_PAGES = 200  # of a hundred sendings each
_CHORE, _NO_REPOSITORY = "hook deliveries", 0


@dataclass
class Asked:
    """What one round came to."""

    seen: int = 0
    missed: int = 0
    asked: int = 0
    refused: int = 0


class Redelivery:
    """Finds what GitHub sent and we do not have. Asks for each a bounded number of times, ever longer apart."""

    def __init__(
        self,
        app: GitHubApp,
        store: RedeliveryStore,
        history: History,
        repositories: RepositoryStore,
        clock: Clock,
        serves: frozenset[int],
    ) -> None:
        """`serves` are ids of repositories."""
        self._app = app
        self._store = store
        self._history = history
        self._repositories = repositories
        self._clock = clock
        self._serves = serves

    async def ask(self) -> Asked:
        """Look through what is new in GitHub's list, then ask for what is missing. Raises TransientError."""
        now, asked = self._clock.now(), Asked()
        await self._look_through(HookDeliveries(self._app.itself()), now, asked)
        await self._ask_for_missing(now, asked)
        await self._store.forget(now - 2 * GITHUB_REMEMBERS)
        log.info("redelivery.done", seen=asked.seen, missed=asked.missed, asked=asked.asked, refused=asked.refused)
        return asked

    async def _look_through(self, sent: HookDeliveries, now: datetime, asked: Asked) -> None:
        """Remember what is missing among all that is newer than what the last round has seen."""
        since = now - GITHUB_REMEMBERS
        if (seen_to := await self._history.last_done(_NO_REPOSITORY, _CHORE)) is not None:
            since = max(since, seen_to)
        first_seen = {k.origin.repository_id: k.first_seen_at for k in await self._repositories.all_known()}
        async for page in sent.newest_first(_MOST_PAGES):
            of_page = [sending for sending in page if since <= sending.at <= now - GRACE]
            asked.seen += len(of_page)
            ours = [sending for sending in of_page if self._is_ours(sending, first_seen)]
            known = await self._store.known({sending.guid for sending in ours})
            missed = {s.guid: _missed(s) for s in ours if s.guid not in known}
            await self._store.note(list(missed.values()), now)
            asked.missed += len(missed)
            if page and page[-1].at < since:
                break
        await self._history.note_done(_NO_REPOSITORY, _CHORE, now - GRACE)

    def _is_ours(self, sending: Sending, first_seen: dict[int, datetime]) -> bool:
        """Tell whether we should have it: what was taken before this database began is another one's."""
        if sending.repository_id not in self._serves:
            return False
        since = first_seen.get(sending.repository_id)
        return not sending.arrived or (since is not None and sending.at >= since)

    async def _ask_for_missing(self, now: datetime, asked: Asked) -> None:
        """Ask for what is due. That we ask is on disk first: a crash leads to no endless asking."""
        due = await self._store.due(now, sent_after=now - GITHUB_REMEMBERS, asked_below=MOST_ASKED, limit=_AT_ONCE)
        for missed in due:
            again_at = now + _PAUSES[missed.asked]
            if not await self._store.claim(missed, asked=missed.asked + 1, ask_again_at=again_at):
                continue
            try:
                await send_again(self._app.itself(), missed.sending_id)
            except TransientError:
                raise  # whether it was heard, the next round sees from what has arrived
            except GitHubError as error:
                asked.refused += 1
                log.warning("redelivery.refused", delivery=missed.guid, because=str(error))
            else:
                asked.asked += 1
                log.info("redelivery.asked", delivery=missed.guid, github_event=missed.event, time=missed.asked + 1)


def _missed(sending: Sending) -> Missed:
    return Missed(sending.guid, sending.id, sending.event, sending.repository_id, sending.at)
