"""`taxonomy-bot simulate`: what the bot would do on a pull request, told and not done."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import settings_or_stop, stop
from checks.policy import PolicyError, read_policy
from checks.report.visible import visible

if TYPE_CHECKING:
    from bot.actions import Action
    from bot.clock import Clock
    from bot.rehearsal import Rehearsed
    from bot.rule_workers import RuleWorkers
    from bot.settings import BotSettings
    from checks.policy import Policy

WIDTH = 80
_NAMED = re.compile(r"([A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100})#([0-9]{1,9})")
_MARKER = re.compile(r"\A<!--[^\n]*-->\n")


def simulate(
    pull_request: Annotated[str, typer.Argument(metavar="OWNER/REPO#N", help="The pull request.")],
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A policy file to judge by instead of the one in force.")
    ] = None,
) -> None:
    """Say what the bot would do on a pull request now, and write nothing."""
    from bot.clock import SystemClock
    from bot.github.errors import GitHubError
    from bot.rehearsal import UnknownPlaceError

    named = _NAMED.fullmatch(pull_request)
    if named is None:
        stop("Name the pull request like owner/repository#12.")
    instead, settings = _policy_of(policy), settings_or_stop()
    try:
        told = asyncio.run(simulated(settings, SystemClock(), named[1], int(named[2]), instead))
    except UnknownPlaceError as error:
        stop(str(error))
    except GitHubError as error:
        stop(f"GitHub did not tell all that is needed: {error}. Try again in a minute.")
    if policy is not None:
        typer.echo(f"Judged by {policy}, not by the policy in force.")
    for line in told:
        typer.echo(line)


async def simulated(
    settings: BotSettings,
    clock: Clock,
    full_name: str,
    number: int,
    policy: Policy | None = None,
    workers: RuleWorkers | None = None,
) -> list[str]:
    """Return what would happen, in lines for a terminal.

    Raises UnknownPlaceError, DatabaseError and the errors of `bot.github.errors`.
    """
    from bot.rehearsal import rehearsing

    async with rehearsing(settings, clock, workers, policy) as rehearsal:
        origin = await rehearsal.origin_of(full_name)
        return list(as_lines(await rehearsal.triage(origin, number)))


def as_lines(rehearsed: Rehearsed) -> Iterator[str]:
    """Yield what a triage would come to: verdict, moves, labels, check runs, comments; 80 columns wide."""
    pull, triaged = rehearsed.pull, rehearsed.triaged
    yield from wrapped(f"#{pull.number} {visible(pull.title)} ({pull.author}, at {pull.head_sha[:10]})")
    yield f"Verdict: {triaged.verdict.overall} (before: {rehearsed.before.outcome or 'none'})"
    yield from wrapped(f"Merge: {visible(triaged.readiness.why)}")
    moves = [f"{row.source} -> {row.target}: {row.trigger}" for row in triaged.rows]
    yield from ["", "Moves:", *(f"  {line}" for line in moves)] if moves else ["", "It stays where it is."]
    if not rehearsed.actions:
        yield from ["", "GitHub shows all of it already: nothing would be written."]
    for action in rehearsed.actions:
        yield from ["", *_action(action)]
    yield from ["", "Nothing was written."]


def _action(action: Action) -> Iterator[str]:
    from bot.actions import (
        AddLabels,
        ChangeAssignee,
        ChangePull,
        EditComment,
        PostComment,
        React,
        RemoveLabel,
        Reply,
        ReportCheck,
    )

    match action:
        case ReportCheck():
            notes = len(action.annotations)
            told = f"Check run {action.name}: {action.conclusion}, {visible(action.title)}"
            yield from wrapped(told)
            if notes:
                yield f"  {notes} note{'s' if notes > 1 else ''} on lines:"
            for note in action.annotations:
                yield from wrapped(f"{visible(note.path)}:{note.line} {note.level}: {visible(note.title)}", "  ")
        case AddLabels():
            yield from wrapped(f"Labels on: {', '.join(action.names)}")
        case RemoveLabel():
            yield f"Label off: {action.name}"
        case PostComment():
            yield from ["New comment:", *_text(action.body)]
        case EditComment():
            yield from ["The comment would say:", *_text(action.body)]
        case Reply():
            yield from ["Reply:", *_text(action.body)]
        case React():
            yield f"Reaction: {action.content}"
        case ChangeAssignee():
            yield f"{'Assign' if action.on else 'Unassign'}: {action.login}"
        case ChangePull():
            yield from wrapped(
                f"Title: {visible(action.title)}" if action.title else f"It would be {action.state}."
            )


def _text(body: str) -> Iterator[str]:
    """Yield a comment's Markdown without our hidden mark, folded, behind a bar."""
    for line in _MARKER.sub("", body).splitlines():
        yield from wrapped(visible(line), "  | ")


def wrapped(text: str, prefix: str = "") -> list[str]:
    """Return text folded to the width of a terminal, each line behind `prefix`."""
    room = WIDTH - len(prefix)
    folded = textwrap.wrap(text, room, drop_whitespace=True, break_on_hyphens=False) or [""]
    return [f"{prefix}{line}".rstrip() for line in folded]


def _policy_of(file: Path | None) -> Policy | None:
    if file is None:
        return None
    try:
        return read_policy(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        stop(f"{file} cannot be read as text. Is it there, and may you read it?")
    except PolicyError as error:
        stop("\n".join(f"{file}:{p.line}:{p.column}: {p.message}" for p in error.problems))
