"""The report for a terminal: causes by file, each with its places, the reason and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from checks.checkout import counted
from checks.findings import CauseGroup, Crash, Finding, Severity
from checks.report.content import Report
from checks.report.visible import visible, visible_character, visible_path

_MARKS = {Severity.ERROR: ("✗", "bold red"), Severity.WARNING: ("!", "bold yellow"), Severity.NOTICE: ("i", "blue")}
_PLAIN_MARKS = {"✗": "x", "✓": "ok", "│": "|", "→": ">", "…": "...", "—": "-"}
_CODE = re.compile(r"`[^`]+`")
_PLACES_IN_FULL = 3
_LINES_LISTED = 12
_MAX_WIDTH = 100
_SUGGESTED_LINES = 4


def console_for(stream: TextIO, *, colour: bool, width: int) -> Console:
    """Return a console that writes plain text unless `colour` is set; prose never runs wider than 100 cells."""
    return Console(
        file=stream,
        width=max(20, min(width, _MAX_WIDTH)),
        color_system="standard" if colour else None,
        force_terminal=colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def print_report(report: Report, console: Console) -> None:
    """Write the whole report."""
    _TextReport(report, console).write()


class _TextReport:
    """One report on its way to one console; remembers which causes it has explained."""

    def __init__(self, report: Report, console: Console) -> None:
        self.report = report
        self.console = console
        self.explained: set[tuple[str, str]] = set()

    def write(self) -> None:
        if self.report.idle:
            self._line(Text(f"There is nothing to check in {visible(self.report.facts.scope)}."))
            self._line(Text("taxonomy-check . checks every leaf of this checkout.", "dim"))
            return
        self._line(Text(f"Checked {visible(self.report.facts.scope)}.", "dim"))
        if self.report.facts.compared:
            self._line(Text(f"Compared with {visible(self.report.facts.compared)}.", "dim"))
        for path, groups in self.report.places:
            self._line()
            self._location(Text(visible_path(path) or self._heading(groups), "bold underline"))
            for group in groups:
                self._group(group)
        if self.report.advice:
            self._advice()
        for crash in self.report.verdict.crashes:
            self._crash(crash)
        self._line()
        self._summary()

    def _heading(self, groups: Sequence[CauseGroup]) -> str:
        about_commits = any(f.sha for group in groups for f in group.findings)
        return "Commits" if about_commits else "The contribution as a whole"

    def _group(self, group: CauseGroup) -> None:
        mark, style = _MARKS[group.severity]
        title = Text.assemble(
            (f"{mark} {group.severity}: ", style), (group.cause.title, "bold"), (f"  [{group.cause.id}]", "dim")
        )
        self._line()
        self._hanging(title, "  ", 2)
        shared = _shared(f.message for f in group.findings)
        shared_fix = _shared(f.how_to_fix for f in group.findings)
        for finding in group.findings[:_PLACES_IN_FULL]:
            self._place(finding)
            if shared is None:
                self._body(_prose(finding.message))
            if shared_fix is None:
                self._labelled("Fix", _prose(finding.how_to_fix))
        self._more(group.findings[_PLACES_IN_FULL:])
        if shared is not None:
            self._body(_prose(shared))
        self._explanation(group, shared_fix)

    def _explanation(self, group: CauseGroup, fix: str | None) -> None:
        told = (group.cause.id, fix or "")
        if told in self.explained:
            if fix is not None:
                self._labelled("Fix", Text("as above.", "dim"))
            return
        self._labelled("Why", _prose(group.cause.why, "dim"))
        if fix is not None:
            self._labelled("Fix", _prose(fix))
        self.explained.add(told)

    def _place(self, finding: Finding) -> None:
        place = self._where(finding)
        if place:
            self._location(Text(f"    {place}", "cyan"))
        if finding.line is None:
            return
        if self.report.is_confidential(finding):
            self._location(Text.assemble((f"    {finding.line:>5} │ ", "dim"), "[hidden]"))
            return
        source = self.report.source(finding)
        if source is not None:
            self._source(finding.line, source, finding.column)
            self._suggestion(finding)

    def _where(self, finding: Finding) -> str:
        if finding.sha is not None:
            commit = self.report.commit(finding.sha)
            subject = f"  {visible(commit.subject)}" if commit else ""
            return f"commit {visible(finding.sha[:10])}{subject}"
        if finding.path is None or finding.line is None:
            return ""
        column = f":{finding.column}" if finding.column is not None else ""
        return f"{visible_path(finding.path)}:{finding.line}{column}"

    def _source(self, line: int, source: str, column: int | None) -> None:
        shown, caret = excerpt(source, column, self.console.width - 12)
        self._location(Text.assemble((f"    {line:>5} │ ", "dim"), shown))
        if caret is not None:
            self._location(Text.assemble((f"    {'':>5} │ ", "dim"), (" " * caret + "^", "bold red")))

    def _suggestion(self, finding: Finding) -> None:
        change = finding.suggestion
        if change is None:
            return
        shown = change.lines[:_SUGGESTED_LINES]
        for number, line in enumerate(shown, change.first_line):
            text, _ = excerpt(line, None, self.console.width - 12)
            self._location(Text(f"    {number:>5} + {text}", "green"))
        if len(change.lines) > len(shown):
            self._location(Text(f"    {'':>5} + …", "green"))

    def _more(self, rest: Sequence[Finding]) -> None:
        if not rest:
            return
        commits = [f.sha[:10] for f in rest if f.sha is not None]
        numbers = commits or [str(f.line) for f in rest if f.line is not None]
        noun = "commit" if commits else "line"
        listed = ", ".join(dict.fromkeys(numbers[:_LINES_LISTED])) + (", …" if len(numbers) > _LINES_LISTED else "")
        where = f": {noun}{'s' if len(numbers) > 1 else ''} {listed}" if numbers else ""
        self._body(Text(f"and {len(rest)} more{where}", "cyan"))

    def _advice(self) -> None:
        self._line()
        self._line(Text("  How to sign off what is already committed", "bold"))
        for line in self.report.advice:
            if line.startswith("  "):  # to be copied as it is
                self._location(Text(f"    {line}"))
            else:
                self._body(Text(line))

    def _crash(self, crash: Crash) -> None:
        self._line()
        self._line(Text(f'✗ Our rule "{crash.rule}" failed. This is our fault, not yours.', "bold red"))
        detail = visible(crash.detail.rpartition("/")[2] if "/" in crash.detail else crash.detail)
        kind = visible(crash.detail.partition(" ")[0])
        self._body(Text(f"Please report it, and mention: {kind} at {detail}"))

    def _summary(self) -> None:
        report = self.report
        errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
        notices = report.count(Severity.NOTICE)
        checked = _checked(report)
        counts = [
            counted(errors, "thing") + " to fix" if errors else "",
            counted(warnings, "suggestion") if warnings else "",
            counted(notices, "notice") if notices else "",
        ]
        told = ", ".join(part for part in counts if part)
        files = len({f.path for f in report.findings if f.path})
        where = f" in {counted(files, 'file')}" if files else ""
        if report.verdict.crashes:
            found = f"{told}{where} so far" if told else "nothing found so far"
            self._line(Text(f"Not everything could be checked; {found} — {checked}.", "bold"))
        elif errors:
            self._line(Text.assemble(("✗ ", "bold red"), (f"{told}{where}", "bold"), f" — {checked}."))
        else:
            note = f" There are {told}{where}; none of them blocks." if told else ""
            if errors + warnings + notices == 1:
                note = f" There is {told}{where}; it blocks nothing."
            cheer = "Ready to go" if told else "All good, thank you for teaching the model something new"
            self._line(Text.assemble(("✓ ", "bold green"), (f"{cheer}!", "bold"), f"{note} {_sentence(checked)}."))
        if report.findings:
            self._line(Text("  taxonomy-check --explain RULE tells more about a rule.", "dim"))

    def _hanging(self, text: Text, first: str, indent: int) -> None:
        grid = Table.grid(padding=0)
        grid.add_column(width=len(first) + indent, no_wrap=True)
        grid.add_column()
        mark, rest = text[:indent], text[indent:]
        grid.add_row(Text.assemble(first, mark), rest)
        self._write(grid)

    def _labelled(self, label: str, text: Text) -> None:
        grid = Table.grid(padding=0)
        grid.add_column(width=9, no_wrap=True)
        grid.add_column()
        grid.add_row(Text(f"    {label}: ", "bold"), text)
        self._write(grid)

    def _body(self, text: Text) -> None:
        self._write(Padding(text, (0, 0, 0, 4)))

    def _line(self, text: Text | None = None) -> None:
        self._write(text or Text())

    def _location(self, text: Text) -> None:
        """Write a line that is never wrapped, so that it can be clicked and copied."""
        self._write(text, soft_wrap=True)

    def _write(self, item: RenderableType, *, soft_wrap: bool = False) -> None:
        print_trimmed(self.console, item, soft_wrap=soft_wrap)


def print_trimmed(console: Console, item: RenderableType, *, soft_wrap: bool = False) -> None:
    """Print without the blanks that rich puts at the ends of lines, in characters the terminal has."""
    with console.capture() as captured:
        console.print(item, soft_wrap=soft_wrap)
    for line in captured.get().splitlines():
        print(_encodable(line.rstrip(), console.encoding), file=console.file)


def excerpt(source: str, column: int | None, width: int) -> tuple[str, int | None]:
    """Return the part of a line that fits into `width` cells, and how many cells in the caret stands."""
    pieces = [visible_character(c) for c in source]
    caret = sum(map(cell_len, pieces[: column - 1])) if column is not None else None
    width = max(width, 10)
    if sum(map(cell_len, pieces)) <= width:
        return "".join(pieces), caret
    skipped = 0
    if caret is not None and caret >= width - 8:
        while pieces and caret - skipped > width // 2:
            skipped += cell_len(pieces.pop(0))
        pieces.insert(0, "…")
        skipped -= 1
    shown: list[str] = []
    for piece in pieces:
        if sum(map(cell_len, shown)) + cell_len(piece) >= width:
            shown.append("…")
            break
        shown.append(piece)
    return "".join(shown), None if caret is None else caret - skipped


def _prose(text: str, style: str = "") -> Text:
    """Return a sentence, its `code` set apart; whatever it quotes is made visible."""
    shown = Text(visible(text), style)
    shown.highlight_regex(_CODE, "cyan")
    return shown


def _shared(texts: Iterable[str]) -> str | None:
    different = set(texts)
    return different.pop() if len(different) == 1 else None


def _checked(report: Report) -> str:
    contribution = report.facts.contribution
    parts = [counted(len(contribution.leaves), "leaf", "leaves")]
    if contribution.commits is not None:
        parts.append(counted(len(contribution.commits), "commit"))
    return f"checked {', '.join(parts)} in {report.took_s:.1f} s"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _encodable(line: str, encoding: str) -> str:
    """Return the line with marks that the terminal's encoding lacks written in plain ASCII."""
    try:
        line.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        for mark, plain in _PLAIN_MARKS.items():
            line = line.replace(mark, plain)
        return line.encode(encoding, "backslashreplace").decode(encoding)
    return line
