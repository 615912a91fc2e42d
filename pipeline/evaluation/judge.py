"""The judge: a model that scores answers from 1 to 10 or compares two, read strictly from its own last line.

What it judges is hostile: answers are fenced as data, and nothing that they say can stand for the judge's words. A
reply that cannot be read is asked for once more with another seed; what then fails is counted, and nothing is lost
without a word.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipeline.evaluation_results import JudgementCounts
from pipeline.sdg.prompts import Prompt
from pipeline.teacher_messages import Ask, AskError, ChatMessage, Reply, TeacherError

FOLDER = Path(__file__).parent / "prompts"
SCORES = tuple(str(score) for score in range(1, 11))
_AGAIN = 1_000_003  # so much higher is the repeat of a second try, which gives it another seed
_ANY_RATING = re.compile(r"\[\[\s*([^\[\]]{1,40}?)\s*\]\]")
_LAST_LINE = re.compile(r"\[\[([A-Z0-9]{1,2})\]\]")
_LONGEST = 20_000  # characters of a reply
_REPEATED_AT = 0.5  # temperature, where a judge is asked more than once: at 0 it would only repeat itself

T = TypeVar("T")


class Asks(Protocol):
    """Whoever answers."""

    async def ask(self, ask: Ask) -> Reply:
        """Return the answer. Raises TeacherError."""
        ...


class UnparsableError(Exception):
    """A judge's reply holds no judgement where one was asked for."""


class ContradictoryError(UnparsableError):
    """A judge's reply holds two different judgements."""


class Preference(StrEnum):
    """Which of two answers a judge prefers."""

    A = "A"
    B = "B"
    NEITHER = "C"


@dataclass(frozen=True, slots=True)
class Judged:
    """The scores of one answer, one for each repeat that came to one, and how judging went."""

    scores: tuple[int, ...]
    repeats: int
    counts: JudgementCounts

    @property
    def mean(self) -> float | None:
        """The mean score; None where fewer than half of the repeats came to one."""
        return sum(self.scores) / len(self.scores) if 2 * len(self.scores) >= self.repeats else None


@dataclass(frozen=True, slots=True)
class Compared:
    """Which of two answers the judge prefers in both orders; None where the orders disagree or one failed."""

    preference: Preference | None
    counts: JudgementCounts


class Judge:
    """A model that judges. `seed` decides all chance; `repeats` is how often it scores each answer."""

    def __init__(self, model: Asks, *, seed: int = 0, repeats: int = 1, max_tokens: int = 512) -> None:
        self._model = model
        self._seed = seed
        self._repeats = repeats
        self._max_tokens = max_tokens

    async def score(self, texts: Mapping[str, str]) -> Judged:
        """Return the scores of `answer` to `question`; `reference`, `context` and an earlier turn are optional.

        Raises TeacherError when the judge cannot be used at all.
        """
        prompt = judge_prompt("judge_answer").render(texts)
        found = await together([self._read(prompt, SCORES, repeat) for repeat in range(self._repeats)])
        scores = tuple(int(said) for said, _ in found if said is not None)
        return Judged(scores, self._repeats, sum((counts for _, counts in found), JudgementCounts()))

    async def compare(self, texts: Mapping[str, str], one: str, other: str) -> Compared:
        """Return whether `one` (A) or `other` (B) is preferred, asked in both orders. Raises TeacherError."""
        prompt = judge_prompt("judge_pairwise")
        forth, back = await together(
            [
                self._read(prompt.render({**texts, "answer_a": a, "answer_b": b}), tuple(Preference), 0)
                for a, b in ((one, other), (other, one))
            ]
        )
        counts = forth[1] + back[1]
        if forth[0] is None or back[0] is None:
            return Compared(None, counts)
        said, swapped = Preference(forth[0]), Preference(back[0])
        if said is not _turned(swapped):
            return Compared(None, replace(counts, made=0, contradictory=counts.contradictory + 1))
        return Compared(said, counts)

    async def _read(self, prompt: str, scale: Sequence[str], repeat: int) -> tuple[str | None, JudgementCounts]:
        """Return what the judge said, and how it went."""
        again = 0
        for call in (repeat, repeat + _AGAIN):
            try:
                reply = await self._model.ask(self._ask(prompt, call))
                choice = reply.choices[0]
                said = read_judgement(choice.text, scale, is_cut=choice.is_cut)
            except AskError:
                failed = JudgementCounts(unanswered=1)
            except ContradictoryError:
                failed = JudgementCounts(contradictory=1)
            except UnparsableError:
                failed = JudgementCounts(unparsable=1)
            else:
                return said, JudgementCounts(made=1, asked_again=again)
            again = 1
        return None, failed + JudgementCounts(asked_again=again)

    def _ask(self, prompt: str, call: int) -> Ask:
        digest = hashlib.sha256(f"{self._seed}:{call}:{prompt}".encode("utf-8", "surrogatepass")).digest()
        temperature = _REPEATED_AT if self._repeats > 1 or call >= _AGAIN else 0.0
        seed = int.from_bytes(digest[:4], "big") >> 1
        return Ask((ChatMessage("user", prompt),), temperature, self._max_tokens, seed=seed)


def read_judgement(reply: str, scale: Sequence[str], *, is_cut: bool = False) -> str:
    """Return the judgement on the reply's last line, which holds nothing else.

    Said before in the reply, it has to be the same. Raises ContradictoryError where it is not, UnparsableError
    where the last line is no judgement of this scale.
    """
    if is_cut or len(reply) > _LONGEST:
        raise UnparsableError("the judge was cut off")
    lines = reply.strip().splitlines()
    found = _LAST_LINE.fullmatch(lines[-1].strip()) if lines else None
    ratings = {rating.strip() for rating in _ANY_RATING.findall(reply)}
    if len(ratings & {*scale}) > 1 or (found is not None and len(ratings) > 1):
        raise ContradictoryError("the judge gave two different judgements")
    if found is None or found[1] not in scale:
        raise UnparsableError("the judge's last line is no judgement of the scale")
    return found[1]


def judge_prompt(name: str) -> Prompt:
    """Return one of the judge's prompts."""
    return _prompt(name)


async def together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what all of this work gives, in order, done side by side. Raises TeacherError when one of it does."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except* TeacherError as errors:
        raise TeacherError(str(_first(errors))) from None
    return [task.result() for task in tasks]


def _first(errors: BaseExceptionGroup[TeacherError]) -> BaseException:
    """Return the first single error of a group."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _turned(preference: Preference) -> Preference:
    return {Preference.A: Preference.B, Preference.B: Preference.A}.get(preference, preference)


@cache
def _prompt(name: str) -> Prompt:
    rules = (FOLDER / "_rules.j2").read_text(encoding="utf-8").strip()
    return Prompt(name, (FOLDER / f"{name}.j2").read_text(encoding="utf-8"), rules)
