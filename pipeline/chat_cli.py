"""`taxonomy-pipeline chat`: talk to a student, to a tuned one, or to both. Nothing that is said is executed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import aiohttp
import typer
from rich.console import Console
from rich.text import Text

from pipeline.chat_screen import Screen
from pipeline.serving.speakers import LocalSpeaker, Manner, RemoteSpeaker, Speaker, SpeakerError, models_at, plain
from pipeline.settings import PipelineSettingsError, read_pipeline_settings
from pipeline.teacher_messages import ChatMessage
from pipeline.teacher_settings import checked_address

_ON_SCREEN = Console(highlight=False)
_ASIDE = Console(stderr=True, highlight=False)
_HELP = "/reset forgets what was said, /history shows it, /quit ends. Ctrl-C stops an answer."
BASE, TUNED = "base", "tuned"


class ChatError(Exception):
    """There is nobody to talk to; the text says what to name instead."""


@dataclass(frozen=True, slots=True)
class Partner:
    """Where the models are, and which of them answer. `adapter` is a folder, or a name on the server."""

    model: Path | None
    url: str
    adapter: str
    both: bool


@dataclass(slots=True)
class Talk:
    """What was said so far: the same questions to each speaker, its own answers."""

    system: str = ""
    turns: dict[str, list[ChatMessage]] = field(default_factory=dict)

    def to(self, name: str, question: str) -> list[ChatMessage]:
        """Return the conversation with one speaker, up to this question."""
        first = [ChatMessage("system", self.system)] if self.system else []
        return [*first, *self.turns.get(name, []), ChatMessage("user", question)]

    def note(self, name: str, question: str, answer: str) -> None:
        """Remember a question and its answer."""
        self.turns.setdefault(name, []).extend((ChatMessage("user", question), ChatMessage("assistant", answer)))


def chat_command(
    model: Annotated[Path | None, typer.Option(help="The folder of the base model: it is loaded here.")] = None,
    url: Annotated[str, typer.Option(help="An OpenAI-compatible server instead, up to /v1.")] = "",
    adapter: Annotated[
        str, typer.Option(help="The folder of an adapter for the model; with --url, its name there.")
    ] = "",
    both: Annotated[bool, typer.Option("--both", help="Base and tuned model answer, side by side.")] = False,
    ask: Annotated[str, typer.Option(help="Ask this one question, print the answer and stop.")] = "",
    system: Annotated[str, typer.Option(help="What the model is told before everything else.")] = "",
    temperature: Annotated[float, typer.Option(help="0 always says the likeliest.", min=0, max=2)] = 0.0,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens of one answer at most.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Decides all chance.")] = None,
    device: Annotated[str, typer.Option(help="Such as cpu or cuda:0; without, a GPU where there is one.")] = "",
) -> None:
    """Talk to a student. With an adapter the tuned model answers, and with --both base and tuned side by side."""
    manner = Manner(temperature, max_tokens, seed)
    try:
        partner = checked(Partner(model, url, adapter, both))
        with asyncio.Runner() as runner:
            speaking = _speakers(partner, device)
            speakers = runner.run(speaking.__aenter__())
            try:
                if ask:
                    _once(runner, speakers, Talk(system), ask, manner)
                else:
                    _talk(runner, speakers, Talk(system), manner)
            finally:
                runner.run(speaking.__aexit__(None, None, None))
    except (ChatError, PipelineSettingsError) as error:
        _ASIDE.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None
    except SpeakerError as error:
        _ASIDE.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def checked(partner: Partner) -> Partner:
    """Return what was asked for if it can be. Raises ChatError."""
    if (partner.model is None) == (not partner.url):
        raise ChatError("Name the folder of a model (--model), or the address of a server (--url), and not both.")
    if partner.model is not None and partner.both and not partner.adapter:
        raise ChatError("--both compares base and tuned model: name an adapter (--adapter).")
    try:
        checked_address(partner.url)
    except ValueError as error:
        raise ChatError(f"--url is {error}.") from None
    return partner


@asynccontextmanager
async def _speakers(partner: Partner, device: str) -> AsyncIterator[Sequence[Speaker]]:
    """Give those who answer. Raises ChatError, SpeakerError."""
    talking = _served(partner) if partner.url else _loaded(partner, device)
    async with talking as speakers:
        yield speakers


@asynccontextmanager
async def _served(partner: Partner) -> AsyncIterator[Sequence[Speaker]]:
    key = read_pipeline_settings().student_api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=20, sock_read=300)
    async with aiohttp.ClientSession(
        headers=headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        base, adapters = await models_at(session, partner.url)
        tuned = partner.adapter or (adapters[0] if partner.both and len(adapters) == 1 else "")
        there = plain(", ".join(adapters)) or "none"
        if tuned and tuned not in adapters:
            raise ChatError(f"The server has no adapter {tuned}. There: {there}.")
        if partner.both and not tuned:
            raise ChatError(f"--both compares base and tuned model: name an adapter (--adapter). There: {there}.")
        speakers = [RemoteSpeaker(BASE, session, partner.url, base)] if partner.both or not tuned else []
        yield [*speakers, *([RemoteSpeaker(TUNED, session, partner.url, tuned)] if tuned else [])]


@asynccontextmanager
async def _loaded(partner: Partner, device: str) -> AsyncIterator[Sequence[Speaker]]:
    if partner.model is None:
        raise ChatError("Name the folder of a model (--model).")
    with _ASIDE.status("Loading the model ..."):
        from pipeline.serving.engine import Engine
        from pipeline.serving.loading import load, quiet
        from pipeline.training.errors import TrainingError

        quiet()
        adapters = {TUNED: Path(partner.adapter)} if partner.adapter else {}
        try:
            loaded = await asyncio.to_thread(load, partner.model, adapters, device=device)
        except TrainingError as error:
            raise ChatError(str(error)) from None
    with Engine(loaded) as engine:
        names = {BASE: ""} if partner.both or not adapters else {}
        names |= {TUNED: TUNED} if adapters else {}
        yield [LocalSpeaker(name, engine, loaded, adapter) for name, adapter in names.items()]


def _talk(runner: asyncio.Runner, speakers: Sequence[Speaker], talk: Talk, manner: Manner) -> None:
    """Ask and answer until /quit, or the end of what is typed."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - with it, lines can be edited and called back
    _ON_SCREEN.print(f"You talk to {' and '.join(speaker.name for speaker in speakers)}. {_HELP}", style="dim")
    while True:
        _ON_SCREEN.print()
        try:
            line = _ON_SCREEN.input(Text("> ", style="bold")).strip()
        except (EOFError, KeyboardInterrupt):
            _ON_SCREEN.print()
            return
        if line in ("/quit", "/exit"):
            return
        if line == "/reset":
            talk.turns.clear()
            _ON_SCREEN.print("Forgotten.", style="dim")
        elif line == "/history":
            _tell(talk)
        elif line.startswith("/"):
            _ON_SCREEN.print(_HELP, style="dim")
        elif line:
            try:
                _once(runner, speakers, talk, line, manner)
            except SpeakerError as error:
                _ON_SCREEN.print(f"{error} (/reset forgets what was said so far)", style="red", markup=False)
            except KeyboardInterrupt:
                _ON_SCREEN.print("Stopped; neither question nor answer is remembered.", style="dim")


