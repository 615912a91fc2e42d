"""How a command announces itself, and how all of them are found: one module in `bot/commands/` a command."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from bot.commands.situation import Effect, Situation
from bot.labels import Label
from bot.roles import Role

Decide = Callable[[Situation, str], tuple[Effect, ...]]


class RefusedError(Exception):
    """A command that cannot be carried out. The text is for its writer: what is missing, and what to write."""


class DuplicateCommandError(Exception):
    """Two commands share a name: a mistake in this code, found at start-up."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: how it is written, who may use it, and the pure function that decides what it does.

    `about_content` commands judge what the pull request holds, so they count only for the commit that their
    writer can have seen. For `weighty` ones the role is looked up anew, never remembered. Setting one of `labels`
    by hand is the same command; `(Label.HOLD, True)` means putting it on. One that
    `cancels` is taken back with "cancel" behind it.
    """

    name: str
    usage: str
    summary: str
    who: Role
    decide: Decide
    examples: tuple[str, ...]
    author_too: bool = False
    about_content: bool = False
    weighty: bool = False
    labels: tuple[tuple[Label, bool], ...] = ()
    cancels: bool = False

    @property
    def who_may(self) -> str:
        """Who may use it, in words."""
        return f"the author or {self.who.noun}" if self.author_too and self.who else self.who.noun

    @property
    def usage_cell(self) -> str:
        """How it is written, as a cell of a Markdown table: a bare bar would end the cell."""
        bar = r"\|"
        return f"`{self.usage.replace('|', bar)}`"


def command(
    name: str,
    *,
    usage: str,
    summary: str,
    who: Role,
    examples: tuple[str, ...],
    author_too: bool = False,
    about_content: bool = False,
    weighty: bool = False,
    labels: tuple[tuple[Label, bool], ...] = (),
    cancels: bool = False,
) -> Callable[[Decide], Command]:
    """Turn a pure function `(Situation, arguments) -> effects` into a command. It raises RefusedError to refuse."""

    def bind(decide: Decide) -> Command:
        return Command(
            name, usage, summary, who, decide, examples, author_too, about_content, weighty, labels, cancels
        )

    return bind


@cache
def all_commands() -> Mapping[str, Command]:
    """Return every command by name, sorted. Raises DuplicateCommandError for a name used twice."""
    package = importlib.import_module("bot.commands")
    found: dict[str, Command] = {}
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        for value in vars(importlib.import_module(info.name)).values():
            if not isinstance(value, Command) or found.get(value.name) is value:
                continue
            if value.name in found:
                raise DuplicateCommandError(f'two commands are called "{value.name}"')
            found[value.name] = value
    return MappingProxyType(dict(sorted(found.items())))


@cache
def commands_of_labels() -> Mapping[tuple[Label, bool], Command]:
    """Return the command that setting a label by hand stands for. Raises DuplicateCommandError."""
    found: dict[tuple[Label, bool], Command] = {}
    for known in all_commands().values():
        for key in known.labels:
            if key in found:
                raise DuplicateCommandError(f'two commands stand for the label "{key[0]}"')
            found[key] = known
    return MappingProxyType(found)


def nearest(name: str) -> str | None:
    """Return the command that a mistyped name was meant to be, if one is near."""
    near = difflib.get_close_matches(name, all_commands(), n=1, cutoff=0.7)
    return near[0] if near else None
