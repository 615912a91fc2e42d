"""What a build's report says in numbers: benchmarks, contributions, answers side by side, how it went over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bot.comments.escape import block, code, escape, prose, short
from bot.nightly.build_view import BuildView, PastScore
from bot.nightly.measures import change, interval, margin, score_interval, value
from bot.nightly.report_parts import LONGEST_NOTE, cell, fitted, folded, leaf_name, pull_link
from pipeline.build_results import Comparison, ContributionRow
from pipeline.evaluation_results import BenchmarkRow, GateRow, Scale, SideBySide, Verdict

_MOST_ROWS, _LONGEST_NAME, _LONGEST_TEXT = 20, 80, 500
_MOST_ANSWERS, _MOST_PAST, _MOST_COLUMNS = 5, 8, 6
_CONTRIBUTIONS_ROOM = 16_000
_MARKS = {
    Verdict.IMPROVED: "📈",
    Verdict.UNCHANGED: "➖",
    Verdict.REGRESSED: "📉",
    Verdict.TOO_FEW: "❔",
}


def now_of(view: BuildView) -> dict[str, BenchmarkRow]:
    """Return what the build came to on each benchmark, by its name."""
    compared = view.gate.comparisons if view.gate else ()
    return {row.name: row for each in reversed(compared) for row in each.rows}


def best_of(view: BuildView, row: BenchmarkRow) -> tuple[str, PastScore] | None:
    """Return the best score of a build of before on as many questions, with that build's name."""
    found = [
        (past.name, score)
        for past in view.past
        if (score := past.scores.get(row.name)) is not None and (score.n, score.shots) == (row.n, row.shots)
    ]
    return max(found, key=lambda one: one[1].value, default=None)


def scores(view: BuildView) -> Iterator[str]:
    """Yield a table for each reference that the build is compared with."""
    gate = view.gate
    if gate is None or not any(each.rows or each.gates for each in gate.comparisons):
        return
    yield "### Scores"
    for each in gate.comparisons:
        yield _compared(view, each, gate.noise)
    chance = "the spread between trainings with other seeds"
    if gate.noise:
        seeds = f", measured from {gate.noise_seeds} of them" if gate.noise_seeds else ", known from earlier builds"
        chance += seeds
    else:
        chance += ", which was not measured"
    yield (
        f"<sub>Intervals are where the true value lies in 95 of 100 such measurements. “By chance” is {chance}. "
        "“Best” counts builds that were asked as many questions.</sub>"
    )


def _compared(view: BuildView, comparison: Comparison, noise: Mapping[str, float]) -> str:
    gates = {gate.name: gate for gate in comparison.gates}
    lines = [
        f"| {prose(short(f'now against {comparison.against}', 100))} | now | before | change | allowed | by chance "
        "| best so far | |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
        *(_scored(view, row, gates.get(row.name), noise.get(row.name)) for row in comparison.rows[:_MOST_ROWS]),
    ]
    told = {row.name for row in comparison.rows}
    lines += [_gated(gate) for gate in comparison.gates[:_MOST_ROWS] if gate.name not in told]
    hidden = max(0, len(comparison.rows) - _MOST_ROWS)
    if hidden:
        lines.append(f"| … and {hidden} more | | | | | | | |")
    return "\n".join(lines)


def _scored(view: BuildView, row: BenchmarkRow, gate: GateRow | None, noise: float | None) -> str:
    own = score_interval(row.tuned, row.n) if row.scale is Scale.ACCURACY else ""
    best = best_of(view, row)
    note = f"<br><sub>{escape(short(row.note, LONGEST_NOTE))}</sub>" if row.note else ""
    cells = (
        f"{escape(short(row.name, _LONGEST_NAME))}<br><sub>{row.n} questions</sub>{note}",
        f"**{value(row.tuned, row.scale)}**" + (f"<br><sub>{own}</sub>" if own else ""),
        value(row.base, row.scale),
        f"{change(row.delta, 3)}<br><sub>{interval(row, 3)}</sub>",
        f"\N{MINUS SIGN}{margin(gate)}" if gate else "",
        f"± {2 * noise:.3f}" if noise is not None else "?",
        _best(row, best),
        _verdict(row, gate),
    )
    return f"| {' | '.join(cells)} |"


