"""What ends a measurement."""

from __future__ import annotations


class MeasuringError(Exception):
    """A measurement came to no sound number; the text says why."""
