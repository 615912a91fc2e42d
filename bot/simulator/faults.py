"""Faults on demand: what goes wrong, for which requests, how often."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(slots=True)
class Fault:
    """A fault that waits for its requests. `drops_connection`: the work is done, the answer never comes."""

    method: str
    pattern: re.Pattern[str]
    times: int
    status: int = 502
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    drops_connection: bool = False


@dataclass(slots=True)
class FieldFault:
    """A fault that waits for one GraphQL field, wherever it stands; `skips` of that name go well before."""

    name: str
    kind: str
    message: str
    skips: int = 0


class Faults:
    """The faults that were ordered and not yet used up."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self._waiting: list[Fault] = []
        self._of_fields: list[FieldFault] = []

    def order(self, fault: Fault) -> None:
        """Let the next fitting requests go wrong."""
        self._waiting.append(fault)

    def order_for_field(self, fault: FieldFault) -> None:
        """Let a GraphQL field fail."""
        self._of_fields.append(fault)

    def take_field(self, name: str) -> FieldFault | None:
        """Return the fault that strikes this GraphQL field, if any."""
        for fault in self._of_fields:
            if fault.name == name:
                fault.skips -= 1
                if fault.skips < 0:
                    self._of_fields.remove(fault)
                    return fault
                break
        return None

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that strikes this request, if any."""
        for fault in self._waiting:
            if fault.method in {method, "*"} and fault.pattern.search(path):
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None
