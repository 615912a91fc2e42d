from __future__ import annotations

import functools

import pytest

from tests.charts.rendering import EXAMPLES, Rendered, over, render, values_of


@functools.cache
def _rendered(example: str) -> Rendered:
    name, _, in_maintenance = example.partition(" ")
    changes = {"maintenance": {"enabled": True}, "backup": {"enabled": True}} if in_maintenance else {}
    return render(over(values_of(name), changes))


@pytest.fixture(params=(*EXAMPLES, "minimal in-maintenance", "single-gpu in-maintenance"))
def rendered(request: pytest.FixtureRequest) -> Rendered:
    "Each of the value files in turn."
    return _rendered(request.param)


@pytest.fixture
def production() -> Rendered:
    return _rendered("production")
