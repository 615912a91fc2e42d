"""`/batch`: one command for many pull requests."""

from __future__ import annotations

import re

from bot.commands.registry import RefusedError, all_commands, command
from bot.commands.situation import ConfirmBatch, Effect, PreviewBatch, Situation
from bot.comments.escape import code
from bot.orders import unknown
from bot.roles import Role

_NUMBER = re.compile(r"#?(\d{1,9}),?")
_CODE = re.compile(r"[a-z0-9]{4,16}")
_MOST = 50
_LONGEST = 500
_SPEAKING = frozenset({"batch", "cc", "explain", "fix", "help", "question", "status", "why"})


@command(
    "batch",
    usage="/batch COMMAND #1 #2 ... | /batch confirm CODE",
    summary=f"Show what a command would do to at most {_MOST} pull requests; once confirmed, it is done.",
    who=Role.TRIAGER,
    weighty=True,
    examples=("/batch hold #12 #13", "/batch request-changes please name your source #12 #13"),
)
def batch(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Ask for the preview, or confirm one."""
    first, _, rest = arguments.partition(" ")
    if first.lower() == "confirm":
        given = rest.strip().strip("`").lower()
        if not _CODE.fullmatch(given):
            raise RefusedError("Write the code that the preview shows: `/batch confirm CODE`.")
        return (ConfirmBatch(given),)
    words, numbers = _parted(arguments)
    if not words or not numbers:
        raise RefusedError("Name a command, and the pull requests at the end, like `/batch hold #12 #13`.")
    if len(numbers) > _MOST:
        raise RefusedError(f"At most {_MOST} pull requests at once; these are {len(numbers)}.")
    name = words[0].lower().removeprefix("/")
    _refuse_unless_it_acts(name, words[1:])
    text = " ".join((name, *words[1:]))
    if len(text) > _LONGEST:
        raise RefusedError(f"At most {_LONGEST} characters for many pull requests at once.")
    return (PreviewBatch(text, numbers),)


def _refuse_unless_it_acts(name: str, words: list[str]) -> None:
    if name not in all_commands():
        raise RefusedError(unknown(name))
    if name in _SPEAKING or (name == "check" and words):
        raise RefusedError(f"{code('/' + name)} is not for many at once: write it where you want the answer.")
    if name == "request-changes" and not words:
        raise RefusedError("Say what is asked for: `/batch request-changes WHAT #12 #13`. Each author reads it.")


def _parted(arguments: str) -> tuple[list[str], tuple[int, ...]]:
    """Part the command from the numbers behind it. Where one has its `#`, they begin with the first that has."""
    words = arguments.split()
    start = len(words)
    while start and _NUMBER.fullmatch(words[start - 1]):
        start -= 1
    start = next((at for at in range(start, len(words)) if words[at].startswith("#")), start)
    numbers = dict.fromkeys(int(word.strip("#,")) for word in words[start:])
    return words[:start], tuple(numbers)
