"""Adapters that are taken on while a student is served: they answer as if they had been there from the start."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pipeline.serving.engine import Engine
from pipeline.serving.loading import load
from pipeline.serving.server import StudentServer
from tests.serving.test_server import chat, post


@pytest.fixture
async def lone(base: Path, adapters: dict[str, Path]) -> AsyncIterator[StudentServer]:
    "A student with no adapter yet; its folder of adapters is that of the tests."
    loaded = load(base, {})
    with Engine(loaded, slots=4, line=16) as engine:
        async with StudentServer(engine, loaded, "tiny", adapters_from=adapters["owls"].parent) as server:
            yield server


async def asks(server: StudentServer, path: str, **body: Any) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.post(f"{server.url}/{path}", json=body) as answer:
        return answer.status, await answer.text()


async def said(server: StudentServer, model: str) -> str:
    _, answer = await post(server, chat(model=model))
    return str(answer["choices"][0]["message"]["content"])


async def test_one_that_comes_later_says_what_it_says_elsewhere(
    lone: StudentServer, server: StudentServer, adapters: dict[str, Path]
) -> None:
    "Base and adapters answer like those of a server that had all from the start, before and after."
    expected = {name: await said(server, name) for name in ("tiny", "owls", "bees")}
    assert await said(lone, "tiny") == expected["tiny"]
    for name in ("owls", "bees"):
        assert (await asks(lone, "load_lora_adapter", lora_name=name, lora_path=str(adapters[name])))[0] == 200
        assert {each: await said(lone, each) for each in ("tiny", name)} == {
            each: expected[each] for each in ("tiny", name)
        }
    assert (await asks(lone, "unload_lora_adapter", lora_name="owls"))[0] == 200
    assert await said(lone, "bees") == expected["bees"]
    assert await said(lone, "tiny") == expected["tiny"]
    status, refused = await asks(lone, "chat/completions", **chat(model="owls"))
    assert (status, "There are: tiny, bees" in refused) == (404, True)


async def test_who_is_being_answered_meanwhile_is_not_disturbed(
    lone: StudentServer, server: StudentServer, adapters: dict[str, Path]
) -> None:
    "An answer under way is written to its end by the model that it began with; who comes later waits."
    body = chat(max_tokens=100)
    _, expected = await post(server, body)
    under_way = asyncio.create_task(post(lone, body))
    await asyncio.sleep(0)
    loading = asks(lone, "load_lora_adapter", lora_name="owls", lora_path=str(adapters["owls"]))
    (_, answered), (status, _) = await asyncio.gather(under_way, loading)
    assert status == 200
    assert answered["choices"] == expected["choices"]
    assert (await post(lone, body))[1]["choices"] == expected["choices"]


async def test_what_is_no_adapter_for_it_is_refused_and_all_goes_on(
    lone: StudentServer, server: StudentServer, adapters: dict[str, Path], tmp_path: Path
) -> None:
    "Folders elsewhere, names that are taken or odd, and damaged files; the base model answers as before."
    owls = adapters["owls"]
    shutil.copytree(owls, tmp_path / "elsewhere")
    (owls.parent / "link").unlink(missing_ok=True)
    (owls.parent / "link").symlink_to(tmp_path / "elsewhere")
    broken = owls.parent / "broken"
    shutil.copytree(owls, broken, dirs_exist_ok=True)
    (broken / "adapter_model.safetensors").write_bytes(b"\x00" * 100)
    for name, place, words in (
        ("owls", tmp_path / "elsewhere", "--adapters-from"),
        ("owls", owls.parent / "link", "--adapters-from"),
        ("owls", owls.parent / "no-such", "--adapters-from"),
        ("owls", Path("\0"), "--adapters-from"),
        ("tiny", owls, "already"),
        ("a.b", owls, "lora_name"),
        ("owls", broken, "adapter_model.safetensors"),
    ):
        status, text = await asks(lone, "load_lora_adapter", lora_name=name, lora_path=str(place))
        assert status == 400, (name, place)
        assert words in text
    assert (await asks(lone, "unload_lora_adapter", lora_name="tiny"))[0] == 404
    assert (await asks(server, "load_lora_adapter", lora_name="x", lora_path=str(owls)))[0] == 404
    assert await said(lone, "tiny") == await said(server, "tiny")
