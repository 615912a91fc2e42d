"""A seat in a build's examination: one model is asked everything once; its answers are judged when all have sat.

First models answer, one after the other; only then, with the memory free, the judge is called. So one GPU will do.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.building.question_sheets import Part, Sheet
from pipeline.evaluation.judge import Judge, Judged, together
from pipeline.evaluation.mmlu_tasks import Form, tasks_for
from pipeline.evaluation.plans import EvaluationPlan, Jury
from pipeline.evaluation.pr_bench import answers_of as told_by
from pipeline.evaluation.students import free_memory, identity_of, load_alone
from pipeline.evaluation.two_turns import HeldTurns, held_by, turn_said, turn_texts
from pipeline.evaluation_results import JudgementCounts, ModelIdentity
from pipeline.teacher_messages import ChatMessage

if TYPE_CHECKING:
    from pipeline.evaluation.measuring import Answered

_GENERAL_SHOTS = 5
Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a model made of one question: right or wrong (1 or 0), or a judge's score; and what it answered.

    `sure` is how probable the right choice is to it; it tells only which of many gains are the largest.
    """

    score: float
    answer: str
    sure: float = 0.0


@dataclass(frozen=True, slots=True)
class Seated:
    """Who sits there: a model in a folder, as it is or with an adapter."""

    folder: Path
    adapter: Path | None = None
    name: str = ""  # what people call it; empty: as its folder

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is."""
        found = identity_of(self.adapter or self.folder)
        return ModelIdentity(self.name or found.name, found.sha256)


@dataclass(slots=True)
class Seat:
    """What one model answered, its marks by part and question, as far as they are given."""

    identity: ModelIdentity
    marks: dict[Part, dict[str, Mark]] = field(default_factory=lambda: {part: {} for part in Part})
    told: list[str | None] = field(default_factory=list)
    turns: list[HeldTurns] = field(default_factory=list)
    counts: JudgementCounts = field(default_factory=JudgementCounts)

    @property
    def awaits_judge(self) -> bool:
        """True when it has answered what a judge is to read."""
        return bool(self.told or self.turns)


def sit(who: Seated, sheet: Sheet, plan: EvaluationPlan, folder: Path, tell: Tell = lambda *_: None) -> Seat:
    """Ask one model everything on the sheet. The folder keeps the tasks.

    Raises TrainingError for a model that cannot be loaded, MeasuringError, TeacherError when it answers nothing.
    """
    seat = Seat(who.identity)
    if sheet.choices is not None or sheet.gates.mmlu is not None:
        tell(0.0, f"{seat.identity.name} chooses answers")
        _choose(who, seat, sheet, plan, folder)
        free_memory()
    if plan.jury is not None and (sheet.told or sheet.gates.conversations):
        tell(0.6, f"{seat.identity.name} answers in words")
        asyncio.run(_answer(who, seat, sheet, plan))
        free_memory()
    return seat


def have_judged(
    seats: Sequence[Seat], sheet: Sheet, plan: EvaluationPlan, call_judge: Callable[[], None], tell: Tell
) -> None:
    """Have all answers of all seats judged. Raises TeacherError, CacheError."""
    waiting = [seat for seat in seats if seat.awaits_judge]
    if not waiting or plan.jury is None:
        return
    call_judge()
    tell(0.0, f"the judge scores the answers of {len(waiting)} models")
    asyncio.run(_judged(waiting, sheet, plan, plan.jury))


def _choose(who: Seated, seat: Seat, sheet: Sheet, plan: EvaluationPlan, folder: Path) -> None:
    from pipeline.evaluation.measuring import answers_of

    own = tasks_for("leaves", sheet.choices, plan.shots[:1], plan.form) if sheet.choices is not None else []
    mmlu = sheet.gates.mmlu
    general = tasks_for("general", mmlu.questions, (_GENERAL_SHOTS,), plan.form) if mmlu is not None else []
    answers = answers_of(
        load_alone(who.folder, who.adapter),
        [*own, *general],
        folder,
        batch_size=plan.batch_size,
        with_chat_template=plan.with_chat_template,
    )
    for part, tasks in ((Part.CHOICES, own), (Part.GENERAL, general)):
        for task in tasks:
            seat.marks[part] |= {each.question.id: _mark(each, plan.form) for each in answers[task.name]}


def _mark(given: Answered, form: Form) -> Mark:
    choices = given.question.choices
    weights = [1 if form is Form.LETTERS else len(text) for text in choices]
    scaled = [log_prob / weight for log_prob, weight in zip(given.log_probs, weights, strict=True)]
    most = max(scaled)
    shares = [math.exp(each - most) for each in scaled]
    return Mark(float(given.is_right), choices[given.choice], shares[given.question.answer] / sum(shares))


async def _answer(who: Seated, seat: Seat, sheet: Sheet, plan: EvaluationPlan) -> None:
    from pipeline.serving.port import BASE, local_students

    adapters = {"adapter": who.adapter} if who.adapter else {}
    async with local_students(who.folder, adapters, slots=plan.batch_size) as students:
        model = students["adapter" if adapters else BASE]
        prompts = [(ChatMessage("user", question.prompt),) for question in sheet.told]
        if prompts:
            seat.told = await told_by(model, prompts, plan.answer_tokens)
        if sheet.gates.conversations:
            seat.turns = await held_by(model, sheet.gates.conversations, plan.answer_tokens)


async def _judged(seats: Sequence[Seat], sheet: Sheet, plan: EvaluationPlan, jury: Jury) -> None:
    async with jury.seated() as model:
        judge = Judge(model, repeats=plan.repeats)
        wanted = [(seat, *each) for seat in seats for each in (*_of_told(seat, sheet), *_of_turns(seat, sheet))]
        scored = await together([judge.score(texts) for *_, texts in wanted])
    for (seat, part, id_, texts), found in zip(wanted, scored, strict=True):
        _note_mark(seat, part, id_, texts["answer"], found)


def _note_mark(seat: Seat, part: Part, id_: str, answer: str, found: Judged) -> None:
    seat.counts += found.counts
    if found.mean is not None:
        seat.marks[part][id_] = Mark(found.mean, answer)


_Wanted = tuple[Part, str, Mapping[str, str]]


def _of_told(seat: Seat, sheet: Sheet) -> list[_Wanted]:
    wanted: list[_Wanted] = []
    for question, answer in zip(sheet.told, seat.told, strict=False):
        if answer is not None:
            texts = {"question": question.question, "reference": question.reference, "context": question.context}
            said = {name: text for name, text in texts.items() if text} | {"answer": answer}
            wanted.append((Part.TOLD, question.id, said))
    return wanted


def _of_turns(seat: Seat, sheet: Sheet) -> list[_Wanted]:
    return [
        (Part.TURNS, f"{each.id}/{turn}", turn_texts(each, turn, held))
        for each, held in zip(sheet.gates.conversations, seat.turns, strict=False)
        for turn in range(2)
        if turn_said(held, turn) is not None
    ]
