"""Replies: what a comment with commands is answered, all in one, and never too long for GitHub."""

from __future__ import annotations

from collections.abc import Iterable

from bot.commands.parsing import WrittenCommand
from bot.comments.escape import code, short

_LONGEST_WORDS = 1_000
_MOST_BYTES = 60_000  # GitHub takes 65,536 characters
ONE_BATCH_ONLY = "Only the first `/batch` of a comment is read: give each a comment of its own."


def reply(refusals: Iterable[tuple[str, str]], said: Iterable[str], unread_after: int | None = None) -> str:
    """Return the answer to all commands of a comment: first what was refused and why, then what was asked for.

    `refusals` are pairs of a command's name and the reason. `unread_after` is after how many commands reading
    stopped, if it did. Empty when there is nothing to say.
    """
    texts = [f"`/{name}`: {why}" for name, why in refusals]
    texts += said
    if unread_after is not None:
        texts.append(f"Only the first {unread_after} commands of a comment are read.")
    return fitted(texts)


def decided_on_page(login: str, command: WrittenCommand, head_sha: str, said: Iterable[str]) -> str:
    """Return the public trace of what somebody decided on a page of ours, and what it says to others."""
    said = tuple(said)
    words = "" if said else short(command.arguments, _LONGEST_WORDS)  # else they stand in what is said
    head = (
        f"Decided by {code(login)} on the pages of the bot, looking at {code(head_sha[:7])}: "
        f"{code(f'/{command.name} {words}'.strip())}"
    )
    return fitted((head, *said))


def fitted(texts: Iterable[str], checks_url: str = "") -> str:
    """Return the texts as one; those that do not fit into a comment are left to the Checks tab, if it has them."""
    kept: list[str] = []
    room = _MOST_BYTES
    for text in texts:
        room -= len(text.encode()) + 2
        if room < 0:
            return "\n\n".join((*kept, _left_out(checks_url)))
        kept.append(text)
    return "\n\n".join(kept)


def _left_out(checks_url: str) -> str:
    if checks_url:
        return f"The rest does not fit in here: [the Checks tab]({checks_url}) lists everything."
    return "The rest of the answer does not fit in here: write fewer commands at once."
