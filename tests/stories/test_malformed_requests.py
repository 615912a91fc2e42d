"""Whatever strangers send to the web routes: no server error, no stored row, no word about our insides."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import re
import socket
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.app import make_app
from bot.jobs import NoJobs
from bot.rule_workers import RuleWorkers
from bot.settings import BotSettings
from bot.simulator.access import process_key_pair
from tests.databases import SqliteFiles

SECRET = "a secret that nobody has guessed"
SERVED = 4711
INSIDES = re.compile(rb"Traceback|File \"|site-packages|sqlalchemy|aiosqlite|/bot/", re.IGNORECASE)
QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@dataclass
class Door:
    """The web routes of a bot that stores and handles nothing else, on loopback."""

    port: int
    database: str

    def is_told(self, request: bytes) -> bytes:
        "Send bytes as they are and return all that comes back; nothing when the connection is closed."
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            try:
                connection.sendall(request)
                connection.settimeout(0.05)
                with contextlib.suppress(TimeoutError):  # whoever still waits for more is told that none comes
                    connection.recv(1, socket.MSG_PEEK)
                connection.settimeout(10)
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65_536), b""))
            except (ConnectionResetError, BrokenPipeError):
                return b""

    def taken(self) -> list[str]:
        "Take out what is stored; return what each delivery was about."
        with sqlite3.connect(self.database) as connection:
            found = [row[0] for row in connection.execute("select subject from deliveries")]
            connection.execute("delete from deliveries")
        return found

    @property
    def rows(self) -> int:
        "How many deliveries are stored."
        with sqlite3.connect(self.database) as connection:
            return int(connection.execute("select count(*) from deliveries").fetchone()[0])


@pytest.fixture(scope="module")
def door(
    sqlite_files: SqliteFiles, rule_workers: RuleWorkers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    url = sqlite_files.new_database(folder)
    told = BotSettings(
        app_id=1,
        private_key=SecretStr(process_key_pair().private_pem),
        webhook_secrets=(SecretStr(SECRET),),
        repositories=frozenset({SERVED}),
        database_url=url,
        artifacts_url=str(folder / "artifacts"),
        model_store_url=str(folder / "models"),
        sweep_minutes=0,
        nightly=False,
    )
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(make_app(told, workers=rule_workers, handles=False, jobs=NoJobs()), access_log=None)

    async def open_() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(open_(), loop).result(60)
    yield Door(port, urlsplit(url).path.removeprefix("/"))
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def signed(body: bytes) -> bytes:
    return b"sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest().encode()


def is_harmless(answer: bytes) -> bool:
    "Nothing, or an answer that is no server error and tells nothing of us."
    status = answer.partition(b" ")[2][:3]
    return not answer or (b"400" <= status < b"500" and not INSIDES.search(answer)) or status in (b"202", b"200")


words = st.binary(max_size=40).filter(lambda text: not set(text) & set(b"\r\n\0"))
names = st.sampled_from(
    [
        b"X-Hub-Signature-256",
        b"X-GitHub-Event",
        b"X-GitHub-Delivery",
        b"Content-Type",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Content-Encoding",
        b"Expect",
        b"Host",
        b"Cookie",
        b"Range",
        b"X-" + b"A" * 9_000,
    ]
)
paths = st.one_of(
    st.sampled_from(
        [
            b"/webhooks",
            b"/healthz",
            b"/readyz",
            b"/files/../../etc/passwd",
            b"//webhooks",
            b"/webhooks/%2e%2e/",
            b"/%00",
            b"/jobs/1/log?until=x&signature=y",
            b"*",
            b"http://elsewhere/webhooks",
            b"/" + b"a" * 9_000,
        ]
    ),
    words.map(lambda text: b"/" + text),
)
methods = st.sampled_from(
    [b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"\xff", b"POST POST"]
)


@QUICK
@given(methods, paths, st.lists(st.tuples(names, words), max_size=6), st.binary(max_size=2_000))
def test_nothing_malformed_gets_in(
    door: Door, method: bytes, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    "Any method, path, headers and body, in any combination."
    lines = [method + b" " + path + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    assert is_harmless(door.is_told(b"\r\n".join(lines) + b"\r\nConnection: close\r\n\r\n" + body))
    assert door.rows == 0


@QUICK
@given(st.binary(max_size=3_000))
def test_noise_is_no_request(door: Door, noise: bytes) -> None:
    "Bytes that are no HTTP at all."
    assert is_harmless(door.is_told(noise))
    assert door.rows == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
odd_repositories = json_values.filter(lambda value: value != SERVED)


@QUICK
@given(json_values, odd_repositories, st.sampled_from([b"application/json", b"text/html", b"a/b/c", b""]))
def test_what_is_signed_and_odd_is_not_stored(door: Door, value: object, number: object, kind: bytes) -> None:
    "Even with the secret: another shape, another repository, another content type."
    for payload in (value, {"repository": value}, {"repository": {"id": number}, "pull_request": value}):
        body = json.dumps(payload).encode()
        answer = door.is_told(posted(body, kind))
        assert is_harmless(answer), answer
    assert door.rows == 0


@pytest.mark.parametrize("number", [10**30, -1, 0, True, 1.5, "7", None, [], 2**31])
def test_what_is_signed_with_odd_numbers_breaks_nothing(door: Door, number: object) -> None:
    "A number that no pull request has: the delivery is one about the repository."
    body = json.dumps(
        {"action": "opened", "repository": {"id": SERVED}, "pull_request": {"number": number}}
    ).encode()
    assert door.is_told(posted(body)).startswith(b"HTTP/1.1 202")
    assert door.taken() == [str(SERVED)]


def posted(body: bytes, kind: bytes = b"application/json") -> bytes:
    "A signed delivery, as bytes."
    head = [
        b"POST /webhooks HTTP/1.1",
        b"Host: bot",
        b"Connection: close",
        b"Content-Type: " + kind,
        b"Content-Length: %d" % len(body),
        b"X-GitHub-Event: pull_request",
        b"X-GitHub-Delivery: 11111111-2222-3333",
        b"X-Hub-Signature-256: " + signed(body),
    ]
    return b"\r\n".join(head) + b"\r\n\r\n" + body
