"""What a vLLM server counts by itself, read from its /metrics: the other half of what a client counted."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

import aiohttp

_LOOK_EVERY_S = 0.2
_SAMPLE = re.compile(r"(vllm:\w+)(?:\{.*\})? (\S+)")  # Source: Prometheus text format 0.0.4


@dataclass(frozen=True, slots=True)
class ServerCount:
    """Sums since the server's start; `running` and `waiting` are of this moment."""

    requests: int  # that ended with an answer; each choice of `n` is one
    prompt_tokens: int
    completion_tokens: int
    preempted: int
    running: int
    waiting: int

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Return what a page of metrics says, a number's labels summed."""
        sums: Counter[str] = Counter()
        for line in text.splitlines():
            if (found := _SAMPLE.fullmatch(line)) is not None and math.isfinite(value := float(found[2])):
                sums[found[1]] += round(value)
        return cls(
            sums["vllm:request_success_total"],
            sums["vllm:prompt_tokens_total"],
            sums["vllm:generation_tokens_total"],
            sums["vllm:num_preemptions_total"],
            sums["vllm:num_requests_running"],
            sums["vllm:num_requests_waiting"],
        )

    def since(self, before: ServerCount) -> ServerCount:
        """Return what came since then."""
        return ServerCount(
            self.requests - before.requests,
            self.prompt_tokens - before.prompt_tokens,
            self.completion_tokens - before.completion_tokens,
            self.preempted - before.preempted,
            self.running,
            self.waiting,
        )


class ServerMetrics:
    """The metrics of one server; `peak` is how many requests it was seen to run at once while it was watched."""

    def __init__(self, url: str) -> None:
        """Take the address that clients use, up to /v1."""
        self.peak = 0
        self._url = url.removesuffix("/v1") + "/metrics"

    async def now(self) -> ServerCount:
        """Return what the server has counted by now."""
        async with aiohttp.ClientSession() as session, session.get(self._url) as answer:
            answer.raise_for_status()
            return ServerCount.parsed(await answer.text())

    async def rested(self, within_s: float = 30.0) -> ServerCount:
        """Return what it has counted once it works at nothing. Raises TimeoutError when it goes on."""
        async with asyncio.timeout(within_s):
            while True:
                count = await self.now()
                if not count.running and not count.waiting:
                    return count
                await asyncio.sleep(_LOOK_EVERY_S)

    async def busy(self, within_s: float = 60.0) -> None:
        """Return once it works at something. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                if (await self.now()).running:
                    return
                await asyncio.sleep(_LOOK_EVERY_S / 4)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look again and again how many requests it runs, from now on."""
        self.peak = 0
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                self.peak = max(self.peak, (await self.now()).running)
            await asyncio.sleep(_LOOK_EVERY_S)
