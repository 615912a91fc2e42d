"""Which files of a commit a document's patterns name. Only names are compared; no file system is asked.

`*`, `?` and `[...]` stay within one folder, `**` as a whole step stands for any folders, and names that begin with
a dot are found only by a pattern that writes the dot.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from functools import lru_cache

_LONGEST = 1000
_MOST_STEPS = 50
_SPECIAL = re.compile(r"[*?\[]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True, slots=True)
class DocumentPattern:
    """A pattern that may be looked up, step by step from the top folder."""

    text: str
    steps: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """True when it names one file, with nothing to fill in."""
        return _SPECIAL.search(self.text) is None

    def names(self, path: str) -> bool:
        """True when the path of a file is meant."""
        return path == self.text if self.is_plain else _leads_to(self.steps, path.split("/"))


def pattern_problem(text: str) -> str:
    """Return why a pattern is not looked up, in words that go on after it; empty when it is."""
    if not text.strip() or len(text) > _LONGEST:
        return "is empty" if not text.strip() else f"has more than {_LONGEST} characters"
    if _CONTROL.search(text):
        return "holds a backslash or a character that cannot be seen"
    if "://" in text or text.startswith(("/", "~", "-", ":")) or re.match(r"[A-Za-z]:", text):
        return "is not a path inside the repository"
    steps = text.split("/")
    if ".." in steps or "." in steps or "" in steps:
        return "holds an empty step, or one that leads out of its folder"
    if any(step.lower() == ".git" for step in steps):
        return "looks into git's own folder"
    return f"goes through more than {_MOST_STEPS} folders" if len(steps) > _MOST_STEPS else ""


def read_pattern(text: str) -> DocumentPattern:
    """Return the pattern, whose text `pattern_problem` found nothing wrong with."""
    steps: list[str] = []
    for step in text.split("/"):
        if step != "**" or steps[-1:] != ["**"]:
            steps.append(step)
    return DocumentPattern(text, tuple(steps))


def _leads_to(steps: tuple[str, ...], names: list[str]) -> bool:
    """Match steps against names, keeping all places in the pattern that the names so far can have led to."""
    at = _with_skipped({0}, steps)
    for position, name in enumerate(names):
        is_file = position == len(names) - 1
        after = set()
        for place in at:
            if place == len(steps):
                continue
            step = steps[place]
            if step == "**":
                if not is_file and not name.startswith("."):
                    after.add(place)
                elif is_file and place == len(steps) - 1 and not name.startswith("."):
                    after.add(place + 1)
            elif _fits(step, name):
                after.add(place + 1)
        at = _with_skipped(after, steps) if not is_file else after
        if not at:
            return False
    return len(steps) in at


def _with_skipped(places: set[int], steps: tuple[str, ...]) -> set[int]:
    """Add the places behind a `**`, which may stand for no folder at all."""
    return places | {p + 1 for p in places if p < len(steps) - 1 and steps[p] == "**"}


def _fits(step: str, name: str) -> bool:
    if name.startswith(".") and not step.startswith("."):
        return False
    return _matcher(step).match(name) is not None


@lru_cache(maxsize=256)
def _matcher(step: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(step))  # its stars never try twice: linear for hostile patterns, too
