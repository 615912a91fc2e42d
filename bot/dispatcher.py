"""From stored deliveries to handled events: in order for one pull request, many pull requests at once.

Several replicas may share the deliveries: each handles what it has claimed. See `bot.store.deliveries`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.events import Event, Ignored, Labelled, PullChanged, PullOpened, UnreadableEventError, Written, read_event
from bot.github.errors import GitHubError, TransientError
from bot.metrics.deliveries import HANDLED, handling
from bot.store.deliveries import Delivery, DeliveryState, DeliveryStore
from bot.store.replicas import ReplicaLostError
from pipeline import tracing
from pipeline.tracing import order_at

log = structlog.get_logger()

_MOST_ATTEMPTS = 8
_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 300.0
_LANES_PER_HAND = 32  # claimed at a time, for each that can be worked on: so that claims are few
_LANES_IN_COMPANY = 8  # so that others have something to do
_LOOKS_EVERY_S = 2.0  # for what others have given back, or asked for again


class EventHandler(Protocol):
    """Whoever acts on events."""

    async def handle(self, event: Event) -> str | None:
        """Act on one event; return what whoever sent it is to be told. Raises TransientError to be asked again."""
        ...


class Claimant(Protocol):
    """In whose name deliveries are claimed."""

    @property
    def id(self) -> int:
        """The number of this replica."""
        ...

    @property
    def has_company(self) -> bool:
        """True when there are other replicas."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A delivery in its lane, read once."""

    delivery: Delivery
    event: Event | UnreadableEventError


