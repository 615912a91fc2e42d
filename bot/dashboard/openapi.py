"""The OpenAPI document of the JSON interface, made from the declarations of its resources.

*Source*: OpenAPI specification 3.1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from bot.dashboard.problems import MEDIA_TYPE, PROBLEM
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import MOST_NUMBER, ROOT, Resource, all_resources

_REFERENCE = "#/components/schemas/{model}"
_SEES: Mapping[Sees, str] = {
    Sees.ANYBODY: "For everybody.",
    Sees.READERS: "For everybody where the repository's pages are public, else for triagers and above.",
    Sees.TRIAGERS: "For triagers, approvers and maintainers.",
    Sees.MAINTAINERS: "For maintainers.",
    Sees.JUDGED: "For triagers, approvers and maintainers, and for the author of the pull request it is about.",
}
_NUMBER = {"type": "integer", "minimum": 1, "maximum": MOST_NUMBER}
_ID = {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}
_VARIABLES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "owner": ("Who owns the repository.", {"type": "string"}),
    "repo": ("The repository's name.", {"type": "string"}),
    "number": ("The pull request's number.", _NUMBER),
    "job": ("The job's number.", _ID),
    "build": ("The build's number.", _ID),
}
_REFUSALS: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "What was asked makes no sense; `errors` names each part.",
    HTTPStatus.UNAUTHORIZED: "It might be yours to see: sign in.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or it is not yours to see.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The bot is starting, or GitHub does not answer.",
}
_ABOUT = (
    "What the pages show, as JSON, for whoever may see those pages. Read only: decisions are taken on the pages and "
    "by commands. Words of contributors are given as they were written; escape them before you show them."
)


@cache
def openapi_document(base_path: str, cookie: str) -> dict[str, Any]:
    """Return the document for a bot that is reached below `base_path`, whose session lies in that cookie."""
    resources = all_resources()
    schemas, shared = _schemas(resources)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Taxonomy bot", "version": "1", "description": _ABOUT},
        "servers": [{"url": base_path + ROOT}],
        "paths": {one.path: {"get": _operation(one, schemas)} for one in resources},
        "components": {
            "schemas": shared,
            "responses": {
                status.phrase.replace(" ", ""): {
                    "description": said,
                    "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}},
                }
                for status, said in _REFUSALS.items()
            },
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": cookie}},
        },
    }


def _schemas(resources: Iterable[Resource]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return the schema of what each resource returns, by its name, and what they refer to."""
    inputs = [(one.name, "serialization", one.returns) for one in resources]
    made, shared = TypeAdapter.json_schemas(
        [*inputs, ("Problem", "serialization", PROBLEM)],  # type: ignore[list-item]
        ref_template=_REFERENCE,
    )
    return {str(name): schema for (name, _), schema in made.items()}, dict(shared.get("$defs", {}))


def _operation(one: Resource, schemas: Mapping[str, Any]) -> dict[str, Any]:
    refusals = [status for status in _REFUSALS if one.query is not None or status is not HTTPStatus.BAD_REQUEST]
    return {
        "operationId": one.name,
        "summary": one.title,
        "description": _SEES[one.sees],
        "parameters": [*_path_parameters(one), *_query_parameters(one), _IF_NONE_MATCH],
        "security": [{}] if one.sees is Sees.ANYBODY else [{}, {"session": []}],
        "responses": {
            "200": {
                "description": one.title,
                "headers": {"ETag": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": schemas[one.name]}},
            },
            "304": {"description": "It is still as you have it."},
            **{
                str(int(status)): {"$ref": f"#/components/responses/{status.phrase.replace(' ', '')}"}
                for status in refusals
            },
        },
    }


_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of what you have: if it still is so, 304 comes without a body.",
    "schema": {"type": "string"},
}


def _path_parameters(one: Resource) -> Iterable[dict[str, Any]]:
    for name in one.variables:
        said, schema = _VARIABLES[name]
        yield {"name": name, "in": "path", "required": True, "description": said, "schema": dict(schema)}


def _query_parameters(one: Resource) -> Iterable[dict[str, Any]]:
    if one.query is None:
        return
    schema = one.query.json_schema(mode="validation")
    for name, given in schema["properties"].items():
        of_part = {key: value for key, value in given.items() if key not in ("title", "description")}
        if "$ref" in of_part:  # a choice, said in full where it stands
            choice = schema["$defs"][re.sub(r".*/", "", of_part.pop("$ref"))]
            of_part = {"type": choice["type"], "enum": choice["enum"]} | of_part
        yield {
            "name": name,
            "in": "query",
            "required": False,
            "description": given.get("description", ""),
            "schema": of_part,
        }
