"""How a page announces itself, and how all of them are found: one module in `bot/dashboard/pages/` a page."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from aiohttp import web

from bot.dashboard.visit import Shown, Visit

REPOSITORY = "/r/{owner}/{repo}"

Show = Callable[[Visit], Awaitable[Shown | web.StreamResponse]]
Do = Callable[[Visit], Awaitable[Shown | web.StreamResponse]]


class Sees(StrEnum):
    """Who is shown a page. `JUDGED` pages decide by themselves, from whose pull request it is."""

    ANYBODY = "anybody"
    READERS = "readers"
    TRIAGERS = "triagers"
    MAINTAINERS = "maintainers"
    JUDGED = "judged"


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its path, its heading, who is shown it, what gathers its facts, its place in the menu (0: none)."""

    path: str
    heading: str
    sees: Sees
    show: Show
    menu: int = 0

    @property
    def is_of_repository(self) -> bool:
        """True for pages about one repository."""
        return self.path.startswith(REPOSITORY)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a form does: it is posted with the session's token, and only for whoever may."""

    path: str
    sees: Sees
    do: Do

    @property
    def is_of_repository(self) -> bool:
        """True for deeds in one repository."""
        return self.path.startswith(REPOSITORY)


class DuplicatePageError(Exception):
    """Two pages share a path: a mistake in this code, found at start-up."""


def page(path: str, heading: str, *, sees: Sees, menu: int = 0) -> Callable[[Show], Page]:
    """Turn a function that gathers facts into a page."""

    def bind(show: Show) -> Page:
        return Page(path, heading, sees, show, menu)

    return bind


def deed(path: str, *, sees: Sees) -> Callable[[Do], Deed]:
    """Turn a function that carries something out into the target of a form."""

    def bind(do: Do) -> Deed:
        return Deed(path, sees, do)

    return bind


@cache
def all_pages() -> tuple[Page | Deed, ...]:
    """Return every page and deed, by path. Raises DuplicatePageError for a path used twice."""
    package = importlib.import_module("bot.dashboard.pages")
    found: dict[tuple[type, str], Page | Deed] = {}
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        for value in vars(importlib.import_module(info.name)).values():
            if not isinstance(value, Page | Deed):
                continue
            key = (type(value), value.path)
            if found.get(key, value) is not value:
                raise DuplicatePageError(f"two pages are at {value.path}")
            found[key] = value
    return tuple(sorted(found.values(), key=lambda one: (one.path, type(one).__name__)))


@cache
def menu() -> tuple[Page, ...]:
    """Return the pages that every page leads to, in order."""
    pages = [one for one in all_pages() if isinstance(one, Page) and one.menu]
    return tuple(sorted(pages, key=lambda one: one.menu))
