"""How a chat looks: answers that grow while they come, two side by side where the terminal is wide enough."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_BESIDE_FROM = 96  # columns
_COLOURS = ("cyan", "green")
_FRAMES_PER_S = 12


class Screen:
    """Shows answers by the names of who gives them: `with Screen(console, names) as s: s.add(name, text)`.

    Texts are shown as they are: no markup, no links. Whoever calls has taken out what a terminal would obey.
    """

    def __init__(self, console: Console, names: list[str]) -> None:
        self._console = console
        self._texts = dict.fromkeys(names, "")
        self._is_live = console.is_terminal and len(names) > 1
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._is_live:
            self._live = Live(
                console=self._console,
                refresh_per_second=_FRAMES_PER_S,
                transient=True,
                get_renderable=lambda: shown(self._texts, self._console.width, self._tail()),
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        if len(self._texts) == 1:
            self._console.print()
        elif self._console.is_terminal:
            self._console.print(shown(self._texts, self._console.width))
        else:
            for name, text in self._texts.items():
                self._console.print(Text(f"{name}:\n{text}\n"), soft_wrap=True)

    def add(self, name: str, text: str) -> None:
        """Show more of an answer."""
        self._texts[name] += text
        if len(self._texts) == 1:
            self._console.print(Text(text), end="", soft_wrap=True)

    def _tail(self) -> int:
        """Return how many lines of each growing answer fit on the terminal."""
        share = 1 if self._console.width >= _BESIDE_FROM else len(self._texts)
        return max(3, self._console.height // share - 3)


def shown(texts: Mapping[str, str], width: int, tail: int | None = None) -> RenderableType:
    """Return answers side by side, or one below the other where that is too narrow. `tail`: only so many lines."""
    panels = [
        Panel(
            _last_lines(text, width if width < _BESIDE_FROM else width // len(texts), tail),
            title=Text(name, style=f"bold {colour}"),
            title_align="left",
            border_style=colour,
        )
        for (name, text), colour in zip(texts.items(), _COLOURS, strict=False)
    ]
    if width < _BESIDE_FROM:
        return Group(*panels)
    beside = Table.grid(expand=True, padding=(0, 1))
    for _ in panels:
        beside.add_column(ratio=1)
    beside.add_row(*panels)
    return beside


def _last_lines(text: str, width: int, tail: int | None) -> Text:
    if tail is None:
        return Text(text)
    lines = Text(text[-tail * width :]).wrap(Console(width=width), max(width - 6, 10))
    return Text("\n").join(lines[-tail:])
