"""A build's report as an operator reads it in a terminal, made to fit its width."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleRenderable
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bot.comments.escape import short
from bot.nightly.build_view import BuildView
from bot.nightly.judgement import Call, judgement
from bot.nightly.leaves import LeafChange
from bot.nightly.measures import change, duration, interval, margin, value
from checks.report.visible import visible, visible_path
from pipeline.build_results import Comparison
from pipeline.evaluation_results import SideBySide, Verdict

MOST_SHOWN = 100  # rows of a list; JSON has them all
_LONGEST = 300
_COLOURS = {Call.SHIP: "bold green", Call.DO_NOT_SHIP: "bold red", Call.YOUR_CALL: "bold yellow"}
_MARKS = {Verdict.IMPROVED: "+", Verdict.UNCHANGED: "=", Verdict.REGRESSED: "-", Verdict.TOO_FEW: "?"}


def show_report(view: BuildView, console: Console) -> None:
    """Print the report."""
    for part in _parts(view):
        console.print(part, highlight=False, soft_wrap=False)


def _parts(view: BuildView) -> Iterator[ConsoleRenderable]:
    yield from _head(view)
    if view.failure is not None and view.failure.step:
        yield Text(f"\nEnded at {_plain(view.failure.step)}: {_plain(view.failure.message)}")
    if view.blame is not None:
        yield Text(f"\nSuspected: {_plain(view.blame.why)}")
        for found in view.blame.suspects:
            leaves = " ".join((*(f"#{number}" for number in found.pulls), *map(visible_path, found.leaves[:5])))
            yield _item(f"{leaves}: {_plain(found.benchmark)} {change(found.recovery, 3)} without it")
    if view.gate is not None:
        for each in view.gate.comparisons:
            yield Text(f"\nAgainst {_plain(each.against)}:")
            yield _scores(each)
        if view.gate.contributions:
            yield Text("\nContributions (+ improved, - regressed, = no significant change, ? too few questions):")
            yield _contributions(view)
    if view.left_out or view.plan.left_out_pulls:
        yield Text("\nLeft out:")
        out = [f"{visible_path(leaf.path)}: {_plain(leaf.reason)}" for leaf in view.left_out]
        out += [
            f"#{pull.number} by {_plain(pull.author)}: {_plain(pull.reason)}" for pull in view.plan.left_out_pulls
        ]
        yield from _items(out)
    if view.gate is not None:
        yield from _answers("Largest gains", view.gate.gains)
        yield from _answers("Largest losses", view.gate.losses)
    if view.remarks:
        yield Text("\nRemarks of the workers:")
        yield from _items([_plain(remark) for remark in view.remarks])
    if view.stages:
        yield Text("\nTime:")
        yield _time(view)


def _head(view: BuildView) -> Iterator[ConsoleRenderable]:
    found = judgement(view)
    yield Text.assemble((found.call, _COLOURS.get(found.call, "bold")), f": {_plain(found.reason)}")
    if view.stands_in:
        yield Text(
            f"All numbers here are of stand-ins ({_plain(view.stands_in)}): they say nothing of a real model."
        )
    if found.command:
        yield Text(f"\n    {found.command}\n")
    if found.effect:
        yield Text(found.effect.replace("`", ""))
    for line in found.also:
        yield _item(_plain(line))
    counts = ", ".join(f"{view.plan.count(kind):,} {kind.value}" for kind in LeafChange)
    yield Text(
        f"Build {view.name} of {view.build.commit[:7]}. Leaves: {counts}, {view.plan.unchanged:,} as before, "
        f"from {len(view.included_pulls):,} pull requests. Data were there already of {view.from_cache:,}. "
        f"{view.gpu_h:.1f} GPU hours."
    )


def _scores(comparison: Comparison) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", overflow="fold")
    for title in ("now", "change", "95 %", "allowed", ""):
        table.add_column(title, justify="right", overflow="fold")
    gates = {gate.name: gate for gate in comparison.gates}
    for row in comparison.rows[:MOST_SHOWN]:
        gate = gates.pop(row.name, None)
        allowed = f"\N{MINUS SIGN}{margin(gate)}" if gate else ""
        mark = "FELL" if gate and not gate.is_passed else _MARKS[row.verdict]
        cells = (
            _plain(row.name),
            value(row.tuned, row.scale),
            change(row.delta, 3),
            interval(row, 3),
            allowed,
            mark,
        )
        table.add_row(*map(Text, cells))
    for gate in gates.values():
        mark = "held" if gate.is_passed else "FELL"
        cells = (_plain(gate.name), "", change(gate.delta, 3), interval(gate, 3), margin(gate), mark)
        table.add_row(*map(Text, cells))
    return table


def _contributions(view: BuildView) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify, overflow="fold")
    found = view.gate.contributions if view.gate else ()
    for row in sorted(found, key=lambda row: (-abs(row.benchmark.delta), row.number))[:MOST_SHOWN]:
        measured = row.benchmark
        moved = f"{value(measured.base, measured.scale)} to {value(measured.tuned, measured.scale)}"
        told = f"{change(measured.delta)} ({interval(measured)})"
        table.add_row(*map(Text, (f"#{row.number}", moved, told, _MARKS[measured.verdict])))
    return table


def _answers(title: str, shown: tuple[SideBySide, ...]) -> Iterator[ConsoleRenderable]:
    if shown:
        yield Text(f"\n{title}:")
    for each in shown[:5]:
        yield _item(_plain(each.question))
        for name, text, score in (("before", each.base, each.base_score), ("after", each.tuned, each.tuned_score)):
            yield Padding(Text(f"{name} ({score:.1f}): {_plain(text)}"), (0, 0, 0, 4))


def _time(view: BuildView) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("stage")
    for title in ("steps", "took", "GPU hours"):
        table.add_column(title, justify="right")
    for each in view.stages:
        steps = f"{each.done}{f' ({each.failed} failed)' if each.failed else ''}"
        table.add_row(each.stage.value, steps, duration(each.took_s), f"{each.gpu_s / 3600:.2f}")
    return table


def _items(lines: list[str]) -> Iterator[ConsoleRenderable]:
    yield from (_item(line) for line in lines[:MOST_SHOWN])
    if len(lines) > MOST_SHOWN:
        yield Text(f"… and {len(lines) - MOST_SHOWN:,} more; --json tells them all.")


def _item(text: str) -> Padding:
    return Padding(Text(f"- {text}"), (0, 0, 0, 1))


def _plain(text: str) -> str:
    """Return somebody's words on one line, with what is invisible in them made visible."""
    return visible(short(text, _LONGEST))
