"""What a check with the seed questions found: each expected answer beside what the models say, before and after."""

from __future__ import annotations

from collections.abc import Iterator

from bot.comments.escape import code, escape, short
from pipeline.evaluation_results import SeedCheckResult, SeedCheckRow

_LONGEST_CELL, _LONGEST_NAME, _LONGEST_NOTE = 300, 100, 300


def seed_check_title(result: SeedCheckResult) -> str:
    """Return how many seed questions are answered, in a few words."""
    before = f"{_answered(result, [row.base_score for row in result.rows])} of {len(result.rows)}"
    if result.adapter is None:
        known = "The model knows most of this already: it answers" if result.already_knows else "The model answers"
        return f"{known} {before} seed questions"
    scores = [row.tuned_score for row in result.rows if row.tuned_score is not None]
    return f"{_answered(result, scores)} of {len(result.rows)} seed questions answered, before {before}"


def seed_check_report(result: SeedCheckResult, most_bytes: int) -> str:
    """Return both models' answers beside the contributor's, escaped, as many as fit."""
    lines = [_head(result), "", *_table_head(result)]
    room = most_bytes - len("\n".join(lines).encode())
    for row in result.rows:
        line = _row(row)
        room -= len(line.encode()) + 1
        if room < 0:
            return "\n".join((*lines, "", "… the rest does not fit in here; the whole result is among the files."))
        lines.append(line)
    return "\n".join(lines)


def _head(result: SeedCheckResult) -> str:
    return "\n\n".join(_said(result))


def _said(result: SeedCheckResult) -> Iterator[str]:
    if result.adapter is None and result.already_knows:
        yield (
            "⚠️ **For the triager: the base model knows most of this already, so there may be little to teach.** "
            f"It answers {_answered(result, [row.base_score for row in result.rows])} of {len(result.rows)} seed "
            f"questions; from {_percent(result.known_from)} of them on, this is said."
        )
    if result.stands_in:
        yield (
            f"> These are numbers of a stand-in ({escape(short(result.stands_in, _LONGEST_NOTE))}): they show that "
            "everything works together, and nothing about a real model."
        )
    yield _how(result)


def _how(result: SeedCheckResult) -> str:
    base = code(short(result.base.name, _LONGEST_NAME))
    judge = f" ({code(short(result.judge.name, _LONGEST_NAME))})" if result.judge is not None else ""
    models = f"the base model is {base}"
    if result.adapter is not None:
        models = f"before: {base}, after: {code(short(result.adapter.name, _LONGEST_NAME))}"
    method = escape(short(result.method, _LONGEST_NAME))
    said = (
        f"**{seed_check_title(result)}** ({models}). Scored by {method}{judge}; from "
        f"{_percent(result.answered_from)} on, a question counts as answered."
    )
    if result.adapter is not None:
        said += (
            " These examples were trained on: this tells whether the model took them in, and the evaluation "
            "whether it learned."
        )
        if result.already_knows:
            said += " **The base model knows most of this already: there may be little to teach.**"
    if result.unanswered:
        said += f" No answer came to {result.unanswered}."
    failed = result.judgements.failed
    return f"{said} {failed} judgements failed." if failed else said


def _table_head(result: SeedCheckResult) -> tuple[str, str]:
    if result.adapter is None:
        return "| question | expected | the model's answer | score |", "|---|---|---|---:|"
    return "| question | expected | before | after | score |", "|---|---|---|---|---:|"


def _row(row: SeedCheckRow) -> str:
    asked = f"{row.context} {row.question}" if row.context else row.question
    cells = [_cell(asked), _cell(row.reference), _cell(row.base)]
    score = _percent(row.base_score)
    if row.tuned is not None and row.tuned_score is not None:
        cells.append(_cell(row.tuned))
        score = f"{score} → **{_percent(row.tuned_score)}**"
    return f"| {' | '.join(cells)} | {score} |"


def _percent(share: float) -> str:
    return f"{min(1.0, max(0.0, share)):.0%}"


def _cell(text: str) -> str:
    return escape(short(text, _LONGEST_CELL))


def _answered(result: SeedCheckResult, scores: list[float]) -> int:
    return sum(score >= result.answered_from for score in scores)
