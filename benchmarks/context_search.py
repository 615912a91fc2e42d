"""How long it takes to find the contexts of a leaf in its document, and to name the closest passages.

Run `python -m benchmarks.context_search`. The documents are invented, from words that are none.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from checks.passages import Effort, Library

_WORDS_OF_CONTEXT = 350
_CONTEXTS = 5
_LIMIT_S = 1.0
_SEED = 7


@dataclass(frozen=True, slots=True)
class Timing:
    """Processor seconds for one document: reading it, exact search, search by likeness."""

    name: str
    megabytes: float
    reading_s: float
    exact_s: float
    likeness_s: float

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.reading_s + self.exact_s + self.likeness_s


def measure() -> list[Timing]:
    """Time documents of several sizes, and a hostile one."""
    Library([("a.md", "one two three four")]).closest(["one two three five"], Effort())  # loads what is needed
    chance = random.Random(_SEED)
    words = ["".join(chance.choices("abcdefghijklmnop", k=chance.randint(3, 9))) for _ in range(20_000)]
    timings = []
    for count in (15_000, 150_000, 600_000):
        text = chance.choices(words, k=count)
        timings.append(_timed("prose", " ".join(text), [_edited(text, words, chance) for _ in range(_CONTEXTS)]))
    repeated = "one two three four " * 55_000
    timings.append(
        _timed("four words, again and again", repeated, ["one two three four " * 87 + "five"] * _CONTEXTS)
    )
    return timings


def _edited(text: Sequence[str], words: Sequence[str], chance: random.Random) -> str:
    """Return a passage of the text with a sixth of its words exchanged: no exact search finds it."""
    start = chance.randrange(len(text) - _WORDS_OF_CONTEXT)
    passage = list(text[start : start + _WORDS_OF_CONTEXT])
    for at in chance.sample(range(len(passage)), len(passage) // 6):
        passage[at] = chance.choice(words)
    return " ".join(passage)


def _timed(name: str, text: str, contexts: Sequence[str]) -> Timing:
    library: list[Library] = []
    reading_s = _seconds(lambda: library.append(Library([("a.md", text)])))
    exact_s = _seconds(lambda: [library[0].holds(context) for context in contexts])
    likeness_s = _seconds(lambda: library[0].closest(contexts, Effort()))
    return Timing(name, len(text.encode()) / 1e6, reading_s, exact_s, likeness_s)


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def as_text(timings: Sequence[Timing]) -> Iterator[str]:
    """Yield the table for people."""
    yield f"{_CONTEXTS} contexts of {_WORDS_OF_CONTEXT} words, a sixth of them exchanged; processor seconds"
    for timing in timings:
        yield (
            f"  {timing.name}, {timing.megabytes:.1f} MB: {timing.total_s:.2f} s (reading {timing.reading_s:.2f}, "
            f"exact {timing.exact_s:.3f}, by likeness {timing.likeness_s:.2f})"
        )


def main() -> None:
    """Measure, print, and fail where a document of one megabyte takes a second."""
    timings = measure()
    print("\n".join(as_text(timings)))
    if any(timing.total_s > _LIMIT_S for timing in timings if timing.megabytes < 2):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
