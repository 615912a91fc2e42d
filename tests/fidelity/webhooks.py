"""Checks webhooks against GitHub's JSON schemas and against the keys of GitHub's example payloads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
from jsonschema import Draft7Validator

from bot.simulator.webhooks import Delivery
from tests.fidelity.schemas import webhook_examples, webhook_schema


def webhook_violations(delivery: Delivery) -> Iterator[str]:
    """Yield in what way a webhook is not one of GitHub's."""
    name = f"{delivery.event}${delivery.action or 'event'}"
    if name not in webhook_schema()["definitions"]:
        yield f"GitHub has no webhook {delivery.event}.{delivery.action}"
        return
    if quick_look(name).is_valid(delivery.payload):
        return
    for error in slow_look(name).iter_errors(delivery.payload):
        place = "/".join(str(step) for step in error.absolute_path)
        yield f"{place}: {error.message[:300]}"


@cache
def quick_look(name: str) -> jsonschema_rs.Draft7Validator:
    """Return what tells within a moment that a payload fits."""
    return jsonschema_rs.Draft7Validator(_schema(name), validate_formats=True)


@cache
def slow_look(name: str) -> Draft7Validator:
    """Return what says why a payload does not fit."""
    return Draft7Validator(_schema(name), format_checker=Draft7Validator.FORMAT_CHECKER)


def _schema(name: str) -> dict[str, Any]:
    return {"definitions": webhook_schema()["definitions"], "$ref": f"#/definitions/{name}"}


def missing_from_examples(delivery: Delivery) -> set[str]:
    """Return the keys that every example of GitHub for this webhook has, at any depth, and ours has not."""
    examples = [
        example
        for example in webhook_examples()[delivery.event]
        if example.get("action") == delivery.action and _is_comparable(example)
    ]
    shared = set.intersection(*(set(_key_paths(example)) for example in examples)) if examples else set()
    ours = set(_key_paths(delivery.payload))
    return {path for path in shared - ours if not _depends_on_the_case(path, delivery.payload)}


def _is_comparable(example: dict[str, Any]) -> bool:
    """Leave out the deletions among the examples of a push: they hold no commits."""
    return not example.get("deleted")


def _key_paths(value: Any, place: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield f"{place}.{key}" if place else key
            yield from _key_paths(below, f"{place}.{key}" if place else key)


def _depends_on_the_case(path: str, payload: Any) -> bool:
    """Tell whether a key is a permission of the App, or lies in something that is null here, as a milestone.

    A review is asked of a person, as in all examples, or of a team.
    """
    if ".permissions." in path or (path.startswith("requested_reviewer") and "requested_team" in payload):
        return True
    for key in path.split("."):
        if payload is None or not isinstance(payload, dict):
            return True
        if key not in payload:
            return False
        payload = payload[key]
    return False
