"""The rules that contributions are checked by, and the commands that people may write."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.registry import all_commands
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import Listed, resource
from bot.dashboard.visit import Visit
from checks.registry import all_rules


@dataclass(frozen=True, slots=True)
class CauseFacts:
    """One thing that a rule may find, why it matters, and how to put it right."""

    id: str
    title: str
    why: str
    remedy: str
    is_for_triagers: bool


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A rule. One that is not switchable weighs the same in every community. Words are Markdown."""

    id: str
    title: str
    why: str
    is_switchable: bool
    causes: tuple[CauseFacts, ...]


@dataclass(frozen=True, slots=True)
class CommandFacts:
    """A command: how it is written, what it does, and who may write it."""

    name: str
    usage: str
    summary: str
    who: str
    examples: tuple[str, ...]


@resource("/rules", "What contributions are checked for", sees=Sees.ANYBODY)
async def rules(_visit: Visit) -> Listed[RuleFacts]:
    """Return every rule."""
    return Listed(
        tuple(
            RuleFacts(
                rule.id,
                rule.title,
                rule.why,
                rule.switchable,
                tuple(
                    CauseFacts(each.id, each.title, each.why, each.remedy or "", bool(each.kept_back))
                    for each in rule.causes
                ),
            )
            for rule in all_rules().values()
        )
    )


@resource("/commands", "What may be written in a comment, and by whom", sees=Sees.ANYBODY)
async def commands(_visit: Visit) -> Listed[CommandFacts]:
    """Return every command."""
    known = all_commands().values()
    return Listed(tuple(CommandFacts(c.name, c.usage, c.summary, c.who_may, c.examples) for c in known))
