from __future__ import annotations

import functools

import pytest

from tests.charts.rendering import EXAMPLES, Rendered, render, values_of


@functools.cache
def _rendered(example: str) -> Rendered:
    return render(values_of(example))


@pytest.fixture(params=EXAMPLES)
def rendered(request: pytest.FixtureRequest) -> Rendered:
    "Each of the value files in turn."
    return _rendered(request.param)


@pytest.fixture
def production() -> Rendered:
    return _rendered("production")
