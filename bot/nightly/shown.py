"""Plans and builds as an operator reads them in a terminal, made to fit its width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.console import Console, ConsoleRenderable
from rich.table import Table
from rich.text import Text

from bot.nightly.builds import Build
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan, PlannedLeaf
from bot.nightly.schedule import Schedule
from checks.report.visible import visible, visible_path

MOST_SHOWN = 100  # rows of a table; JSON has them all
_WIDE = 90  # from here on each thing gets a column of its own
_CHANGE, _PULLS, _AUTHORS, _LICENCES, _GAPS = 7, 11, 14, 16, 8


def show_plan(plan: BuildPlan, console: Console) -> None:
    """Print what a build would take in, and what not and why."""
    for part in _plan(plan, console.width):
        console.print(part, highlight=False, soft_wrap=False)


def show_status(
    builds: Sequence[Build], schedule: Schedule | None, report_at: str, now: datetime, console: Console
) -> None:
    """Print when the next build is due, None for never, and how the last ones stand."""
    for part in _status(builds, schedule, report_at, now, console.width):
        console.print(part, highlight=False, soft_wrap=False)


def _plan(plan: BuildPlan, width: int) -> Iterator[ConsoleRenderable]:
    yield Text(_heading(plan))
    for note in plan.notes:
        yield Text(f"Note: {visible(note)}")
    yield Text(_sum(plan))
    if plan.leaves:
        yield Text()
        yield _wide(plan.leaves, width) if width >= _WIDE else _narrow(plan.leaves, width)
        yield from _more(len(plan.leaves))
    left_out = [(visible_path(leaf.path), leaf.reason) for leaf in plan.left_out_leaves]
    left_out += [(f"#{pull.number} by {visible(pull.author)}", pull.reason) for pull in plan.left_out_pulls]
    if left_out:
        yield Text("\nLeft out:")
        yield _left_out(left_out, width)
        yield from _more(len(left_out))


def _heading(plan: BuildPlan) -> str:
    if not plan.base_commit:
        return f"A build now would take in {plan.commit[:7]}, as the first one."
    return (
        f"A build now would take in {plan.commit[:7]}, "
        f"after the good build of {plan.base_night} ({plan.base_commit[:7]})."
    )


def _sum(plan: BuildPlan) -> str:
    if plan.is_empty:
        return f"Nothing new: no build. {plan.unchanged:,} leaves are as they were in the last good build."
    counts = ", ".join(f"{plan.count(change):,} {change.value}" for change in LeafChange)
    unknown = sum(not pull.is_known for pull in plan.pulls)
    behind = f", {unknown} of them merged without the bot hearing of it" if unknown else ""
    return (
        f"Leaves: {counts}, {plan.unchanged:,} as before. They come from {len(plan.pulls):,} pull requests{behind}."
    )


def _wide(leaves: Sequence[PlannedLeaf], width: int) -> Table:
    room = width - _CHANGE - _PULLS - _AUTHORS - _LICENCES - _GAPS
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=False)
    for title, column in (("", _CHANGE), ("leaf", room), ("from", _PULLS), ("by", _AUTHORS)):
        table.add_column(title, width=column, overflow="fold")
    table.add_column("licence", width=_LICENCES, overflow="fold")
    for leaf in leaves[:MOST_SHOWN]:
        cells = (leaf.change.value, _folded(leaf.path, room), _pulls(leaf), _authors(leaf), _licences(leaf))
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _narrow(leaves: Sequence[PlannedLeaf], width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(width=_CHANGE)
    table.add_column(width=width - _CHANGE - 2, overflow="fold")
    for leaf in leaves[:MOST_SHOWN]:
        told = " · ".join(part for part in (_pulls(leaf), _authors(leaf), _licences(leaf)) if part)
        path = _folded(leaf.path, width - _CHANGE - 2)
        table.add_row(Text(leaf.change.value), Text(f"{path}\n{told}" if told else path))
    return table


def _left_out(rows: Sequence[tuple[str, str]], width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    for what, reason in rows[:MOST_SHOWN]:
        table.add_row(Text(f"{_folded(what, width - 2)}\n  {visible(reason)}"))
    return table


def _more(count: int) -> Iterator[Text]:
    if count > MOST_SHOWN:
        yield Text(f"… and {count - MOST_SHOWN:,} more; --json tells them all.")


def _pulls(leaf: PlannedLeaf) -> str:
    return " ".join(f"#{number}" for number in leaf.pulls)


def _authors(leaf: PlannedLeaf) -> str:
    return ", ".join(visible(author) for author in leaf.authors)


def _licences(leaf: PlannedLeaf) -> str:
    if leaf.licences is None:
        return "not read"
    return ", ".join(visible(licence) for licence in leaf.licences)


def _folded(path: str, width: int) -> str:
    """Return a path in lines that end behind a slash, where it is too long for one."""
    lines, line = [], ""
    for part in _parts(visible_path(path)):
        if line and cell_len(line + part) > width:
            lines.append(line)
            line = ""
        line += part
    return "\n".join([*lines, line])


def _parts(path: str) -> Iterable[str]:
    *folders, name = path.split("/")
    return [*(f"{folder}/" for folder in folders), name]


def _status(
    builds: Sequence[Build], schedule: Schedule | None, report_at: str, now: datetime, width: int
) -> Iterator[ConsoleRenderable]:
    if schedule is None:
        yield Text("No build is planned by itself: TAXONOMY_BOT_NIGHTLY is off.")
    else:
        following = schedule.next_after(now)
        yield Text(
            f"Next build: {following:%Y-%m-%d %H:%M} UTC (by '{schedule}'), its report by {report_at} UTC. "
            "All times are UTC: summer time changes nothing."
        )
    if not builds:
        yield Text("There is no build yet.")
        return
    is_wide = width >= _WIDE
    table = Table(box=None, padding=(0, 2 if is_wide else 1, 0, 0), pad_edge=False)
    for title in ("night", "state", "commit"):
        table.add_column(title, no_wrap=True)
    for title in (
        ("new", "changed", "removed", "pulls", "left out") if is_wide else ("new", "chg", "rem", "PRs", "out")
    ):
        table.add_column(title, justify="right", no_wrap=True)
    for build in builds:
        counts = build.counts
        told = (counts.new, counts.changed, counts.removed, counts.pulls, counts.left_out)
        table.add_row(
            build.night.isoformat(), build.state.value, build.commit[:7], *(f"{number:,}" for number in told)
        )
    yield table
