"""The probes: each one function in a module of `bot/doctor/probes`, found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache

from bot.doctor.findings import Line
from bot.doctor.patient import Patient

WITHIN_S = 5.0

Examine = Callable[[Patient], Awaitable[Sequence[Line]]]


class DuplicateProbeError(Exception):
    """Two probes have one name."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One look at an installation, within so many seconds. It is left out where a setting it needs is of no use."""

    name: str
    title: str
    order: int
    examine: Examine
    needs: tuple[str, ...]
    remedy: str
    within_s: float


def probe(
    name: str, title: str, *, order: int, remedy: str, needs: Sequence[str] = (), within_s: float = WITHIN_S
) -> Callable[[Examine], Probe]:
    """Turn a function into a probe; `remedy` is for when it comes to no end in time."""

    def bind(examine: Examine) -> Probe:
        return Probe(name, title, order, examine, tuple(needs), remedy, within_s)

    return bind


@cache
def all_probes() -> tuple[Probe, ...]:
    """Return every probe in the order in which they are told. Raises DuplicateProbeError."""
    package = importlib.import_module("bot.doctor.probes")
    found: dict[str, Probe] = {}
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        for value in vars(importlib.import_module(info.name)).values():
            if not isinstance(value, Probe):
                continue
            if found.setdefault(value.name, value) is not value:
                raise DuplicateProbeError(f'two probes are called "{value.name}"')
    return tuple(sorted(found.values(), key=lambda each: (each.order, each.name)))
