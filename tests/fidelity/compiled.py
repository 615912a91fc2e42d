"""Schemas of an OpenAPI 3.0 document, compiled: they tell within a moment that a value fits.

Each asks at least what the document asks. A value that does not fit is looked at again by the slow check, which
has the last word and says what is wrong.
"""

from __future__ import annotations

from typing import Any

import jsonschema_rs

_HOME = "https://schemas.invalid/github"
_WHOLE_NUMBERS = {"int32": 2**31, "int64": 2**63}
_OF_ONE_SCHEMA = ("items", "additionalProperties", "not")
_OF_MANY_SCHEMAS = ("allOf", "anyOf", "oneOf")
_KEPT = (
    *("multipleOf", "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "maxLength", "minLength"),
    *("pattern", "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties", "enum", "required"),
    "format",
)


class CompiledSchemas:
    """Compiles schemas that refer to the components of one document."""

    def __init__(self, components: dict[str, Any]) -> None:
        converted = {name: draft4(schema) for name, schema in components.items()}
        document = {"components": {"schemas": converted}}
        self._registry = jsonschema_rs.Registry([(_HOME, document)], draft=jsonschema_rs.Draft4)

    def validator(self, schema: dict[str, Any]) -> jsonschema_rs.Draft4Validator:
        "Return what tells whether a value fits a schema of the document."
        return jsonschema_rs.Draft4Validator(draft4(schema), registry=self._registry, validate_formats=True)


def draft4(schema: Any) -> Any:
    """Return a schema of OpenAPI 3.0 as one of JSON Schema's Draft 4 that accepts nothing more.

    Source: "Schema Object" of the OpenAPI Specification 3.0.3.
    """
    if not isinstance(schema, dict):  # additionalProperties: true
        return schema
    kept = {word: schema[word] for word in _KEPT if word in schema}
    kept |= {word: draft4(schema[word]) for word in _OF_ONE_SCHEMA if word in schema}
    kept |= {word: [draft4(each) for each in schema[word]] for word in _OF_MANY_SCHEMAS if word in schema}
    if "properties" in schema:
        kept["properties"] = {name: draft4(below) for name, below in schema["properties"].items()}
    if "type" in schema:
        kept["type"] = [schema["type"], "null"] if schema.get("nullable") is True else schema["type"]
    conditions = [_of_its_kind(schema["discriminator"])] if "discriminator" in schema else []
    if schema.get("format") in _WHOLE_NUMBERS:
        bound = _WHOLE_NUMBERS[schema["format"]]
        conditions.append({"minimum": -bound, "maximum": bound - 1})
    if schema.get("readOnly") or schema.get("writeOnly"):  # fits in one direction only
        conditions.append({"not": {}})
    if "$ref" in schema:  # Draft 4 reads nothing beside a reference
        conditions.append({"$ref": _HOME + schema["$ref"]})
    return kept | {"allOf": kept.get("allOf", []) + conditions} if conditions else kept


def _of_its_kind(discriminator: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that says of which kind it is, and is of that kind."""
    name = discriminator["propertyName"]
    kinds = [
        {"properties": {name: {"enum": [kind]}}, "required": [name], "allOf": [{"$ref": _HOME + reference}]}
        for kind, reference in discriminator.get("mapping", {}).items()
    ]
    return {"anyOf": kinds} if kinds else {"not": {}}
