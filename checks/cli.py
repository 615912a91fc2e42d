"""`taxonomy-check`: every rule on a checkout, before anyone else sees it."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # loaded where they are needed, so that --help answers at once
    from rich.console import Console

    from checks.report.content import Report

EXIT_CLEAN, EXIT_FINDINGS, EXIT_UNUSABLE = 0, 1, 2

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


class Colour(StrEnum):
    """When the report is coloured."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def main() -> None:
    """Run the command. Never ends in a traceback."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_UNUSABLE)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"taxonomy-check {version('taxonomy-bot')}")
        raise typer.Exit


@app.command(epilog="Exit status: 0 nothing blocks, 1 there is something to fix, 2 the check could not be done.")
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files or folders. Without any: what the current branch changes.", show_default=False),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="REV", help="Check what this branch changes against REV, commits included."),
    ] = None,
    author: Annotated[
        str | None, typer.Option(metavar="LOGIN", help="Your GitHub name, to compare with created_by.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The community's rules. Default: .github/taxonomy-bot.yml."),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How the report is written.")] = Format.TEXT,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this rule; may be given more than once.")
    ] = None,
    notices: Annotated[bool, typer.Option("--notices", help="Show also what only triagers look at.")] = False,
    color: Annotated[Colour, typer.Option(help="When to use colour.")] = Colour.AUTO,
    list_rules: Annotated[bool, typer.Option("--list-rules", help="List the rules, and stop.")] = False,
    explain: Annotated[
        str | None, typer.Option(metavar="RULE", help="Explain a rule or one cause of it, and stop.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version, and stop.")
    ] = False,
) -> None:
    """Check a contribution to a taxonomy before you open the pull request.

    Says what is wrong, where, why it matters and how to put it right.
    """
    with _failures_explained():
        if list_rules or explain is not None:
            _show_rules(explain, color)
            return
        from checks.local_check import Question, answer

        report = answer(Question(tuple(paths or ()), base, author, policy, tuple(rule or ()), notices))
        if not notices or output not in (Format.TEXT, Format.JSON):  # else it would show on the pull request
            report = replace(report, verdict=report.verdict.told)
        _write(report, output, color)
        raise typer.Exit(_exit_status(report))


def _exit_status(report: Report) -> int:
    from checks.findings import Severity

    if report.verdict.crashes:
        return EXIT_UNUSABLE
    return EXIT_FINDINGS if report.verdict.with_severity(Severity.ERROR) else EXIT_CLEAN


def _show_rules(explain: str | None, colour: Colour) -> None:
    from checks.report.rule_help import print_explanation, print_rules

    if explain is None:
        print_rules(_console(colour))
    else:
        print_explanation(explain, _console(colour))


def _write(report: Report, output: Format, colour: Colour) -> None:
    if output is Format.JSON:
        from checks.report.json import json_report

        print(json_report(report))
    elif output is Format.GITHUB:
        _write_for_github(report)
    else:
        from checks.report.text import print_report

        with _no_workflow_commands():
            print_report(report, _console(colour))


def _write_for_github(report: Report) -> None:
    from checks.report.github import summary, workflow_commands

    for line in workflow_commands(report):
        print(line)
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if place:
        with Path(place).open("a", encoding="utf-8") as stream:
            stream.write(summary(report))


@contextmanager
def _no_workflow_commands() -> Iterator[None]:
    """Inside a GitHub workflow keep the runner from taking a quoted line for one of its commands."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}")
    try:
        yield
    finally:
        print(f"::{token}::")


def _console(colour: Colour) -> Console:
    from checks.report.text import console_for

    wanted = colour is Colour.ALWAYS or (colour is Colour.AUTO and _stands_colour())
    return console_for(sys.stdout, colour=wanted, width=shutil.get_terminal_size((100, 24)).columns)


def _stands_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def _failures_explained() -> Iterator[None]:
    """Tell what kept us from checking, why, and how to put it right; then end with status 2."""
    from checks.checkout import CannotCheckError

    try:
        yield
    except CannotCheckError as error:
        _complain(error.problem, error.reason, error.remedy)
    except (typer.Exit, BrokenPipeError):
        raise
    except Exception as error:  # a mistake of ours must not look like one of the contributor's
        from checks.run import crash_site

        _complain(
            "taxonomy-check itself failed. This is our fault, not yours.",
            crash_site(error),
            "Please report it, with the line above.",
        )
    else:
        return
    raise typer.Exit(EXIT_UNUSABLE)


def _complain(problem: str, reason: str, remedy: str) -> None:
    from checks.report.visible import visible

    lines = [f"taxonomy-check: {visible(problem)}"]
    lines += [f"  {visible(line)}" for line in reason.splitlines()]
    lines.append(f"  {visible(remedy)}")
    print("\n".join(lines), file=sys.stderr)
