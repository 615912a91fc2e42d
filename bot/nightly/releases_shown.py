"""Releases as an operator reads them in a terminal, made to fit its width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.nightly.releases import Release, ReleaseState, pinned_of, previous_of, served_of
from checks.report.visible import visible

_WIDE = 90
_UNITS = ("B", "kB", "MB", "GB", "TB")


def show_releases(releases: Sequence[Release], console: Console) -> None:
    """Print what is published, the newest first, and what a rollback would bring back."""
    if not releases:
        console.print(Text("No build is published yet."))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("build", "state", "size"):
        table.add_column(title, justify="right" if title == "size" else "left", no_wrap=True)
    if console.width >= _WIDE:
        table.add_column("promoted (UTC)", no_wrap=True)
        table.add_column("by", overflow="fold")
    pinned = pinned_of(releases)
    for release in releases:
        is_pinned = pinned is not None and release.id == pinned.id
        cells = [release.name, release.state.value + (", pinned" if is_pinned else ""), _size(release)]
        if console.width >= _WIDE:
            cells += [f"{release.promoted_at:%Y-%m-%d %H:%M}" if release.promoted_at else "", release.promoted_by]
        table.add_row(*(Text(visible(cell)) for cell in cells))
    console.print(table)
    for line in _below(releases):
        console.print(Text(line))


def _below(releases: Sequence[Release]) -> Iterator[str]:
    served, before = served_of(releases), previous_of(releases)
    if served is None:
        yield "Nothing is served. `taxonomy-bot nightly promote BUILD` serves one."
    elif before is not None:
        yield f"`taxonomy-bot nightly rollback` serves {before.name} again."


def _size(release: Release) -> str:
    if release.state is ReleaseState.REMOVED:
        return "-"
    size, unit = float(release.size), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"
