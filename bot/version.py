"""Which version of this program runs, as the installed package says it."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def own_version() -> str:
    """Return the version, such as 0.2.0; "unknown" where nothing is installed."""
    try:
        return version("taxonomy-bot")
    except PackageNotFoundError:
        return "unknown"
