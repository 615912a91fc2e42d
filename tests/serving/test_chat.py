"""The chat in the terminal: one question for scripts, a conversation by hand, base and tuned side by side."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console
from typer.testing import CliRunner

from pipeline import chat_cli
from pipeline.chat_screen import Screen, shown
from pipeline.cli import cli
from pipeline.openai_protocol.http import listen
from pipeline.serving.engine import Engine
from pipeline.serving.loading import Loaded
from pipeline.serving.server import StudentServer
from pipeline.serving.speakers import Manner, RemoteSpeaker, plain
from pipeline.teacher_messages import ChatMessage

HOSTILE = "\x1b]0;owned\x07\x1b[2J[red]No\x1b[0m\u202emarkup\u202c\r[/red] \x9b31mhere\x00"


def run(*options: str, typed: str = "") -> Any:
    "What the command prints."
    return CliRunner().invoke(cli, ["chat", *options], input=typed)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    "What comes onto the screen."
    written = io.StringIO()
    monkeypatch.setattr(chat_cli, "_ON_SCREEN", Console(file=written, width=80, highlight=False))
    return written


def test_one_question_for_a_script(base: Path, adapters: dict[str, Path], screen: io.StringIO) -> None:
    "The answer alone, on standard output; the tuned model's where there is an adapter."
    for options in ((), ("--adapter", str(adapters["owls"]))):
        assert run("--model", str(base), "--ask", "What do owls eat?", "--max-tokens", "8", *options).exit_code == 0
    plainly, tuned = screen.getvalue().strip("\n").split("\n", 1)
    assert plainly
    assert tuned
    assert plainly != tuned


def test_both_answer_with_their_names(base: Path, adapters: dict[str, Path], screen: io.StringIO) -> None:
    "In a script one below the other."
    options = ("--adapter", str(adapters["owls"]), "--both", "--max-tokens", "8")
    assert run("--model", str(base), "--ask", "Who?", *options).exit_code == 0
    assert screen.getvalue().startswith("base:\n")
    assert "\ntuned:\n" in screen.getvalue()


class Echo:
    "Says how much of the conversation it was told, and something hostile."

    name = "base"

    async def say(self, messages: Sequence[ChatMessage], manner: Manner) -> AsyncGenerator[str, None]:
        yield f"told {len(messages)}: {messages[-1].content} "
        yield HOSTILE


def test_a_conversation_is_remembered_until_it_is_reset(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Each question comes with all that was said; /reset forgets it, /history shows it, /quit ends it."
    lines = iter(["first", "second", "/history", "/reset", "third", "/help", "/quit", "never asked"])
    monkeypatch.setattr(Console, "input", lambda *_: next(lines))
    with asyncio.Runner() as runner:
        chat_cli._talk(runner, [Echo()], chat_cli.Talk("Be brief."), Manner())
    said = screen.getvalue()
    assert [part in said for part in ("told 2: first", "told 4: second", "told 2: third")] == [True] * 3
    assert "user: first" in said
    assert "Forgotten." in said
    assert next(lines) == "never asked"


def test_nothing_a_model_says_reaches_the_terminal_but_text(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    "No escapes, no bells, no turned writing; markup is shown and not obeyed, also in the history."
    lines = iter(["first", "/history", "/quit"])
    monkeypatch.setattr(Console, "input", lambda *_: next(lines))
    with asyncio.Runner() as runner:
        chat_cli._talk(runner, [Echo()], chat_cli.Talk(), Manner())
    said = screen.getvalue()
    assert not set(said) & set("\x1b\x07\x9b\x00\r\u202e\u202c")
    assert said.count("[red]No") == 2


def test_plain_text_keeps_lines_and_letters() -> None:
    "What is drawn stays as it is."
    assert plain("Über\n\tEulen 🦉 № 5\u00a0km") == "Über\n\tEulen 🦉 № 5 km"
    assert plain(HOSTILE) == "]0;owned[2J[red]No[0mmarkup[/red] 31mhere"


@pytest.mark.parametrize(("width", "is_beside"), [(140, True), (70, False)])
def test_a_narrow_terminal_has_one_below_the_other(width: int, is_beside: bool) -> None:
    "A wide one has them side by side."
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(shown({"base": "an owl", "tuned": "a bee"}, width))
    lines = console.export_text().splitlines()
    assert any("base" in line and "tuned" in line for line in lines) == is_beside
    assert any("an owl" in line for line in lines)
    assert max(map(len, lines)) <= width


def test_long_answers_show_their_end_while_they_grow(tmp_path: Path) -> None:
    "What does not fit is shown when they are done."
    file = io.StringIO()
    console = Console(file=file, width=120, height=12, force_terminal=True)
    with Screen(console, ["base", "tuned"]) as screen:
        for number in range(40):
            screen.add("base", f"line {number}\n")
    final = file.getvalue()
    assert "line 0 " in final
    assert "line 39 " in final


async def test_a_server_s_models_talk_too(loaded: Loaded, engine: Engine, server: StudentServer) -> None:
    "By the command, in a thread of its own: base, an adapter by its name, and both."
    ask = ("--url", server.url, "--ask", "Who?", "--max-tokens", "8")
    base = await asyncio.to_thread(run, *ask)
    assert base.exit_code == 0, base.output
    unclear = await asyncio.to_thread(run, *ask, "--both")
    assert (unclear.exit_code, "There: owls, bees" in " ".join(unclear.output.split())) == (2, True)
    unknown = await asyncio.to_thread(run, *ask, "--adapter", "cats")
    assert (unknown.exit_code, "no adapter cats" in " ".join(unknown.output.split())) == (2, True)
    too_long = await asyncio.to_thread(run, *ask[:3], "owl " * 400)
    assert (too_long.exit_code, "The prompt has" in " ".join(too_long.output.split())) == (1, True)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"data: {\n\n", "no answer"),
        (b'data: {"choices": [{}]}\n\n', "no answer"),
        (b'data: {"error": {"message": "out of \\u001b[2J memory"}}\n\n', "out of"),
        (b"x" * 2_000_000, "without an end"),
    ],
)
async def test_a_server_that_talks_nonsense_ends_in_words(sent: bytes, words: str) -> None:
    "Whatever a stream holds, the chat says what was wrong, without control characters."
    import aiohttp

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(sent)
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner, url = await listen(app, "127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as session:
            speaker = RemoteSpeaker("base", session, url, "tiny")
            with pytest.raises(chat_cli.SpeakerError, match=words) as error:
                async for _ in speaker.say([ChatMessage("user", "Who?")], Manner()):
                    pass
            assert "\x1b" not in str(error.value)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "Name the folder of a model"),
        (("--model", "x", "--url", "http://localhost/v1"), "not both"),
        (("--model", "x", "--both"), "name an adapter"),
        (("--url", "ftp://localhost"), "not an http(s) address"),
        (("--model", "nowhere", "--ask", "Who?"), "there is no such folder"),
    ],
)
def test_nobody_to_talk_to_is_said(options: tuple[str, ...], words: str) -> None:
    "With what to name instead, and exit code 2."
    found = run(*options)
    assert found.exit_code == 2
    assert words in " ".join(found.output.split())
