"""Checks GraphQL documents and their answers against GitHub's GraphQL schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    build_schema,
    execute,
    parse,
    validate,
)

from bot.simulator.server import RequestRecord, ResponseRecord
from tests.fidelity.schemas import graphql_schema_text

CONCRETE_TYPES = {"Actor": "Bot", "GitObject": "Blob", "Minimizable": "IssueComment", "Node": "PullRequest"}


@cache
def _schema() -> GraphQLSchema:
    return build_schema(graphql_schema_text(), assume_valid=True)


def graphql_violations(request: RequestRecord, response: ResponseRecord) -> Iterator[str]:
    """Yield in what way a document or its answer is not GitHub's.

    The answer is replayed through GitHub's schema: a field of the wrong type or a missing one shows as an error,
    and so does a variable that is not what its type asks for.
    """
    sent, answer = json.loads(request.body), json.loads(response.body)
    if "data" not in answer:  # refused as a whole, before anything was done
        return
    document, errors = _read(sent["query"])
    yield from (f"request: {error}" for error in errors)
    if document is None or errors:
        return
    result = execute(
        _schema(),
        document,
        root_value=answer["data"],
        variable_values=sent.get("variables"),
        field_resolver=lambda source, info, **_: source[info.path.key],
        type_resolver=lambda _value, _info, abstract: CONCRETE_TYPES[abstract.name],
    )
    assert isinstance(result, ExecutionResult)
    yield from _replay_violations(result, answer["data"])
    failed = {error["path"][0] for error in answer.get("errors", ())}
    yield from (f"answer: nobody says why {name} is null" for name in _nulls(answer["data"]) - failed)


@lru_cache(maxsize=1_000)
def _read(query: str) -> tuple[DocumentNode | None, tuple[str, ...]]:
    """Return the document that a text holds, and what GitHub's schema has against it."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return None, (error.message,)
    return document, tuple(error.message for error in validate(_schema(), document))


def _replay_violations(result: ExecutionResult, data: dict[str, Any]) -> Iterator[str]:
    yield from (f"answer: {error.message}" for error in result.errors or ())
    if not result.errors and result.data != data:
        yield f"answer: GitHub's schema makes {result.data} of {data}"


def _nulls(data: dict[str, Any]) -> set[str]:
    return {name for name, value in data.items() if value is None}
