"""What an evaluation found: what the model gains by a contribution, in a sentence, a table and a few answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.comments.escape import block, code, escape, short
from pipeline.evaluation_results import BenchmarkRow, EvaluateResult, GateRow, Scale, SideBySide, Verdict

_MOST_ROWS, _MOST_GATES, _MOST_ANSWERS = 20, 20, 5
_LONGEST_TEXT, _LONGEST_NAME, _LONGEST_NOTE = 500, 100, 300
_MARKS = {
    Verdict.IMPROVED: "📈",
    Verdict.UNCHANGED: "➖",
    Verdict.REGRESSED: "📉",
    Verdict.TOO_FEW: "❔",
}


def evaluate_title(result: EvaluateResult) -> str:
    """Return the verdict in a few words."""
    row = telling_row(result)
    if row is None:
        return "Nothing could be measured"
    if _fell_elsewhere(result):
        return f"{result.verdict.value.capitalize()}: {_fallen(result)} fell"
    change = f"{_value(row.base, row.scale)} → {_value(row.tuned, row.scale)}"
    return f"{result.verdict.value.capitalize()}: {change}"


def evaluate_report(result: EvaluateResult, most_bytes: int, chart_url: str = "") -> str:
    """Return what was found as Markdown, escaped; answers and details are left out where they do not fit."""
    parts = [*_head(result)]
    if chart_url:
        parts.append(f"![What was measured, before and after; the table says the same]({chart_url})")
    parts.append(_table(result.rows))
    if result.gates:
        parts.append(_gates(result.gates))
    room = most_bytes - len("\n\n".join(parts).encode())
    for folded in (_answers(result.side_by_side), _details(result)):
        room -= len(folded.encode()) + 2
        if folded and room > 0:
            parts.append(folded)
    return "\n\n".join(parts)


def telling_row(result: EvaluateResult) -> BenchmarkRow | None:
    """Return the row that the verdict rests on: of those that say the same as it, the one with most questions."""
    fitting = [row for row in result.rows if row.verdict is result.verdict] or list(result.rows)
    return max(fitting, key=lambda row: row.n, default=None)


def _head(result: EvaluateResult) -> Iterator[str]:
    yield f"{_MARKS[result.verdict]} **{evaluate_sentence(result)}**"
    if result.stands_in:
        yield (
            f"> These are numbers of a stand-in ({escape(short(result.stands_in, _LONGEST_NOTE))}): they show that "
            "everything works together, and nothing about a real model."
        )
    yield how_it_was_measured(result)


def evaluate_sentence(result: EvaluateResult) -> str:
    """Return the verdict as a sentence of Markdown."""
    row = telling_row(result)
    if row is None:
        return "Nothing could be measured."
    match result.verdict:
        case Verdict.IMPROVED:
            return f"The model learned from this contribution: {_before_and_after(row)}."
        case Verdict.REGRESSED if _fell_elsewhere(result):
            return f"The model got worse at something else: {escape(_fallen(result))} fell by more than is allowed."
        case Verdict.REGRESSED:
            return f"The model got worse with this contribution: {_before_and_after(row)}."
        case Verdict.UNCHANGED:
            return f"No change that could be told from chance: {_before_and_after(row)}."
        case _:
            return f"Too few questions to tell: {row.n} about {_counted(row.facts, 'fact')}."


def _fell_elsewhere(result: EvaluateResult) -> bool:
    """Return whether only gates fell, and nothing that the contribution teaches."""
    return result.is_regressed and all(row.verdict is not Verdict.REGRESSED for row in result.rows)


def _fallen(result: EvaluateResult) -> str:
    failed = [gate for gate in result.gates if not gate.is_passed]
    more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
    return ", ".join(short(gate.name, _LONGEST_NAME) for gate in failed[:3]) + more


def _before_and_after(row: BenchmarkRow) -> str:
    if row.scale is Scale.ACCURACY:
        before, after = round(row.base * row.n), round(row.tuned * row.n)
        return f"it answers {after} of {row.n} questions about it right, before {before}"
    return f"a judge gives its answers {row.tuned:.1f} of 10, before {row.base:.1f}"


def how_it_was_measured(result: EvaluateResult) -> str:
    """Return what the numbers rest on."""
    seeds = len(result.seeds)
    trained = "It was trained once" if seeds <= 1 else f"It was trained {seeds} times, each with other chance"
    return (
        f"{trained}, on what was generated from this contribution alone, and asked what was kept back from "
        "training. The interval is where the true change lies in 95 of 100 such measurements."
    )


def _table(rows: Sequence[BenchmarkRow]) -> str:
    lines = [
        "| measured by | before → after | change | 95 % interval | questions (facts) | verdict |",
        "|---|---:|---:|---:|---:|---|",
        *(_row(row) for row in rows[:_MOST_ROWS]),
    ]
    if len(rows) > _MOST_ROWS:
        lines.append(f"| … and {len(rows) - _MOST_ROWS} more | | | | | the whole result is among the files |")
    return "\n".join(lines)


def _row(row: BenchmarkRow) -> str:
    shots = f", {row.shots}-shot" if row.scale is Scale.ACCURACY else ""
    note = f"<br><sub>{escape(short(row.note, _LONGEST_NOTE))}</sub>" if row.note else ""
    return (
        f"| {escape(short(row.name, _LONGEST_NAME))}{shots}{note} "
        f"| {_value(row.base, row.scale)} → **{_value(row.tuned, row.scale)}** "
        f"| {_change(row.delta, row.scale)} "
        f"| {_interval(row)} "
        f"| {row.n} ({row.facts}) | {_MARKS[row.verdict]} {row.verdict} |"
    )


def _gates(gates: Sequence[GateRow]) -> str:
    lines = ["| must not fall | change | 95 % interval | allowed | |", "|---|---:|---:|---:|---|"]
    for gate in gates[:_MOST_GATES]:
        note = f"<br><sub>{escape(short(gate.note, _LONGEST_NOTE))}</sub>" if gate.note else ""
        lines.append(
            f"| {escape(short(gate.name, _LONGEST_NAME))}{note} | {_change(gate.delta, gate.scale)} "
            f"| {_interval(gate)} "
            f"| {_change(-gate.margin, gate.scale)} | {'✅ held' if gate.is_passed else '❌ fell'} |"
        )
    return "\n".join(lines)


def _answers(shown: Sequence[SideBySide]) -> str:
    if not shown:
        return ""
    # the largest gains and losses tell most
    chosen = sorted(shown, key=lambda each: (-abs(each.tuned_score - each.base_score), each.id))[:_MOST_ANSWERS]
    body = "\n\n".join(_answer(number, each) for number, each in enumerate(chosen, start=1))
    return _folded("Answers before and after, the largest differences first", body)


def _answer(number: int, each: SideBySide) -> str:
    asked = f"{each.context}\n\n{each.question}" if each.context else each.question
    parts = (
        ("Question", asked),
        ("Expected", each.reference),
        (f"Before ({each.base_score:.1f})", each.base),
        (f"After ({each.tuned_score:.1f})", each.tuned),
    )
    texts = "\n\n".join(f"{name}:\n\n{block(short(text, _LONGEST_TEXT), 'text')}" for name, text in parts)
    return f"**{number}.** {texts}"


def _details(result: EvaluateResult) -> str:
    lines = "\n".join(f"- {line}" for line in _detail_lines(result))
    return _folded("With what it was measured", lines)


def _detail_lines(result: EvaluateResult) -> Iterator[str]:
    models = (("Before", result.base), ("After", result.adapter), ("Judge", result.judge))
    for role, model in models:
        if model is not None:
            parts = [code(short(model.name, _LONGEST_NAME))]
            parts += [f"SHA-256 {code(model.sha256[:16])}"] if model.sha256 else []
            parts += [f"revision {code(short(model.revision, 64))}"] if model.revision else []
            yield f"{role}: {', '.join(parts)}"
    judged = result.judgements
    if judged.made or judged.failed:
        yield (
            f"Judgements: {judged.made} made, {judged.asked_again} asked for again, "
            f"{judged.unparsable} unreadable, {judged.contradictory} contradictory, "
            f"{judged.unanswered} not answered; {_counted(judged.questions_left_out, 'question')} left out for that"
        )
    if (preferred := result.preferences) is not None:
        yield (
            f"Side by side, in both orders: after preferred {preferred.tuned} times, before {preferred.base}, "
            f"neither {preferred.neither}, contradictory {preferred.contradictory}, failed {preferred.failed}"
        )
    for name, digest in sorted(result.data.items())[:20]:
        yield f"Data {code(short(name, _LONGEST_NAME))}: SHA-256 {code(digest[:16])}"
    if result.seeds:
        yield f"Seeds of the trainings: {', '.join(map(str, result.seeds[:20]))}"
    if result.versions:
        yield "Versions: " + ", ".join(
            code(short(f"{name} {version}", 60)) for name, version in sorted(result.versions.items())[:20]
        )
    if result.durations_s:
        stages = ", ".join(f"{escape(short(name, 40))} {took:.0f} s" for name, took in result.durations_s.items())
        yield f"Took {sum(result.durations_s.values()):.0f} s: {stages}; {result.gpu_minutes:.1f} GPU minutes"


def _value(value: float, scale: Scale) -> str:
    return f"{value:.0%}" if scale is Scale.ACCURACY else f"{value:.1f}"


def _interval(row: BenchmarkRow | GateRow) -> str:
    return f"{_change(row.low, row.scale).removesuffix(' points')} to {_change(row.high, row.scale)}"


def _change(value: float, scale: Scale) -> str:
    return f"{100 * value:+.0f} points" if scale is Scale.ACCURACY else f"{value:+.2f}"


def _folded(summary: str, body: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"
