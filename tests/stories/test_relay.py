"""Webhooks by way of a relay: signed as ever, taken once, and nothing but a delay when the line breaks."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr, ValidationError

from bot.app import PARTS
from bot.relay import Relay
from bot.relay_stream import StreamReader, UnreadableEventError, relayed
from bot.rule_workers import RuleWorkers
from bot.settings import BotSettings
from tests.stories.relay_server import RelayServer
from tests.world import World
from tests.world.world import SECRET

PING = {"repository": {"id": 1}, "text": "naïve 😀 \u2028 <&> \x7f"}


@pytest.fixture
async def server() -> AsyncIterator[RelayServer]:
    "A relay with a channel."
    server = RelayServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def world(database_url: str, rule_workers: RuleWorkers, server: RelayServer) -> AsyncIterator[World]:
    "A world whose GitHub sends its webhooks to the relay, and whose bot fetches them there."
    world = World(database_url, rule_workers, relay_url=SecretStr(server.url))
    world.repo.permissions |= {"tess": "triage"}
    async with world:
        world.github.webhook_url = server.url
        await server.is_listened_to()
        yield world


def relay_of(world: World) -> Relay:
    "The part of the running bot that listens."
    return world.app[PARTS].relay


async def has_taken(world: World, count: int) -> None:
    "Wait until so many webhooks were taken or refused."
    relay = relay_of(world)
    async with asyncio.timeout(20):
        while relay.taken + relay.refused < count:
            await asyncio.sleep(0.005)
    await world.settled()


async def test_what_a_relay_carries_is_handled_like_any_webhook(world: World, server: RelayServer) -> None:
    "Opened and commanded; the bytes that GitHub has signed are found again behind the relay."
    pr = await world.ana.opens_pr()
    await world.github.settle()
    await has_taken(world, len(world.github.deliveries))
    await pr.next_comment()
    await world.tess.comments(pr, "/hold")
    await world.github.settle()
    await has_taken(world, len(world.github.deliveries))

    assert "hold" in pr.labels
    assert relay_of(world).refused == 0
    pr.has_been_read()


async def test_a_stranger_who_posts_to_the_channel_is_refused(world: World, server: RelayServer) -> None:
    "Unsigned, signed by somebody else, or signed for another text: nothing of it is stored."
    body = json.dumps({"repository": {"id": world.repo.id}}, separators=(",", ":")).encode()
    good = "sha256=" + hmac.digest(SECRET.encode(), body, "sha256").hex()
    for signature in ("", "sha256=" + "0" * 64, good[:-1] + ("0" if good[-1] != "0" else "1")):
        told = {
            "x-github-event": "push",
            "x-github-delivery": "12345678-1234",
            "x-hub-signature-256": signature,
            "content-type": "application/json",
            "body": json.loads(body),
        }
        server.send(b"data: " + json.dumps(told).encode() + b"\n\n")
    server.send(b"data: [1]\n\ndata: {}\n\ndata: " + b"[" * 100_000 + b"\n\n")
    await has_taken(world, 6)

    assert (relay_of(world).taken, relay_of(world).refused) == (0, 6)
    assert await world.rows("SELECT id FROM deliveries") == []


async def test_a_broken_line_is_taken_up_again(world: World, server: RelayServer) -> None:
    "By the number that was heard last; with ever longer pauses while nobody answers."
    pr = await world.ana.opens_pr()
    await world.github.settle()
    await has_taken(world, len(world.github.deliveries))
    server.answers_with = 503
    server.hang_up()
    await world.over_time(_asked(server, 4), minutes=5)
    server.answers_with = 200
    await world.over_time(server.is_listened_to(), minutes=5)
    world.github.webhook_url = server.url
    before = relay_of(world).taken
    await world.tess.comments(pr, "/hold")
    await world.github.settle()
    async with asyncio.timeout(10):
        while relay_of(world).taken == before:
            await asyncio.sleep(0.005)
    await world.settled()

    assert "Last-Event-ID" in server.asked[-1].headers
    assert "hold" in pr.labels
    pr.has_been_read()


async def _asked(server: RelayServer, times: int) -> None:
    while len(server.asked) < times:
        await asyncio.sleep(0.005)


async def test_a_relay_that_sends_too_much_fills_no_memory(
    database_url: str, rule_workers: RuleWorkers, server: RelayServer
) -> None:
    "What is larger than a delivery may be is passed over; what follows is taken."
    world = World(database_url, rule_workers, relay_url=SecretStr(server.url), max_delivery_bytes=200_000)
    async with world:
        await server.is_listened_to()
        for _ in range(20):
            server.send(b"data: " + b"x" * 1_000_000)
        server.send(b"\n\n")
        world.github.webhook_url = server.url
        pr = await world.ana.opens_pr()
        await world.github.settle()
        await has_taken(world, len(world.github.deliveries))
        await pr.next_comment()


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_reads_the_same_however_it_is_cut(cut: int, end: str) -> None:
    "As the standard has it: several lines of data, comments, kinds, ids, each end of line."
    text = end.join(
        [
            ": hello",
            "event: ping",
            "data: {}",
            "",
            "id: 7",
            "data: one",
            "data:two",
            "",
            "retry: 3",
            "",
            "data",
            "",
            "",
        ]
    ).encode()
    reader = StreamReader(most_bytes=1000)
    found = [event for at in range(0, len(text), cut) for event in reader.feed(text[at : at + cut])]

    assert [(event.kind, event.data, event.id) for event in found] == [
        ("ping", "{}", ""),
        ("message", "one\ntwo", "7"),
        ("message", "", "7"),
    ]


def test_an_event_that_is_too_large_is_passed_over() -> None:
    "Only that one; and what is kept of it stays small."
    reader = StreamReader(most_bytes=100)
    found = [*reader.feed(b"data: " + b"x" * 90), *reader.feed(b"y" * 10_000_000)]
    assert len(reader._line) < 10
    found += [*reader.feed(b"\ndata: more\n\ndata: next\n\n")]

    assert [event.data for event in found] == ["next"]
    assert reader.too_large == 1


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "with spaces"])
def test_the_signed_bytes_are_found_again(separators: tuple[str, str]) -> None:
    "Numbers, signs and letters stay as they were written."
    signed = json.dumps(PING, separators=(",", ":"), ensure_ascii=False).encode()
    event = json.dumps({"x": "1", "body": PING}, separators=separators, ensure_ascii=False)

    assert signed in relayed(event).bodies
    assert b'{"a":1.0,"b":1e3}' in relayed('{"body":{"a":1.0,"b":1e3}}').bodies


@pytest.mark.parametrize(
    "data", ["", "null", "{", '{"a":1}', '{"body":}', '{"body":' + "[" * 99_999, '{1:2,"body":1}']
)
def test_what_holds_no_delivery_is_said_to(data: str) -> None:
    "However it is broken."
    with pytest.raises(UnreadableEventError):
        relayed(data)


@pytest.mark.parametrize(
    "url", ["http://smee.io/x", "ftp://127.0.0.1/x", "https://u@smee.io/x", "https:///x", "https://smee.io/a b"]
)
def test_a_channel_is_read_over_https_or_on_this_machine(url: str, server: RelayServer) -> None:
    "And the address, which is a secret, is not repeated."
    with pytest.raises(ValidationError) as refused:
        BotSettings.__pydantic_validator__.validate_assignment(BotSettings.model_construct(), "relay_url", url)
    assert "has to be the address of a channel" in str(refused.value)
