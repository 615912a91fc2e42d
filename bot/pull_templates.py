"""Templates of pull requests: found where GitHub looks for them, read from the default branch."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from bot.github.pulls import Pull, PullReader

_MOST = 5
_MOST_CHARACTERS = 65_536
_PLACE = re.compile(
    r"(?:\.github/|docs/)?pull_request_template(?:\.(?:md|markdown|txt)|/[^/]+\.(?:md|markdown|txt))?",
    re.IGNORECASE,
)


def is_template(path: str) -> bool:
    """True for a path that GitHub takes for a template: by itself, or one of several in a folder."""
    return _PLACE.fullmatch(path) is not None


async def read_templates(reader: PullReader, pull: Pull, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the templates among `paths`, as the default branch has them; none of a pull request by a bot.

    Raises the errors of `bot.github.errors`.
    """
    if pull.author.endswith("[bot]"):
        return ()
    found = sorted({path for path in paths if is_template(path)}, key=lambda path: (path.count("/"), path))[:_MOST]
    texts = await asyncio.gather(*(reader.text_file(path, pull.default_branch) for path in found))
    return tuple(text[:_MOST_CHARACTERS] for text in texts if text)
