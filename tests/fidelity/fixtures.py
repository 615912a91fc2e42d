"""The fixture that switches the check on; import it into a conftest as `fidelity_fixture`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fidelity.check import FidelityCheck
from tests.npm_files import NpmUnavailableError


@pytest.fixture(name="fidelity")
def fidelity_fixture() -> Iterator[FidelityCheck | None]:
    """A check to watch simulators with, which fails the test at its end; None where the schemas cannot be had."""
    try:
        check = FidelityCheck()
    except NpmUnavailableError:
        yield None
        return
    yield check
    assert check.violations == []
