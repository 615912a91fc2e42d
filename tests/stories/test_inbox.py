"""The front door: nothing unsigned gets in, nothing signed gets lost."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from bot import inbox
from tests.world import World
from tests.world.world import SECRET


class Sender:
    "Somebody who posts to the webhook address."

    def __init__(self, world: World) -> None:
        self._world = world

    async def sends(
        self, body: bytes, *, secret: str | None = SECRET, event: str = "ping", guid: str = "", **headers: str
    ) -> int:
        "Post a body and return the status of the answer."
        if secret is not None:
            headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers.setdefault("Content-Type", "application/json")
        headers |= {"X-GitHub-Event": event, "X-GitHub-Delivery": guid or str(uuid.uuid4())}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._world.webhook_url, data=io.BytesIO(body), headers=headers) as answer,
        ):
            return answer.status


@pytest.fixture
def sender(world: World) -> Sender:
    return Sender(world)


def about(world: World, **fields: Any) -> bytes:
    "A payload about the served repository."
    return json.dumps({"repository": {"id": world.repo.id}, **fields}).encode()


async def stored(world: World) -> int:
    "How many deliveries are in the database."
    return len(await world.rows("select id from deliveries"))


async def test_a_signed_delivery_is_stored_and_answered_202(world: World, sender: Sender) -> None:
    "The ordinary case."
    assert await sender.sends(about(world)) == 202
    assert await stored(world) == 1


async def test_nothing_unsigned_is_stored(world: World, sender: Sender) -> None:
    "A missing, wrong, malformed or foreign signature is refused with 401."
    body = about(world)
    assert await sender.sends(body, secret=None) == 401
    assert await sender.sends(body, secret="a guess") == 401
    assert await sender.sends(body, secret=None, **{"X-Hub-Signature-256": "sha256=zzz"}) == 401
    assert await sender.sends(body, secret=None, **{"X-Hub-Signature": "sha1=" + "0" * 40}) == 401
    assert await stored(world) == 0


async def test_the_signature_covers_the_raw_bytes(world: World, sender: Sender) -> None:
    "The same JSON with other spaces has another signature."
    body = about(world)
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    respaced = body.replace(b": ", b":")
    assert await sender.sends(respaced, secret=None, **{"X-Hub-Signature-256": signature}) == 401


async def test_the_same_delivery_id_is_stored_once(world: World, sender: Sender) -> None:
    "A repeated id is answered 202 and not stored again."
    assert await sender.sends(about(world), guid="11111111-2222") == 202
    assert await sender.sends(about(world), guid="11111111-2222") == 202
    assert await stored(world) == 1


async def test_repositories_that_are_not_served_are_dropped(world: World, sender: Sender) -> None:
    "Any stranger may install a public App on an own repository: that costs us nothing."
    for body in (b'{"repository": {"id": 999}}', b"{}", b"[]", b"null", b'{"repository": "x"}'):
        assert await sender.sends(body) == 202
    assert await stored(world) == 0


async def test_unreadable_bodies_and_headers_are_refused(world: World, sender: Sender) -> None:
    "Signed by us, but no JSON, or with headers GitHub would never send."
    assert await sender.sends(b"not json") == 400
    assert await sender.sends(b"[" * 100_000) == 400
    assert await sender.sends(about(world), guid="../../etc/passwd") == 400
    assert await sender.sends(about(world), event="pull request!") == 400
    assert await stored(world) == 0


async def test_only_json_is_taken(world: World, sender: Sender) -> None:
    "An App whose webhook sends forms is told what to set; nothing is stored."
    form = "application/x-www-form-urlencoded"
    assert await sender.sends(b"payload=%7B%7D", **{"Content-Type": form}) == 415
    assert await sender.sends(about(world), **{"Content-Type": "text/plain"}) == 415
    assert await sender.sends(about(world), **{"Content-Type": "application/json; charset=utf-8"}) == 202
    assert await stored(world) == 1


async def test_a_body_that_never_ends_is_given_up(
    world: World, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Whoever sends byte by byte does not hold a connection for ever."
    monkeypatch.setattr(inbox, "_BODY_TIMEOUT_S", 0.2)

    async def drip() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(2)
        yield b"}"

    async with aiohttp.ClientSession() as session, session.post(world.webhook_url, data=drip()) as answer:
        assert answer.status == 408
    assert await stored(world) == 0


async def test_a_body_over_the_limit_is_refused(world: World, sender: Sender) -> None:
    "GitHub sends at most 25 MB."
    assert await sender.sends(about(world, padding="x" * (26 * 1024 * 1024))) == 413
    assert await stored(world) == 0


async def test_both_secrets_count_while_one_is_rotated(world: World, sender: Sender) -> None:
    "Old and new secret are accepted side by side."
    await world.stop_bot()
    await world.start_bot(webhook_secrets=(SecretStr("the new secret"), SecretStr(SECRET)))
    assert await sender.sends(about(world), secret="the new secret") == 202
    assert await sender.sends(about(world), secret=SECRET) == 202
    assert await sender.sends(about(world), secret="another secret") == 401


async def test_what_the_database_does_not_take_is_never_answered_202(world: World, sender: Sender) -> None:
    "GitHub hears that it failed, and no word of why; as soon as the database works again it is taken."
    async with world.database() as engine, engine.begin() as connection:
        await connection.execute(text("alter table deliveries rename to elsewhere"))
    assert await sender.sends(about(world), guid="11111111-2222") == 503
    async with world.database() as engine, engine.begin() as connection:
        await connection.execute(text("alter table elsewhere rename to deliveries"))
    assert await stored(world) == 0
    assert await sender.sends(about(world), guid="11111111-2222") == 202
    assert await stored(world) == 1
    await world.while_time_passes(minutes=1)


async def test_odd_text_is_kept_as_it_came(world: World, sender: Sender) -> None:
    "NUL, half a surrogate pair, numbers that no column holds, names given twice, UTF-16: stored byte for byte."
    bodies = [
        about(world, title="a\0b \ud83d", size=10**400, share=float("nan")),
        b'{"repository": {"id": 1}, "repository": {"id": %d, "id": %d}}' % (10**30, world.repo.id),
        about(world, title="\u00e9").decode().encode("utf-16"),
        about(world, pull_request={"number": 10**400}, issue={"number": True}),
    ]
    for body in bodies:
        assert await sender.sends(body) == 202
    await world.settled()
    assert await world.rows("select subject from deliveries") == [(str(world.repo.id),)] * len(bodies)
    assert await sender.sends(about(world, title="x").replace(b"x", b"\xff")) == 400


async def test_payloads_that_lack_documented_fields_are_kept_as_failed(world: World, sender: Sender) -> None:
    "A signed but strange payload hurts nobody and stays for an operator to look at."
    body = about(world, action="opened", pull_request={"number": "seven"})
    assert await sender.sends(body, event="pull_request") == 202
    await world.settled()
    assert await world.rows("select state from deliveries") == [("failed",)]
