"""Faults on request: the same requests fail each time, in the way that was asked for, and retries get through."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from pipeline.tiny.faults import FaultError, read_fault
from pipeline.tiny.server import OfflineTeacher
from tests.pipeline.teaching import DOCUMENT, chat, post, prompt

JUDGE = prompt("judge-faithful", DOCUMENT=DOCUMENT, QUESTION="Who?", ANSWER="Giorgetto Giugiaro designed the car.")


async def ask(url: str, body: object) -> str:
    "What came of a request, in a word or its text; each on a connection of its own."
    timeout = aiohttp.ClientTimeout(total=0.3)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        try:
            async with session.post(f"{url}/chat/completions", json=body) as answer:
                if answer.status != 200:
                    return str(answer.status)
                raw = await answer.text()
        except TimeoutError:
            return "no answer"
        except aiohttp.ClientPayloadError:
            return "cut"
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            return "reset"
    if raw.startswith("data:"):
        return raw
    try:
        text = json.loads(raw)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return "no answer in it"
    return text if isinstance(text, str) else "no answer in it"


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("429", "429"),
        ("500", "500"),
        ("503", "503"),
        ("cut", "cut"),
        ("reset", "reset"),
        ("silent", "no answer"),
        ("slow", "no answer"),
        ("shape", "no answer in it"),
        ("empty", ""),
    ],
)
async def test_a_request_fails_as_asked_for_and_then_succeeds(fault: str, seen: str) -> None:
    "Twice, and the third try gets what it would have got at once."
    async with OfflineTeacher() as teacher:
        right = await ask(teacher.url, chat(JUDGE))
    async with OfflineTeacher(faults=[f"{fault}:1:2"]) as teacher:
        tries = [await ask(teacher.url, chat(JUDGE)) for _try in range(3)]
    assert tries == [seen, seen, right]
    assert right.endswith("[[YES]]")


@pytest.mark.parametrize("status", ["429", "503"])
async def test_who_is_sent_away_is_told_when_to_come_again(status: str) -> None:
    "In Retry-After, and with an error in OpenAI's shape."
    async with (
        OfflineTeacher(faults=[f"{status}:1"], retry_after_s=3) as teacher,
        aiohttp.ClientSession() as session,
        session.post(f"{teacher.url}/chat/completions", json=chat("Why?")) as answer,
    ):
        assert answer.headers["Retry-After"] == "3"
        assert set((await answer.json())["error"]) == {"message", "type", "param", "code"}


async def test_garbage_is_not_in_the_format_asked_for() -> None:
    "A 200 with talk in it, which differs from request to request."
    ask_for = prompt("knowledge-questions", 3, DOCUMENT=DOCUMENT)
    async with OfflineTeacher(faults=["garbage:1"]) as teacher:
        said = {await ask(teacher.url, chat(ask_for, seed=seed)) for seed in range(20)}
    assert len(said) > 1
    assert not any("### Question" in text or "### Answer" in text for text in said)


async def test_ratings_go_wrong_in_every_way() -> None:
    "Out of range on both sides, two at once, and in words; and only where a rating is asked for."
    async with OfflineTeacher(faults=["rating:1"]) as teacher:
        said = "\n".join([await ask(teacher.url, chat(JUDGE, seed=seed)) for seed in range(40)])
        other = await ask(teacher.url, chat(prompt("summary", DOCUMENT=DOCUMENT)))
    assert all(rating in said for rating in ("[[99]]", "[[-1]]", "[[0]] or that.\n[[1]]", "two out of three"))
    assert "[[YES]]" not in said
    assert other.startswith("The DMC DeLorean")


async def test_a_cut_stream_never_says_that_it_is_done() -> None:
    "Some break off, some end politely: neither has [DONE]."
    ways = set()
    async with OfflineTeacher(faults=["cut:1"]) as teacher:
        for seed in range(12):
            said = await ask(teacher.url, chat(JUDGE, stream=True, seed=seed))
            assert "[DONE]" not in said
            ways.add("cut" if said == "cut" else "ended")
        assert "[DONE]" in await ask(teacher.url, chat(JUDGE, stream=True, seed=0))
    assert ways == {"cut", "ended"}


async def test_faults_hit_their_share_of_requests_and_always_the_same() -> None:
    "Two kinds together, on two servers, in another order."
    bodies = [chat("Why?", seed=seed) for seed in range(300)]

    async def run(order: int, fault_seed: int = 0) -> dict[int, int]:
        faults = ["429:0.2", "500:0.1"]
        async with (
            OfflineTeacher(faults=faults, fault_seed=fault_seed) as teacher,
            aiohttp.ClientSession() as session,
        ):
            return {
                body["seed"]: (await post(session, f"{teacher.url}/chat/completions", body))[0]
                for body in bodies[::order]
            }

    first, again, other = await run(1), await run(-1), await run(1, fault_seed=1)
    assert first == again != other
    seen = list(first.values())
    assert 40 <= seen.count(429) <= 80
    assert 15 <= seen.count(500) <= 45


async def test_some_faults_never_end() -> None:
    "Where `always` is said, no retry helps."
    async with OfflineTeacher(faults=["503:1:always"]) as teacher:
        assert {await ask(teacher.url, chat("Why?")) for _try in range(5)} == {"503"}
        assert teacher.faults.counts == {"503": 5}


async def test_one_who_waits_for_ever_holds_nobody_up() -> None:
    "A request that is never answered takes no slot."
    async with OfflineTeacher(faults=["silent:0.5"], slots=1) as teacher:
        said = await asyncio.gather(*(ask(teacher.url, chat("Why?", seed=seed)) for seed in range(20)))
    assert set(said) == {"no answer", "I do not know."}
    assert said.count("no answer") == teacher.faults.counts["silent"]


@pytest.mark.parametrize(
    "text", ["", "429", "429:", "429:0", "429:1.5", "429:nan", "teapot:0.1", "cut:0.1:0", "cut:0.1:x"]
)
def test_a_fault_that_cannot_be_read_is_explained(text: str) -> None:
    "With the way to write one, and the kinds."
    with pytest.raises(FaultError, match=r"is no fault. Write KIND:SHARE .* Kinds: slow, 429"):
        read_fault(text)


def test_faults_cannot_hit_more_than_all() -> None:
    "Shares are parts of one whole."
    with pytest.raises(FaultError, match=r"come to 1\.20"):
        OfflineTeacher(faults=["429:0.6", "cut:0.6"])
