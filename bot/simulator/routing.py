"""Routes of the simulated REST API: what a handler is given, what it answers, and how it is found."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

from bot.simulator.access import Gate, Identity
from bot.simulator.accounts import Account, App, Installation
from bot.simulator.changes import Changes
from bot.simulator.faults import Faults
from bot.simulator.repositories import Pull, Repository, Subject
from bot.simulator.state import GitHubState

DOCUMENTATION_URL = "https://docs.github.com/rest"
PER_PAGE = 30
MOST_PER_PAGE = 100
GREEDY_PARAMETERS = {"path", "basehead", "git_ref"}

Item = TypeVar("Item")


class ApiError(Exception):
    """A refusal, with the status and words of GitHub."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = more.pop("headers", {})
        self.payload = {"message": message, **more, "documentation_url": DOCUMENTATION_URL, "status": str(status)}


class NotFoundError(ApiError):
    """What GitHub says of everything that is not there or not yours to see."""

    def __init__(self) -> None:
        super().__init__(404, "Not Found")


class InvalidFieldError(ApiError):
    """A request body that GitHub refuses because of one field."""

    def __init__(self, resource: str, name: str, code: str, message: str = "") -> None:
        problem = {"resource": resource, "field": name, "code": code} | ({"message": message} if message else {})
        super().__init__(422, "Validation Failed", errors=[problem])


@dataclass(slots=True)
class Reply:
    """What a handler answers; `payload` None means an empty body."""

    payload: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """One request, understood."""

    state: GitHubState
    changes: Changes
    gate: Gate
    identity: Identity
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    faults: Faults = field(default_factory=Faults)

    @cached_property
    def repo(self) -> Repository:
        """The repository that the path names, if the caller may see it."""
        repo = self.state.repository(f"{self.params['owner']}/{self.params['repo']}")
        return self.visible(repo)

    @property
    def pull(self) -> Pull:
        """The pull request that the path names."""
        number = self.params.get("pull_number") or self.params["issue_number"]
        pull = self.repo.pulls.get(int(number)) if number.isdigit() else None
        if pull is None:
            raise NotFoundError
        return pull

    def subject(self, level: str) -> Subject:
        """Return the issue or pull request that the path names; each kind needs its own permission.

        Raises: NotFoundError, or ApiError 403 where the App may not "read" or "write" that kind.
        """
        number = self.params["issue_number"]
        subject = self.repo.subject(int(number)) if number.isdigit() else None
        if subject is None:
            raise NotFoundError
        kind = "pull_requests" if isinstance(subject, Pull) else "issues"
        if not holds(self.state.app, f"{kind}:{level}"):
            raise ApiError(403, "Resource not accessible by integration")
        return subject

    @property
    def actor(self) -> Account:
        """The account that acts: the App's bot."""
        return self.state.app.bot

    @property
    def installation(self) -> Installation | None:
        """The installation whose token was shown, if any."""
        return self.identity.installation

    def visible(self, repo: Repository | None) -> Repository:
        """Return `repo` if the caller may see it.

        Raises: NotFoundError, also for private repositories of others.
        """
        if repo is None or (repo.private and repo.installation is not self.installation and self.installation):
            raise NotFoundError
        return repo

    def number(self, name: str) -> int:
        """Return a numeric part of the path."""
        if not self.params[name].isdigit():
            raise NotFoundError
        return int(self.params[name])

    def commit(self, reference: str) -> str:
        """Return the SHA that a reference means in the repository.

        Raises: ApiError 422, as GitHub does for an unknown commit.
        """
        sha = self.repo.resolve(reference)
        if sha is None:
            raise ApiError(422, f"No commit found for SHA: {reference}")
        return sha

    def text(self, name: str, resource: str) -> str:
        """Return a non-empty string of the request body."""
        value = self.body.get(name) if isinstance(self.body, dict) else None
        if not isinstance(value, str) or not value:
            raise InvalidFieldError(resource, name, "missing_field")
        return value

    def page(self, items: Sequence[Item], default: int = PER_PAGE) -> tuple[Sequence[Item], dict[str, str]]:
        """Return the part of `items` that was asked for, and the Link header to the other parts."""
        size = min(max(_positive(self.query.get("per_page"), default), 1), max(MOST_PER_PAGE, default))
        page = _positive(self.query.get("page"), 1)
        last = max(1, -(-len(items) // size))
        targets = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        shown = {"next", "last"} if page == 1 else {"prev", "first"} if page >= last else set(targets)
        links = [
            f'<{self.state.api_url}{self.path}?{urlencode({**self.query, "page": target})}>; rel="{name}"'
            for name, target in targets.items()
            if name in shown
        ]
        headers = {"Link": ", ".join(links)} if last > 1 else {}
        return items[(page - 1) * size : page * size], headers


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """One endpoint: how its path looks, what it needs and who answers."""

    method: str
    template: str
    handler: Handler
    needs: str
    by_app: bool

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The template as an expression over the quoted path."""
        parts = re.split(r"\{(\w+)\}", self.template)
        expression = "".join(
            f"(?P<{part}>{'.+' if part in GREEDY_PARAMETERS else '[^/]+'})" if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
        return re.compile(expression)


class RouteTable:
    """A set of routes; each module of routes fills its own."""

    def __init__(self, *tables: RouteTable) -> None:
        self.routes: list[Route] = [route for table in tables for route in table.routes]

    def add(
        self, method: str, template: str, needs: str = "", *, by_app: bool = False
    ) -> Callable[[Handler], Handler]:
        """Return a decorator: the function answers `method template`.

        `needs` is the permission a token must hold ("checks:write"); `by_app` asks for the App's own JWT.
        """

        def register(handler: Handler) -> Handler:
            self.routes.append(Route(method, template, handler, needs, by_app))
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a quoted path, with the unquoted parts that its template names."""
        for route in self.routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
        return None


def holds(app: App, needs: str) -> bool:
    """Tell whether an App has a permission ("checks:write"); every App may read metadata."""
    name, _, level = needs.partition(":")
    held = app.permissions.get(name, "read" if name == "metadata" else "")
    return not name or (bool(held) and not (level == "write" and held == "read"))


def _positive(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdigit() and int(text) > 0 else default
