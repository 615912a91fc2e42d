"""What stands in for a large model in the demo: a rule-based server that speaks OpenAI's protocol on loopback."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web

NAME = "offline teacher: rule-based"
_PAUSE_S = 0.3  # so that progress can be watched
_WORDS = re.compile(r"\w+")


class OfflineModel:
    """Answers with the sentence of the prompt that shares most words with its question."""

    def __init__(self) -> None:
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", _answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()


async def _answer(request: web.Request) -> web.Response:
    body = await request.json()
    await asyncio.sleep(_PAUSE_S)
    message = {"role": "assistant", "content": reply_to(str(body["messages"][-1]["content"]))}
    return web.json_response({"model": NAME, "choices": [{"index": 0, "message": message}]})


def reply_to(prompt: str) -> str:
    """Return the line of the prompt that is most like its last line, the question."""
    *lines, question = [line.strip() for line in prompt.splitlines() if line.strip()]
    asked = set(_WORDS.findall(question.lower()))
    told = [line for line in lines if not line.startswith("<")]
    return max(told, key=lambda line: len(asked & set(_WORDS.findall(line.lower()))), default="I do not know.")
