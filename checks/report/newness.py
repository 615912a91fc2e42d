"""How a new rule is told of: since when it is there, and how long it is gentle."""

from __future__ import annotations

from datetime import date

from checks.findings import Cause, Severity


def gently_until(cause: Cause, day: date) -> str:
    """Return a sentence on how much a cause weighs before the day from which it weighs in full."""
    as_before = cause.formerly or Severity.NOTICE
    return f"Until {day} it is only {_AS[as_before]}, longer where it arrives later."


_AS = {
    Severity.ERROR: "an error",
    Severity.WARNING: "a warning, as before",
    Severity.NOTICE: "a notice, which blocks nothing",
}
