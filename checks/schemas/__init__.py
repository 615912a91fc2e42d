"""The published JSON schemas of qna.yaml, made fit for friendly findings: flat, strict, and never slow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

SKILL = "compositional_skills"
KNOWLEDGE = "knowledge"
NEWEST = 3
_PACKAGE = "instructlab.schema"
_COMPILED = frozenset(
    {"type", "required", "properties", "additionalProperties", "items", "minItems", "uniqueItems", "minLength"}
)
_SAYS_NOTHING = frozenset({"title", "description", "examples", "$comment", "$schema", "deprecated"})

Accept = Callable[[Any], bool]


class UnknownSchemaError(Exception):
    """The installed `instructlab-schema` holds no schema of this version."""


@cache
def validator(name: str, version: int) -> Draft202012Validator:
    """Return the validator of a kind of leaf (`SKILL`, `KNOWLEDGE`) at a schema version.

    It differs from the published schema in four ways: references to other files are resolved beforehand;
    keys the schema does not name are refused at every level; text of nothing but blanks counts as empty; the
    version itself is not looked at. Raises UnknownSchemaError.
    """
    strict: Draft202012Validator = _Validator(_flat(_read(f"{name}.json", version), version))
    return strict


@cache
def acceptor(name: str, version: int) -> Accept:
    """Return a quick test that says the same as `validator(name, version).is_valid`: most files are right."""
    return _compiled(validator(name, version).schema)


@cache
def keys_of(name: str, version: int) -> Mapping[tuple[str, ...], tuple[str, ...]]:
    """Return the keys known at each level, by the names of the keys above it (lists add no step)."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    _collect_keys(validator(name, version).schema, (), found)
    return found


def _read(name: str, version: int) -> dict[str, Any]:
    file = resources.files(_PACKAGE).joinpath(f"v{version}", name)
    try:
        schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnknownSchemaError(f"there is no schema v{version}/{name}") from None
    return schema


def _flat(schema: Any, version: int) -> Any:
    """Merge what `$ref` points to into the schema, and close every object that names its keys."""
    if isinstance(schema, list):
        return [_flat(item, version) for item in schema]
    if not isinstance(schema, dict):
        return schema
    flat = {key: _flat(value, version) for key, value in schema.items() if key != "unevaluatedProperties"}
    reference = flat.pop("$ref", None)
    if reference is not None:
        base = _flat(_read(reference.removeprefix("./"), version), version)
        flat["properties"] = base.get("properties", {}) | flat.get("properties", {})
    if flat.get("type") == "object" and "properties" in flat:
        flat["additionalProperties"] = False
        flat["properties"] = {k: {} if k == "version" else v for k, v in flat["properties"].items()}
    return flat


def _compiled(schema: Any) -> Accept:
    """Turn a flat schema into nested functions; a keyword that is not known here is left to the validator."""
    if set(schema) - _COMPILED - _SAYS_NOTHING:
        return lambda value: False
    kind = schema.get("type")
    if kind == "string":
        shortest = schema.get("minLength", 0)
        return lambda value: isinstance(value, str) and len(value.strip()) >= shortest
    if kind == "array":
        return _compiled_list(
            _compiled(schema.get("items", {})), schema.get("minItems", 0), "uniqueItems" in schema
        )
    if kind == "object":
        parts = {key: _compiled(value) for key, value in schema.get("properties", {}).items()}
        return _compiled_keys(parts, frozenset(schema.get("required", ())))
    return lambda value: kind is None


def _compiled_list(accepts_item: Accept, fewest: int, unique: bool) -> Accept:
    def accepts(value: Any) -> bool:
        if not isinstance(value, list) or len(value) < fewest or not all(map(accepts_item, value)):
            return False
        return not unique or len({repr(_sorted(item)) for item in value}) == len(value)

    return accepts


def _compiled_keys(parts: Mapping[str, Accept], required: frozenset[str]) -> Accept:
    def accepts(value: Any) -> bool:
        if not isinstance(value, dict) or not required <= value.keys():
            return False
        return all(key in parts and parts[key](item) for key, item in value.items())

    return accepts


def _collect_keys(schema: Any, above: tuple[str, ...], found: dict[tuple[str, ...], tuple[str, ...]]) -> None:
    if "items" in schema:
        _collect_keys(schema["items"], above, found)
    if "properties" in schema:
        found[above] = tuple(schema["properties"])
        for key, value in schema["properties"].items():
            _collect_keys(value, (*above, key), found)


def _required(validator: Any, keys: list[str], instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for key in keys:
            if key not in instance:
                yield ValidationError(key)


def _no_other_keys(validator: Any, allowed: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict) and not allowed:
        for key in instance:
            if key not in schema["properties"]:
                yield ValidationError(key)


def _unique(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Report each item that equals an earlier one; the published check is quadratic and names only the list."""
    if not wanted or not isinstance(instance, list):
        return
    first_at: dict[str, int] = {}
    for index, item in enumerate(instance):
        same = repr(_sorted(item))
        if same in first_at:
            yield ValidationError(str(first_at[same]), path=[index])
        first_at.setdefault(same, index)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return ("{}", sorted((repr(k), repr(_sorted(v))) for k, v in value.items()))
    return ("[]", [_sorted(item) for item in value]) if isinstance(value, list) else value


def _not_blank(validator: Any, length: int, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and len(instance.strip()) < length:
        yield ValidationError("")


def _typed(validator: Any, kind: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, kind):
        yield ValidationError(kind)


_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "required": _required,
        "additionalProperties": _no_other_keys,
        "uniqueItems": _unique,
        "minLength": _not_blank,
        "type": _typed,
    },
)
