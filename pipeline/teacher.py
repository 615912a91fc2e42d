"""A client of any OpenAI-compatible server: asks in, replies out, as many at once as the server bears.

Only transient faults are tried again. Every reply is remembered on disk, equal asks under way share one request,
and nothing a server does (endless, cut or garbled answers, silence) ends in anything but a reply or a TeacherError.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self

from pipeline.teacher_cache import CacheError, ReplyCache
from pipeline.teacher_gate import Gate, Place
from pipeline.teacher_messages import (
    Ask,
    AskError,
    ChatMessage,
    Choice,
    Counters,
    Reply,
    TeacherError,
    TriesUsedUpError,
    merged,
)
from pipeline.teacher_pacing import Absence, Pace, pause_s
from pipeline.teacher_settings import TeacherSettings
from pipeline.teacher_tally import HERE
from pipeline.teacher_wire import Fault, RefusedError, Wire

__all__ = [
    "Ask",
    "AskError",
    "CacheError",
    "ChatMessage",
    "Choice",
    "Clock",
    "Counters",
    "Reply",
    "ReplyCache",
    "Teacher",
    "TeacherError",
    "TeacherSettings",
    "TriesUsedUpError",
]


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now_s(self) -> float:
        """Return seconds since some fixed moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so long."""
        ...


class _WallClock:
    def now_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class _Shared:
    """One request under way and how many wait for it."""

    task: asyncio.Task[Reply]
    waiting: int = 0


class Teacher:
    """One model behind one server. Use it as an async context manager; `counters` may be read at any time."""

    def __init__(
        self,
        settings: TeacherSettings,
        cache: ReplyCache | None = None,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.counters = Counters()
        self._settings = settings
        self._cache = cache
        self._clock: Clock = clock or _WallClock()
        self._rng = rng or random.Random()  # noqa: S311 - it only spreads the pauses
        self._pace = Pace(settings.least_at_once, settings.most_at_once, self._clock.now_s())
        self._gate = Gate(self._pace.limit)
        self._absence = Absence(settings.away_after_s)
        self._gone: TeacherError | None = None
        self._supports_n = settings.supports_n
        self._finding_out = asyncio.Lock()
        self._under_way: dict[bytes, _Shared] = {}
        self._wire = Wire(settings)

    async def __aenter__(self) -> Self:
        await self._wire.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [shared.task for shared in self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._wire.close()
        if self._cache is not None:
            await asyncio.to_thread(self._cache.flush)

    @property
    def at_once(self) -> int:
        """How many requests may be under way just now."""
        return self._pace.limit

    @property
    def silent_for_s(self) -> float:
        """How long every try has failed, in seconds; 0 while the server answers."""
        since = self._absence.since_s
        return 0.0 if since is None else self._clock.now_s() - since

    async def ask(self, ask: Ask) -> Reply:
        """Return the reply to an ask, with exactly `ask.n` choices.

        Raises AskError when this one was not answered, TeacherError when the server cannot be used at all.
        """
        self.counters.asks += 1
        key = ask.key(self._settings.model)
        if self._cache is not None and (known := self._cache.get(key)) is not None and len(known.choices) == ask.n:
            self.counters.from_cache += 1
            return known
        shared = self._under_way.get(key)
        if shared is None:
            return await self._wait_for(key, self._begin(ask, key))
        reply = await self._wait_for(key, shared)
        self.counters.from_cache += 1
        return replace(reply, from_cache=True)

    def _begin(self, ask: Ask, key: bytes) -> _Shared:
        shared = self._under_way[key] = _Shared(asyncio.create_task(self._answer(ask, key)))
        shared.task.add_done_callback(lambda _: self._forget(key, shared))
        return shared

    def _forget(self, key: bytes, shared: _Shared) -> None:
        if self._under_way.get(key) is shared:
            del self._under_way[key]

    async def _wait_for(self, key: bytes, shared: _Shared) -> Reply:
        """Wait for a request that others may wait for, too; it is cancelled only with the last of them."""
        shared.waiting += 1
        try:
            return await asyncio.shield(shared.task)
        except asyncio.CancelledError:
            if shared.task.cancelled() and not _is_cancelled():
                raise TeacherError("The teacher was closed before the answer came.") from None
            if shared.waiting == 1:
                self._forget(key, shared)
                shared.task.cancel()
                await asyncio.gather(shared.task, return_exceptions=True)
            raise
        finally:
            shared.waiting -= 1

    async def _answer(self, ask: Ask, key: bytes) -> Reply:
        try:
            reply = await self._fresh(ask)
        except TeacherError:
            self.counters.failures += 1
            raise
        if self._cache is not None:
            self._cache.put(key, reply)
        return reply

    async def _fresh(self, ask: Ask) -> Reply:
        """Ask the server: in one request where it can give several choices, else in one for each."""
        if ask.n == 1:
            return _first(await self._persistently(ask), 1)
        if self._supports_n is None:
            async with self._finding_out:
                if self._supports_n is None:
                    return await self._find_out(ask)
        if self._supports_n:
            reply = await self._persistently(ask)
            if len(reply.choices) >= ask.n:
                return _first(reply, ask.n)
        return await self._one_by_one(ask)

    async def _find_out(self, ask: Ask) -> Reply:
        """Ask for several choices and learn from the answer whether the server can give them."""
        try:
            reply = await self._persistently(ask)
        except RefusedError:
            reply = await self._one_by_one(ask)  # refused, too, where it was not for their number
            self._supports_n = False
            return reply
        self._supports_n = len(reply.choices) >= ask.n
        return _first(reply, ask.n) if self._supports_n else await self._one_by_one(ask)

    async def _one_by_one(self, ask: Ask) -> Reply:
        """Ask once for each choice, each with a seed of its own."""
        singles = [replace(ask, n=1, seed=ask.seed + number) for number in range(ask.n)]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.ask(single)) for single in singles]
        except* TeacherError as errors:
            raise _worst(errors) from None
        return merged([task.result() for task in tasks])

    async def _persistently(self, ask: Ask) -> Reply:
        """Return the first good reply, tried again as long as that makes sense.

        Its place is kept during the pauses that an overloaded server needs, so that fewer are under way meanwhile;
        after other faults it is left to the next.
        """
        body = ask.body(self._settings.model)
        used_up = failed = 0
        place = Place(self._gate)
        try:
            while True:
                await self._waiting(place.take())
                answer = await self._once(body)
                if isinstance(answer, Reply):
                    return answer
                failed += 1
                HERE.failed(answer.reason)
                used_up += not answer.nobody_there
                self._note_fault(answer, id(body))
                if used_up >= self._settings.tries:
                    raise TriesUsedUpError(f"{self._settings.tries} tries failed; the last one: {answer.reason}.")
                self.counters.retries[answer.reason] += 1
                pause = pause_s(failed, answer.asked_for_s, self._settings.longest_pause_s, self._rng)
                if not answer.is_overload:
                    place.leave()
                await self._waiting(self._clock.sleep(pause))
                if self._gate.is_overfull:
                    place.leave()
        finally:
            place.leave()

    async def _once(self, body: bytes) -> Reply | Fault:
        """Send one request, and learn from what becomes of it."""
        if self._gone is not None:
            raise TeacherError(str(self._gone))
        self.counters.requests += 1
        HERE.asked()
        try:
            answer = await self._wire.send(body)
        except AskError:
            self._absence.answered()
            raise
        self._learn(answer)
        if isinstance(answer, Reply):
            self._absence.answered()
            self._count(answer)
        return answer

    def _learn(self, answer: Reply | Fault) -> None:
        if isinstance(answer, Reply):
            work = answer.completion_tokens or len(answer.choices)
            self._pace.answered(self._clock.now_s(), self._gate.under_way, work)
        elif answer.is_overload:
            self._pace.turned_away(self._clock.now_s(), self._gate.under_way)
        self._gate.set_limit(self._pace.limit)

    def _count(self, reply: Reply) -> None:
        counters, settings = self.counters, self._settings
        HERE.answered(reply.prompt_tokens, reply.completion_tokens)
        counters.prompt_tokens += reply.prompt_tokens
        counters.completion_tokens += reply.completion_tokens
        counters.cost += reply.prompt_tokens * settings.prompt_price / 1e6
        counters.cost += reply.completion_tokens * settings.completion_price / 1e6

    def _note_fault(self, fault: Fault, ask: int) -> None:
        """Raise TeacherError, now and for every later ask, once the server has been away for too long."""
        now = self._clock.now_s()
        if self._absence.failed(ask, now, nobody_there=fault.nobody_there):
            self._gone = TeacherError(
                f"The server of the model {self._settings.model} gave no good answer for "
                f"{self._settings.away_after_s:.0f} s (last: {fault.reason}). Look whether it runs and whether "
                f"{self._settings.named}_URL is right; what was answered until then is kept."
            )
        if self._gone is not None:
            raise TeacherError(str(self._gone))

    async def _waiting(self, pause: Awaitable[None]) -> None:
        began = self._clock.now_s()
        try:
            await pause
        finally:
            self.counters.waited_s += self._clock.now_s() - began


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _first(reply: Reply, n: int) -> Reply:
    """Return a reply with no more choices than were wanted."""
    return reply if len(reply.choices) == n else replace(reply, choices=reply.choices[:n])


def _worst(errors: BaseExceptionGroup[TeacherError]) -> TeacherError:
    """Return the error that says most: that the server is unusable, before that one ask was not answered."""
    found = [error for error in errors.exceptions if isinstance(error, TeacherError)]
    return min(found, key=lambda error: isinstance(error, AskError))
