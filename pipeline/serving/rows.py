"""One answer that is being written: its tokens, its chance, its text, and who waits for it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeline.serving.choosing import checked, choose, log_probs
from pipeline.serving.wanted import Piece, ServingError, Token, Wanted
from pipeline.serving.wording import Wording

if TYPE_CHECKING:
    import torch

    from pipeline.serving.loading import Loaded

Deliver = Callable[[Piece | ServingError], None]


class Row:
    """An answer under way. `is_left` is set, by any thread, when nobody waits for it any more."""

    def __init__(self, wanted: Wanted, deliver: Deliver) -> None:
        self.wanted = wanted
        self.is_left = False
        self.is_done = False
        self.last = -1  # the token to go on with
        self._deliver = deliver
        self._written = 0
        self._rng = random.Random(wanted.seed)  # noqa: S311 - no secret hangs on it
        self._wording: Wording | None = None
        self._pending = _Pending()

    def take(self, logits: torch.Tensor, loaded: Loaded) -> None:
        """Choose the next token, and tell what is new. Raises BrokenError. Shapes: logits (vocabulary,)."""
        wanted = self.wanted
        token = choose(checked(logits), wanted.temperature, wanted.top_p, self._rng)
        self.last = token
        self._written += 1
        self._pending.tokens += 1
        if token in loaded.ends:
            self._end("stop")
            return
        if self._wording is None:
            self._wording = Wording(_decoder(loaded), wanted.stop)
        if wanted.alternatives is not None:
            self._pending.told.append(_told(logits, token, wanted.alternatives, loaded))
        self._pending.text += self._wording.add(token)
        if self._wording.is_stopped:
            self._end("stop")
        elif self._written >= wanted.max_tokens:
            self._end("length")
        elif wanted.is_streamed and self._pending.text:
            self._deliver(self._pending.piece())

    def fail(self, error: ServingError) -> None:
        """Tell that there will be no answer, or no more of it."""
        self.is_done = True
        self._deliver(error)

    def _end(self, reason: str) -> None:
        self.is_done = True
        if self._wording is not None:
            self._pending.text += self._wording.end()
            if self._wording.is_stopped:
                reason = "stop"
        self._deliver(self._pending.piece(reason))


class _Pending:
    """What was written and not delivered yet."""

    def __init__(self) -> None:
        self.text = ""
        self.tokens = 0
        self.told: list[Token] = []

    def piece(self, reason: str = "") -> Piece:
        found = Piece(self.text, self.tokens, tuple(self.told), reason)
        self.text, self.tokens, self.told = "", 0, []
        return found


def _decoder(loaded: Loaded) -> Callable[..., str]:
    tokenizer = loaded.decoder

    def decode(tokens: Sequence[int]) -> str:
        return str(tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    return decode


def _told(logits: torch.Tensor, token: int, others: int, loaded: Loaded) -> Token:
    own, likeliest = log_probs(logits, token, others)

    def spelt(one: int) -> str:
        return str(loaded.decoder.decode([one]))

    return Token(spelt(token), own, tuple((spelt(other), value) for other, value in likeliest))
