"""`taxonomy-bot check-config`: whether a policy file can be used, and what it changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from bot.at_the_terminal import stop
from bot.policy_words import value_in_words
from bot.simulate_cli import wrapped
from checks.gentleness import weighs_fully_on
from checks.policy import POLICY_PATH, Policy, PolicyError, Switch, default_policy, read_policy
from checks.registry import all_rules
from checks.report.visible import visible

_MOST_BYTES = 256 * 1024
_WEIGHS = {
    Switch.OFF: "off: it is not asked",
    Switch.NOTICE: "notice: told to triagers, blocks nothing",
    Switch.WARNING: "warning: told to the author, blocks nothing",
    Switch.ERROR: "error: the author has to change something",
}


def check_config(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The policy file.")] = Path(POLICY_PATH),
) -> None:
    """Check a community's policy file: every mistake with its line, else which rules it changes and how.

    Exit status: 0 it can be used, 1 it has mistakes, 2 it cannot be read.
    """
    text = _text_of(path)
    try:
        policy = read_policy(text)
    except PolicyError as error:
        for problem in error.problems:
            typer.echo(f"{path}:{problem.line}:{problem.column}: {visible(problem.message)}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{path}: a valid policy.")
    for line in changes_of(policy, datetime.now(UTC)):
        typer.echo(line)


def changes_of(policy: Policy, now: datetime) -> Iterator[str]:
    """Yield what a policy changes against the defaults, and which rules are gentle by it; 80 columns wide."""
    if policy.rules:
        yield from ("", "Rules that weigh as this file says:")
        for name, switch in policy.rules.items():
            yield from wrapped(f"{name} -> {_WEIGHS[switch]}", "  ")
            yield from wrapped(_title_of(name), "      ")
    if different := list(_different(policy, default_policy(), "")):
        yield from ("", "Settings that are not the defaults:")
        for name, value, default in different:
            yield from wrapped(f"{name}: {value} (default: {default})", "  ")
    if gentle := list(_gentle(policy, now)):
        yield from ("", "New rules that are still gentle:")
        for line in gentle:
            yield from wrapped(line, "  ")
    if not (policy.rules or different):
        yield "It changes nothing: all is as without it."


def _different(value: BaseModel, default: BaseModel, before: str) -> Iterator[tuple[str, str, str]]:
    for name in type(value).model_fields:
        mine, theirs = getattr(value, name), getattr(default, name)
        if before + name == "rules" or mine == theirs:
            continue
        if isinstance(mine, BaseModel):
            yield from _different(mine, theirs, f"{before}{name}.")
        else:
            yield before + name, value_in_words(mine), value_in_words(theirs)


def _gentle(policy: Policy, now: datetime) -> Iterator[str]:
    """Yield the rules, or those causes of them, that will weigh more than now."""
    for rule in all_rules().values():
        by_day: dict[date, list[str]] = {}
        for cause in rule.causes:
            day = None if cause.kept_back else weighs_fully_on(policy, cause.id)
            if day is not None and now.date() < day:
                by_day.setdefault(day, []).append(cause.id)
        for day, causes in by_day.items():
            named = rule.id if len(causes) == len(rule.causes) else ", ".join(causes)
            yield f"{named}: in full from {day} on"


def _title_of(name: str) -> str:
    """Return the title of a rule or cause; a policy names only what there is."""
    for rule in all_rules().values():
        for identifier, title in ((rule.id, rule.title), *((cause.id, cause.title) for cause in rule.causes)):
            if identifier == name:
                return title
    return ""


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        stop(f"{path} cannot be read: {reason}. Is it there, and may you read it?")
    if len(content) > _MOST_BYTES:
        stop(f"{path} is far too large for a policy: more than {_MOST_BYTES // 1024} KiB.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        stop(f"{path} is not UTF-8 text (byte {error.start + 1}). Save it as UTF-8.")
