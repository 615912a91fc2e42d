"""Precheck and postcheck: how well a model answers the seed questions before it is taught, and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.evaluation.judge import Asks, Judge, together
from pipeline.evaluation.pr_bench import answers_of
from pipeline.evaluation_results import JudgementCounts, ModelIdentity, SeedCheckResult, SeedCheckRow
from pipeline.likeness import METHOD, likeness
from pipeline.teacher_messages import ChatMessage

ANSWERED_FROM = 0.75  # a score that counts as answered: 7.75 of the judge's 1 to 10, or so much of the words
LONGEST_ANSWER = 512  # tokens
KNOWN_FROM = 0.8  # the share of the questions from which a model "already knows"


class SeedQuestion(Protocol):
    """A seed question as it stands in a leaf; `prompt` is what a model is asked."""

    @property
    def question(self) -> str:
        """What is asked."""
        ...

    @property
    def answer(self) -> str:
        """The contributor's answer."""
        ...

    @property
    def context(self) -> str:
        """What the question is about; may be empty."""
        ...

    @property
    def prompt(self) -> str:
        """Question and context, as a model is asked."""
        ...


@dataclass(frozen=True, slots=True)
class SeedAnswers:
    """Every seed question with the answer of each model; None where it gave none."""

    rows: tuple[tuple[SeedQuestion, tuple[str | None, ...]], ...]


async def answer_seeds(
    seeds: Sequence[SeedQuestion], base: Asks, tuned: Asks | None = None, max_tokens: int = LONGEST_ANSWER
) -> SeedAnswers:
    """Have the models answer, one after the other as in `pr_bench.answered`.

    The judge need not be there yet. Raises TeacherError.
    """
    prompts = [(ChatMessage("user", seed.prompt),) for seed in seeds]
    answers = [await answers_of(model, prompts, max_tokens) for model in (base, tuned) if model is not None]
    return SeedAnswers(tuple((seed, tuple(said)) for seed, *said in zip(seeds, *answers, strict=True)))


async def score_seeds(
    given: SeedAnswers,
    whose: tuple[ModelIdentity, ModelIdentity | None],
    judge: Judge | None,
    head_sha: str,
    *,
    answered_from: float = ANSWERED_FROM,
    known_from: float = KNOWN_FROM,
) -> SeedCheckResult:
    """Score what was answered, by the judge or by words; the models need not be there any more.

    Raises TeacherError when the judge cannot be used at all.
    """
    asked = [
        (seed, [each for each in said if each is not None])
        for seed, said in given.rows
        if all(each is not None for each in said)
    ]
    scored = await together([_scores(seed, said, judge) for seed, said in asked])
    rows = tuple(
        _row(seed, said, scores)
        for (seed, said), (scores, _) in zip(asked, scored, strict=True)
        if None not in scores
    )
    counts = sum((counts for _, counts in scored), JudgementCounts())
    base, adapter = whose
    return SeedCheckResult(
        head_sha=head_sha,
        base=base,
        method="a judge's score" if judge else METHOD,
        rows=rows,
        answered_from=answered_from,
        known_from=known_from,
        adapter=adapter,
        unanswered=len(given.rows) - len(asked),
        judgements=counts + JudgementCounts(questions_left_out=len(given.rows) - len(rows)),
    )


async def _scores(
    seed: SeedQuestion, answers: Sequence[str], judge: Judge | None
) -> tuple[list[float | None], JudgementCounts]:
    if judge is None:
        return [likeness(seed.answer, answer) for answer in answers], JudgementCounts()
    asked: Mapping[str, str] = {"question": seed.question, "reference": seed.answer}
    if seed.context:
        asked = {**asked, "context": seed.context}
    judged = await together([judge.score({**asked, "answer": answer}) for answer in answers])
    scores = [None if each.mean is None else (each.mean - 1) / 9 for each in judged]
    return scores, sum((each.counts for each in judged), JudgementCounts())


def _row(seed: SeedQuestion, answers: Sequence[str], scores: Sequence[float | None]) -> SeedCheckRow:
    numbers = [score for score in scores if score is not None]
    tuned, tuned_score = (answers[1], numbers[1]) if len(answers) > 1 else (None, None)
    return SeedCheckRow(
        question=seed.question,
        reference=seed.answer,
        base=answers[0],
        base_score=numbers[0],
        tuned=tuned,
        tuned_score=tuned_score,
        context=seed.context,
    )
