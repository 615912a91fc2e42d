"""MinHash signatures of many passages at once, folded into the keys of bands: alike passages share some of them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from checks.likeness.comparing import telling_of
from checks.likeness.passages import Passage
from checks.likeness.words import words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BANDS = 21
ROWS_OF_A_BAND = 3  # with so many bands, of passages that share 7 of 10 words all but 1 in 5,000 meet in one
_PERMUTATIONS = BANDS * ROWS_OF_A_BAND
_WORDS_AT_ONCE = 20_000


@cache
def new_permutations() -> NDArray[np.uint32]:
    """Return the permutations that datasketch draws (seed 1, "affine32"), one column each. An index keeps its own.

    They are drawn here because loading datasketch loads SciPy: a second and 60 MiB in every process. The tests hold
    both against each other.
    """
    import numpy as np

    chance = np.random.RandomState(1)
    a = chance.randint(0, 1 << 31, _PERMUTATIONS, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return np.array([a, chance.randint(0, 1 << 32, _PERMUTATIONS, dtype=np.uint32)])


def hash_of(word: str | bytes) -> int:
    """Return the 32 bits that stand for a word."""
    return zlib.crc32(word if isinstance(word, bytes) else word.encode("utf-8", "surrogatepass"))


def band_keys(passages: Sequence[Passage], permutations: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the keys of each passage. Shapes: (passages, BANDS)."""
    import numpy as np

    keys = np.empty((len(passages), BANDS), dtype=np.uint32)
    hashes: list[int] = []
    starts: list[int] = []
    first = 0
    for at, passage in enumerate(passages):
        starts.append(len(hashes))
        hashes += map(hash_of, telling_of(passage) or ("",))
        if len(hashes) >= _WORDS_AT_ONCE or at == len(passages) - 1:
            keys[first : at + 1] = _folded(signatures(hashes, starts, permutations))
            hashes, starts, first = [], [], at + 1
    return keys


def signatures(
    hashes: Sequence[int], starts: Sequence[int], permutations: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """Return the MinHash of each run of hashes that begins at one of `starts`, as datasketch makes it ("affine32").

    Shapes: (runs, permutations).
    """
    import numpy as np

    mixed = np.array(hashes, dtype=np.uint32)
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    a, b = permutations
    return np.minimum.reduceat(mixed[:, None] * a + b, np.array(starts), axis=0)


def _folded(signed: NDArray[np.uint32]) -> NDArray[np.uint32]:
    import numpy as np

    rows = signed.reshape(len(signed), BANDS, ROWS_OF_A_BAND)
    keys: NDArray[np.uint32] = np.full(rows.shape[:2], 0x9E3779B1, dtype=np.uint32)
    for row in range(ROWS_OF_A_BAND):
        keys = (keys ^ rows[:, :, row]) * np.uint32(0x01000193)
        keys ^= keys >> np.uint32(15)
    return keys


def asked_key(passage: Passage) -> int:
    """Return a number that stands for the words of a question; 0 for a context."""
    if passage.is_context:
        return 0
    words = " ".join(words_of(passage.question).order).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big") or 1
