"""`taxonomy-check`: every rule on a checkout, before anyone else sees it."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # loaded where they are needed, so that --help answers at once
    from rich.console import Console

    from checks.local_check import Online
    from checks.local_fix import Mending
    from checks.report.content import Report

_READING_WIDTH = 80
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
    SARIF = "sarif"


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
    sarif: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as SARIF to FILE, too.")
    ] = None,
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="Judge by the rules of this day. Default: today."),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this rule; may be given more than once.")
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Fetch the documents that knowledge leaves name, and look into them.")
    ] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --online: authorities (PEM) of a git server of your own network."),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CIDR", help="With --online: a network of your own that may be asked; more than once."
        ),
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Put right what is mechanical; report what is left.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --fix: change nothing, show what would change.")
    ] = False,
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
    With --fix it puts right what is mechanical; the exit status is that of what is left then.
    `taxonomy-check explain RULE` says more about one rule, or one cause of it.
    """
    if dry_run and not fix:
        raise typer.BadParameter("it belongs to --fix", param_hint="--dry-run")
    with _failures_explained():
        asked = _asked_to_explain(paths or [])
        if list_rules or explain is not None or asked is not None:
            _show_rules([explain] if explain is not None else asked or [], color)
            return
        from checks.local_check import Question, answer

        reaches = _online(network or [], ca_file) if online else None
        day = on and on.date()
        mending = _mending(dry_run=dry_run) if fix else None
        report = answer(
            Question(tuple(paths or ()), base, author, policy, tuple(rule or ()), notices, day, reaches), mending
        )
        if mending is not None:
            _tell(mending, output)
        if not notices or output not in (Format.TEXT, Format.JSON):  # else it would show on the pull request
            report = replace(report, verdict=report.verdict.told)
        _write(report, output, color)
        if sarif is not None:
            _write_sarif(report, sarif)
        raise typer.Exit(_exit_status(report))


def _online(networks: list[str], ca_file: Path | None) -> Online:
    """Return how documents are fetched. Raises CannotCheckError for what is no network."""
    from ipaddress import ip_network

    from checks.checkout import CannotCheckError
    from checks.local_check import Online

    try:
        return Online(tuple(ip_network(network) for network in networks), ca_file)
    except ValueError as error:
        raise CannotCheckError("--network takes a network.", "Write it like 10.1.0.0/16.", str(error)) from None


def _mending(*, dry_run: bool) -> Mending:
    from checks.local_fix import Mending

    return Mending(dry_run)


def _tell(mending: Mending, output: Format) -> None:
    """Say what was put right, beside the report where that is for machines."""
    from checks.report.fixes import mending_lines, unified_diff

    lines = list(mending_lines(mending))
    if mending.dry_run:
        lines += [line for repair in mending.done for line in ("", *unified_diff(repair))]
    if output is Format.TEXT:
        with _no_workflow_commands():
            print("\n".join((*lines, "")))
    else:
        print("\n".join(lines), file=sys.stderr)


def _exit_status(report: Report) -> int:
    from checks.findings import Severity

    if report.verdict.crashes:
        return EXIT_UNUSABLE
    return EXIT_FINDINGS if report.verdict.with_severity(Severity.ERROR) else EXIT_CLEAN


def _asked_to_explain(paths: list[Path]) -> list[str] | None:
    """Return the rules after the word `explain`; None where it is no such question, or the name of a file."""
    if not paths or str(paths[0]) != "explain" or paths[0].exists():
        return None
    return [path.as_posix() for path in paths[1:]]


def _show_rules(asked: list[str], colour: Colour) -> None:
    from checks.report.rule_help import print_explanation, print_rules

    if not asked:
        print_rules(_console(colour, most=_READING_WIDTH))
    for identifier in asked:
        print_explanation(identifier, _console(colour, most=_READING_WIDTH))


def _write(report: Report, output: Format, colour: Colour) -> None:
    if output is Format.JSON:
        from checks.report.json import json_report

        print(json_report(report))
    elif output is Format.SARIF:
        from checks.report.sarif import sarif_report

        print(sarif_report(report))
    elif output is Format.GITHUB:
        _write_for_github(report)
    else:
        from checks.report.text import print_report

        with _no_workflow_commands():
            print_report(report, _console(colour))


def _write_sarif(report: Report, file: Path) -> None:
    from checks.checkout import CannotCheckError
    from checks.report.sarif import sarif_report

    try:
        file.write_text(sarif_report(replace(report, verdict=report.verdict.told)) + "\n", encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CannotCheckError(f'The file "{file}" cannot be written.', "Name another one.", reason) from None


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


def _console(colour: Colour, most: int = 1000) -> Console:
    from checks.report.text import console_for

    wanted = colour is Colour.ALWAYS or (colour is Colour.AUTO and _stands_colour())
    return console_for(sys.stdout, colour=wanted, width=min(shutil.get_terminal_size((100, 24)).columns, most))


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
