"""From stored deliveries to handled events: in order for one pull request, many pull requests at once."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.events import Event, Ignored, PullChanged, UnreadableEventError, read_event
from bot.github.errors import GitHubError, TransientError
from bot.store.deliveries import Delivery, DeliveryState, DeliveryStore

log = structlog.get_logger()

_BATCH = 500
_MOST_ATTEMPTS = 8
_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 300.0


class EventHandler(Protocol):
    """Whoever acts on events."""

    async def handle(self, event: Event) -> None:
        """Act on one event. Raises TransientError to be asked again later."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A delivery in its lane, read once."""

    delivery: Delivery
    event: Event | UnreadableEventError


class Dispatcher:
    """Takes stored deliveries, lane by lane: one lane for each subject, at most `at_once` lanes working."""

    def __init__(
        self, store: DeliveryStore, handler: EventHandler, clock: Clock, *, app_id: int, at_once: int
    ) -> None:
        self._store = store
        self._handler = handler
        self._clock = clock
        self._app_id = app_id
        self._gate = asyncio.Semaphore(at_once)
        self._lanes: dict[str, deque[_Waiting]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._seen_id = 0
        self._something_new = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._is_reading = False
        self._idle = asyncio.Event()

    def wake(self) -> None:
        """New deliveries have been stored."""
        self._idle.clear()
        self._something_new.set()

    async def start(self) -> None:
        """Begin, first with what an earlier process left unfinished."""
        self._something_new.set()
        self._reader = asyncio.create_task(self._read(), name="dispatcher")

    async def stop(self) -> None:
        """Stop; what is not finished stays stored and is taken up at the next start."""
        tasks = [task for task in (self._reader, *self._workers) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def is_working(self) -> bool:
        """True while deliveries are being taken up."""
        return self._reader is not None and not self._reader.done()

    async def settled(self) -> None:
        """Return when every stored delivery has been handled."""
        await self._idle.wait()

    async def _read(self) -> None:
        while True:
            await self._something_new.wait()
            self._something_new.clear()
            self._is_reading = True
            try:
                await self._take_all()
            except Exception:  # the database stumbled: nothing is lost, it is all still there
                log.exception("dispatcher.read_failed")
                await self._clock.sleep(_FIRST_PAUSE_S)
                self._something_new.set()
            self._is_reading = False
            self._note_idleness()

    async def _take_all(self) -> None:
        """Put everything that waits in the store into its lane."""
        while batch := await self._store.waiting(after_id=self._seen_id, limit=_BATCH):
            waiting = [_Waiting(delivery, self._read_event(delivery)) for delivery in batch]
            ignored = [w.delivery.id for w in waiting if isinstance(w.event, Ignored)]
            if ignored:  # most deliveries tell of our own writes: one commit for all of them
                await self._store.finish(ignored, DeliveryState.DONE, self._clock.now())
            self._seen_id = batch[-1].id
            for item in waiting:
                if not isinstance(item.event, Ignored):
                    self._enter_lane(item)

    def _read_event(self, delivery: Delivery) -> Event | UnreadableEventError:
        try:
            return read_event(delivery.event, delivery.payload, app_id=self._app_id, guid=delivery.guid)
        except UnreadableEventError as error:
            return error

    def _enter_lane(self, item: _Waiting) -> None:
        subject = item.delivery.subject
        if subject in self._lanes:
            self._lanes[subject].append(item)
            return
        self._lanes[subject] = deque([item])
        worker = asyncio.create_task(self._work(subject), name=f"lane {subject}")
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def _work(self, subject: str) -> None:
        """Handle one lane until it is empty."""
        lane = self._lanes[subject]
        while lane:
            async with self._gate:
                together = _take_together(lane)
                try:
                    pause_s = await self._handle(together)
                except Exception:  # the database stumbled; handling the same again does no harm
                    log.exception("dispatcher.lane_stumbled", subject=subject)
                    pause_s = _FIRST_PAUSE_S
            if pause_s:
                lane.extendleft(reversed(together))
                await self._clock.sleep(pause_s)
        del self._lanes[subject]
        self._note_idleness()

    async def _handle(self, together: list[_Waiting]) -> float:
        """Handle deliveries that ask for the same. Return the seconds to wait before another try, 0 when done."""
        ids = [item.delivery.id for item in together]
        last = together[-1]
        with structlog.contextvars.bound_contextvars(delivery=last.delivery.guid, subject=last.delivery.subject):
            try:
                if isinstance(last.event, UnreadableEventError):
                    raise last.event
                await self._handler.handle(last.event)
            except TransientError as error:
                return await self._put_off(together, error)
            except (GitHubError, UnreadableEventError) as error:
                log.error("delivery.failed", error=str(error))
                await self._store.finish(ids, DeliveryState.FAILED, self._clock.now(), str(error))
            except Exception as error:  # a mistake of ours; it may still pass another time
                log.exception("delivery.crashed")
                return await self._put_off(together, error)
            else:
                await self._store.finish(ids, DeliveryState.DONE, self._clock.now())
        return 0.0

    async def _put_off(self, together: list[_Waiting], error: Exception) -> float:
        reason = str(error) if isinstance(error, GitHubError) else type(error).__name__
        ids = [item.delivery.id for item in together]
        attempts = max(item.delivery.attempts for item in together) + 1
        if attempts >= _MOST_ATTEMPTS:
            log.error("delivery.given_up", attempts=attempts, error=reason)
            await self._store.finish(ids, DeliveryState.FAILED, self._clock.now(), reason)
            return 0.0
        await self._store.count_attempt(ids, reason)
        for i, item in enumerate(together):
            together[i] = _Waiting(item.delivery.tried(attempts), item.event)
        asked_s = error.retry_after_s if isinstance(error, TransientError) else None
        pause_s = asked_s or min(_FIRST_PAUSE_S * 4 ** (attempts - 1), _LONGEST_PAUSE_S)
        log.warning("delivery.put_off", attempts=attempts, pause_s=pause_s, error=reason)
        return pause_s

    def _note_idleness(self) -> None:
        if not (self._lanes or self._is_reading or self._something_new.is_set()):
            self._idle.set()


def _take_together(lane: deque[_Waiting]) -> list[_Waiting]:
    """Take the next delivery, and those right behind it that ask for the same: triage reads live state."""
    together = [lane.popleft()]
    if isinstance(together[0].event, PullChanged):
        while lane and isinstance(lane[0].event, PullChanged):
            together.append(lane.popleft())
    return together
