"""How a resource announces itself, and how all of them are found: one module in `bot/dashboard/resources/` each.

A resource is a decorated function of a visit that returns frozen dataclasses, or a `Listed` of them. What it may be
asked is a frozen dataclass, too: its second parameter. From these declarations the OpenAPI document is made.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any, Generic, TypeVar, get_type_hints

from pydantic import Field, TypeAdapter

from bot.dashboard.registry import Sees

ROOT = "/api/v1"
REPOSITORY = "/repositories/{owner}/{repo}"
MOST = 100  # entries of one page
MOST_NUMBER = 2**31 - 1  # of a pull request

Limit = Annotated[int, Field(ge=1, le=MOST, description="How many entries at most.")]
CursorWord = Annotated[
    str, Field(max_length=200, description="Where to go on: `next` of the page before. Empty: at the beginning.")
]
PullNumber = Annotated[int, Field(ge=0, le=MOST_NUMBER, description="Only of this pull request; 0: of all.")]

Item = TypeVar("Item")
Answer = Callable[..., Awaitable[Any]]
_VARIABLE = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Listed(Generic[Item]):
    """Some entries of a list. `next` is the cursor of those that follow; empty at the end."""

    items: tuple[Item, ...]
    next: str = ""


@dataclass(frozen=True)
class Resource:
    """Something that can be read: where, what it is in a sentence, by whom, and what answers for it."""

    path: str  # below ROOT
    title: str
    sees: Sees
    answer: Answer

    @property
    def name(self) -> str:
        """What it is called in the OpenAPI document."""
        return self.answer.__name__

    @property
    def is_of_repository(self) -> bool:
        """True for what is about one repository."""
        return self.path.startswith(REPOSITORY)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names in its path, in order."""
        return tuple(_VARIABLE.findall(self.path))

    @cached_property
    def query(self) -> TypeAdapter[Any] | None:
        """What it may be asked; None for nothing."""
        hints = {name: hint for name, hint in self._hints.items() if name not in ("visit", "return")}
        return TypeAdapter(next(iter(hints.values()))) if hints else None

    @cached_property
    def asks(self) -> frozenset[str]:
        """The names of what it may be asked."""
        return frozenset(self.query.json_schema()["properties"]) if self.query is not None else frozenset()

    @cached_property
    def returns(self) -> TypeAdapter[Any]:
        """What it answers."""
        return TypeAdapter(self._hints["return"])

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.answer, include_extras=True)


class DuplicateResourceError(Exception):
    """Two resources share a path or a name: a mistake in this code, found at start-up."""


def resource(path: str, title: str, *, sees: Sees) -> Callable[[Answer], Resource]:
    """Turn a function that gathers facts into a resource."""

    def bind(answer: Answer) -> Resource:
        return Resource(path, title, sees, answer)

    return bind


@cache
def all_resources() -> tuple[Resource, ...]:
    """Return every resource, by path. Raises DuplicateResourceError for a path or a name used twice."""
    package = importlib.import_module("bot.dashboard.resources")
    found: dict[str, Resource] = {}
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        for value in vars(importlib.import_module(info.name)).values():
            if not isinstance(value, Resource) or found.get(value.path) is value:
                continue
            if value.path in found or value.name in {one.name for one in found.values()}:
                raise DuplicateResourceError(f"two resources are at {value.path}, or called {value.name}")
            found[value.path] = value
    return tuple(sorted(found.values(), key=lambda one: one.path))
