"""The teacher client against a real server: what it asks, what it makes of the answers, and of none."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from pipeline.teacher import Ask, AskError, ChatMessage, Reply, ReplyCache, Teacher, TeacherError, TeacherSettings
from tests.pipeline.teaching_server import TeachingServer


class FastClock:
    "A clock whose pauses cost no time."

    def __init__(self) -> None:
        self.time_s = 1000.0
        self.pauses: list[float] = []

    def now_s(self) -> float:
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time_s += seconds
        await asyncio.sleep(0)


@pytest.fixture
async def server() -> AsyncIterator[TeachingServer]:
    async with TeachingServer() as server:
        yield server


def teacher_of(server: TeachingServer, cache: ReplyCache | None = None, **changes: Any) -> Teacher:
    settings = TeacherSettings(**({"url": server.url, "model": "tiny", "timeout_s": 5.0} | changes))
    return Teacher(settings, cache, clock=FastClock(), rng=random.Random(1))


def an_ask(words: str = "What do owls eat?", **changes: Any) -> Ask:
    return Ask((ChatMessage("user", words),), **changes)


async def replies_to(teacher: Teacher, asks: list[Ask]) -> list[Reply]:
    async with teacher:
        return list(await asyncio.gather(*(teacher.ask(ask) for ask in asks)))


async def test_an_ask_is_sent_as_it_is_meant(server: TeachingServer) -> None:
    "Messages, parameters and the key reach the server; the reply tells texts, cuts and tokens."
    ask = Ask((ChatMessage("system", "Be brief."), ChatMessage("user", "Why?")), 0.7, 3, 2, 11, ("END",))
    async with teacher_of(server, api_key=SecretStr("a key")) as teacher:
        reply = await teacher.ask(ask)

    assert server.bodies == [
        {
            "model": "tiny",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
            "temperature": 0.7,
            "max_tokens": 3,
            "n": 2,
            "seed": 11,
            "stop": ["END"],
        }
    ]
    assert server.headers[0]["Authorization"] == "Bearer a key"
    assert [choice.is_cut for choice in reply.choices] == [True, True]
    assert (reply.prompt_tokens, reply.completion_tokens, reply.from_cache) == (10, 10, False)


@pytest.mark.parametrize("fault", ["429", "500", "503", "408", "reset", "cut", "garbled"])
async def test_faults_on_the_way_change_no_reply(server: TeachingServer, fault: str) -> None:
    "With 20 % of the requests failing every reply is the same as with none."
    asks = [an_ask(f"Question {number}?", n=1 + number % 2) for number in range(100)]
    expected = await replies_to(teacher_of(server), asks)
    dice = random.Random(7)
    server.faults = lambda number: fault if dice.random() < 0.2 else ""

    teacher = teacher_of(server)
    assert await replies_to(teacher, asks) == expected
    assert sum(teacher.counters.retries.values()) > 10
    assert teacher.counters.failures == 0


async def test_silence_is_a_fault_like_others(server: TeachingServer) -> None:
    "Requests that are never answered, or drop by drop, run into their time limit and are sent again."
    server.faults = lambda number: ["silence", "", "trickle", ""][number % 4] if number < 12 else ""
    teacher = teacher_of(server, timeout_s=0.3)
    replies = await replies_to(teacher, [an_ask(f"Question {number}?") for number in range(12)])
    assert len({reply.choices for reply in replies}) == 12
    assert teacher.counters.retries["time-out"] >= 6


async def test_only_what_may_pass_is_tried_again(server: TeachingServer) -> None:
    "A refusal is final: one request, and the server's reason in one plain line without key and address."
    reason = f"too long\n\x1b[31m for {server.url} with sk-secret"
    server.script.append(lambda: web.json_response({"error": {"message": reason}}, status=400))
    async with teacher_of(server, api_key=SecretStr("sk-secret")) as teacher:
        with pytest.raises(AskError, match=r"refused the request \(400\): too long") as refused:
            await teacher.ask(an_ask())
    assert len(server.bodies) == 1
    assert teacher.counters.failures == 1
    text = str(refused.value)
    assert text.isprintable()
    assert "sk-secret" not in text
    assert "127.0.0.1" not in text


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "check TEACHER_API_KEY"), (404, "check TEACHER_URL"), (501, "not expected"), (307, "not followed")],
)
async def test_a_wrong_setting_is_named(server: TeachingServer, status: int, words: str) -> None:
    "What no ask can be answered with is no AskError; redirections are not followed."
    headers = {"Location": f"{server.url}/elsewhere"}
    server.script.append(lambda: web.Response(status=status, headers=headers))
    async with teacher_of(server) as teacher:
        with pytest.raises(TeacherError, match=words) as error:
            await teacher.ask(an_ask())
    assert not isinstance(error.value, AskError)
    assert len(server.bodies) == 1


async def test_tries_end(server: TeachingServer) -> None:
    "An ask that breaks the server each time fails after its tries, while others are answered."
    server.faults = lambda number: "500" if server.bodies[number]["seed"] == 13 else ""
    async with teacher_of(server, tries=3) as teacher:
        bad = asyncio.create_task(teacher.ask(an_ask(seed=13)))
        assert (await teacher.ask(an_ask(seed=1))).choices
        with pytest.raises(AskError, match="3 tries failed; the last one: 500"):
            await bad
    assert [body["seed"] for body in server.bodies].count(13) == 3


async def test_a_server_that_is_away_for_good_is_given_up(server: TeachingServer) -> None:
    "After the set time without any answer every ask fails with one clear error that names no address."
    await server.go_away()
    clock = FastClock()
    settings = TeacherSettings(server.url, "tiny", away_after_s=90.0)
    async with Teacher(settings, clock=clock, rng=random.Random(1)) as teacher:
        found = await asyncio.gather(*(teacher.ask(an_ask(seed=n)) for n in range(30)), return_exceptions=True)
        sent = teacher.counters.requests
        with pytest.raises(TeacherError, match=r"gave no good answer for 90 s"):
            await teacher.ask(an_ask(seed=99))
    assert teacher.counters.requests == sent
    assert all(isinstance(error, TeacherError) and not isinstance(error, AskError) for error in found)
    assert not any("127.0.0.1" in str(error) for error in found)


async def test_a_server_that_comes_back_is_waited_for(server: TeachingServer) -> None:
    "While nobody is there no try is used up: a restart of the server fails no ask."
    await server.go_away()

    class Returning(FastClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if len(self.pauses) == 40:
                await server.listen()

    settings = TeacherSettings(server.url, "tiny", tries=2, away_after_s=1e6)
    async with Teacher(settings, clock=Returning(), rng=random.Random(1)) as teacher:
        replies = await asyncio.gather(*(teacher.ask(an_ask(seed=n)) for n in range(8)))
    assert all(reply.choices for reply in replies)


async def test_the_pause_that_a_server_asks_for_is_kept(server: TeachingServer) -> None:
    "Retry-After is waited for, but no longer than the longest pause; other pauses grow."
    for asked in ("7", "999999", "nonsense"):
        server.script.append(lambda asked=asked: web.Response(status=429, headers={"Retry-After": asked}))
    clock = FastClock()
    settings = TeacherSettings(server.url, "tiny", longest_pause_s=20.0)
    async with Teacher(settings, clock=clock, rng=random.Random(1)) as teacher:
        await teacher.ask(an_ask())
    assert 7 <= clock.pauses[0] < 8
    assert 20 <= clock.pauses[1] <= 22
    assert 0.5 <= clock.pauses[2] <= 1.0
    assert teacher.counters.waited_s == pytest.approx(sum(clock.pauses))


@pytest.mark.parametrize("how", ["gives one", "refuses"])
async def test_a_server_without_many_answers_is_asked_one_by_one(server: TeachingServer, how: str) -> None:
    "It is found out once; the replies have the shape and the seeds of a server that can."
    asks = [an_ask(f"Question {number}?", n=3, seed=5) for number in range(4)]
    expected = await replies_to(teacher_of(server), asks)
    server.bodies.clear()
    server.gives_many, server.refuses_many = how != "gives one", how == "refuses"

    assert [reply.choices for reply in await replies_to(teacher_of(server), asks)] == [r.choices for r in expected]
    assert [body.get("n", 1) for body in server.bodies].count(3) == 1
    assert len(server.bodies) == 1 + 4 * 3


async def test_a_refusal_for_another_reason_proves_nothing(server: TeachingServer) -> None:
    "A server that refuses an ask also for one answer is not taken for one that cannot give several."
    refuse = lambda: web.Response(status=400)  # noqa: E731
    server.script.extend([refuse] * 4)
    async with teacher_of(server) as teacher:
        with pytest.raises(AskError):
            await teacher.ask(an_ask(n=3))
        server.script.clear()
        server.bodies.clear()
        assert len((await teacher.ask(an_ask(n=3, seed=4))).choices) == 3
    assert len(server.bodies) == 1


async def test_equal_asks_share_one_request(server: TeachingServer) -> None:
    "What is under way is not asked twice; only the first pays."
    server.pause_s = 0.05
    async with teacher_of(server) as teacher:
        replies = await asyncio.gather(*(teacher.ask(an_ask()) for _ in range(5)))
    assert len(server.bodies) == 1
    assert [reply.from_cache for reply in replies] == [False, True, True, True, True]
    assert (teacher.counters.asks, teacher.counters.from_cache, teacher.counters.completion_tokens) == (5, 4, 5)


async def test_cancelling_one_of_two_equal_asks_leaves_the_other(server: TeachingServer) -> None:
    "The request goes on as long as somebody waits for it."
    server.pause_s = 0.2
    async with teacher_of(server) as teacher:
        first, second = (asyncio.create_task(teacher.ask(an_ask())) for _ in range(2))
        await server.asked.wait()
        first.cancel()
        assert (await second).choices
    assert server.hung_up == 0


@pytest.mark.parametrize("fault", ["silence", "trickle"])
async def test_cancelling_closes_the_connection(server: TeachingServer, fault: str) -> None:
    "The server sees it and can stop its work, before its answer has begun as well as within it."
    server.faults = lambda number: fault if number == 0 else ""
    async with teacher_of(server) as teacher:
        task = asyncio.create_task(teacher.ask(an_ask()))
        await server.asked.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: server.hung_up == 1)
        assert (await teacher.ask(an_ask())).choices  # its place is free again, and the same may be asked anew


async def test_leaving_closes_everything(server: TeachingServer) -> None:
    "Whoever still waits when the teacher is closed is told so."
    server.faults = lambda number: "silence"
    async with teacher_of(server) as teacher:
        task = asyncio.create_task(teacher.ask(an_ask()))
        await server.asked.wait()
    with pytest.raises(TeacherError, match="closed"):
        await task
    await until(lambda: server.hung_up == 1)


async def test_connections_are_kept(server: TeachingServer) -> None:
    "Forty asks, eight at a time, need eight connections."
    server.pause_s = 0.01
    await replies_to(teacher_of(server, most_at_once=8), [an_ask(seed=n) for n in range(40)])
    assert len(server.connections) <= 8
    assert server.most_at_once == 8


async def test_no_more_at_once_than_the_server_bears(server: TeachingServer) -> None:
    "A server with room for six is not kept busy saying no."
    server.room, server.pause_s = 6, 0.01
    teacher = Teacher(TeacherSettings(server.url, "tiny", tries=50), rng=random.Random(1))
    await replies_to(teacher, [an_ask(seed=n) for n in range(300)])
    assert teacher.counters.retries["429"] < 150


async def test_a_server_without_bounds_is_used_to_the_full(server: TeachingServer) -> None:
    "The number at once grows as long as that brings more."
    server.pause_s = 0.1
    teacher = Teacher(TeacherSettings(server.url, "tiny", most_at_once=48))
    await replies_to(teacher, [an_ask(seed=n) for n in range(300)])
    assert server.most_at_once == 48


async def test_an_endless_answer_is_not_read(server: TeachingServer) -> None:
    "Neither sent as it is nor packed: reading stops at the cap and the connection is closed."
    server.faults = lambda number: "endless"
    async with teacher_of(server, most_reply_bytes=1_000_000) as teacher:
        with pytest.raises(AskError, match="longer than 1000000 bytes"):
            await teacher.ask(an_ask())
        await until(lambda: server.hung_up == 1)
        bomb = gzip.compress(b" " * 20_000_000)
        server.script.append(lambda: web.Response(body=bomb, headers={"Content-Encoding": "gzip"}))
        with pytest.raises(AskError, match="longer than"):
            await teacher.ask(an_ask())


HALF = json.dumps({"choices": [{"message": {"content": "\ud83d half"}}]})


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        '{"choices": []}',
        '{"choices": [7]}',
        '{"choices": [{"message": {"content": 7}}]}',
        "[" * 100_000,
        '{"choices": ' + "9" * 5000 + "}",
        b"\xff\xfe{}",
    ],
    ids=lambda body: str(body)[:20],
)
async def test_what_is_no_answer_is_asked_again(server: TeachingServer, body: str | bytes) -> None:
    "A 200 that holds anything else counts as damaged on the way."
    server.script.append(lambda: web.Response(body=body if isinstance(body, bytes) else body.encode()))
    async with teacher_of(server) as teacher:
        assert len((await teacher.ask(an_ask())).choices) == 1
    assert teacher.counters.retries == {"garbled": 1}


async def test_every_text_can_be_written_down(server: TeachingServer) -> None:
    "Half a character becomes a replacement; a missing text is an empty one; nonsense counts are none."
    server.script.append(lambda: web.Response(text=HALF))
    odd = {"choices": [{"message": {"content": None}}], "usage": {"prompt_tokens": -5, "completion_tokens": True}}
    server.script.append(lambda: web.json_response(odd))
    async with teacher_of(server) as teacher:
        assert (await teacher.ask(an_ask())).choices[0].text == "\ufffd half"
        reply = await teacher.ask(an_ask(seed=1))
    assert (reply.choices[0].text, reply.prompt_tokens, reply.completion_tokens) == ("", 0, 0)


async def test_choices_come_in_their_order(server: TeachingServer) -> None:
    "A server may send them in any."
    choices = [{"index": index, "message": {"content": str(index)}} for index in (2, 0, 1)]
    server.script.append(lambda: web.json_response({"choices": choices}))
    async with teacher_of(server) as teacher:
        assert [choice.text for choice in (await teacher.ask(an_ask(n=3))).choices] == ["0", "1", "2"]


async def test_the_environments_proxy_is_used_only_when_set(
    server: TeachingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    "A proxy that happens to be configured sees nothing; by setting it gets the request."
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
    elsewhere = "http://127.0.0.2:9/v1"
    async with teacher_of(server, url=elsewhere, away_after_s=0.1) as teacher:
        with pytest.raises(TeacherError, match="no good answer"):
            await teacher.ask(an_ask())
    assert not server.bodies
    async with teacher_of(server, url=elsewhere, use_proxy=True) as teacher:
        assert (await teacher.ask(an_ask())).choices


async def test_what_was_asked_is_remembered(server: TeachingServer, tmp_path: Path) -> None:
    "The second run sends nothing, tells so, and costs nothing."
    asks = [an_ask(seed=n, n=1 + n % 3) for n in range(20)]
    with ReplyCache(tmp_path / "cache") as cache:
        first = await replies_to(teacher_of(server, cache, prompt_price=1e6, completion_price=2e6), asks)
    sent = len(server.bodies)
    with ReplyCache(tmp_path / "cache") as cache:
        teacher = teacher_of(server, cache, prompt_price=1e6)
        second = await replies_to(teacher, asks)
    assert len(server.bodies) == sent
    assert [reply.choices for reply in second] == [reply.choices for reply in first]
    assert all(reply.from_cache for reply in second)
    assert (teacher.counters.from_cache, teacher.counters.requests, teacher.counters.cost) == (20, 0, 0)


async def test_costs_are_counted(server: TeachingServer) -> None:
    "By the prices for a million tokens."
    async with teacher_of(server, prompt_price=3.0, completion_price=6.0) as teacher:
        await teacher.ask(an_ask())
    assert teacher.counters.cost == pytest.approx((10 * 3 + 5 * 6) / 1e6)


async def test_a_key_that_cannot_be_one_is_refused(server: TeachingServer) -> None:
    "A line end in it would be a header of somebody else's; the error does not show it."
    with pytest.raises(TeacherError, match="TEACHER_API_KEY") as error:
        async with teacher_of(server, api_key=SecretStr("key\r\nX-Other: 1")):
            pass
    assert "X-Other" not in str(error.value)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)
