"""docs/pages.md and docs/api.md: the pages of the bot and what its JSON interface has, from their registries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.dashboard.openapi import openapi_document
from bot.dashboard.registry import Page, Sees, all_pages
from bot.dashboard.resource_registry import ROOT, all_resources
from docs_site.reference.cells import MADE, cell, table

_FOR = {
    Sees.ANYBODY: "everybody",
    Sees.READERS: "readers",
    Sees.TRIAGERS: "triagers and above",
    Sees.MAINTAINERS: "maintainers",
    Sees.JUDGED: "triagers and above, and the pull request's author",
}
_PAGES = f"""# Pages

{MADE}

Every page that the bot serves, and every form on one. Who readers are, how people sign in and what is where:
[the pages](dashboard.md).
"""
_API = f"""# The JSON interface

{MADE}

Below `{ROOT}`, all of it read only; `{ROOT}/openapi.json` is the same for programs. Cursors, ETags and refusals are
told [with the pages](dashboard.md#json). A parameter that is misspelt is refused.
"""


def pages_page() -> str:
    """Return docs/pages.md."""
    pages = [(f"`{one.path}`", cell(one.heading), _FOR[one.sees]) for one in all_pages() if isinstance(one, Page)]
    forms = [(f"`POST {one.path}`", _FOR[one.sees]) for one in all_pages() if not isinstance(one, Page)]
    return "\n".join(
        (
            _PAGES,
            *table(("path", "heading", "for"), pages),
            "\n## What forms do\n",
            "A form carries the session's token; its order is handled as the command in a comment would be.\n",
            *table(("path", "for"), forms),
            "",
        )
    )


def api_page() -> str:
    """Return docs/api.md."""
    document = openapi_document("", "taxonomy-bot-session")
    parts = [_API]
    for resource in all_resources():
        operation = document["paths"][resource.path]["get"]
        parts += [
            f"## `{resource.path}`\n",
            f"{cell(resource.title)}. For {_FOR[resource.sees]}.\n",
            *_parameters(operation),
            *_answer(operation, document),
        ]
    return "\n".join(parts)


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    asked = [one for one in operation.get("parameters", ()) if one.get("in") == "query"]
    if asked:
        rows = [(f"`{one['name']}`", _kind(one["schema"]), cell(one.get("description", ""))) for one in asked]
        yield "\n".join(table(("parameter", "kind", "meaning"), rows)) + "\n"


def _answer(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    fields = _fields(schema, document)
    if {"items", "next"} == fields.keys():
        inner = ", ".join(_fields(fields["items"]["items"], document))
        yield f"Answers a list (`items`, `next`), each entry with `{inner}`.\n"
    elif fields:
        yield f"Answers `{', '.join(fields)}`.\n"


def _fields(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    fields: dict[str, Any] = document["components"]["schemas"].get(name, schema).get("properties", {})
    return fields


def _kind(schema: dict[str, Any]) -> str:
    if choices := schema.get("enum"):
        return cell(" or ".join(f"`{choice}`" if choice != "" else "empty" for choice in choices))
    return str(schema.get("type", "text")).replace("string", "text").replace("integer", "whole number")
