"""Repositories that were renamed: the old name leads to the number, which always leads to the newest name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from bot.simulator.routing import Reply
from bot.simulator.state import GitHubState

_NUMBERED = re.compile(r"/repositories/(\d+)(/.+)")
_NAMED = re.compile(r"/repos/([^/]+/[^/]+)(/.*)?")


def by_name(state: GitHubState, path: str) -> str:
    """Return a path that gives a repository's number as one that gives its name; any other as it is."""
    if (numbered := _NUMBERED.fullmatch(path)) is None:
        return path
    repo = state.repository_by_id(int(numbered[1]))
    return f"/repos/{repo.full_name}{numbered[2]}" if repo is not None else path


def moved_to(state: GitHubState, method: str, path: str, query: Mapping[str, str]) -> Reply | None:
    """Return where GitHub sends whoever asks under an old name, None where the name is not old."""
    named = _NAMED.fullmatch(path)
    repository_id = state.old_names.get(named[1].lower()) if named else None
    if named is None or repository_id is None:
        return None
    status, words = (301, "Moved Permanently") if method == "GET" else (307, "Temporary Redirect")
    asked = f"?{urlencode(query)}" if query else ""
    place = f"{state.api_url}/repositories/{repository_id}{named[2] or ''}{asked}"
    told = {"message": words, "url": place, "documentation_url": "https://docs.github.com/rest"}
    return Reply(told, status, {"Location": place})
