"""Faults on demand: what goes wrong, for which requests, how often."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Fault:
    """A fault that waits for its requests.

    Undone is what it answers with a status. With `is_done` the work is done, and it is the answer that goes wrong:
    it never comes (`drops_connection`), that after `stalls_s`, is cut in half (`cuts_body`), or is dated
    `misdated_s` too late. Without, `drops_connection` cuts it before anything is done.
    """

    method: str
    pattern: re.Pattern[str]
    times: int
    status: int = 502
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    drops_connection: bool = False
    is_done: bool = False
    stalls_s: float = 0.0
    cuts_body: bool = False
    misdated_s: float = 0.0


Weather = Callable[[str, str], Fault | None]
"""Given method and path of a request: what strikes it, if anything."""


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
        self.weather: Weather | None = None
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
        return self.weather(method, path) if self.weather else None
