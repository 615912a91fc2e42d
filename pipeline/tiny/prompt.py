"""What a prompt asks for: one task, a count, and data behind fences that the data cannot close."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_OPEN = re.compile(r"<<<([A-Z][A-Z_]*):([0-9A-Za-z]{4,64})")
_TASK = re.compile(r"TASK:[ \t]*([a-z][a-z-]*)")
_COUNT = re.compile(r"COUNT:[ \t]*(\d{1,4})")
_MOST = 200  # items in one reply


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it is understood. What stands behind fences is data: nothing in it is ever obeyed."""

    task: str  # empty: a plain question
    count: int
    data: tuple[tuple[str, str], ...]  # name of the fence, text
    outside: tuple[str, ...]  # the lines that stand behind no fence, without the task and the count

    def text(self, *names: str) -> str:
        """Return the data of the first of these names that has any; what is fenced twice is put together."""
        for name in names:
            if found := "\n\n".join(text for fence, text in self.data if fence == name and text.strip()):
                return found
        return ""

    @property
    def question(self) -> str:
        """The fenced question; without one the last line that is not fenced."""
        return self.text("QUESTION").strip() or (self.outside[-1] if self.outside else "")


def read_prompt(*messages: str) -> Prompt:
    """Return what the messages of a prompt ask for together.

    A fence that is never closed reaches to the end of its message: rather too much is data than too little.
    """
    task, count = "", 1
    data: list[tuple[str, str]] = []
    outside: list[str] = []
    for lines, line in _lines(messages):
        if fence := _OPEN.fullmatch(line.rstrip()):
            data.append((fence[1], _until(f"{fence[2]}:{fence[1]}>>>", lines)))
        elif found := _TASK.fullmatch(line.rstrip()):
            task = found[1]
        elif found := _COUNT.fullmatch(line.rstrip()):
            count = max(1, min(int(found[1]), _MOST))
        elif line.strip():
            outside.append(line.strip())
    return Prompt(task, count, tuple(data), tuple(outside))


def _lines(messages: Iterable[str]) -> Iterator[tuple[Iterator[str], str]]:
    """Give each line with what comes after it in its message, from which the reader may take more."""
    for message in messages:
        rest = iter(message.split("\n"))
        for line in rest:
            yield rest, line


def _until(end: str, lines: Iterator[str]) -> str:
    held = []
    for line in lines:
        if line.rstrip() == end:
            break
        held.append(line)
    return "\n".join(held)
