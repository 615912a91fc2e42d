"""Ten thousand malformed requests against the bot as it is served: `python -m benchmarks.malformed_requests`.

Bad signatures, other shapes and types, huge headers, tricks in paths, noise, and bodies that are cut off or come
slowly. None may lead to a server error, a stored row, a word about our insides, or a bot that no longer answers.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.deliveries import REPOSITORY_ID, signature_of
from benchmarks.webhook_servers import SECRET, our_inbox
from tests.stories import test_malformed_requests as story

_SLOW_S = 1.0


class Knocking:
    """Sends bytes to one address and keeps count of what came back."""

    def __init__(self, port: int, database: Path) -> None:
        self._door = story.Door(port, str(database))
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []

    def send(self, request: bytes) -> None:
        """Send one request and judge what is answered."""
        answer = self._door.is_told(request)
        self.answers[answer[9:12].decode("ascii", "replace") or "closed"] += 1
        if not story.is_harmless(answer):
            self.wrong.append(f"{request[:200]!r} -> {answer[:300]!r}")

    @property
    def rows(self) -> int:
        """How many deliveries are stored."""
        return self._door.rows


def _kinds(chance: random.Random) -> list[tuple[str, st.SearchStrategy[bytes]]]:
    headers = st.lists(st.tuples(story.names, story.words), max_size=6)
    requests = st.tuples(story.methods, story.paths, headers, st.binary(max_size=2_000)).map(_request)
    values = st.tuples(story.json_values, story.odd_repositories)
    odd = values.map(lambda pair: json.dumps({"repository": {"id": pair[1]}, "pull_request": pair[0]}).encode())
    served = story.json_values.map(
        lambda value: json.dumps({"repository": {"id": REPOSITORY_ID}, "pull_request": value}).encode()
    )
    return [
        ("any method, path, headers and body", requests),
        ("noise that is no HTTP", st.binary(max_size=3_000)),
        ("signed, of another shape or for another repository", odd.map(lambda body: _posted(body, SECRET))),
        ("about our repository, signed with another secret", served.map(lambda body: _posted(body, "a guess"))),
        ("signed, then changed", served.map(lambda body: _posted(body, SECRET) + b" ")),
        ("signed, and cut off", served.map(lambda body: _cut(_posted(body, SECRET), chance))),
        ("signed, in another content type", served.map(lambda body: _posted(body, SECRET, b"text/plain"))),
    ]


def _request(parts: tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]) -> bytes:
    method, path, headers, body = parts
    lines = [method + b" " + path + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\nConnection: close\r\n\r\n" + body


def _posted(body: bytes, secret: str, kind: bytes = b"application/json") -> bytes:
    lines = [
        b"POST /webhooks HTTP/1.1",
        b"Host: bot",
        b"Connection: close",
        b"Content-Type: " + kind,
        b"Content-Length: %d" % len(body),
        b"X-GitHub-Event: pull_request",
        b"X-GitHub-Delivery: 11111111-2222-3333",
        b"X-Hub-Signature-256: " + signature_of(secret, body).encode(),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _cut(request: bytes, chance: random.Random) -> bytes:
    return request[: chance.randrange(1, len(request))]


def _knock(count: int, number: int, strategy: st.SearchStrategy[bytes], send: Callable[[bytes], None]) -> None:
    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def knock(request: bytes) -> None:
        send(request)

    knock()


def _slow_bodies(port: int, count: int) -> list[socket.socket]:
    """Open connections that send the head of a request and then a byte now and then."""
    opened = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.sendall(_posted(b"x" * 5_000, SECRET)[:-4_900])
        opened.append(connection)
    return opened


def main(arguments: Sequence[str] | None = None) -> int:
    """Send them all. Returns 1 when anything got in, broke, or was told."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.malformed_requests", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slow", type=int, default=100, help="bodies that come slowly, all the while")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="malformed-") as folder:
        database = Path(folder) / "bot.sqlite"
        with our_inbox(f"sqlite:///{database}") as port:
            knocking, began = Knocking(port, database), time.monotonic()
            slow = _slow_bodies(port, asked.slow)
            kinds = _kinds(random.Random(asked.seed))
            done = 0
            for number, (name, strategy) in enumerate(kinds):
                before = sum(knocking.answers.values())
                _knock(asked.count // len(kinds) + 1, asked.seed * 100 + number, strategy, knocking.send)
                done = sum(knocking.answers.values())
                print(f"  {done - before:>6,} {name}")
            late = _answer_to_a_good_one(port)
            for connection in slow:
                connection.close()
            rows = knocking.rows
    took_s = time.monotonic() - began
    print(f"{done:,} malformed requests and {asked.slow} slow bodies in {took_s:.0f} s, seed {asked.seed}")
    print("  answers: " + ", ".join(f"{status}: {n:,}" for status, n in sorted(knocking.answers.items())))
    print(f"  server errors or words about our insides: {len(knocking.wrong)}; rows stored: {rows}")
    print(f"  a good request after all that was answered in {late * 1e3:.0f} ms")
    print("\n".join(f"  WRONG: {line}" for line in knocking.wrong[:10]), end="\n" if knocking.wrong else "")
    return 1 if knocking.wrong or rows or late > _SLOW_S or done < asked.count else 0


def _answer_to_a_good_one(port: int) -> float:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n")
        answer = connection.recv(65_536)
    return time.monotonic() - began if b" 200 " in answer else float("inf")


if __name__ == "__main__":
    sys.exit(main())
