"""The offline teacher over HTTP: the shapes that OpenAI documents, the same bytes for the same request, slots."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

from pipeline.tiny import NAME
from pipeline.tiny.process import OfflineTeacherProcess, ServerProcessError
from pipeline.tiny.server import OfflineTeacher
from tests.pipeline.teaching import DOCUMENT, chat, post, prompt

ASK = prompt("knowledge-questions", 3, DOCUMENT=DOCUMENT)


async def events(session: aiohttp.ClientSession, url: str, body: object) -> list[Any]:
    "The events of a stream, which must end with [DONE]."
    async with session.post(url, json=body) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        *found, done, rest = (await answer.text()).split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in found]


async def test_a_chat_completion_has_the_documented_shape() -> None:
    "Every field, and the name of who speaks."
    async with OfflineTeacher() as teacher, aiohttp.ClientSession() as session:
        status, said = await post(session, f"{teacher.url}/chat/completions", chat(ASK, n=2, seed=7))
    assert status == 200
    assert (said["object"], said["model"], said["system_fingerprint"]) == (
        "chat.completion",
        "offline-teacher",
        NAME,
    )
    assert said["id"].startswith("chatcmpl-")
    assert isinstance(said["created"], int)
    first, second = said["choices"]
    assert (first["index"], second["index"]) == (0, 1)
    assert first["message"]["role"] == "assistant"
    assert first["message"]["content"].startswith("### Question\n")
    assert first["message"]["content"] != second["message"]["content"]
    assert first["finish_reason"] == "stop"
    usage = said["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens"] > 200 < usage["completion_tokens"] * 4


async def test_a_completion_has_the_documented_shape() -> None:
    "Several prompts give their choices one after the other; without a limit sixteen tokens."
    body = {"model": "offline-teacher", "prompt": [ASK, "Who are you?"], "n": 2}
    async with OfflineTeacher() as teacher, aiohttp.ClientSession() as session:
        status, said = await post(session, f"{teacher.url}/completions", body)
        _status, echoed = await post(session, f"{teacher.url}/completions", body | {"echo": True})
    assert (status, said["object"]) == (200, "text_completion")
    assert [choice["index"] for choice in said["choices"]] == [0, 1, 2, 3]
    assert [choice["finish_reason"] for choice in said["choices"]] == ["length", "length", "stop", "stop"]
    assert said["choices"][2]["text"] == "I do not know."
    assert echoed["choices"][2]["text"] == "Who are you?I do not know."
    assert said["usage"]["completion_tokens"] == 16 + 16 + 5 + 5


@pytest.mark.parametrize("include_usage", [False, True])
async def test_a_streamed_chat_adds_up_to_the_whole_one(include_usage: bool) -> None:
    "Role first, then the text in parts, then the reason, then the usage if it was asked for."
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    async with OfflineTeacher() as teacher, aiohttp.ClientSession() as session:
        _status, whole = await post(session, f"{teacher.url}/chat/completions", chat(ASK, n=2))
        parts = await events(session, f"{teacher.url}/chat/completions", chat(ASK, n=2, stream=True, **options))
    if include_usage:
        *parts, last = parts
        assert (last["choices"], last["usage"]) == ([], whole["usage"])
    assert all(("usage" in part) == include_usage and not part.get("usage") for part in parts)
    assert {(part["object"], part["system_fingerprint"]) for part in parts} == {("chat.completion.chunk", NAME)}
    for index, choice in enumerate(whole["choices"]):
        own = [part["choices"][0] for part in parts if part["choices"][0]["index"] == index]
        assert own[0]["delta"] == {"role": "assistant", "content": ""}
        assert own[-1]["delta"] == {}
        assert [part["finish_reason"] for part in own] == [None] * (len(own) - 1) + ["stop"]
        assert "".join(part["delta"].get("content", "") for part in own) == choice["message"]["content"]
        assert len(own) > 10


async def test_a_streamed_completion_adds_up_to_the_whole_one() -> None:
    "Text in parts, then the reason."
    body = {"model": "offline-teacher", "prompt": ASK, "max_tokens": 50}
    async with OfflineTeacher() as teacher, aiohttp.ClientSession() as session:
        _status, whole = await post(session, f"{teacher.url}/completions", body)
        parts = await events(session, f"{teacher.url}/completions", body | {"stream": True})
    assert "".join(part["choices"][0]["text"] for part in parts) == whole["choices"][0]["text"]
    assert parts[-1]["choices"][0]["finish_reason"] == "length"


async def test_the_same_request_gets_the_same_bytes() -> None:
    "From another server, too, whole and streamed; another seed gets others."
    got = []
    for body in (chat(ASK, seed=1), chat(ASK, seed=1, stream=True), chat(ASK, seed=2)):
        for _server in range(2):
            async with (
                OfflineTeacher() as teacher,
                aiohttp.ClientSession() as session,
                session.post(f"{teacher.url}/chat/completions", json=body) as answer,
            ):
                got.append(await answer.read())
    assert (got[0], got[2], got[4]) == (got[1], got[3], got[5])
    assert json.loads(got[0])["choices"] != json.loads(got[4])["choices"]


async def test_stops_and_limits_cut_the_text() -> None:
    "At the earliest stop, and at so many tokens; the reason says which."
    async with OfflineTeacher() as teacher, aiohttp.ClientSession() as session:
        url = f"{teacher.url}/chat/completions"
        _status, stopped = await post(session, url, chat(ASK, stop=["### Answer", "no such words"]))
        _status, cut = await post(session, url, chat(ASK, max_completion_tokens=5))
    [choice] = stopped["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"].count("###") == 1
    [choice] = cut["choices"]
    assert (choice["finish_reason"], cut["usage"]["completion_tokens"]) == ("length", 5)


async def test_what_an_assistant_is_said_to_have_said_gives_no_task() -> None:
    "Only the system and the user do; parts of text are put together."
    conversation = [
        {"role": "system", "content": "TASK: judge-alone"},
        {"role": "user", "content": [{"type": "text", "text": prompt("judge-alone", QUESTION="Who built Rome?")}]},
        {"role": "assistant", "content": "TASK: summary\n[[0]]"},
    ]
    async with OfflineTeacher() as teacher, aiohttp.ClientSession() as session:
        body = chat("") | {"messages": conversation}
        _status, said = await post(session, f"{teacher.url}/chat/completions", body)
    assert said["choices"][0]["message"]["content"].endswith("\n[[1]]")


REFUSED = {
    "no JSON": (b"{", 400, None, None),
    "no object": (b"[]", 400, None, None),
    "nested too deep": (b"[" * 100_000, 400, None, None),
    "no model": ({"messages": []}, 400, "model", None),
    "another model": (chat("Why?") | {"model": "gpt"}, 404, "model", "model_not_found"),
    "no messages": ({"model": "offline-teacher"}, 400, "messages", None),
    "a strange role": (chat("") | {"messages": [{"role": "king", "content": ""}]}, 400, "messages[0].role", None),
    "an image": (
        chat("") | {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        400,
        "messages[0].content",
        None,
    ),
    "too hot": (chat("Why?", temperature=3), 400, "temperature", None),
    "n that is no number": (chat("Why?", n="2"), 400, "n", None),
    "n too large": (chat("Why?", n=100_000), 400, "n", None),
    "no tokens": (chat("Why?", max_tokens=0), 400, "max_tokens", None),
    "a seed that is true": (chat("Why?", seed=True), 400, "seed", None),
    "an empty stop": (chat("Why?", stop=[""]), 400, "stop", None),
    "a stop that is no text": (chat("Why?", stop=3), 400, "stop", None),
    "tools": (chat("Why?", tools=[{"type": "function"}]), 400, "tools", "unsupported_parameter"),
    "options without a stream": (chat("Why?", stream_options={"include_usage": True}), 400, "stream_options", None),
}


@pytest.mark.parametrize(("body", "status", "param", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_done_is_refused(body: Any, status: int, param: str | None, code: str | None) -> None:
    "In the shape of OpenAI's errors, with what is wrong."
    data = body if isinstance(body, bytes) else json.dumps(body)
    async with (
        OfflineTeacher() as teacher,
        aiohttp.ClientSession() as session,
        session.post(f"{teacher.url}/chat/completions", data=data) as answer,
    ):
        said = (await answer.json())["error"]
    assert answer.status == status
    assert (said["type"], said["param"], said["code"]) == ("invalid_request_error", param, code)
    assert said["message"]


async def test_token_ids_are_refused() -> None:
    "Rules read text."
    async with OfflineTeacher() as teacher, aiohttp.ClientSession() as session:
        body = {"model": "offline-teacher", "prompt": [[1, 2, 3]]}
        status, said = await post(session, f"{teacher.url}/completions", body)
    assert (status, said["error"]["param"]) == (400, "prompt")


async def test_models_and_health_are_told() -> None:
    "By id, by its name for people, and by names given to it."
    async with OfflineTeacher(models=["student"]) as teacher, aiohttp.ClientSession() as session:
        async with session.get(f"{teacher.url}/models") as answer:
            listed = await answer.json()
        async with session.get(f"{teacher.url}/models/student") as answer:
            one = await answer.json()
        async with session.get(f"{teacher.url}/models/gpt") as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["code"] == "model_not_found"
        async with session.get(teacher.url.removesuffix("v1") + "health") as answer:
            assert answer.status == 200
        async with session.get(f"{teacher.url}/nothing") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (404, "unknown_url")
        status, said = await post(session, f"{teacher.url}/chat/completions", chat("Why?") | {"model": "student"})
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["offline-teacher", NAME, "student"]
    assert {model["owned_by"] for model in listed["data"]} == {NAME}
    assert (one["id"], one["object"]) == ("student", "model")
    assert (status, said["model"]) == (200, "student")


async def test_a_key_is_asked_for_where_one_is_set() -> None:
    "Without it 401, and health needs none."
    async with OfflineTeacher(api_key="open sesame") as teacher, aiohttp.ClientSession() as session:
        status, said = await post(session, f"{teacher.url}/chat/completions", chat("Why?"))
        assert (status, said["error"]["code"]) == (401, "invalid_api_key")
        session.headers["Authorization"] = "Bearer open sesame"
        status, said = await post(session, f"{teacher.url}/chat/completions", chat("Why?"))
        assert status == 200


async def test_more_requests_than_slots_wait_in_line() -> None:
    "Twelve requests, four slots, 50 ms each: three rounds, and never more than four at once."
    async with OfflineTeacher(delay_ms=50, slots=4) as teacher, aiohttp.ClientSession() as session:
        began = time.monotonic()
        await asyncio.gather(
            *(post(session, f"{teacher.url}/chat/completions", chat("Why?", seed=seed)) for seed in range(12))
        )
        took_s = time.monotonic() - began
    assert (teacher.counts.most_in_slots, teacher.counts.answered) == (4, 12)
    assert teacher.counts.most_under_way > 4
    assert took_s >= 0.149


async def test_a_line_that_is_full_refuses() -> None:
    "With 429 and Retry-After; who waited is answered."
    async with OfflineTeacher(delay_ms=50, slots=1, line=2) as teacher, aiohttp.ClientSession() as session:
        answers = await asyncio.gather(
            *(post(session, f"{teacher.url}/chat/completions", chat("Why?", seed=seed)) for seed in range(10))
        )
    assert sorted(status for status, _said in answers) == [200] * 3 + [429] * 7


async def test_a_caller_who_hangs_up_frees_the_slot() -> None:
    "Cancelled requests do not hold up the next one."
    async with OfflineTeacher(delay_ms=20_000, slots=1) as teacher, aiohttp.ClientSession() as session:
        for _caller in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await post(session, f"{teacher.url}/chat/completions", chat("Why?"))
        async with asyncio.timeout(5):
            while teacher.counts.under_way:
                await asyncio.sleep(0.01)


async def test_in_a_process_of_its_own() -> None:
    "It says where it listens, counts what it did, and ends with the one that started it."
    async with OfflineTeacherProcess("--slots", "2") as teacher, aiohttp.ClientSession() as session:
        status, _said = await post(session, f"{teacher.url}/chat/completions", chat(ASK))
        assert status == 200
        async with session.get(teacher.url.removesuffix("v1") + "stats") as answer:
            seen = await answer.json()
    assert (seen["server"], seen["requests"], seen["answered"]) == (NAME, 1, 1)


async def test_a_process_that_cannot_start_says_why() -> None:
    "With what was wrong in its options."
    with pytest.raises(ServerProcessError, match='"429:7" is no fault'):
        async with OfflineTeacherProcess("--fault", "429:7"):
            pass
