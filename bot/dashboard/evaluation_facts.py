"""What an evaluation or a check with the seed questions found, in words for its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.comments.evaluate_report import evaluate_sentence, how_it_was_measured
from bot.comments.seed_check_report import seed_check_title
from bot.store.stored_jobs import StoredJob
from pipeline.evaluation_results import (
    BenchmarkRow,
    EvaluateResult,
    GateRow,
    Scale,
    SeedCheckResult,
    SeedCheckRow,
    SideBySide,
    Verdict,
)

_MOST_ROWS, _MOST_ANSWERS = 50, 10
_LONGEST = 6_000  # characters of a text that is shown
_TONES: Mapping[Verdict, str] = {Verdict.IMPROVED: "good", Verdict.REGRESSED: "bad", Verdict.TOO_FEW: "wait"}


class Which(StrEnum):
    """Which answers are shown."""

    ALL = "all"
    BETTER = "better"
    WORSE = "worse"


WHICH: Mapping[str, str] = {
    Which.ALL.value: "all, the largest differences first",
    Which.BETTER.value: "better after",
    Which.WORSE.value: "worse after",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One measurement in words. `interval` says between what the true change lies."""

    name: str
    sentence: str
    interval: str
    verdict: str
    tone: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """One question with the answers before and after, and what the judge gave for each."""

    question: str
    context: str
    reference: str
    before: str
    before_score: str
    after: str = ""
    after_score: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Some of the pairs. `start` and `following` count from 0; None where there is nothing there."""

    shown: tuple[Pair, ...]
    count: int
    start: int = 0
    before: int | None = None
    following: int | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found. `sentence` is Markdown of ours."""

    job_id: int
    head_sha: str
    asked_by: str
    finished_at: datetime | None
    sentence: str
    tone: str
    how: str
    stands_in: str
    measured: tuple[Told, ...]
    guarded: tuple[Told, ...]
    judged: tuple[str, ...]
    models: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SeedCheck:
    """What a precheck or a postcheck found."""

    job_id: int
    kind: str
    head_sha: str
    finished_at: datetime | None
    title: str
    knows_already: bool
    stands_in: str
    pairs: tuple[Pair, ...] = ()
    left_out: int = 0


def evaluation_of(job: StoredJob, result: EvaluateResult) -> Evaluation:
    """Return the words for an evaluation."""
    return Evaluation(
        job.id,
        result.head_sha,
        job.request.asked_by,
        job.finished_at,
        evaluate_sentence(result),
        _TONES.get(result.verdict, ""),
        how_it_was_measured(result),
        _cut(result.stands_in),
        tuple(map(_measured, result.rows[:_MOST_ROWS])),
        tuple(map(_guarded, result.gates[:_MOST_ROWS])),
        tuple(_judged(result)),
        tuple(
            (role, f"{_cut(model.name, 200)}{f' ({_cut(model.revision, 80)})' if model.revision else ''}")
            for role, model in (("Before", result.base), ("After", result.adapter), ("Judge", result.judge))
            if model is not None
        ),
    )


def pairs_of(result: EvaluateResult, which: Which, start: int) -> Pairs:
    """Return some answers before and after, the largest differences first."""
    found = [each for each in result.side_by_side if _is_of(each, which)]
    found.sort(key=lambda each: (-abs(each.tuned_score - each.base_score), each.id))
    start = start if 0 <= start < len(found) else 0
    following = start + _MOST_ANSWERS
    return Pairs(
        tuple(map(_pair, found[start:following])),
        len(found),
        start,
        max(0, start - _MOST_ANSWERS) if start else None,
        following if following < len(found) else None,
    )


def seed_check_of(job: StoredJob, result: SeedCheckResult, *, shows_answers: bool) -> SeedCheck:
    """Return the words for a check with the seed questions."""
    rows = result.rows[:_MOST_ROWS]
    return SeedCheck(
        job.id,
        job.request.kind.value,
        result.head_sha,
        job.finished_at,
        seed_check_title(result),
        result.adapter is None and result.already_knows,
        _cut(result.stands_in),
        tuple(_seed_pair(row, result.answered_from) for row in rows) if shows_answers else (),
        len(result.rows) - len(rows),
    )


