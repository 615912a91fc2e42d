"""Checks REST requests and responses against GitHub's OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from functools import cache
from typing import Any

from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from bot.simulator.server import RequestRecord, ResponseRecord
from tests.fidelity.endpoints import Endpoint, Endpoints, documented_path
from tests.fidelity.schemas import rest_schema

HOST = "https://api.github.com"

GENERAL_ERRORS = {301, 307, 400, 401, 403, 404, 422, 429}
"""The document lists these for some operations only, yet every operation may answer them (see GitHub's
"Troubleshooting the REST API"). Where an operation does not list one, its body must be a plain error."""


class RestRules:
    """GitHub's REST API as its OpenAPI document tells it."""

    def __init__(self) -> None:
        document = _document()
        self.endpoints = Endpoints(document)
        self._fitting: set[Hashable] = set()
        self.slow_looks = 0

    def violations(self, request: RequestRecord, response: ResponseRecord) -> Iterator[str]:
        """Yield in what way a request or its response is not GitHub's."""
        path = documented_path(request.path)
        endpoint = self.endpoints.find(request.method, path)
        if endpoint is None:
            yield "GitHub has no such endpoint"
            return
        seen = _Request(request, path)
        if response.status < 400:
            yield from self._request_errors(endpoint, request, seen)
            yield from _unknown_query(endpoint, request)
            yield from _unknown_keys(endpoint.operation, request)
        if response.status == 304 and not response.body:
            return
        if response.status in GENERAL_ERRORS and not endpoint.lists(response.status):
            yield from _plain_error_violations(response.body)
            return
        if not endpoint.answers(response):
            self.slow_looks += 1
            yield from (f"response: {text}" for text in response_errors(endpoint, request, response))

    def _request_errors(self, endpoint: Endpoint, request: RequestRecord, seen: _Request) -> Iterator[str]:
        """Yield what is wrong with a request. Where only the body is new, only that is looked at."""
        place = (seen.method, seen.path, frozenset(request.query.items()), seen.content_type, bool(request.body))
        if place in self._fitting and endpoint.takes(request):
            return
        self.slow_looks += 1
        errors = list(_told(_slow_rules(endpoint.template).iter_request_errors, seen))
        if not errors:
            self._fitting.add(place)
        yield from (f"request: {text}" for text in errors)


def response_errors(endpoint: Endpoint, request: RequestRecord, response: ResponseRecord) -> Iterator[str]:
    """Yield what is wrong with a response, looking slowly."""
    seen, given = _Request(request, documented_path(request.path)), _Response(response)
    yield from _told(_slow_rules(endpoint.template).iter_response_errors, seen, given)


@cache
def _slow_rules(template: str) -> OpenAPI:
    """Return the rules of one path: to find it among eight hundred takes longer than to look."""
    document = _document()
    one = document | {"paths": {template: document["paths"][template]}}
    return OpenAPI.from_dict(one, config=Config(spec_validator_cls=None))


@cache
def _document() -> dict[str, Any]:
    """Return the document with the places put right where it contradicts GitHub's own examples."""
    document = rest_schema()
    schemas = document["components"]["schemas"]
    for name in ("author", "committer"):
        # `oneOf: [simple-user, empty-object], nullable: true`: the null of an unknown address, which GitHub's
        # examples show, fits neither branch, because OpenAPI 3.0 lets only a schema with a type be nullable.
        property_ = schemas["commit"]["properties"][name]
        property_["anyOf"] = [
            *property_.pop("oneOf", property_.get("anyOf", [])),
            {"type": "object", "nullable": True},
        ]
    # `conclusion: nullable` beside an `enum` without null: every running check, also in the examples, has null.
    schemas["check-run"]["properties"]["conclusion"]["enum"].append(None)
    # Likewise the reason for which an issue was closed: an open one has none.
    schemas["issue"]["properties"]["state_reason"]["enum"].append(None)
    # `type` of a team is younger than the examples of pull requests and the schemas of webhooks, which lack it.
    for name in ("team", "team-simple"):
        schemas[name]["required"].remove("type")
    # A label without a description has null, as the components `label` and `pull-request` say; this one forgot.
    label = schemas["pull-request-simple"]["properties"]["labels"]["items"]["properties"]
    label["description"]["nullable"] = True
    # The discriminator `type` has "array" for folders, but their answer is an array and has no `type` at all.
    contents = document["paths"]["/repos/{owner}/{repo}/contents/{path}"]["get"]["responses"]["200"]["content"]
    contents["application/json"]["schema"].pop("discriminator", None)
    # `account: allOf [user, enterprise]`: no account is both. The component `installation`, which the single
    # installation answers with, says `anyOf`, as the example of this very operation needs.
    listing = document["paths"]["/app/installations"]["get"]["responses"]["200"]["content"]["application/json"]
    listing["schema"]["items"] = {"$ref": "#/components/schemas/installation"}
    return document


def _unknown_query(endpoint: Endpoint, request: RequestRecord) -> Iterator[str]:
    unknown = (name for name in request.query if name not in endpoint.query_names)
    yield from (f"request: GitHub knows no query parameter {name!r}" for name in unknown)


def _unknown_keys(operation: dict[str, Any], request: RequestRecord) -> Iterator[str]:
    """Yield the keys of a request body that GitHub would silently ignore."""
    if not request.body:
        return
    content = operation.get("requestBody", {}).get("content", {})
    known = content.get("application/json", {}).get("schema", {}).get("properties")
    sent = json.loads(request.body)
    if known and isinstance(sent, dict):
        yield from (f"request: GitHub knows no key {key!r} in this body" for key in sent if key not in known)


def _plain_error_violations(body: bytes) -> Iterator[str]:
    error = json.loads(body)
    if not isinstance(error.get("message"), str) or not isinstance(error.get("documentation_url"), str):
        yield "response: an error of GitHub has a message and a documentation_url"


def _told(errors: Any, *arguments: Any) -> Iterator[str]:
    try:
        for error in errors(*arguments):
            causes = [_cause(cause) for cause in getattr(error.__cause__, "schema_errors", [])]
            yield f"{error} {error.__cause__ or ''} {'; '.join(causes)}".strip()
    except OpenAPIError as error:
        yield str(error)


def _cause(error: Any) -> str:
    """Return where a value breaks its schema, down to the branch that came nearest."""
    place = "/".join(str(step) for step in error.absolute_path)
    nested = "; ".join(_cause(below) for below in list(error.context or [])[:3])
    return f"{place}: {error.message[:200]}" + (f" ({nested})" if nested else "")


class _Request:
    """A recorded request in the form that openapi-core reads."""

    host_url = HOST

    def __init__(self, record: RequestRecord, path: str) -> None:
        self.path = path
        self.method = record.method.lower()
        self.body = record.body or None
        self.content_type = record.headers.get("Content-Type", "application/json").partition(";")[0]
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(record.query), header=Headers(dict(record.headers))
        )


class _Response:
    """A recorded response in the form that openapi-core reads."""

    def __init__(self, record: ResponseRecord) -> None:
        self.data = record.body
        self.status_code = record.status
        self.content_type = record.headers["Content-Type"].partition(";")[0]
        self.headers = dict(record.headers)
