"""The door's way into the database: a whole batch or nothing, each once, in order; and how it reads JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.clock import MovableClock
from bot.inbox import _MAX_BATCH_BYTES, Inbox, _read_json, _size_of_batch
from bot.store.database import open_engine
from bot.store.deliveries import Delivery, DeliveryState, DeliveryStore
from bot.store.replicas import ReplicaStore
from tests.databases import PostgresServer

NOW = MovableClock().now()


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    "An engine on a database with today's tables."
    engine = open_engine(database_url)
    yield engine
    await engine.dispose()


def a_delivery(number: int, payload: bytes = b"{}") -> Delivery:
    return Delivery(f"guid-{number:08}", "push", 1, "1", payload, NOW)


async def guids(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        return list((await connection.scalars(sa.text("select guid from deliveries order by id"))).all())


async def test_each_is_stored_once_in_the_order_of_its_coming(engine: AsyncEngine) -> None:
    "However many come at once, some of them twice, some for the second time, and the first word counts."
    store = DeliveryStore(engine)
    await store.add([a_delivery(7), a_delivery(3)])
    numbers = [9, 3, 1, 9, *range(100, 400), 1, 7]
    await store.add([a_delivery(number, f'{{"n": {place}}}'.encode()) for place, number in enumerate(numbers)])
    await store.add([])
    found = await store.waiting(limit=1_000)
    assert [d.guid for d in found] == [f"guid-{n:08}" for n in (7, 3, 9, 1, *range(100, 400))]
    assert [d.payload for d in found[:4]] == [b"{}", b"{}", b'{"n": 0}', b'{"n": 2}']


async def test_one_that_was_given_up_and_comes_twice_at_once_is_tried_once(engine: AsyncEngine) -> None:
    store = DeliveryStore(engine)
    await store.add([a_delivery(1)])
    me = await ReplicaStore(engine).join("test", 60)
    [claimed] = (await store.claim(me, NOW, {}, 10)).deliveries
    await store.finish([claimed.id], DeliveryState.FAILED, NOW, "why", replica_id=me)
    await store.add([a_delivery(1, b"again"), a_delivery(2), a_delivery(1, b"and again")])
    assert [(d.guid[-1], d.payload) for d in await store.waiting(limit=10)] == [("2", b"{}"), ("1", b"again")]


@pytest.mark.parametrize("payload", [b"", bytes(range(256)), b"\0" * 1_000, b"\xff" * (9 << 20)])
async def test_payloads_are_kept_byte_for_byte(engine: AsyncEngine, payload: bytes) -> None:
    "Also what is no text, and more than what is gathered into one commit."
    store = DeliveryStore(engine)
    at = NOW.replace(microsecond=123_456)
    await store.add([replace(a_delivery(1, payload), received_at=at), a_delivery(2)])
    first, _ = await store.waiting(limit=10)
    assert first.payload == payload
    assert first.received_at == at


async def test_a_batch_that_cannot_be_stored_leaves_nothing_behind(engine: AsyncEngine) -> None:
    "None of it is there, all who wait for it hear of it, and the next one is stored as if nothing had been."
    inbox = Inbox(DeliveryStore(engine), lambda: None)
    nothing: Any = None  # no database takes it
    together = [a_delivery(1), replace(a_delivery(2), payload=nothing), a_delivery(3)]
    with pytest.raises(Exception, match=r"(?i)not.null"):
        await DeliveryStore(engine).add(together)
    assert await guids(engine) == []
    async with engine.begin() as connection:
        await connection.execute(sa.text("alter table deliveries rename to elsewhere"))
    await inbox.start()
    told = await asyncio.gather(*(inbox.put(a_delivery(n)) for n in range(5)), return_exceptions=True)
    assert all(isinstance(error, Exception) for error in told)
    async with engine.begin() as connection:
        await connection.execute(sa.text("alter table elsewhere rename to deliveries"))
    await inbox.put(a_delivery(6))
    await inbox.stop()
    assert await guids(engine) == ["guid-00000006"]


async def test_whoever_gives_up_waiting_takes_nobody_along(engine: AsyncEngine) -> None:
    "The sender goes away while its batch is being stored: the batch is stored, and all others are answered."
    inbox = Inbox(DeliveryStore(engine), lambda: None)
    await inbox.start()
    waiting = [asyncio.create_task(inbox.put(a_delivery(n))) for n in range(50)]
    for turns, impatient in enumerate(waiting[:10]):
        await asyncio.sleep(0)
        if turns % 2:
            impatient.cancel()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    await inbox.stop()
    assert {type(answer) for answer in told} == {type(None), asyncio.CancelledError}
    assert {f"guid-{n:08}" for n, answer in enumerate(told) if answer is None} <= set(await guids(engine))


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13])
async def test_who_is_cancelled_in_mid_batch_locks_nobody_out(engine: AsyncEngine, turns: int) -> None:
    "All of it is stored or nothing, and whoever comes next is served at once."
    store = DeliveryStore(engine)
    adding = asyncio.create_task(store.add([a_delivery(n, b"x" * 10_000) for n in range(100)]))
    for _ in range(turns):
        await asyncio.sleep(0)
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)
    async with asyncio.timeout(5):
        await store.add([a_delivery(200)])
    assert len(await guids(engine)) in (1, 101)


async def test_a_server_that_is_away_is_an_error_and_the_next_try_succeeds(postgres: PostgresServer) -> None:
    "Between two batches, or in the middle of one: what was not acknowledged may come again."
    with postgres.borrowed() as address:
        engine = open_engine(address)
        store = DeliveryStore(engine)
        await store.add([a_delivery(1)])
        async with engine.connect() as connection:
            others = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            killing = connection.execute(sa.text(f"{others} and pid <> pg_backend_pid()"))
            told = await asyncio.gather(
                store.add([a_delivery(2, b"x" * 5_000_000)]), killing, return_exceptions=True
            )
        assert not isinstance(told[1], BaseException)
        await store.add([a_delivery(2), a_delivery(3)])
        assert (await guids(engine))[-1] == "guid-00000003"
        assert sorted(await guids(engine)) == [f"guid-{n:08}" for n in (1, 2, 3)]
        await engine.dispose()


@given(sizes=st.lists(st.sampled_from([0, 1, 1_000, _MAX_BATCH_BYTES, _MAX_BATCH_BYTES + 1]), max_size=600))
@settings(deadline=None, max_examples=25, derandomize=True)
def test_what_is_stored_at_once_is_bounded_and_nothing_waits_for_ever(sizes: Sequence[int]) -> None:
    class Sized(bytes):
        length = 0

        def __len__(self) -> int:
            return self.length

    waiting = []
    for size in sizes:
        payload = Sized()
        payload.length = size
        waiting.append((a_delivery(0, payload), None))
    taken = _size_of_batch(waiting)
    assert min(1, len(sizes)) <= taken <= 256
    assert taken <= 1 or sum(sizes[:taken]) <= _MAX_BATCH_BYTES


_numbers = st.one_of(
    st.integers(), st.floats(), st.integers(0, 5_000).map(lambda digits: 10**digits if digits < 4_000 else digits)
)
_texts = st.text(st.characters(), max_size=8)  # half surrogates and NUL among them
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), _numbers, _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_texts, inner, max_size=4)),
    max_leaves=12,
)
_documents = st.builds(
    lambda value, is_ascii, coding: json.dumps(value, ensure_ascii=is_ascii).encode(coding, "surrogatepass"),
    _values,
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32-le"]),
)
_bits = [
    *(b"{", b"}", b"[", b"]", b",", b":", b" ", b"\0", b"-", b"+", b".5", b"0", b"1", b"e9", b"E+400", b"NaN"),
    *(b"Infinity", b"null", b"true", b'"', b'"a"', b'"a":', b'"\\ud83d"', b'"\\u0000"', b"\\", b"\t", b"\xc3\xa9"),
    *(b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
]
_scraps = st.lists(st.sampled_from(_bits), max_size=12).map(b"".join)


def read_by(read: Any, body: bytes) -> Any:
    "What a reader makes of a body, comparable: NaN is NaN, 1 is not 1.0, and 0.0 is not -0.0."
    try:
        found = read(body)
    except (ValueError, RecursionError):
        return "unreadable"
    return "read", repr(found)


@example(b'{"id": 1' + b"0" * 4_299 + b"}")
@example(b'{"id": 1' + b"0" * 4_300 + b"}")
@example(b'{"repository": {"id": 1}, "repository": {"id": 2}}')
@example(b"[NaN, Infinity, -Infinity, 1e999, -0, -0.0, 9007199254740993, 18446744073709551616]")
@example(b'"\\ud83d" ')
@example(b"[" * 150 + b"]" * 150)
@example(b"[" * 400 + b"]" * 400)
@example(b"[" * 100_000)
@example(b'{"a": 1,}')
@example(b"\xef\xbb\xbf{}")
@example(b'"\xff"')
@given(st.one_of(_documents, _scraps, st.binary(max_size=20)))
@settings(deadline=None, max_examples=300, derandomize=True)
def test_the_door_reads_json_as_those_behind_it_do(body: bytes) -> None:
    "It is read twice, by a quick reader first: what one calls something else must not be the other's secret."
    assert read_by(_read_json, body) == read_by(json.loads, body)
