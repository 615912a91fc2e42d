"""The bot asks a real student: it brings an adapter from the store of artifacts, and reads as it is written."""

from __future__ import annotations

import contextlib
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from bot.adapter_shelf import AdapterShelf
from bot.model_servers import ModelServer, ModelServerError, Question
from pipeline.artifacts import ArtifactStore
from pipeline.serving.engine import Engine
from pipeline.serving.loading import load
from pipeline.serving.server import StudentServer
from tests.serving.test_server import chat, post

ASKED = Question("What do owls eat?", 512, 16_000)


async def whole(server: ModelServer, model: str) -> str:
    "An answer as it was streamed."
    async with contextlib.aclosing(server.answer(model, ASKED)) as pieces:
        return "".join([piece async for piece in pieces])


async def test_an_adapter_is_brought_and_asked(base: Path, adapters: dict[str, Path], tmp_path: Path) -> None:
    "What it says is what a server says that had it from the start; the base says the same before and after."
    store = ArtifactStore(str(tmp_path / "artifacts"))
    files = [store.put(path.name, path) for path in sorted(adapters["owls"].iterdir())]
    known = load(base, {"owls": adapters["owls"]})
    with Engine(known, slots=2, line=4) as engine:
        async with StudentServer(engine, known, "tiny") as server:
            body = chat() | {"max_tokens": None}
            said = {
                name: (await post(server, body | {"model": name}))[1]["choices"][0]["message"]["content"]
                for name in ("tiny", "owls")
            }
    lone = load(base, {})
    with Engine(lone, slots=2, line=4) as engine:
        async with (
            StudentServer(engine, lone, "tiny", api_key="the key", adapters_from=tmp_path / "shelf") as server,
            aiohttp.ClientSession() as http,
        ):
            asked = ModelServer(http, server.url, SecretStr("the key"), "The student's server")
            assert await asked.models() == {"tiny": ""}
            cut = " […]"  # a model of random weights writes until it is full
            assert (await whole(asked, "tiny")).removesuffix(cut) == said["tiny"]
            await AdapterShelf(tmp_path / "shelf", store).lend(asked, "pull-1-abc", files)
            assert await asked.models() == {"tiny": "", "pull-1-abc": "tiny"}
            assert (await whole(asked, "pull-1-abc")).removesuffix(cut) == said["owls"]
            assert (await whole(asked, "tiny")).removesuffix(cut) == said["tiny"]
            stranger = ModelServer(http, server.url, SecretStr(""), "The student's server")
            with pytest.raises(ModelServerError, match=r"refused \(401\), saying: The API key is missing or wrong"):
                await stranger.models()
