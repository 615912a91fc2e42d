"""A look inside: only on this machine, only by its own name, and never with a secret in it."""

from __future__ import annotations

import aiohttp
import pytest

from tests.observability.scraping import free_port
from tests.world import World
from tests.world.world import SECRET


@pytest.fixture
async def address(world: World) -> str:
    port = free_port()
    await world.stop_bot()
    await world.start_bot(debug_port=port, host="0.0.0.0")
    return f"http://127.0.0.1:{port}/debug"


async def asked(method: str, url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_tasks_and_threads_are_told(address: str) -> None:
    "Each task with its name and where it waits."
    status, text = await asked("GET", f"{address}/tasks")
    assert status == 200
    assert "dispatcher" in text
    assert "File " in text
    status, text = await asked("GET", f"{address}/threads")
    assert status == 200
    assert "MainThread" in text


async def test_the_settings_are_told_without_secrets(address: str, world: World) -> None:
    "Which value is in force, and from where; of a secret only that it is set."
    status, text = await asked("GET", f"{address}/config")
    assert status == 200
    assert "TAXONOMY_BOT_SWEEP_MINUTES = 0" in text
    assert "TAXONOMY_BOT_WEBHOOK_SECRETS = set, not shown" in text
    assert SECRET not in text
    assert world.github.private_key_pem.splitlines()[3] not in text


async def test_memory_is_noted_when_somebody_asks_for_it(address: str) -> None:
    "Not before: noting it makes everything slower."
    assert (await asked("GET", f"{address}/memory"))[0] == 409
    assert (await asked("POST", f"{address}/memory"))[0] == 200
    status, text = await asked("GET", f"{address}/memory")
    assert status == 200
    assert "MiB since it began" in text
    assert (await asked("DELETE", f"{address}/memory"))[0] == 200
    assert (await asked("GET", f"{address}/memory"))[0] == 409


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example.org"}, {"Origin": "https://evil.example.org"}], ids=["rebound", "browser"]
)
async def test_pages_in_a_browser_get_nothing(address: str, headers: dict[str, str]) -> None:
    "A name that points to this machine is not this machine's name."
    assert (await asked("GET", f"{address}/config", **headers))[0] == 403
