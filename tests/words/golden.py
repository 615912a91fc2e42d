"""The files of words: one for each situation, in a folder for each place where the bot speaks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from tests.words import (
    answers,
    building,
    check_runs,
    evaluating,
    generating,
    jobs,
    living,
    merging,
    notices,
    replies,
)

FOLDER = Path(__file__).parent


@cache
def all_words() -> Mapping[str, str]:
    "Every text by the name of its file, such as `living/stale`."
    found: dict[str, str] = {}
    for place in (living, check_runs, replies, answers, merging, jobs, generating, evaluating, building, notices):
        for name, text in place.words():
            assert name not in found, f"two situations are called {name}"
            found[name] = text.rstrip() + "\n"
    return MappingProxyType(found)


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.md"


def differing() -> list[str]:
    "The names of the texts that are not as their file says, or have none."
    return [name for name, text in all_words().items() if _written(name) != text]


def unused() -> list[str]:
    "The names of files that no situation leads to any more."
    files = {file.relative_to(FOLDER).with_suffix("").as_posix() for file in FOLDER.glob("*/*.md")}
    return sorted(files - set(all_words()))


def write() -> None:
    "Bring the files up to date."
    for name in unused():
        path_of(name).unlink()
    for name, text in all_words().items():
        path_of(name).parent.mkdir(exist_ok=True)
        path_of(name).write_text(text, encoding="utf-8")


def _written(name: str) -> str:
    return path_of(name).read_text(encoding="utf-8") if path_of(name).exists() else ""