def _best(row: BenchmarkRow, best: tuple[str, PastScore] | None) -> str:
    if best is None or best[1].value <= row.tuned:
        return "this one"
    return f"{value(best[1].value, row.scale)}<br><sub>{code(best[0])}</sub>"


def _verdict(row: BenchmarkRow, gate: GateRow | None) -> str:
    if gate is not None and not gate.is_passed:
        return "❌ fell"
    return f"{_MARKS[row.verdict]} {row.verdict}"


def _gated(gate: GateRow) -> str:
    told = "✅ held" if gate.is_passed else "❌ fell"
    name = escape(short(gate.name, _LONGEST_NAME))
    moved = f"{change(gate.delta, 3)}<br><sub>{interval(gate, 3)}</sub>"
    return f"| {name} | | | {moved} | \N{MINUS SIGN}{margin(gate)} | | | {told} |"


def contributions(view: BuildView) -> Iterator[str]:
    """Yield what became of the contributions, the largest changes first."""
    if view.gate is None or not view.gate.contributions:
        return
    authors = {pull.number: pull.author for pull in view.plan.pulls}
    found = sorted(view.gate.contributions, key=lambda row: (-abs(row.benchmark.delta), row.number))
    lines = [
        "| contribution | by | before → after | change, 95 % | |",
        "|---|---|---:|---:|---|",
        *fitted([_contributed(row, authors) for row in found], _CONTRIBUTIONS_ROOM),
    ]
    counts = [f"{sum(row.benchmark.verdict is each for row in found)} {each}" for each in Verdict]
    yield f"### Contributions\n\nOf {len(found):,}: {', '.join(counts)}."
    yield "\n".join(lines)


def _contributed(row: ContributionRow, authors: Mapping[int, str]) -> str:
    measured = row.benchmark
    more = f" and {len(row.leaves) - 1} more" if len(row.leaves) > 1 else ""
    leaf = f"<br>{leaf_name(row.leaves[0])}{more}" if row.leaves else ""
    author = authors.get(row.number, "")
    return (
        f"| {pull_link(row.number)}{leaf} | {cell(author, 60) if author else ''} "
        f"| {value(measured.base, measured.scale)} → **{value(measured.tuned, measured.scale)}** "
        f"| {change(measured.delta)}, {interval(measured)} | {_MARKS[measured.verdict]} {measured.verdict} |"
    )


def answers(title: str, shown: Sequence[SideBySide]) -> Iterator[str]:
    """Yield answers before and after, in a part to unfold."""
    if shown:
        body = "\n\n".join(_answer(place, each) for place, each in enumerate(shown[:_MOST_ANSWERS], start=1))
        yield folded(f"{title} ({min(len(shown), _MOST_ANSWERS)})", body)


def _answer(place: int, each: SideBySide) -> str:
    asked = f"{each.context} {each.question}" if each.context else each.question
    parts = (
        ("Question", asked),
        ("Expected", each.reference),
        (f"Before ({each.base_score:.1f})", each.base),
        (f"After ({each.tuned_score:.1f})", each.tuned),
    )
    texts = "\n\n".join(f"{name}:\n\n{block(short(text, _LONGEST_TEXT), 'text')}" for name, text in parts)
    return f"**{place}.** {texts}"


def trend(view: BuildView) -> Iterator[str]:
    """Yield the chart of the last builds, and the same as a table for whoever does not see it."""
    rows = now_of(view)
    names = [name for name in rows if any(name in past.scores for past in view.past)][:_MOST_COLUMNS]
    if not names:
        return
    if view.addresses.chart:
        yield f"![How the scores moved over the last builds; the table below says the same]({view.addresses.chart})"
    heads = " | ".join(escape(short(name, 40)) for name in names)
    lines = [f"| build | {heads} |", f"|---|{'---:|' * len(names)}"]
    told = " | ".join(f"**{value(rows[name].tuned, rows[name].scale)}** ({rows[name].n})" for name in names)
    lines.append(f"| {code(view.name)} | {told} |")
    for past in view.past[:_MOST_PAST]:
        cells = []
        for name in names:
            score = past.scores.get(name)
            cells.append(f"{value(score.value, rows[name].scale)} ({score.n})" if score else "")
        lines.append(f"| {code(past.name)} | {' | '.join(cells)} |")
    lines += ["", "In brackets the questions asked: scores of other questions do not compare."]
    yield folded("Scores of the last builds", "\n".join(lines))
