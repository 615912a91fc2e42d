"""Counts tokens as the teacher model counts them, with the tokenizer shipped in `mistral-common`; no network."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from checks.time_limit import untimed

_TOKENIZER_FILE = "tokenizer.model.v1"  # Mistral 7B, Mixtral 8x7B and Merlinite: 32,000 pieces
_LONGEST_WORD = 40
_MOST_COUNTS = 50_000
_counts: dict[str, int] = {}  # of words, by the words


def count_tokens(text: str) -> int:
    """Return how many tokens the teacher reads in `text`, without marks for begin and end."""
    return len(_processor().encode(text))


def most_tokens(text: str) -> int:
    """Return a bound no count exceeds: a token covers at least one byte, and one more stands in front."""
    return len(text.encode("utf-8", "surrogatepass")) + 1


def is_surely_within(text: str, limit: int) -> bool:
    """True when the words' own counts show that a text has at most `limit` tokens.

    No token of this tokenizer reaches over a blank. Words that were never counted are taken for one token a byte
    and counted, longest first, only until the text is seen to be short.
    """
    words = text.split(" ")
    most, uncounted = words.count("") + 1, []
    for word in filter(None, words):
        if (count := _counts.get(word)) is None:
            uncounted.append(word)
            count = most_tokens(word)
        most += count
    uncounted.sort(key=len, reverse=True)
    for word in uncounted:
        if most <= limit:
            break
        most += _tokens_of_word(word) - most_tokens(word)
    return most <= limit


def _tokens_of_word(word: str) -> int:
    if len(word) > _LONGEST_WORD:
        return most_tokens(word)
    if len(_counts) >= _MOST_COUNTS:
        _counts.clear()
    if word not in _counts:
        _counts[word] = count_tokens(word)
    return _counts[word]


@cache
def _processor() -> Any:
    with untimed():
        from sentencepiece import SentencePieceProcessor  # loaded late: short texts never need it

        model = resources.files("mistral_common").joinpath("data", _TOKENIZER_FILE).read_bytes()
        return SentencePieceProcessor(model_proto=model)
