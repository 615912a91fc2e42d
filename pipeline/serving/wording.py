"""Tokens become text while they come: no halves of characters, nothing that may yet turn out to be a stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Decode = Callable[[Sequence[int]], str]

_HALF = "\N{REPLACEMENT CHARACTER}"
_MOST_HALVES = 64  # tokens that are waited for, where a character never becomes whole


class Wording:
    """The text of one answer. `decode` gives the text of tokens; `stops` end the answer and are no part of it."""

    def __init__(self, decode: Decode, stops: Sequence[str] = ()) -> None:
        self.is_stopped = False
        self._decode = decode
        self._stops = tuple(stops)
        self._longest = max(map(len, stops), default=0)
        self._tokens: list[int] = []
        self._known = self._read = 0  # tokens before `_known` are done with; those up to `_read` give context
        self._shown = 0  # characters of the tokens that are not read yet, which are certain already
        self._text = ""
        self._given = 0

    def add(self, token: int) -> str:
        """Take a token; return what of the text is certain and new."""
        self._tokens.append(token)
        fresh = self._fresh()
        if fresh.endswith(_HALF) and len(self._tokens) - self._read < _MOST_HALVES:
            sure, shown = fresh[self._shown : -1], max(self._shown, len(fresh) - 1)
        else:
            sure, shown = fresh[self._shown :], 0
            self._known, self._read = self._read, len(self._tokens)
        self._shown = shown
        return self._take(sure, is_end=False)

    def end(self) -> str:
        """Return the rest, when no more tokens come."""
        return "" if self.is_stopped else self._take(self._fresh()[self._shown :], is_end=True)

    def _fresh(self) -> str:
        """Return the text of the tokens that were not read yet; those before them decide where spaces stand."""
        before = self._decode(self._tokens[self._known : self._read])
        return self._decode(self._tokens[self._known :])[len(before) :]

    def _take(self, fresh: str, *, is_end: bool) -> str:
        start = max(0, len(self._text) - self._longest)
        self._text += fresh
        found = [at for stop in self._stops if (at := self._text.find(stop, start)) >= 0]
        if found:
            self._text = self._text[: min(found)]
            self.is_stopped = True
        upto = len(self._text) if is_end or self.is_stopped else len(self._text) - self._perhaps()
        new = self._text[self._given : max(upto, self._given)]
        self._given = max(upto, self._given)
        return new

    def _perhaps(self) -> int:
        """Return how many characters at the end may be the beginning of a stop."""
        for size in range(min(self._longest - 1, len(self._text)), 0, -1):
            if any(stop.startswith(self._text[-size:]) for stop in self._stops):
                return size
        return 0
