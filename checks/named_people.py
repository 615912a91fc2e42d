"""Names of people in a text, found by a spaCy model where one is installed; without one, none are found."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

from checks.pii_recognisers import offline_and_light
from checks.time_limit import untimed

_MODELS = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm")
_LONGEST_READ = 100_000


def count(text: str) -> tuple[int, int]:
    """Return how many different people are named and the line of the first; (0, 0) where no model is installed."""
    model = installed_model()
    if model is None:
        return 0, 0
    people = [span for span in _pipeline(model)(text[:_LONGEST_READ]).ents if span.label_ == "PERSON"]
    if not people:
        return 0, 0
    return len({span.text for span in people}), text.count("\n", 0, people[0].start_char) + 1


@cache
def installed_model() -> str | None:
    """Return the name of the best installed model, without loading anything."""
    return next((name for name in _MODELS if importlib.util.find_spec(name) is not None), None)


@cache
def _pipeline(model: str) -> Any:
    with untimed():
        with offline_and_light():
            import spacy
        return spacy.load(model, exclude=["parser", "lemmatizer", "attribute_ruler"])