def _once(runner: asyncio.Runner, speakers: Sequence[Speaker], talk: Talk, question: str, manner: Manner) -> None:
    """Put one question to all who are there, and remember what they said."""
    with Screen(_ON_SCREEN, [speaker.name for speaker in speakers]) as screen:
        answers = runner.run(_answers(speakers, talk, question, manner, screen))
    for speaker, answer in zip(speakers, answers, strict=True):
        talk.note(speaker.name, question, answer)


async def _answers(
    speakers: Sequence[Speaker], talk: Talk, question: str, manner: Manner, screen: Screen
) -> list[str]:
    async def one(speaker: Speaker) -> str:
        answer = ""
        async with contextlib.aclosing(speaker.say(talk.to(speaker.name, question), manner)) as said:
            async for text in said:
                answer += text
                screen.add(speaker.name, plain(text))
        return answer

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(speaker)) for speaker in speakers]
    except* SpeakerError as errors:
        raise next(error for error in errors.exceptions if isinstance(error, SpeakerError)) from None
    return [task.result() for task in tasks]


def _tell(talk: Talk) -> None:
    if not talk.turns:
        _ON_SCREEN.print("Nothing was said yet.", style="dim")
    for name, turns in talk.turns.items():
        _ON_SCREEN.print(name, style="bold", markup=False)
        for turn in turns:
            _ON_SCREEN.print(Text(f"{turn.role}: {plain(turn.content)}"))
