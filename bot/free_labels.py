"""Labels that have no meaning in the review: people put them on and take them off as they like."""

from __future__ import annotations

from bot.commands.registry import RefusedError
from bot.comments.escape import code
from bot.labels import COMMAND_OF_LABEL

_LONGEST = 50  # GitHub takes no longer names


def free_label(name: str) -> str:
    """Return the name of a label that people may set. Raises RefusedError for one with a meaning."""
    if not name or len(name) > _LONGEST:
        raise RefusedError("Name one label, of at most 50 characters.")
    meant = name.casefold()  # GitHub takes Hold for hold
    if meant in COMMAND_OF_LABEL:
        raise RefusedError(f"{code(name)} is a state of the review: {COMMAND_OF_LABEL[meant]}")
    return name
