"""Jobs without any server: messages are files in a folder that bot and workers share."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from kombu import Connection
from structlog.testing import capture_logs

from bot import broker as brokers
from bot.broker import BrokerError, FileBroker, address_of, own_broker
from bot.jobs import JobState
from pipeline import contract
from pipeline.contract import broker_address, broker_options, broker_transport
from tests.jobs.workshop import Workshop


def unconfirmed(folder: Path) -> list[Path]:
    "The ends of jobs that the worker keeps until the bot has them."
    return list((folder / "work-worker" / "unconfirmed").glob("*.json"))


def lying_in(folder: Path) -> list[Path]:
    "The messages in a folder."
    return list(folder.glob("q-*/*"))


@asynccontextmanager
async def kept(url: str) -> AsyncIterator[str]:
    "The bot's own broker for an address that is set, and the address that its mail goes to."
    broker = own_broker(url)
    assert broker is not None
    await broker.start()
    try:
        yield address_of(url, broker)
    finally:
        await broker.stop()


async def test_a_job_is_done_by_files_alone(tmp_path: Path) -> None:
    "Bot and worker are given the same folder; lease, work, report and confirmation go through it."
    url = f"filesystem://{tmp_path / 'broker'}"
    async with kept(url), Workshop(tmp_path, broker=url) as workshop:
        worker = workshop.starts_a_worker()
        over = await workshop.ends(await workshop.asks_for())
        assert (over.life.state, over.life.attempt) == (JobState.SUCCEEDED, 1)
        second = await workshop.asks_for()
        assert (await workshop.ends(second)).life.state is JobState.SUCCEEDED
        async with asyncio.timeout(10):
            while unconfirmed(tmp_path):
                await asyncio.sleep(0.05)
        workshop.tells_to_go(worker)
        assert await asyncio.to_thread(worker.wait, 10) == 0


async def test_a_worker_that_dies_with_files_is_replaced(tmp_path: Path) -> None:
    "What it had taken is gone from the folder; the bot notices its silence all the same."
    url = f"filesystem://{tmp_path / 'broker'}"
    async with kept(url), Workshop(tmp_path, broker=url) as workshop:
        workshop.model.pause_s = 20
        first = workshop.starts_a_worker("first")
        job = await workshop.asks_for()
        await workshop.runs(job)
        first.kill()
        first.wait()
        workshop.model.pause_s = 0
        workshop.starts_a_worker("second")
        over = await workshop.ends(job)
        assert (over.life.state, over.life.attempt) == (JobState.SUCCEEDED, 2)


async def test_without_redis_the_embedded_broker_is_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "The bot says so in its log, and a worker that is given the same address finds what the bot has begun."
    for module in (contract, brokers):
        monkeypatch.setattr(module, "redis_program", lambda: None)
    url = f"embedded://{tmp_path / 'broker'}"
    with capture_logs() as logs:
        async with kept(url) as address, Workshop(tmp_path, broker=url) as workshop:
            assert address == broker_address(url) == f"filesystem://{tmp_path / 'broker' / 'messages'}"
            workshop.starts_a_worker()
            assert (await workshop.ends(await workshop.asks_for())).life.state is JobState.SUCCEEDED
    (said,) = [line for line in logs if line["event"] == "broker.files_instead_of_redis"]
    assert "taxonomy-bot[embedded]" in said["remedy"]


async def test_with_redis_the_embedded_broker_is_redis_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    "What an earlier start has left misleads no worker, in neither direction."
    url = f"embedded://{tmp_path / 'b'}"
    with monkeypatch.context() as without:
        without.setattr(brokers, "redis_program", lambda: None)
        async with kept(url) as address:
            assert address.startswith("filesystem://")
    async with kept(url) as address:
        assert address == broker_address(url)
        assert address.startswith("redis+socket://")
        assert not (tmp_path / "b" / "messages").exists()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "b" / "broker.sock"))
    monkeypatch.setattr(brokers, "redis_program", lambda: None)
    async with kept(url) as address:
        assert address == broker_address(url)
        assert address.startswith("filesystem://")


def opened(folder: Path) -> Connection:
    "A connection as bot and workers make it."
    address = f"filesystem://{folder}"
    return Connection(address, transport=broker_transport(address), transport_options=broker_options(address, 60))


def test_messages_come_in_order_and_once(tmp_path: Path) -> None:
    "Two readers share a queue: together they get everything once."
    with opened(tmp_path) as one, opened(tmp_path) as other:
        queue, same = one.SimpleQueue("gpu.sdg"), other.SimpleQueue("gpu.sdg")
        for number in range(6):
            queue.put({"number": number})
        got = []
        for reader in (queue, same, same, queue, same, queue):
            message = reader.get(timeout=2)
            message.ack()
            got.append(message.payload["number"])
        assert got == list(range(6))
        assert not lying_in(tmp_path)


def test_a_queue_by_any_name_stays_in_the_folder(tmp_path: Path) -> None:
    "A worker's name is part of a queue's; it leads nowhere else."
    with opened(tmp_path / "broker") as connection:
        channel = connection.channel()
        for name in ("../../escaped", "/etc/passwd", "..", "a/b", "ü" * 20):
            channel._put(name, {"body": "x"})
            assert channel._get(name) == {"body": "x"}
    assert {path.parent for path in tmp_path.rglob("q-*")} == {tmp_path / "broker"}


def test_what_is_no_message_is_passed_over(tmp_path: Path) -> None:
    "A half-written file, or one that somebody has put there, stops nobody."
    with opened(tmp_path) as connection:
        queue = connection.SimpleQueue("cpu")
        queue.put("first")
        folder = next(tmp_path.glob("q-cpu"))
        (folder / "00000000000000000001-aa.message").write_bytes(b"\xff not JSON")
        (folder / "00000000000000000002-bb.partial").write_text('{"body')
        assert queue.get(timeout=2).payload == "first"


async def test_what_nobody_takes_is_removed_after_an_hour(tmp_path: Path) -> None:
    "Answers to a worker that died would lie there for ever."
    with opened(tmp_path) as connection:
        connection.SimpleQueue("taxonomy.worker.gone").put("old")
        connection.SimpleQueue("cpu").put("new")
    (old,) = [path for path in lying_in(tmp_path) if "gone" in path.parent.name]
    hours_ago = time.time() - 2 * 3600
    os.utime(old, (hours_ago, hours_ago))
    broker = FileBroker(tmp_path)
    await broker.start()
    broker._clear()
    await broker.stop()
    assert [path.parent.name for path in lying_in(tmp_path)] == ["q-cpu"]


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    "The bot does not start without its broker."
    (tmp_path / "file").touch()
    with pytest.raises(BrokerError, match="cannot be made"):
        await FileBroker(tmp_path / "file" / "broker").start()
