"""A client of any OpenAI-compatible server: questions in, answers out, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp
from pydantic import SecretStr

_TRIES = 3
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_ANSWER = 20_000  # characters; a model that does not stop is cut


class TeacherError(Exception):
    """The model's server could not be used; the text says how, without its address."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """One model behind one server. `at_once` bounds the requests under way."""

    url: str
    model: str
    api_key: SecretStr
    timeout_s: float = 60.0
    at_once: int = 8
    max_tokens: int = 512

    async def answers(
        self, prompts: Sequence[str], on_answer: Callable[[int], Awaitable[None] | None] | None = None
    ) -> list[str | None]:
        """Return the answer to each prompt, in order; None where the server gave none after some tries.

        Raises TeacherError when it answers to nothing at all.
        """
        gate = asyncio.Semaphore(self.at_once)
        done = 0
        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        async with aiohttp.ClientSession(timeout=timeout) as session:

            async def one(prompt: str) -> str | None:
                nonlocal done
                async with gate:
                    answer = await self._ask(session, prompt)
                done += 1
                if on_answer is not None:
                    on_answer(done)
                return answer

            found = list(await asyncio.gather(*(one(prompt) for prompt in prompts)))
        if prompts and all(answer is None for answer in found):
            raise TeacherError(f"The server of the model {self.model} answered none of {len(found)} requests.")
        return found

    async def _ask(self, session: aiohttp.ClientSession, prompt: str) -> str | None:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": self.max_tokens,
        }
        key = self.api_key.get_secret_value()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(0.5 * 2**attempt)
            try:
                async with session.post(
                    f"{self.url.rstrip('/')}/chat/completions", json=body, headers=headers
                ) as response:
                    if response.status in _TRANSIENT:
                        continue
                    if response.status != 200:
                        return None
                    return _text_of(await response.json(content_type=None))
            except (TimeoutError, aiohttp.ClientError, ValueError):
                continue
        return None


def _text_of(answer: object) -> str | None:
    """Return the first choice's text, strictly; None for any other shape."""
    try:
        content = answer["choices"][0]["message"]["content"]  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return None
    return content[:_LONGEST_ANSWER] if isinstance(content, str) else None
