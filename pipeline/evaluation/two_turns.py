"""Conversations of two turns, scored by the same judge as everything else: a gate in the manner of MT-Bench."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.evaluation.benchmark_files import Conversation
from pipeline.evaluation.judge import Asks, Judge, together
from pipeline.evaluation.pr_bench import (
    BenchOutcome,
    BenchPlan,
    BenchQuestion,
    Contestants,
    Scored,
    Trial,
    answers_of,
    outcome_of,
    tuned_name,
)
from pipeline.teacher_messages import ChatMessage

Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class HeldTurns:
    """A conversation as one model held it; None where it gave no answer."""

    first: str | None
    second: str | None


async def two_turns(
    conversations: Sequence[Conversation],
    contestants: Contestants,
    name: str,
    plan: BenchPlan | None = None,
    tell: Tell = lambda *_: None,
) -> BenchOutcome:
    """Have all models hold every conversation and the judge score each turn; a conversation counts as one fact.

    Raises TeacherError when a model cannot be used at all, BenchError when nothing is left to compare.
    """
    given = await held(conversations, contestants.base, contestants.tuned, plan, tell)
    return await judged_turns(given, contestants.judge, name, plan, tell)


@dataclass(frozen=True, slots=True)
class HeldConversation:
    """A conversation as base and tuned models held it."""

    conversation: Conversation
    base: HeldTurns
    tuned: tuple[HeldTurns, ...]

    def said(self) -> dict[str, list[str | None]]:
        """Return all models' answers, turn by turn; trainings after the first by their number."""
        names = ("base", *(tuned_name(number) for number in range(len(self.tuned))))
        return {name: [of.first, of.second] for name, of in zip(names, (self.base, *self.tuned), strict=True)}


async def held(
    conversations: Sequence[Conversation],
    base: Asks,
    tuned: Sequence[Asks],
    plan: BenchPlan | None = None,
    tell: Tell = lambda *_: None,
) -> list[HeldConversation]:
    """Have base and tuned models hold every conversation, one model after the other as in `pr_bench.answered`.

    The judge need not be there yet. Raises TeacherError.
    """
    plan = plan or BenchPlan()
    tell(0.0, f"base and tuned model hold {len(conversations)} conversations")
    before, *after = [await held_by(model, conversations, plan.max_tokens) for model in (base, *tuned)]
    return [
        HeldConversation(conversation, one, tuple(others))
        for conversation, one, *others in zip(conversations, before, *after, strict=True)
    ]


async def judged_turns(
    given: Sequence[HeldConversation],
    judge: Asks,
    name: str,
    plan: BenchPlan | None = None,
    tell: Tell = lambda *_: None,
) -> BenchOutcome:
    """Have the judge score each turn; the models need not be there any more. Raises TeacherError, BenchError."""
    plan = plan or BenchPlan()
    tell(0.5, f"the judge scores {2 * sum(1 + len(each.tuned) for each in given)} answers")
    one_judge = Judge(judge, seed=plan.seed, repeats=plan.repeats)
    trials, work = [], []
    for each in given:
        for turn in range(2):
            said = [turn_said(of, turn) for of in (each.base, *each.tuned)]
            texts = [text for text in said if text is not None]
            if len(texts) < len(said):
                continue
            trials.append(Trial(_question(each.conversation, turn), texts[0], tuple(texts[1:])))
            work.append(_scored(one_judge, each, turn))
    scored = await together(work)
    return outcome_of(name, 2 * len(given), trials, scored, plan.seed)


async def held_by(model: Asks, conversations: Sequence[Conversation], max_tokens: int) -> list[HeldTurns]:
    """Have one model hold every conversation. Raises TeacherError."""
    opened = [(ChatMessage("user", each.turns[0]),) for each in conversations]
    firsts = await answers_of(model, opened, max_tokens)
    going_on = [
        (*messages, ChatMessage("assistant", first), ChatMessage("user", each.turns[1]))
        for each, messages, first in zip(conversations, opened, firsts, strict=True)
        if first is not None
    ]
    seconds = iter(await answers_of(model, going_on, max_tokens))
    return [HeldTurns(first, None if first is None else next(seconds)) for first in firsts]


async def _scored(judge: Judge, each: HeldConversation, turn: int) -> Scored:
    everyone = (each.base, *each.tuned)
    return tuple(await together([judge.score(turn_texts(each.conversation, turn, of)) for of in everyone]))


def turn_texts(each: Conversation, turn: int, held: HeldTurns) -> dict[str, str]:
    """Return what the judge reads: of the second turn also how the model answered the first."""
    said = {"question": each.turns[turn], "answer": turn_said(held, turn) or ""}
    if each.references[turn].strip():
        said["reference"] = each.references[turn]
    if turn:
        said |= {"first_question": each.turns[0], "first_answer": held.first or ""}
    return said


def turn_said(held: HeldTurns, turn: int) -> str | None:
    """Return what the model answered at a turn."""
    return held.second if turn else held.first


def _question(each: Conversation, turn: int) -> BenchQuestion:
    before = each.turns[0] if turn else ""
    return BenchQuestion(each.turns[turn], each.references[turn], f"{each.id}: {before}", each.id)
