"""GitHub's own published schemas, fetched once by npm into a cache and loaded once per process."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.npm_files import fetched

OPENAPI = "@octokit/openapi@23.0.2"
WEBHOOK_SCHEMAS = "@octokit/webhooks-schemas@7.6.1"
WEBHOOK_EXAMPLES = "@octokit/webhooks-examples@7.6.1"
GRAPHQL_SCHEMA = "@octokit/graphql-schema@15.26.1"


@cache
def rest_schema() -> dict[str, Any]:
    """Return the OpenAPI document of GitHub's REST API."""
    return json.loads(fetched(OPENAPI, "package/generated/api.github.com.json"))


@cache
def webhook_schema() -> dict[str, Any]:
    """Return the JSON schema (draft-07) of GitHub's webhooks."""
    return json.loads(fetched(WEBHOOK_SCHEMAS, "package/schema.json"))


@cache
def webhook_examples() -> dict[str, list[dict[str, Any]]]:
    """Return GitHub's example payloads by event."""
    events = json.loads(fetched(WEBHOOK_EXAMPLES, "package/api.github.com/index.json"))
    return {event["name"]: event["examples"] for event in events}


@cache
def graphql_schema_text() -> str:
    """Return GitHub's GraphQL schema in its own language."""
    return fetched(GRAPHQL_SCHEMA, "package/schema.graphql").decode()
