"""Values of the policy and of settings, as people read them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from checks.report.visible import visible


def value_in_words(value: Any) -> str:
    """Return a value in one line: lists with commas, sections in brackets, nothing as "none"."""
    if isinstance(value, tuple):
        return ", ".join(map(value_in_words, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {value_in_words(each)}" for key, each in value.items()) or "none"
    if isinstance(value, BaseModel):
        told = ((name, getattr(value, name)) for name in type(value).model_fields)
        return f"({', '.join(f'{name} {value_in_words(each)}' for name, each in told)})"
    return str(value).lower() if isinstance(value, bool) else visible(str(value))
