"""`/label` and `/unlabel`: labels that carry no state."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, SetLabel, Situation
from bot.comments.escape import code
from bot.labels import COMMAND_OF_LABEL
from bot.roles import Role

_LONGEST = 50  # GitHub takes no longer names


@command(
    "label",
    usage="/label NAME",
    summary="Put a label on, one that is no state of the review.",
    who=Role.TRIAGER,
    examples=("/label good-first-contribution",),
)
def label(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Put a free label on."""
    return (SetLabel(_free_label(arguments), on=True),)


@command(
    "unlabel",
    usage="/unlabel NAME",
    summary="Take a label off, one that is no state of the review.",
    who=Role.TRIAGER,
    examples=("/unlabel good-first-contribution",),
)
def unlabel(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Take a free label off."""
    name = _free_label(arguments)
    if name not in situation.labels:
        raise RefusedError(f"The label {code(name)} is not on this pull request.")
    return (SetLabel(name, on=False),)


def _free_label(name: str) -> str:
    if not name or len(name) > _LONGEST:
        raise RefusedError("Name one label, of at most 50 characters.")
    if name in COMMAND_OF_LABEL:
        raise RefusedError(f"{code(name)} is a state of the review: {COMMAND_OF_LABEL[name]}")
    return name
