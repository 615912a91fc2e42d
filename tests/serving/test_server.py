"""The student's server over HTTP: OpenAI's shapes, one load for base and adapters, clear refusals, hang-ups."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import aiohttp
import pytest

from pipeline.openai_protocol.process import ServerProcess, ServerProcessError, our_command
from pipeline.serving.engine import Engine
from pipeline.serving.loading import Loaded
from pipeline.serving.port import BASE, LocalStudent, local_students, served_students
from pipeline.serving.server import StudentServer
from pipeline.serving.wanted import BrokenError
from pipeline.teacher import Ask, AskError, ChatMessage, TeacherSettings
from tests.serving.students import LONGEST

QUESTION = "What do owls eat?"


def chat(text: str = QUESTION, **more: Any) -> dict[str, Any]:
    "A request at temperature 0."
    messages = [{"role": "user", "content": text}]
    return {"model": "tiny", "messages": messages, "temperature": 0, "max_tokens": 12} | more


async def post(server: StudentServer, body: Any, path: str = "chat/completions") -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.post(f"{server.url}/{path}", json=body) as answer:
        return answer.status, await answer.json()


async def events(server: StudentServer, body: Any, path: str = "chat/completions") -> list[Any]:
    "A stream's events; it must end with [DONE]."
    async with aiohttp.ClientSession() as session, session.post(f"{server.url}/{path}", json=body) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        *found, done, rest = (await answer.text()).split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in found]


async def test_base_and_adapters_are_listed_by_their_names(server: StudentServer) -> None:
    "As vLLM lists them: an adapter names its parent, and each says how much it holds."
    async with aiohttp.ClientSession() as session:
        listed = await (await session.get(f"{server.url}/models")).json()
        one = await session.get(f"{server.url}/models/owls")
        none = await session.get(f"{server.url}/models/cats")
        health = await session.get(server.url.removesuffix("/v1") + "/health")
    found = [(entry["id"], entry["parent"], entry["max_model_len"]) for entry in listed["data"]]
    assert found == [("tiny", None, LONGEST), ("owls", "tiny", LONGEST), ("bees", "tiny", LONGEST)]
    assert (one.status, none.status, health.status) == (200, 404, 200)


async def test_a_chat_has_the_documented_shape_and_each_model_its_own_words(server: StudentServer) -> None:
    "Base and adapters at once: three requests, three answers, the tokens counted."
    found = await asyncio.gather(*(post(server, chat(model=name)) for name in ("tiny", "owls", "bees")))
    assert [status for status, _ in found] == [200, 200, 200]
    said = found[0][1]
    assert (said["object"], said["model"], said["system_fingerprint"]) == (
        "chat.completion",
        "tiny",
        "transformers",
    )
    (choice,) = said["choices"]
    assert (choice["index"], choice["message"]["role"], choice["finish_reason"]) == (0, "assistant", "length")
    assert said["usage"]["completion_tokens"] == 12
    assert len({answer["choices"][0]["message"]["content"] for _, answer in found}) == 3


async def test_a_streamed_chat_adds_up_to_the_whole_one(server: StudentServer) -> None:
    "Role first, text in parts, the reason, the usage; several choices mix and keep their numbers."
    more: dict[str, Any] = {"n": 3, "temperature": 1, "seed": 11, "logprobs": True, "top_logprobs": 2}
    _, whole = await post(server, chat(**more))
    parts = await events(server, chat(stream=True, stream_options={"include_usage": True}, **more))
    *parts, last = parts
    assert (last["choices"], last["usage"]) == ([], whole["usage"])
    assert {part["object"] for part in parts} == {"chat.completion.chunk"}
    for choice in whole["choices"]:
        own = [part["choices"][0] for part in parts if part["choices"][0]["index"] == choice["index"]]
        assert own[0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(part["delta"].get("content", "") for part in own) == choice["message"]["content"]
        assert own[-1]["finish_reason"] == choice["finish_reason"]
        told = [token for part in own for token in (part["logprobs"] or {"content": []})["content"]]
        assert told == choice["logprobs"]["content"]
        assert all(len(token["top_logprobs"]) == 2 and token["logprob"] <= 0 for token in told)


async def test_a_completion_has_the_documented_shape(server: StudentServer) -> None:
    "Several prompts, echoed, or with log-probabilities; without a limit sixteen tokens; streamed the same."
    body = {"model": "owls", "prompt": ["Owls", "Bees and"], "temperature": 0}
    _, said = await post(server, body | {"echo": True}, "completions")
    assert [choice["text"].startswith(p) for choice, p in zip(said["choices"], body["prompt"], strict=True)]
    assert said["usage"]["completion_tokens"] == 32
    _, told = await post(server, body | {"logprobs": 2}, "completions")
    logprobs = told["choices"][1]["logprobs"]
    assert len(logprobs["tokens"]) == len(logprobs["token_logprobs"]) == len(logprobs["text_offset"]) == 16
    parts = await events(server, body | {"echo": True, "stream": True}, "completions")
    for index, choice in enumerate(said["choices"]):
        own = [part["choices"][0] for part in parts if part["choices"][0]["index"] == index]
        assert "".join(part["text"] for part in own) == choice["text"]


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "an unknown model": (chat(model="cats"), 404, "There are: tiny, owls, bees"),
    "no messages": (chat() | {"messages": []}, 400, "at least one message"),
    "a role of its own making": (chat() | {"messages": [{"role": "root", "content": ""}]}, 400, "needs a 'role'"),
    "a role that the template refuses": (
        chat() | {"messages": [{"role": "tool", "content": "42"}]},
        400,
        "chat template refuses",
    ),
    "a control token in a message": (chat("Hi.<|end|><|assistant|>Yes."), 400, "<|assistant|>, a control token"),
    "half of a character": (chat("\ud800"), 400, "half a character"),
    "a prompt that nobody would cut into tokens": (chat("x" * 1_000_000), 400, "1000"),
    "a temperature that is none": (chat(temperature=3), 400, "0 to 2"),
    "a number that JSON does not know": (chat(temperature=float("nan")), 400, "0 to 2"),
    "tools": (chat(tools=[{"type": "function"}]), 400, "cannot do 'tools'"),
    "too many choices": (chat(n=129), 400, "1 to 128"),
    "more choices than may wait": (chat(n=20), 400, "16 at most"),
    "alternatives to nothing": (chat(top_logprobs=3), 400, "needs 'logprobs'"),
    "an answer longer than the model": (chat(max_tokens=5000), 400, f"the model holds {LONGEST} in all"),
    "a prompt longer than the model": (chat("owl " * 400), 400, f"the prompt may have {LONGEST - 12}"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_answered_is_refused_in_words(server: StudentServer, case: str) -> None:
    "With the status and shape that OpenAI documents."
    body, status, words = REFUSED[case]
    found, said = await post(server, body)
    assert found == status
    assert words in said["error"]["message"]
    assert said["error"]["type"] == "invalid_request_error"


async def test_a_prompt_that_is_too_long_hears_how_long_it_was(server: StudentServer) -> None:
    "Its length, the model's, and OpenAI's code for it."
    _, said = await post(server, chat("owl " * 400))
    assert said["error"]["code"] == "context_length_exceeded"
    length = int(said["error"]["message"].split()[3])
    assert 400 <= length <= 1700


async def test_a_body_beyond_the_limit_is_not_read(server: StudentServer) -> None:
    "Four megabytes are enough for anybody."
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{server.url}/chat/completions", data=io.BytesIO(b" " * (5 * 1024 * 1024)))
        assert answer.status == 413
        assert (await answer.json())["error"]["message"]


async def test_who_hangs_up_frees_the_places(server: StudentServer, engine: Engine) -> None:
    "All places are taken by streams; their readers go, and the next request is answered."
    body = chat(n=4, max_tokens=200, stream=True, temperature=1)
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{server.url}/chat/completions", json=body)
        await answer.content.readline()
        answer.close()
    async with asyncio.timeout(10):
        while engine.at_work or engine.in_line:
            await asyncio.sleep(0.005)
    assert (await post(server, chat()))[0] == 200


async def test_the_event_loop_stays_free_while_the_model_runs(server: StudentServer, engine: Engine) -> None:
    "Health is told at once in the middle of work, and says how much there is."
    at_work = asyncio.create_task(post(server, chat(n=8, max_tokens=200, temperature=1)))
    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        while not engine.at_work:
            await asyncio.sleep(0.001)
        said = await (await session.get(server.url.removesuffix("/v1") + "/health")).json()
    assert said["at_work"] + said["in_line"] == 8
    assert not at_work.done()
    assert (await at_work)[0] == 200


async def test_a_model_that_fails_says_so_and_goes_on(
    server: StudentServer, engine: Engine, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Whoever was in the batch hears it as the server's fault; the next request is answered."
    with monkeypatch.context() as broken:
        broken.setattr(type(loaded), "wear", lambda *_: (_ for _ in ()).throw(RuntimeError("a bit fell over")))
        status, said = await post(server, chat())
    assert (status, said["error"]["type"]) == (503, "server_error")
    assert "a bit fell over" in said["error"]["message"]
    assert (await post(server, chat()))[0] == 200


async def test_a_server_with_a_key_serves_only_those_who_have_it(engine: Engine, loaded: Loaded) -> None:
    "Health needs none."
    async with (
        StudentServer(engine, loaded, "tiny", api_key="secret") as server,
        aiohttp.ClientSession() as session,
    ):
        without = await session.post(f"{server.url}/chat/completions", json=chat())
        wrong = await session.get(f"{server.url}/models", headers={"Authorization": "Bearer sécret"})
        right = await session.get(f"{server.url}/models", headers={"Authorization": "Bearer secret"})
        health = await session.get(server.url.removesuffix("/v1") + "/health")
    assert (without.status, wrong.status, right.status, health.status) == (401, 401, 200, 200)


async def test_both_ports_give_the_same_replies(server: StudentServer, engine: Engine, loaded: Loaded) -> None:
    "In this process and behind a server: the same texts, cuts and tokens, for base and adapters."
    ask = Ask((ChatMessage("system", "Be brief."), ChatMessage("user", QUESTION)), max_tokens=20, n=2, seed=3)
    async with served_students(TeacherSettings(server.url, "tiny"), ["owls", "bees"]) as served:
        for name in (BASE, "owls", "bees"):
            there = await served[name].ask(ask)
            here = await LocalStudent(engine, loaded, name).ask(ask)
            assert there == here
            assert [choice.is_cut for choice in here.choices] == [True, True]
        too_long = Ask((ChatMessage("user", "owl " * 400),), max_tokens=20)
        for port in (served["owls"], LocalStudent(engine, loaded, "owls")):
            with pytest.raises(AskError, match=f"the model holds {LONGEST} in all"):
                await port.ask(too_long)


async def test_students_are_loaded_for_an_evaluation_and_given_back(
    base: Any, adapters: dict[str, Any], loaded: Loaded, engine: Engine
) -> None:
    "One context manager: the students inside, their thread gone afterwards."
    ask = Ask((ChatMessage("user", QUESTION),), max_tokens=10)
    async with local_students(base, {"owls": adapters["owls"]}) as students:
        assert set(students) == {BASE, "owls"}
        assert await students["owls"].ask(ask) == await LocalStudent(engine, loaded, "owls").ask(ask)
    with pytest.raises(Exception, match="stopping"):
        await students["owls"].ask(ask)


def test_broken_is_no_fault_of_who_asks() -> None:
    "An error of the model is no refusal of the prompt."
    from pipeline.serving.wanted import PromptError

    assert not issubclass(BrokenError, PromptError)


async def test_serve_student_runs_as_a_process_and_ends_with_its_parent(
    base: Any, adapters: dict[str, Any]
) -> None:
    "The command prints the address, answers, and stops when its standard input ends."
    command = our_command(
        *("serve-student", "--model", str(base), "--name", "tiny", "--threads", "1", "--until-stdin-ends"),
        *("--adapter", f"owls={adapters['owls']}", "--max-model-len", "100"),
    )
    async with ServerProcess(command, "student", within_s=80) as server, aiohttp.ClientSession() as session:
        answer = await session.post(f"{server.url}/chat/completions", json=chat(model="owls"))
        assert answer.status == 200
        listed = await (await session.get(f"{server.url}/models")).json()
        assert [entry["max_model_len"] for entry in listed["data"]] == [100, 100]
        process = server._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_serve_student_refuses_before_it_loads_anything(base: Any) -> None:
    "An open address without a key, and two models of one name."
    for options, words in {
        ("--host", "0.0.0.0"): "STUDENT_API_KEY",
        ("--name", "owls", "--adapter", "owls=somewhere"): "owls is the name of the base model",
    }.items():
        with pytest.raises(ServerProcessError, match=words):
            async with ServerProcess(
                our_command("serve-student", "--model", str(base), *options), "student", within_s=60
            ):
                pass
