"""PR-bench: base and tuned model answer the same questions, and a judge scores both against the reference."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.datasets import DatasetError, is_text, read_jsonl
from pipeline.evaluation.judge import Asks, Judge, Judged, Preference, together
from pipeline.evaluation.pr_mmlu import row_of
from pipeline.evaluation.statistics import Pair, compare_runs
from pipeline.evaluation_results import (
    MOST_UNJUDGED,
    BenchmarkRow,
    JudgementCounts,
    Preferences,
    Scale,
    SideBySide,
    Verdict,
)
from pipeline.sdg.rows import Split
from pipeline.teacher_messages import Ask, AskError, ChatMessage, TeacherError

NAME = "PR-bench"
Tell = Callable[[float, str], None]


class BenchError(Exception):
    """Nothing can be compared; the text says why."""


@dataclass(frozen=True, slots=True)
class BenchQuestion:
    """One question with a good answer. Questions with the same `fact` are no independent evidence."""

    question: str
    reference: str
    context: str = ""
    fact: str = ""

    @property
    def id(self) -> str:
        """A digest of question and context: the same question about something else is another."""
        return hashlib.sha256(json.dumps([self.question, self.context]).encode()).hexdigest()[:24]

    @property
    def prompt(self) -> str:
        """What the models are asked, in the form that they were trained on."""
        return "\n\n".join(part for part in (self.context, self.question) if part)


@dataclass(frozen=True, slots=True)
class Contestants:
    """Who answers and who judges; they may be models of one server. `tuned` are trainings with other seeds."""

    base: Asks
    tuned: Sequence[Asks]
    judge: Asks


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """How to ask: `repeats` scores of each answer, `swapped` for a comparison in both orders as well."""

    seed: int = 0
    repeats: int = 1
    swapped: bool = False
    max_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class BenchOutcome:
    """What came of it. `sides` show the first training, `scores` name for each question those of all of them.

    `preferences` is None where answers were not compared with one another.
    """

    row: BenchmarkRow
    sides: tuple[SideBySide, ...]
    counts: JudgementCounts
    preferences: Preferences | None = None
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def held_out(path: Path) -> list[BenchQuestion]:
    """Return the questions of a file of samples that are not trained on, seed examples first, each once.

    Raises BenchError where there is none.
    """
    try:
        rows = [row for row in read_jsonl(path) if _metadata(row).get("split") == Split.TEST.value]
    except (DatasetError, OSError) as error:
        raise BenchError(f"The samples cannot be read: {error}") from None
    rows.sort(key=lambda row: _metadata(row).get("origin") != "seed example")
    found = {question.id: question for question in map(question_of_sample, rows)}
    if not found:
        raise BenchError(f"{path.name} holds no question that was kept from training: none is of the split test.")
    return list(found.values())


def question_of_sample(row: Mapping[str, Any]) -> BenchQuestion:
    """Return what a sample asks and answers, to be judged. Raises BenchError."""
    messages = row.get("messages")
    said = {
        str(message.get("role")): str(message.get("content") or "")
        for message in (messages if isinstance(messages, list) else ())
        if isinstance(message, dict)
    }
    question = BenchQuestion(said.get("user", ""), said.get("assistant", ""))
    if not all(text.strip() and is_text(text) for text in (question.question, question.reference)):
        raise BenchError(f"The sample {str(row.get('id'))[:40]!r} has no question with an answer.")
    return replace(question, fact=str(_metadata(row).get("fact", question.id)))


def _metadata(row: Mapping[str, Any]) -> Mapping[str, Any]:
    said = row.get("metadata")
    return said if isinstance(said, dict) else {}


async def pr_bench(
    questions: Sequence[BenchQuestion],
    contestants: Contestants,
    plan: BenchPlan | None = None,
    tell: Tell = lambda *_: None,
) -> BenchOutcome:
    """Have all models answer and the judge score. Questions that one of them did not answer are counted.

    Raises TeacherError when a model cannot be used at all, BenchError when nothing is left to compare.
    """
    given = await answered(questions, contestants.base, contestants.tuned, plan, tell)
    return await judged(given, contestants.judge, plan, tell)


@dataclass(frozen=True, slots=True)
class GivenAnswers:
    """What all models answered; `asked` counts the questions, answered or not."""

    asked: int
    trials: tuple[Trial, ...]


async def answered(
    questions: Sequence[BenchQuestion],
    base: Asks,
    tuned: Sequence[Asks],
    plan: BenchPlan | None = None,
    tell: Tell = lambda *_: None,
) -> GivenAnswers:
    """Have base and tuned models answer; the judge need not be there yet. Raises TeacherError.

    One model answers after the other: where they are one server's, some servers let an adapter leak into what the
    base answers beside it (`make vllm-check` finds out).
    """
    plan = plan or BenchPlan()
    asked = list({question.id: question for question in questions}.values())
    prompts = [(ChatMessage("user", question.prompt),) for question in asked]
    tell(0.0, f"base and tuned model answer {len(asked)} questions")
    before, *after = [await answers_of(model, prompts, plan.max_tokens) for model in (base, *tuned)]
    trials = []
    for question, one, *others in zip(asked, before, *after, strict=True):
        said = tuple(other for other in others if other is not None)
        if one is not None and len(said) == len(others):
            trials.append(Trial(question, one, said))
    return GivenAnswers(len(asked), tuple(trials))


async def judged(
    given: GivenAnswers, judge: Asks, plan: BenchPlan | None = None, tell: Tell = lambda *_: None
) -> BenchOutcome:
    """Have the judge score what was answered; the models need not be there any more.

    Raises TeacherError when the judge cannot be used at all, BenchError when nothing is left to compare.
    """
    plan = plan or BenchPlan()
    tell(0.4, f"the judge scores {sum(1 + len(trial.tuned) for trial in given.trials)} answers")
    one_judge = Judge(judge, seed=plan.seed, repeats=plan.repeats)
    scored = await together([_scored(one_judge, trial) for trial in given.trials])
    preferences, compared = None, JudgementCounts()
    if plan.swapped:
        tell(
            0.8,
            f"the judge compares {sum(len(trial.tuned) for trial in given.trials)} pairs of answers in both orders",
        )
        preferences, compared = await _preferences(one_judge, given.trials)
    outcome = outcome_of(NAME, given.asked, given.trials, scored, plan.seed)
    return replace(outcome, counts=outcome.counts + compared, preferences=preferences)


async def answers_of(
    model: Asks, prompts: Sequence[tuple[ChatMessage, ...]], max_tokens: int, seed: int = 0
) -> list[str | None]:
    """Return a model's answers at temperature 0, in order; None where it gave none.

    Raises TeacherError when it cannot be used, or answers nothing at all.
    """

    async def one(messages: tuple[ChatMessage, ...]) -> str | None:
        try:
            reply = await model.ask(Ask(messages, max_tokens=max_tokens, seed=seed))
        except AskError:
            return None
        return reply.choices[0].text

    found = await together([one(messages) for messages in prompts])
    if prompts and all(answer is None for answer in found):
        raise TeacherError(f"One of the models answered none of {len(prompts)} questions.")
    return found


@dataclass(frozen=True, slots=True)
class Trial:
    """A question with the answers of base and each tuned model."""

    question: BenchQuestion
    base: str
    tuned: tuple[str, ...]

    def texts(self, answer: str) -> dict[str, str]:
        """Return what the judge reads of one answer."""
        return {**_asked(self.question), "answer": answer}


def tuned_name(number: int) -> str:
    """Return what a training is called beside others, by its number from 0."""
    return "tuned" if number == 0 else f"tuned_{number + 1}"


def _asked(question: BenchQuestion) -> dict[str, str]:
    said = {"question": question.question, "reference": question.reference, "context": question.context}
    return {name: text for name, text in said.items() if text}


Scored = tuple[Judged, ...]  # of the base, then of each tuned model


async def _scored(judge: Judge, trial: Trial) -> Scored:
    return tuple(await together([judge.score(trial.texts(answer)) for answer in (trial.base, *trial.tuned)]))


async def _preferences(judge: Judge, trials: Sequence[Trial]) -> tuple[Preferences, JudgementCounts]:
    found = await together(
        [judge.compare(_asked(t.question), t.base, answer) for t in trials for answer in t.tuned]
    )
    counts = sum((each.counts for each in found), JudgementCounts())
    wanted = [each.preference for each in found]
    return Preferences(
        tuned=wanted.count(Preference.B),
        base=wanted.count(Preference.A),
        neither=wanted.count(Preference.NEITHER),
        contradictory=sum(each.preference is None and each.counts.contradictory > 0 for each in found),
        failed=sum(each.preference is None and each.counts.contradictory == 0 for each in found),
    ), counts


def outcome_of(name: str, asked: int, trials: Sequence[Trial], scored: Sequence[Scored], seed: int) -> BenchOutcome:
    """Return the comparison of what was judged, over all trainings: a question counts where all of them were.

    What could not be is counted and, where it is much, decides. Raises BenchError when nothing was judged.
    """
    sides: list[SideBySide] = []
    scores: dict[str, Mapping[str, float]] = {}
    runs: list[list[Pair]] = [[] for _ in (trials[0].tuned if trials else ())]
    for trial, judged in zip(trials, scored, strict=True):
        base, *tuned = (each.mean for each in judged)
        means = [mean for mean in tuned if mean is not None]
        if base is None or len(means) < len(tuned):
            continue
        q = trial.question
        for run, mean in zip(runs, means, strict=True):
            run.append(Pair(q.id, q.fact or q.id, base, mean))
        scores[q.id] = {"base": base} | {tuned_name(number): mean for number, mean in enumerate(means)}
        first = trial.tuned[0]
        sides.append(SideBySide(q.id, q.question, q.reference, trial.base, first, base, means[0], q.context))
    if not sides:
        raise BenchError(f"{name}: of {asked} questions none was answered by all models and judged.")
    left_out = asked - len(sides)
    counts = _total(judged for each in scored for judged in each)
    row = row_of(compare_runs(runs, Scale.SCORE, seed=seed), name, Scale.SCORE)
    if left_out:
        row = replace(row, note=f"{left_out} of {asked} questions were not answered by all models or not judged")
    if left_out > MOST_UNJUDGED * asked:  # who fails to be judged is not chosen by chance
        row = replace(row, verdict=Verdict.TOO_FEW)
    counts += JudgementCounts(questions_left_out=left_out)
    return BenchOutcome(row, tuple(sides), counts, scores=scores)


def _total(judged: Iterable[Judged]) -> JudgementCounts:
    return sum((each.counts for each in judged), JudgementCounts())
