"""What this process asks of model servers, added up over all clients: for the worker's metrics."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tally:
    """What was asked since the tally was last taken. `faults` counts useless answers by reason."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    faults: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.requests)


class RunningTally:
    """Counts, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clear()

    def asked(self) -> None:
        """A request is sent."""
        with self._lock:
            self._requests += 1

    def answered(self, prompt_tokens: int, completion_tokens: int) -> None:
        """A good answer came."""
        with self._lock:
            self._prompt_tokens += prompt_tokens
            self._completion_tokens += completion_tokens

    def failed(self, reason: str) -> None:
        """An answer was of no use, or none came."""
        with self._lock:
            self._faults[reason] += 1

    def take(self) -> Tally:
        """Return what was counted, and begin anew."""
        with self._lock:
            taken = Tally(self._requests, self._prompt_tokens, self._completion_tokens, dict(self._faults))
            self._clear()
        return taken

    def _clear(self) -> None:
        self._requests = self._prompt_tokens = self._completion_tokens = 0
        self._faults: Counter[str] = Counter()


HERE = RunningTally()
