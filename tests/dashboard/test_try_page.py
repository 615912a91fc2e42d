"""Trying models: one question for several, answers as they come, and bounds to what is asked and answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from sqlalchemy import insert

from bot.store.artifacts import ArtifactRows, KeptArtifact
from bot.store.board_adapters import AdapterBoard
from bot.store.tables import releases
from pipeline.artifacts import ArtifactStore
from tests.dashboard.talking_server import TalkingServer
from tests.dashboard.visitor import Visitor
from tests.world import World

QUESTION = "What do owls eat?"
BUILD = "2026-01-05.1"
FILES = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"weights"}


async def tunes(world: World, number: int, job_id: int = 1, files: dict[str, bytes] = FILES) -> str:
    "A worker has tuned an adapter from a pull request. Return how it is called where it is served."
    store, rows = ArtifactStore(world.settings.artifact_store_url), []
    for name, content in files.items():
        artifact = store.put(f"adapter.{name}", content)
        rows.append(KeptArtifact(world.repo.id, number, artifact, world.clock.now(), job_id))
    async with world.database() as engine:
        await ArtifactRows(engine).note(rows)
        newest = await AdapterBoard(engine).newest(world.repo.id)
    return next(each.name for each in newest if each.number == number)


async def publishes(world: World, *names: str) -> None:
    "Builds stand in the store of models; the last one is served."
    async with world.database() as engine, engine.begin() as connection:
        for number, name in enumerate(names, start=1):
            row = {
                "repository_id": world.repo.id,
                "build_id": number,
                "name": name,
                "manifest_sha256": "0" * 64,
                "size": 1,
                "files": 1,
                "commit_sha": "0" * 40,
                "state": "served" if name == names[-1] else "replaced",
                "added_at": world.clock.now(),
            }
            await connection.execute(insert(releases).values(row))


@asynccontextmanager
async def talking(
    world: World, tmp_path: Path, **settings: Any
) -> AsyncIterator[tuple[TalkingServer, TalkingServer]]:
    "The bot knows a server of the student and one of builds; #1 is there, with an adapter."
    async with TalkingServer(student=["They ", "eat ", "voles."]) as student, TalkingServer() as builds:
        builds.says = {BUILD: ["Mice, ", "mostly."]}
        await world.stop_bot()
        known = {"student_url": student.url, "build_url": builds.url, "student_adapter_folder": tmp_path / "shelf"}
        await world.start_bot(**(known | settings))
        world.repo.permissions["tess"] = "triage"
        await world.ana.opens_pr(title="Owls & <b>voles</b>")
        await world.settled()
        yield student, builds


async def triager(world: World, visitor: Visitor) -> str:
    "Tess opens the page of the bot that runs now. Return the token of its form."
    visitor.base = world.address
    await visitor.signs_in("tess", back="/rules")
    seen = await visitor.opens_page("/try")
    assert seen.status == 200
    return seen.csrf_token


async def streamed(world: World, visitor: Visitor, token: str, **fields: str) -> list[tuple[str, Any]]:
    "Ask as the page's script does; return the events."
    url = urljoin(visitor.base, f"/r/{world.repo.full_name}/try")
    sent = {"csrf_token": token, "question": QUESTION} | fields
    async with visitor.http.post(url, data=sent, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.content_type == "text/event-stream"
        return events((await answer.read()).decode())


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for event in text.split("\n\n")[:-1]:
        name, data = event.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def texts(found: list[tuple[str, Any]]) -> dict[str, str]:
    "What each has said."
    said: dict[str, str] = {}
    for name, data in found:
        if name == "text":
            said[data["key"]] = said.get(data["key"], "") + data["text"]
    return said


def ends(found: list[tuple[str, Any]]) -> dict[str, tuple[str, str]]:
    "How each ended."
    over = ("done", "failed")
    return {
        data["key"]: (data["stage"], data["words"])
        for name, data in found
        if name == "stage" and data["stage"] in over
    }


async def test_without_a_server_the_page_says_how_one_is_set_up(world: World, visitor: Visitor) -> None:
    "It names the settings, and asks nobody."
    await world.ana.opens_pr()
    await world.settled()
    world.repo.permissions["tess"] = "triage"
    await visitor.signs_in("tess", back="/rules")
    seen = await visitor.opens_page("/try")
    assert "No model can be asked here yet" in seen.words
    assert "TAXONOMY_BOT_STUDENT_URL" in seen.words
    assert "<textarea" not in seen.html


async def test_one_question_is_answered_by_three(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "Base, the adapter tuned last and the build that is served, without scripts: a page with all answers."
    async with talking(world, tmp_path) as (student, builds):
        name = await tunes(world, 1)
        await publishes(world, "2026-01-04.1", BUILD)
        token = await triager(world, visitor)

        seen = await visitor.sends(f"/r/{world.repo.full_name}/try", token, question=QUESTION)

        assert seen.status == 200
        for words in (
            "They eat voles.",
            "tuned on it",
            "Mice, mostly.",
            "Owls & <b>voles</b>",
            f"Build {BUILD}, served",
        ):
            assert words in seen.words or words in seen.html.replace("&amp;", "&"), words
        assert "<b>voles" not in seen.html
        assert [each["model"] for each in student.asked] == ["student", name]
        assert [each["model"] for each in builds.asked] == [BUILD]
        [first, *_] = student.asked
        assert (first["messages"], first["temperature"]) == ([{"role": "user", "content": QUESTION}], 0)
        assert read(Path(student.loaded[name])) == FILES
        [(actor, number, arguments, result)] = await world.rows(
            "select actor, number, arguments, result from audit where act = 'try'"
        )
        assert (actor, number, result) == ("tess", 1, "done")
        assert arguments == f"Base model, {name}, Build {BUILD}, served"


async def test_answers_come_as_they_are_written(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "The first piece is there before the answer is; a server is asked for one model after the other."
    async with talking(world, tmp_path) as (student, _):
        await tunes(world, 1)
        token = await triager(world, visitor)
        student.goes_on.clear()
        url = urljoin(visitor.base, f"/r/{world.repo.full_name}/try")
        sent = {"csrf_token": token, "question": QUESTION}
        async with visitor.http.post(url, data=sent, headers={"Accept": "text/event-stream"}) as answer:
            early = b""
            while b'"They "' not in early:
                early += await answer.content.readany()
            assert b"eat" not in early
            assert len(student.asked) == 1
            student.goes_on.set()
            found = events((early + await answer.read()).decode())
        assert found[0] == (
            "asked",
            [
                {"key": "base", "heading": "Base model"},
                {"key": "adapter", "heading": "With #1 Owls & <b>voles</b>"},
            ],
        )
        assert texts(found) == {"base": "They eat voles.", "adapter": "tuned on it"}
        assert set(ends(found).values()) == {("done", "done")}
        assert found[-1] == ("over", {})
        assert student.most_at_once == 1


async def test_two_people_never_meet_in_one_batch(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "What one asks an adapter cannot colour what another is told by the base: who comes later waits."
    async with talking(world, tmp_path) as (student, _), Visitor(world) as other:
        await tunes(world, 1)
        world.repo.permissions["max"] = "maintain"
        token = await triager(world, visitor)
        await other.signs_in("max", back="/rules")
        theirs = (await other.opens_page("/try")).csrf_token
        both = await asyncio.gather(streamed(world, visitor, token), streamed(world, other, theirs))
        assert [texts(found)["base"] for found in both] == ["They eat voles."] * 2
        assert student.most_at_once == 1


async def test_each_column_says_what_went_wrong(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "A server that is away, one without the build, one that takes on no adapters: the others answer all the same."
    async with talking(world, tmp_path) as (student, builds):
        await tunes(world, 1)
        await publishes(world, "2026-01-06.1")
        student.takes_adapters = False
        token = await triager(world, visitor)
        found = await streamed(world, visitor, token)
        assert texts(found) == {"base": "They eat voles."}
        assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in ends(found)["adapter"][1]
        assert f"does not have 2026-01-06.1: it has {BUILD}" in ends(found)["build"][1]
        await student.leaves()
        found = await streamed(world, visitor, token)
        assert "The student's server cannot be reached" in ends(found)["base"][1]
        assert "The student's server cannot be reached" in ends(found)["adapter"][1]
        builds.status = 500
        builds.says = {"2026-01-06.1": [""]}
        found = await streamed(world, visitor, token, pull="none")
        assert ends(found)["build"] == ("failed", "The server of builds refused (500), saying: no memory left.")


async def test_a_server_without_a_shared_folder_is_told_of(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "An adapter that it serves already is asked; for others the operator reads which setting lacks."
    async with talking(world, tmp_path, student_adapter_folder=None) as (student, _):
        name = await tunes(world, 1)
        token = await triager(world, visitor)
        found = await streamed(world, visitor, token)
        assert "TAXONOMY_BOT_STUDENT_ADAPTER_FOLDER" in ends(found)["adapter"][1]
        student.says[name] = ["by hand"]
        assert texts(await streamed(world, visitor, token))["adapter"] == "by hand"


async def test_what_a_model_says_is_text_and_nothing_else(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "HTML, colours, directions, halves of characters and floods."
    async with talking(world, tmp_path) as (student, _):
        token = await triager(world, visitor)
        student.says["student"] = ["<script>alert(1)</script>", "\x1b[31mred\u202egnp", "\ud800", "x" * 40_000]
        seen = await visitor.sends(f"/r/{world.repo.full_name}/try", token, question=QUESTION)
        assert "<script>alert" not in seen.html
        assert "&lt;script&gt;alert(1)" in seen.html
        assert "<U+001B>[31mred<U+202E>gnp<U+D800>" in seen.words
        said = texts(await streamed(world, visitor, token))["base"]
        assert len(said) < 16_100
        assert said.endswith(" […]")
        for raw, words in (
            (b"data: " + b"x" * 200_000, "lines without end"),
            (b"data: {nonsense\n\n", "no event of OpenAI"),
            (b'data: {"error": {"message": "out of <b>memory"}}\n\n', "broke off, saying: out of <b>memory"),
            (
                b'data: {"choices": [[]]}\n\ndata: 7\n\ndata: {"choices": [{"delta": {"content": 7}}]}\n\n',
                "nothing",
            ),
        ):
            student.raw = raw
            await world.clock.advance(minutes=2)
            found = await streamed(world, visitor, token)
            assert words in ends(found)["base"][1], raw[:40]


@pytest.mark.parametrize("status", [302, 307])
async def test_a_server_cannot_send_the_bot_elsewhere(
    world: World, visitor: Visitor, tmp_path: Path, status: int
) -> None:
    "Redirections are not followed."
    async with talking(world, tmp_path) as (student, _):
        student.status = status
        token = await triager(world, visitor)
        found = await streamed(world, visitor, token)
        assert f"refused ({status})" in ends(found)["base"][1]


async def test_the_key_goes_to_its_server_and_to_no_other(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "Each server is sent its own key, or none; and no page shows one."
    async with talking(world, tmp_path, student_api_key="the-key-of-the-student") as (student, builds):
        await publishes(world, BUILD)
        token = await triager(world, visitor)
        seen = await visitor.sends(f"/r/{world.repo.full_name}/try", token, question=QUESTION)
        assert set(student.keys) == {"Bearer the-key-of-the-student"}
        assert set(builds.keys) == {""}
        assert "the-key" not in seen.html


async def test_questions_have_bounds(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "Empty, too long, nobody chosen, too many in a minute, a second before the first is answered."
    async with talking(world, tmp_path) as (student, _):
        token = await triager(world, visitor)
        for fields, words in (
            ({"question": "  \r\n "}, "Write a question first"),
            ({"question": "x" * 4001}, "at most 4,000 characters"),
        ):
            seen = await visitor.sends(f"/r/{world.repo.full_name}/try", token, **fields)
            assert words in seen.words
            assert await streamed(world, visitor, token, **fields) == [("refused", {"words": _problem(seen.html)})]
        assert student.asked == []
        for _ in range(6):
            assert texts(await streamed(world, visitor, token)) == {"base": "They eat voles."}
        [(name, data)] = await streamed(world, visitor, token)
        assert (name, "6 questions within a minute" in data["words"]) == ("refused", True)
        await world.clock.advance(seconds=61)
        student.goes_on.clear()
        first = asyncio.create_task(streamed(world, visitor, token))
        while not student.at_work:
            await asyncio.sleep(0.01)
        [(name, data)] = await streamed(world, visitor, token)
        assert (name, "still being answered" in data["words"]) == ("refused", True)
        student.goes_on.set()
        assert texts(await first) == {"base": "They eat voles."}


async def test_whoever_leaves_frees_the_server(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "The bot hangs up, too, and the next question is answered."
    async with talking(world, tmp_path) as (student, _):
        token = await triager(world, visitor)
        student.goes_on.clear()
        student.says["student"] = ["Owls ", *["hoot "] * 200]
        url = urljoin(visitor.base, f"/r/{world.repo.full_name}/try")
        sent = {"csrf_token": token, "question": QUESTION}
        async with visitor.http.post(url, data=sent, headers={"Accept": "text/event-stream"}) as answer:
            await answer.content.readany()
            answer.close()
        student.goes_on.set()
        async with asyncio.timeout(10):
            while student.at_work:
                await asyncio.sleep(0.01)
        student.says["student"] = ["Here."]
        async with asyncio.timeout(10):
            while (found := await streamed(world, visitor, token))[0][0] == "refused":
                await asyncio.sleep(0.05)
        assert texts(found) == {"base": "Here."}


async def test_only_triagers_ask(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "An author reads that it is not for them, and no model is asked."
    async with talking(world, tmp_path) as (student, _):
        visitor.base = world.address
        token = (await visitor.signs_in("ana", back="/rules")).csrf_token
        assert (await visitor.opens_page("/try")).status == 404
        seen = await visitor.sends(f"/r/{world.repo.full_name}/try", token, question=QUESTION)
        assert seen.status == 404
        assert student.asked == []


async def test_the_shelf_keeps_few_adapters(world: World, visitor: Visitor, tmp_path: Path) -> None:
    "Those used longest ago leave the server and the disk; the newest of a pull request is the one that is asked."
    async with talking(world, tmp_path) as (student, _):
        token = await triager(world, visitor)
        names = []
        for number in range(1, 11):
            files = FILES | {"adapter_model.safetensors": b"weights %d" % number}
            names.append(await tunes(world, 1, job_id=number, files=files))
            await world.clock.advance(minutes=1)
            assert texts(await streamed(world, visitor, token))["adapter"] == "tuned on it"
        assert len(set(names)) == 10
        assert sorted(student.loaded) == sorted(names[-8:])
        assert {each.name for each in (tmp_path / "shelf").iterdir()} == set(names[-8:])


def read(folder: Path) -> dict[str, bytes]:
    "The files of a folder."
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _problem(html: str) -> str:
    return html.partition('role="alert">')[2].partition("</p>")[0]
