"""Asking several models the same question, so that people can compare them; nothing of it is kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from bot.clock import Clock
from bot.comments.escape import visible
from bot.model_servers import ModelServer, ModelServerError, Question

log = structlog.get_logger()

LONGEST_QUESTION = 4000  # characters
MOST_TOKENS, MOST_CHARACTERS = 512, 16_000  # of one answer
_ANSWERS_WITHIN_S = 180.0
_WAITS_S = 120.0  # in line for a server
_AT_ONCE = 6  # people whose questions are asked or wait
_MINUTE = timedelta(minutes=1)
_A_MINUTE, _A_MINUTE_IN_ALL = 6, 30  # questions


class TryRefusedError(Exception):
    """A question that is not asked; the text is for who asked it."""


class Stage(StrEnum):
    """How far an answer is."""

    WAITING = "waiting"
    WRITING = "writing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life of one answer: more text, or another stage with words about it."""

    key: str
    text: str = ""
    stage: Stage | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Respondent:
    """A model that is asked. `ready` returns its name there once it is, and raises ModelServerError."""

    key: str
    heading: str
    server: ModelServer
    ready: Callable[[], Awaitable[str]]


class TryRoom:
    """Where questions are asked, with bounds: a server that teaches is not to be kept busy by chats.

    A server gets one request of ours at a time. vLLM on a CPU lets an adapter leak into what the base model answers
    in the same batch, and an answer that others have coloured compares nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._servers: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._asking: set[int] = set()
        self._asked: deque[tuple[datetime, int]] = deque()

    @contextlib.contextmanager
    def admitted(self, user_id: int) -> Iterator[None]:
        """Let somebody ask one question. Raises TryRefusedError."""
        self._check(user_id)
        self._asking.add(user_id)
        self._asked.append((self._clock.now(), user_id))
        try:
            yield
        finally:
            self._asking.discard(user_id)

    def _check(self, user_id: int) -> None:
        since = self._clock.now() - _MINUTE
        while self._asked and self._asked[0][0] <= since:
            self._asked.popleft()
        if user_id in self._asking:
            raise TryRefusedError("Your last question is still being answered. Wait for it, or stop it.")
        if len(self._asking) >= _AT_ONCE:
            raise TryRefusedError(f"{_AT_ONCE} others are asking just now. Try again in a minute.")
        if sum(1 for _, who in self._asked if who == user_id) >= _A_MINUTE:
            raise TryRefusedError(f"You have asked {_A_MINUTE} questions within a minute. Wait for a minute.")
        if len(self._asked) >= _A_MINUTE_IN_ALL:
            raise TryRefusedError(
                f"{_A_MINUTE_IN_ALL} questions were asked within a minute, as many as may be. Wait for a minute."
            )

    async def answers(self, text: str, respondents: Sequence[Respondent]) -> AsyncGenerator[Sign, None]:
        """Yield what becomes of the answers, as it comes. Close it (`contextlib.aclosing`) to hang up."""
        came: asyncio.Queue[Sign] = asyncio.Queue()
        question = Question(text, MOST_TOKENS, MOST_CHARACTERS)
        by_server: dict[str, list[Respondent]] = {}
        for each in respondents:
            by_server.setdefault(each.server.url, []).append(each)
        tasks = [
            asyncio.create_task(self._one_after_the_other(url, question, of_it, came))
            for url, of_it in by_server.items()
        ]
        try:
            for each in respondents:
                yield Sign(each.key, stage=Stage.WAITING, words="waits for its turn")
            left = len(respondents)
            while left:
                sign = await came.get()
                left -= sign.stage in (Stage.DONE, Stage.FAILED)
                yield sign
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one_after_the_other(
        self, url: str, question: Question, respondents: Sequence[Respondent], came: asyncio.Queue[Sign]
    ) -> None:
        lock = self._servers[url]
        try:
            async with asyncio.timeout(_WAITS_S):
                await lock.acquire()
        except TimeoutError:
            for each in respondents:
                words = "Others have kept this server busy for 2 minutes. Try again later."
                came.put_nowait(Sign(each.key, stage=Stage.FAILED, words=words))
            return
        try:
            for each in respondents:
                came.put_nowait(await self._answered(each, question, came))
        finally:
            lock.release()

    async def _answered(self, asked: Respondent, question: Question, came: asyncio.Queue[Sign]) -> Sign:
        """Put an answer's text into the queue; return how it ended."""
        length = 0
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                name = await asked.ready()
                came.put_nowait(Sign(asked.key, stage=Stage.WRITING, words="writes"))
                async with contextlib.aclosing(asked.server.answer(name, question)) as pieces:
                    async for piece in pieces:
                        length += len(piece)
                        came.put_nowait(Sign(asked.key, text=visible(piece)))
        except ModelServerError as error:
            return Sign(asked.key, stage=Stage.FAILED, words=str(error))
        except TimeoutError:
            return Sign(asked.key, stage=Stage.FAILED, words="It was not done after 3 minutes, so it was stopped.")
        except Exception:
            log.exception("trying.broke", model=asked.key)
            words = "Something of ours broke while it was asked. The people who run the bot find it in its log."
            return Sign(asked.key, stage=Stage.FAILED, words=words)
        return Sign(asked.key, stage=Stage.DONE, words="done" if length else "answered nothing")
