"""The files of jobs as people get them: by the links that the bot has written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from http import HTTPStatus

import aiohttp

_LINK = re.compile(r"\[`([^`\]]+)`\]\((https?://[^\s)]+)\)")


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A file that a text links."""

    name: str
    url: str

    def tampered_with(self) -> LinkedFile:
        """Return the link as of somebody who wants it to last a day longer."""
        return replace(self, url=re.sub(r"expires=(\d+)", lambda m: f"expires={int(m[1]) + 86_400}", self.url))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a link leads to."""

    status: int
    text: str

    @property
    def is_refused(self) -> bool:
        """True when the bot does not believe the link."""
        return self.status == HTTPStatus.FORBIDDEN


def linked_files(text: str) -> list[LinkedFile]:
    """Return the files that a check run or a comment links."""
    return [LinkedFile(name, url) for name, url in _LINK.findall(text)]


async def fetched(session: aiohttp.ClientSession, file: LinkedFile) -> Answer:
    """Follow a link."""
    async with session.get(file.url) as answer:
        return Answer(answer.status, await answer.text())


def is_data_set(text: str) -> bool:
    """True for JSON lines, at least one, each an object."""
    lines = text.splitlines()
    return bool(lines) and all(isinstance(json.loads(line), dict) for line in lines)
