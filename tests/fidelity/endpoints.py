"""The endpoints of GitHub's OpenAPI document, found by method and path, with what they take and give compiled."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

import jsonschema_rs

from bot.simulator.server import RequestRecord, ResponseRecord
from tests.fidelity.compiled import CompiledSchemas

_JSON = "application/json"
_PLACEHOLDER = re.compile(r"\{\w+\}")

_UNDOCUMENTED_PATHS = {
    # GitHub's own redirects for renamed repositories lead here (Location: /repositories/ID), so it exists,
    # but the OpenAPI document leaves it out. It answers as /repos/{owner}/{repo} does, with all that is below.
    re.compile(r"/repositories/\d+(?=/|$)"): "/repos/owner/name",
}

_SLASHED = re.compile(r"(/repos/[^/]+/[^/]+/(?:contents|compare|git/(?:matching-)?refs?)/)(.+)")
"""Parts of a path that may hold slashes at GitHub; OpenAPI 3.0 has no way to say so."""


class Endpoint:
    """One method on one path of the document."""

    def __init__(self, document: dict[str, Any], template: str, method: str, schemas: CompiledSchemas) -> None:
        self.template = template
        self.operation: dict[str, Any] = document["paths"][template][method]
        self._document = document
        self._schemas = schemas
        self._responses: dict[int, _Response | None] = {}

    @cached_property
    def query_names(self) -> set[str]:
        "The query parameters that GitHub knows here."
        given = (self._resolved(parameter) for parameter in self.operation.get("parameters", []))
        return {parameter["name"] for parameter in given if parameter["in"] == "query"}

    def lists(self, status: int) -> bool:
        "Tell whether the document has a response of this status."
        return str(status) in self.operation["responses"]

    def takes(self, request: RequestRecord) -> bool:
        "Tell whether the body fits surely; one that does not is for the slow check."
        if not request.body or self._body is None:
            return not request.body
        return _media_type(request.headers) == _JSON and _fits(self._body, request.body)

    def answers(self, response: ResponseRecord) -> bool:
        "Tell whether a response fits surely; one that does not is for the slow check."
        if response.status not in self._responses:
            self._responses[response.status] = self._listed(response.status)
        expected = self._responses[response.status]
        return expected is not None and expected.is_met_by(response)

    @cached_property
    def _body(self) -> jsonschema_rs.Draft4Validator | None:
        content = self.operation.get("requestBody", {}).get("content", {})
        return self._schemas.validator(content[_JSON]["schema"]) if _JSON in content else None

    def _listed(self, status: int) -> _Response | None:
        if not self.lists(status):
            return None
        listed = self._resolved(self.operation["responses"][str(status)])
        headers = (self._resolved(header) for header in listed.get("headers", {}).values())
        has_plain_headers = all(header.get("schema") == {"type": "string"} for header in headers)
        content = listed.get("content", {})
        body = self._schemas.validator(content[_JSON]["schema"]) if "schema" in content.get(_JSON, {}) else None
        return _Response(has_plain_headers, "content" not in listed, body)

    def _resolved(self, given: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in given:
            return given
        _, _, kind, name = given["$ref"].split("/")
        return self._document["components"][kind][name]


class Endpoints:
    """All endpoints of the document."""

    def __init__(self, document: dict[str, Any]) -> None:
        schemas = CompiledSchemas(document["components"]["schemas"])
        self._by_shape: dict[tuple[str, int], list[Endpoint]] = defaultdict(list)
        # those with fewer variable parts first
        for template, operations in sorted(document["paths"].items(), key=lambda item: item[0].count("{")):
            for method in operations:
                shape = (method.upper(), template.count("/"))
                self._by_shape[shape].append(Endpoint(document, template, method, schemas))
        self.find = lru_cache(maxsize=10_000)(self._found)

    def _found(self, method: str, path: str) -> Endpoint | None:
        "Return where a documented path leads."
        known = self._by_shape.get((method, path.count("/")), [])
        return next((endpoint for endpoint in known if _expression(endpoint.template).fullmatch(path)), None)


def documented_path(path: str) -> str:
    """Return a path as the document writes it."""
    for expression, documented in _UNDOCUMENTED_PATHS.items():
        path = expression.sub(documented, path, count=1) if expression.match(path) else path
    return _SLASHED.sub(lambda match: match[1] + match[2].replace("/", "%2F"), path)


@dataclass(frozen=True, slots=True)
class _Response:
    """What the document says of a response: its headers are any texts, its body is none or is of a form."""

    has_plain_headers: bool
    is_empty: bool
    body: jsonschema_rs.Draft4Validator | None

    def is_met_by(self, response: ResponseRecord) -> bool:
        if not self.has_plain_headers:
            return False
        if self.body is None:
            return self.is_empty
        return _media_type(response.headers) == _JSON and _fits(self.body, response.body)


def _media_type(headers: Any) -> str:
    return str(headers.get("Content-Type", _JSON)).partition(";")[0]


def _fits(schema: jsonschema_rs.Draft4Validator, body: bytes) -> bool:
    try:
        return schema.is_valid(json.loads(body))
    except ValueError:
        return False


@cache
def _expression(template: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in _PLACEHOLDER.split(template)))
