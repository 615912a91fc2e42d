"""Tells the story in the terminal: who does what, and the pull request as a person would see it."""

from __future__ import annotations

import re

from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

from bot.simulator import CheckRun, Pull

_MARK = {
    "success": ("✔", "green"),
    "failure": ("✘", "red"),
    "neutral": ("■", "yellow"),
    "action_required": ("■", "yellow"),
}
_MOST_ANNOTATIONS = 4
_DETAILS = re.compile(r"<details>\s*<summary>(.*?)</summary>.*?\n</details>", re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\(\S*?\)")
_NESTED = re.compile(r"(<details>(?:(?!<details>).)*?)<details>(?:(?!</?details>).)*</details>", re.DOTALL)


class Narrator:
    """Prints the story, and remembers whether all went as told."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self.surprises: list[str] = []

    def says(self, text: str) -> None:
        """Print a sentence of the story."""
        self._console.print(f"\n[bold]{text}[/bold]")

    def notes(self, text: str) -> None:
        """Print something beside the story; nothing is cut into lines, so that addresses can be clicked."""
        self._console.print(Text(text, style="dim"), soft_wrap=True)

    def expects(self, claim: str, *, holds: bool) -> None:
        """Check a claim of the story; one that does not hold is a surprise."""
        if holds:
            self._console.print(Text.assemble(("  as told: ", "green"), claim))
        else:
            self._console.print(Text.assemble(("  NOT as told: ", "bold red"), claim))
            self.surprises.append(claim)

    def shows(self, pull: Pull) -> None:
        """Print the checks, labels and the living comment of a pull request."""
        for run in _newest(pull):
            self._show_check(run)
        self._console.print(Text(f"  labels: {', '.join(sorted(pull.labels))}"))
        living = (c for c in reversed(pull.comments) if c.by_app and not c.minimized and "### " in c.body)
        comment = next(living, None)
        if comment is not None:
            title = Text(f"{comment.author} commented on #{pull.number}")
            body = Markdown(as_read(comment.body), hyperlinks=False)
            self._console.print(Panel(body, title=title, title_align="left", border_style="blue"))

    def quotes(self, pull: Pull) -> None:
        """Print the newest comment."""
        newest = pull.comments[-1]
        body = Markdown(as_read(newest.body), hyperlinks=False)
        title = Text(f"{newest.author} answered on #{pull.number}")
        self._console.print(Panel(body, title=title, title_align="left", border_style="blue"))

    def reads(self, markdown: str) -> None:
        """Print a text of the bot as its readers see it."""
        self._console.print(Panel(Markdown(as_read(markdown), hyperlinks=False), border_style="blue"))

    def _show_check(self, run: CheckRun) -> None:
        mark, colour = _MARK.get(run.conclusion or "", ("?", "yellow"))
        self._console.print(Text.assemble((f"  {mark} {run.name}", colour), f": {run.title}"))
        for annotation in run.annotations[:_MOST_ANNOTATIONS]:
            name = annotation.path.rpartition("/")[2]
            message = annotation.message.partition("\n")[0]
            self._console.print(Text(f"      {name}:{annotation.start_line}  {message}"))
        if len(run.annotations) > _MOST_ANNOTATIONS:
            self._console.print(Text(f"      … and {len(run.annotations) - _MOST_ANNOTATIONS} more on their lines"))


def _newest(pull: Pull) -> list[CheckRun]:
    """Return the newest run of each name at the head."""
    runs = sorted(pull.repo.check_runs(pull.head_sha), key=lambda run: run.id)
    return list({run.name: run for run in runs}.values())


def as_read(body: str) -> str:
    """Return a comment as people read it before unfolding anything: no hidden or folded parts, no addresses."""
    text = re.sub(r"<!--.*?-->\n?", "", body, flags=re.DOTALL)
    text = _NESTED.sub(r"\1", text)
    text = _DETAILS.sub(r"▸ *\1*", text)
    return re.sub(r"</?sub>", "", _LINK.sub(r"\1", text))