class Dispatcher:
    """Takes stored deliveries, lane by lane: one lane for each subject, at most `at_once` lanes working."""

    def __init__(
        self,
        store: DeliveryStore,
        handler: EventHandler,
        clock: Clock,
        *,
        app_id: int,
        at_once: int,
        replica: Claimant,
    ) -> None:
        self._store = store
        self._handler = handler
        self._clock = clock
        self._app_id = app_id
        self._replica = replica
        self._at_once = at_once
        self._gate = asyncio.Semaphore(at_once)
        self._lanes: dict[str, deque[_Waiting]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()  # else what follows a delivery could overtake it while that is put off
        self._something_new = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._alarm: asyncio.Task[None] | None = None
        self._next_at: datetime | None = None
        self._left_some = False
        self._is_draining = False
        self._is_reading = False
        self._idle = asyncio.Event()

    def wake(self) -> None:
        """New deliveries have been stored."""
        self._idle.clear()
        self._something_new.set()

    async def start(self) -> None:
        """Begin, first with what an earlier process left unfinished."""
        self._is_draining = False
        self._something_new.set()
        self._tasks = [
            asyncio.create_task(self._read(), name="dispatcher"),
            asyncio.create_task(self._look_now_and_then(), name="dispatcher's look"),
        ]

    async def stop(self, within_s: float = 0.0) -> None:
        """Claim nothing more, finish what is under way within that time, and give back the rest."""
        self._is_draining = True
        await _end(self._tasks)
        if self._workers and within_s > 0:
            _, late = await asyncio.wait(self._workers, timeout=within_s)
            log.info("dispatcher.drained", broken_off=len(late))
        await self.drop()
        try:
            await self._store.give_back(self._replica.id)
        except Exception:  # then it is taken from us, or found at the next start
            log.exception("dispatcher.not_given_back")

    async def drop(self) -> None:
        """Stop all that is under way and forget what is claimed: others have it now, or will."""
        async with self._claiming:  # whoever is claiming puts it into lanes first
            await _end([*self._workers, *([self._alarm] if self._alarm else [])])
            self._lanes.clear()

    @property
    def is_working(self) -> bool:
        """True while deliveries are being taken up."""
        return bool(self._tasks) and not self._tasks[0].done()

    async def settled(self) -> None:
        """Return when every stored delivery has been handled, those that others hold aside."""
        await self._idle.wait()

    async def _read(self) -> None:
        while True:
            await self._something_new.wait()
            self._something_new.clear()
            self._is_reading = True
            try:
                async with self._claiming:
                    await self._take_all()
            except ReplicaLostError:
                log.info("dispatcher.read_nothing", reason="this replica was taken for dead")
            except Exception:  # the database stumbled: nothing is lost, it is all still there
                log.exception("dispatcher.read_failed")
                await self._clock.sleep(_FIRST_PAUSE_S)
                self._something_new.set()
            self._is_reading = False
            self._note_idleness()

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_LOOKS_EVERY_S)  # by real time, as the others
            if not self._is_reading:
                self._something_new.set()

    async def _take_all(self) -> None:
        """Claim what there is room for, and put it into its lanes."""
        while self._replica.id:
            per_hand = _LANES_IN_COMPANY if self._replica.has_company else _LANES_PER_HAND
            most_lanes = self._at_once * per_hand
            if len(self._lanes) > most_lanes // 2:
                self._left_some = True
                return
            held = {subject: len(lane) for subject, lane in self._lanes.items()}
            replica_id, now = self._replica.id, self._clock.now()
            claimed = await self._store.claim(replica_id, now, held, most_lanes)
            self._left_some = not claimed.is_all
            self._set_alarm(claimed.next_at, now)
            waiting = [_Waiting(delivery, self._read_event(delivery)) for delivery in claimed.deliveries]
            ignored = [w.delivery.id for w in waiting if isinstance(w.event, Ignored)]
            for item in waiting:
                if not isinstance(item.event, Ignored):
                    self._enter_lane(item)
            if ignored:  # most deliveries tell of our own writes: one commit for all of them
                await self._store.finish(ignored, DeliveryState.DONE, now, replica_id=replica_id)
            if claimed.is_all or not claimed.deliveries:
                return

    def _set_alarm(self, at: datetime | None, now: datetime) -> None:
        """Have somebody look again when the first of what was put off is due."""
        if at == self._next_at and (at is None or (self._alarm is not None and not self._alarm.done())):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._next_at, self._alarm = at, None
        if at is not None:
            self._alarm = asyncio.create_task(self._wake_in((at - now).total_seconds()), name="dispatcher's alarm")

    async def _wake_in(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._something_new.set()

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
        """Handle one lane until it is empty, or what is first in it has to wait."""
        lane = self._lanes[subject]
        while lane:
            async with self._gate:
                if self._is_draining:
                    break
                together = _take_together(lane)
                try:
                    goes_on = await self._handle(together, lane)
                except Exception:  # the database stumbled; handling the same again does no harm
                    log.exception("dispatcher.lane_stumbled", subject=subject)
                    goes_on = None
            if goes_on is None:
                lane.extendleft(reversed(together))
                await self._clock.sleep(_FIRST_PAUSE_S)
            elif not goes_on:
                break
        if self._lanes.get(subject) is lane:
            del self._lanes[subject]
        if self._left_some or self._replica.has_company:
            self._something_new.set()
        self._note_idleness()

    async def _handle(self, together: list[_Waiting], lane: deque[_Waiting]) -> bool:
        """Handle deliveries that ask for the same. Return whether what follows them in the lane may be handled."""
        replica_id = self._replica.id
        last = together[-1]
        with ExitStack() as around:
            self._follow(last, around)
            try:
                if isinstance(last.event, UnreadableEventError):
                    raise last.event
                told = await self._handler.handle(last.event)
            except TransientError as error:
                return await self._put_off(together, lane, error, replica_id)
            except (GitHubError, UnreadableEventError) as error:
                log.error("delivery.failed", error=str(error))
                return await self._finish(together, DeliveryState.FAILED, str(error), replica_id)
            except Exception as error:  # a mistake of ours; it may still pass another time
                log.exception("delivery.crashed")
                return await self._put_off(together, lane, error, replica_id)
            return await self._finish(together, DeliveryState.DONE, told or "", replica_id)

    def _follow(self, item: _Waiting, around: ExitStack) -> None:
        """Have all that is logged, timed and traced meanwhile name the delivery."""
        told = item.delivery
        waited_s = (self._clock.now() - told.received_at).total_seconds()
        order = order_of(item.event) or order_at(told.repository_id, told.guid)
        around.enter_context(handling(waited_s))
        span = tracing.span(
            "delivery",
            order=order,
            delivery=told.guid,
            event=told.event,
            subject=told.subject,
            waited_s=waited_s,
        )
        around.enter_context(span)
        named = {"delivery": told.guid, "subject": told.subject}
        named |= {"trace": trace_id} if (trace_id := tracing.trace_id()) else {}
        around.enter_context(structlog.contextvars.bound_contextvars(**named))

    async def _finish(self, together: list[_Waiting], state: DeliveryState, error: str, replica_id: int) -> bool:
        """Write down what came of some deliveries. Return False when they are no longer ours, nor is their lane."""
        ids = [item.delivery.id for item in together]
        is_ours = await self._store.finish(ids, state, self._clock.now(), error, replica_id=replica_id)
        for item in together:
            HANDLED.add(item.delivery.event, state.value if is_ours else "not ours")
        if not is_ours:
            log.warning("delivery.not_ours_any_more")
        return is_ours

    async def _put_off(
        self, together: list[_Waiting], lane: deque[_Waiting], error: Exception, replica_id: int
    ) -> bool:
        reason = str(error) if isinstance(error, GitHubError) else type(error).__name__
        ids = [item.delivery.id for item in together]
        attempts = max(item.delivery.attempts for item in together) + 1
        if attempts >= _MOST_ATTEMPTS:
            log.error("delivery.given_up", attempts=attempts, error=reason)
            return await self._finish(together, DeliveryState.FAILED, reason, replica_id)
        asked_s = error.retry_after_s if isinstance(error, TransientError) else None
        pause_s = asked_s or min(_FIRST_PAUSE_S * 4 ** (attempts - 1), _LONGEST_PAUSE_S)
        for item in together:
            HANDLED.add(item.delivery.event, "put off")
        log.warning("delivery.put_off", attempts=attempts, pause_s=pause_s, error=reason)
        until = self._clock.now() + timedelta(seconds=pause_s)
        async with self._claiming:
            following = [item.delivery.id for item in lane]
            await self._store.put_off(ids, following, until, reason, replica_id=replica_id)
            self._lanes.pop(together[0].delivery.subject, None)
        self._something_new.set()
        return False

    def _note_idleness(self) -> None:
        is_put_off = self._next_at is not None
        if not (self._lanes or self._is_reading or self._something_new.is_set() or is_put_off):
            self._idle.set()


def order_of(event: Event | UnreadableEventError) -> str:
    """Return what names the order that an event may hold; empty for one that orders nothing."""
    match event:
        case Written(origin=origin, source=source) | PullOpened(text=Written(origin=origin, source=source)):
            return order_at(origin.repository_id, source)
        case Labelled(origin=origin):
            return order_at(origin.repository_id, event.source)
    return ""


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _take_together(lane: deque[_Waiting]) -> list[_Waiting]:
    """Take the next delivery, and those right behind it that ask for the same: triage reads live state."""
    together = [lane.popleft()]
    if isinstance(together[0].event, PullChanged):
        while lane and isinstance(lane[0].event, PullChanged):
            together.append(lane.popleft())
    return together
