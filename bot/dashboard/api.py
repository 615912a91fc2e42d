"""The JSON interface: the same facts as on the pages, for the same people, with refusals that programs can read."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from bot.dashboard.cookies import SessionCookies
from bot.dashboard.headers import safe_headers
from bot.dashboard.openapi import openapi_document
from bot.dashboard.problems import mistakes_of, problem
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import ROOT, Resource, all_resources
from bot.dashboard.visit import NotThereError, RefusedVisitError, Visit
from bot.github.errors import GitHubError

log = structlog.get_logger()

_MOST_QUERY = 4_000  # characters
_MOST_TOLD = 20  # mistakes
_NOWHERE = "There is no such resource. GET /api/v1 lists them all."
_TWICE = "stands in the query more than once"
_WRONG_QUERY = "The query holds what this resource does not know or cannot take."
_TOO_LONG = f"The query is longer than {_MOST_QUERY:,} characters."
_GITHUB_IS_AWAY = "GitHub does not answer just now, and this cannot be said without it."
_BROKEN = "Something of ours broke while this was gathered. Its number in the log is "


class Desk(Protocol):
    """Who finds out who asks, and what they may see."""

    @property
    def is_https(self) -> bool:
        """Whether people reach us by HTTPS."""

    async def arrive(self, request: web.Request, *, is_of_repository: bool, sees: Sees) -> Visit:
        """Return the visit of somebody who may see that. Raises RefusedVisitError, also while the bot starts."""


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """One resource, as the list of all of them names it."""

    path: str
    title: str
    seen_by: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is to read here."""

    openapi: str
    resources: tuple[ResourceFacts, ...]


_CONTENTS: TypeAdapter[Contents] = TypeAdapter(Contents)
_Gather = Callable[[Visit], Awaitable[bytes]]


class Api:
    """Hangs the resources into an application, and answers for them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the routes."""
        router.add_get(ROOT, self._answering(_contents))
        router.add_get(f"{ROOT}/openapi.json", self._answering(_document))
        for one in all_resources():
            gather = _gathering(one)
            answering = self._answering(gather, is_of_repository=one.is_of_repository, sees=one.sees)
            router.add_get(ROOT + one.path, answering)
        router.add_route("*", ROOT, self._answering(_nothing))
        router.add_route("*", ROOT + "/{rest:.*}", self._answering(_nothing))

    def _answering(
        self, gather: _Gather, *, is_of_repository: bool = False, sees: Sees = Sees.ANYBODY
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return a handler: whatever goes wrong, the answer is a problem in JSON, and never a traceback."""

        async def handle(request: web.Request) -> web.StreamResponse:
            response = await self._answer(request, gather, is_of_repository=is_of_repository, sees=sees)
            response.headers.update(safe_headers(is_https=self._desk.is_https))
            return response

        return handle

    async def _answer(
        self, request: web.Request, gather: _Gather, *, is_of_repository: bool, sees: Sees
    ) -> web.Response:
        path = request.path
        if request.method not in {"GET", "HEAD"}:
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method} is not for {path}.", path)
        if len(request.query_string) > _MOST_QUERY:
            return problem(HTTPStatus.BAD_REQUEST, _TOO_LONG, path)
        try:
            visit = await self._desk.arrive(request, is_of_repository=is_of_repository, sees=sees)
            return _sent(request, await gather(visit))
        except RefusedVisitError as error:
            return problem(error.status, str(error), path)
        except ValidationError as error:
            return problem(HTTPStatus.BAD_REQUEST, _WRONG_QUERY, path, mistakes_of(error))
        except web.HTTPTemporaryRedirect as error:
            return web.Response(status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": str(error.location)})
        except GitHubError as error:
            log.warning("api.github_away", path=path, error=str(error))
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, _GITHUB_IS_AWAY, path)
        except Exception:
            trace_id = uuid.uuid4().hex[:12]
            log.exception("api.broke", path=path, trace_id=trace_id)
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, _BROKEN + trace_id, path)


def _gathering(one: Resource) -> _Gather:
    async def gather(visit: Visit) -> bytes:
        query = one.query
        given = _query_of(visit)
        if query is None:
            _refuse_others(given, frozenset())
            return one.returns.dump_json(await one.answer(visit))
        _refuse_others(given, one.asks)
        return one.returns.dump_json(await one.answer(visit, query.validate_python(given)))

    return gather


def _query_of(visit: Visit) -> Mapping[str, str]:
    """Return what is asked. Raises ValidationError for what is said twice: nobody knows which of them is meant."""
    query = visit.request.query
    _refuse([name for name in query if len(query.getall(name)) > 1], _TWICE)
    return dict(query)


def _refuse_others(given: Mapping[str, str], known: frozenset[str]) -> None:
    """Raise ValidationError for what a resource cannot be asked: a misspelt filter would show everything."""
    there_is = f"there is {', '.join(sorted(known))}" if known else "nothing can be asked here"
    _refuse([name for name in given if name not in known], f"is unknown; {there_is}")


def _refuse(names: Iterable[str], why: str) -> None:
    if details := [_detail(name, why) for name in names]:
        raise ValidationError.from_exception_data("query", details[:_MOST_TOLD])


def _detail(name: str, why: str) -> Any:
    return {"type": "value_error", "loc": (name,), "input": "", "ctx": {"error": ValueError(why)}}


def _sent(request: web.Request, body: bytes) -> web.Response:
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    known = {each.strip() for each in request.headers.get("If-None-Match", "").split(",")}
    if known & {tag, tag.removeprefix("W/"), "*"}:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    response = web.Response(body=body, content_type="application/json", headers={"ETag": tag})
    response.enable_compression()
    return response


async def _contents(visit: Visit) -> bytes:
    base = visit.house.settings.base_path + ROOT
    facts = Contents(
        f"{base}/openapi.json",
        tuple(ResourceFacts(base + one.path, one.title, one.sees.value) for one in all_resources()),
    )
    return _CONTENTS.dump_json(facts)


async def _document(visit: Visit) -> bytes:
    settings = visit.house.settings
    cookie = SessionCookies(settings, visit.house.sessions).name
    return json.dumps(openapi_document(settings.base_path, cookie)).encode()


async def _nothing(_visit: Visit) -> bytes:
    raise NotThereError(_NOWHERE)
