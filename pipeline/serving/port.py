"""The student for evaluations, without a server between: asked and answering in the teacher's own terms.

`Teacher` is the other implementation: with it a student is asked that is served elsewhere, such as by vLLM.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.teacher import Ask, AskError, Choice, Reply, ReplyCache, Teacher, TeacherError, TeacherSettings

if TYPE_CHECKING:
    from pipeline.serving.engine import Engine
    from pipeline.serving.loading import Loaded
    from pipeline.serving.wanted import Token, Wanted

BASE = ""  # the base model among the students


class StudentPort(Protocol):
    """One student that answers."""

    async def ask(self, ask: Ask) -> Reply:
        """Return the reply to an ask, with exactly `ask.n` choices. Raises AskError, TeacherError."""
        ...


class LocalStudent:
    """The student in this process, as itself or with one adapter."""

    def __init__(self, engine: Engine, loaded: Loaded, adapter: str) -> None:
        self._engine = engine
        self._prompts = loaded.prompts
        self._adapter = adapter

    async def ask(self, ask: Ask) -> Reply:
        """Return the reply to an ask. Raises AskError for one that cannot be answered, TeacherError for trouble."""
        from pipeline.serving.wanted import PromptError, ServingError

        try:
            wanted = self._wanted(ask)
            texts, are_cut, tokens = [""] * ask.n, [False] * ask.n, 0
            async with contextlib.aclosing(self._engine.write(wanted)) as pieces:
                async for index, piece in pieces:
                    texts[index] += piece.text
                    are_cut[index] = piece.finish_reason == "length"
                    tokens += piece.tokens
        except PromptError as error:
            raise AskError(str(error)) from None
        except ServingError as error:
            raise TeacherError(str(error)) from None
        choices = tuple(Choice(text, is_cut) for text, is_cut in zip(texts, are_cut, strict=True))
        return Reply(choices, len(wanted[0].prompt), tokens, from_cache=False)

    async def tokens(self, ask: Ask, alternatives: int) -> list[Token]:
        """Return the tokens of the first choice with their log-probabilities and those of the likeliest others."""
        wanted = replace(self._wanted(ask)[0], alternatives=alternatives)
        async with contextlib.aclosing(self._engine.write([wanted])) as pieces:
            return [token async for _, piece in pieces for token in piece.told]

    def _wanted(self, ask: Ask) -> list[Wanted]:
        from pipeline.serving.wanted import Wanted

        prompt = self._prompts.chat(ask.messages)
        most = self._prompts.room_for(prompt, ask.max_tokens)
        first = Wanted(self._adapter, prompt, most, ask.temperature, seed=ask.seed, stop=ask.stop)
        return [replace(first, seed=ask.seed + number) for number in range(ask.n)]


@asynccontextmanager
async def local_students(
    folder: Path, adapters: Mapping[str, Path], *, device: str = "", slots: int = 16
) -> AsyncIterator[Mapping[str, LocalStudent]]:
    """Load the student once; give BASE and each adapter by its name. Raises StudentError, AdapterError."""
    from pipeline.serving.engine import Engine
    from pipeline.serving.loading import load

    loaded = await asyncio.to_thread(load, folder, adapters, device=device)
    with Engine(loaded, slots, line=100_000) as engine:
        yield {name: LocalStudent(engine, loaded, name) for name in (BASE, *adapters)}


@asynccontextmanager
async def served_students(
    settings: TeacherSettings, adapters: Sequence[str], cache: ReplyCache | None = None
) -> AsyncIterator[Mapping[str, StudentPort]]:
    """Reach students behind an OpenAI-compatible server: BASE is the settings' model, adapters have their names."""
    async with AsyncExitStack() as stack:
        names = {BASE: settings.model} | {name: name for name in adapters}
        yield {
            name: await stack.enter_async_context(Teacher(replace(settings, model=model), cache))
            for name, model in names.items()
        }