def _measured(row: BenchmarkRow) -> Told:
    name = _cut(row.name, 200)
    if row.scale is Scale.ACCURACY:
        name += f", {row.shots}-shot"
        before, after = round(row.base * row.n), round(row.tuned * row.n)
        sentence = (
            f"Of {_counted(row.n, 'question')} about {_counted(row.facts, 'fact')}, {after} are answered right, "
            f"before {before}: {_change(row.delta, row.scale)}."
        )
    else:
        sentence = (
            f"A judge gives the answers to {_counted(row.n, 'question')} about {_counted(row.facts, 'fact')} "
            f"{row.tuned:.1f} of 10, before {row.base:.1f}: {_change(row.delta, row.scale)}."
        )
    return Told(name, sentence, _interval(row), row.verdict.value, _TONES.get(row.verdict, ""), _cut(row.note))


def _guarded(gate: GateRow) -> Told:
    margin = _change(-gate.margin, gate.scale)
    sentence = f"It changed by {_change(gate.delta, gate.scale)}; a fall to {margin} is allowed."
    verdict, tone = ("held", "good") if gate.is_passed else ("fell", "bad")
    return Told(_cut(gate.name, 200), sentence, _interval(gate), verdict, tone, _cut(gate.note))


def _interval(row: BenchmarkRow | GateRow) -> str:
    low, high = _change(row.low, row.scale), _change(row.high, row.scale)
    if row.low <= 0 <= row.high:
        return (
            f"The true change lies between {low} and {high}, in 95 of 100 such measurements: it may be none at all."
        )
    return f"The true change lies between {low} and {high}, in 95 of 100 such measurements."


def _judged(result: EvaluateResult) -> list[str]:
    said, counts = [], result.judgements
    if (liked := result.preferences) is not None:
        said.append(
            f"Side by side, in both orders, the judge preferred the answer after in {liked.tuned} questions, the "
            f"one before in {liked.base}, neither in {liked.neither}; it contradicted itself in "
            f"{liked.contradictory}."
        )
    if counts.made or counts.failed:
        said.append(
            f"{_counted(counts.made, 'judgement')} made, {counts.failed} asked for in vain; "
            f"{_counted(counts.questions_left_out, 'question')} left out for that."
        )
    return said


def _is_of(each: SideBySide, which: Which) -> bool:
    change = each.tuned_score - each.base_score
    return which is Which.ALL or (change > 0 if which is Which.BETTER else change < 0)


def _pair(each: SideBySide) -> Pair:
    change = each.tuned_score - each.base_score
    tone = "good" if change > 0 else "bad" if change < 0 else ""
    texts = map(_cut, (each.question, each.context, each.reference, each.base))
    question, context, reference, before = texts
    scores = f"{each.base_score:g}", f"{each.tuned_score:g}"
    return Pair(question, context, reference, before, scores[0], _cut(each.tuned), scores[1], tone)


def _seed_pair(row: SeedCheckRow, answered_from: float) -> Pair:
    question, context, reference, before = map(_cut, (row.question, row.context, row.reference, row.base))
    if row.tuned is None or row.tuned_score is None:
        tone = "good" if row.base_score >= answered_from else ""
        return Pair(question, context, reference, before, f"{row.base_score:.2f}", tone=tone)
    tone = "good" if row.tuned_score >= answered_from else "bad"
    after = _cut(row.tuned)
    return Pair(
        question, context, reference, before, f"{row.base_score:.2f}", after, f"{row.tuned_score:.2f}", tone
    )


def _change(value: float, scale: Scale) -> str:
    return f"{100 * value:+.0f} points" if scale is Scale.ACCURACY else f"{value:+.2f}"


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def _cut(text: str, most: int = _LONGEST) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
