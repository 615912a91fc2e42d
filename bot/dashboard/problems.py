"""Refusals of the JSON interface, as problem details: what, where, why, and how to put it right.

*Source*: RFC 9457.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

MEDIA_TYPE = "application/problem+json"
_LONGEST_INPUT = 60

_TITLES: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "This cannot be asked so",
    HTTPStatus.UNAUTHORIZED: "Sign in first",
    HTTPStatus.NOT_FOUND: "There is no such thing, or it is not yours to see",
    HTTPStatus.METHOD_NOT_ALLOWED: "Nothing can be changed here",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something of ours broke",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not just now",
}
_REMEDIES: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "Put right what `errors` or `detail` name; the OpenAPI document says what can be asked.",
    HTTPStatus.UNAUTHORIZED: "Sign in on the pages with GitHub, and send the session's cookie with the request.",
    HTTPStatus.NOT_FOUND: "Check the address. If it is right, ask as somebody who may see it.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Ask with GET or HEAD. What people decide, they do on the pages or by commands.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Try again; tell the people who run the bot the number in `detail`.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Try again in a minute.",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a request: where it stands, and why that cannot be."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused. `title` says what, `instance` where, `detail` why, `remedy` how to put it right."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    remedy: str
    errors: tuple[Mistake, ...] = ()


PROBLEM: TypeAdapter[Problem] = TypeAdapter(Problem)


def problem(status: HTTPStatus, detail: str, path: str, errors: tuple[Mistake, ...] = ()) -> web.Response:
    """Return a refusal."""
    told = Problem("about:blank", _TITLES[status], int(status), detail, path, _REMEDIES[status], errors)
    response = web.Response(body=PROBLEM.dump_json(told), status=status, headers={"Content-Type": MEDIA_TYPE})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = "GET, HEAD"
    return response


def mistakes_of(error: ValidationError) -> tuple[Mistake, ...]:
    """Return what is wrong with a query, one for each of its parts."""
    return tuple(
        Mistake(
            where="?" + ".".join(str(part) for part in detail["loc"])[:_LONGEST_INPUT],
            why=detail["msg"].removeprefix("Value error, "),
        )
        for detail in error.errors(include_url=False, include_context=False)
    )
