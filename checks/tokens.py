"""Counts tokens as the teacher model counts them, with the tokenizer shipped in `mistral-common`; no network."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import resources
from typing import Any

from checks.time_limit import untimed

_TOKENIZER_FILE = "tokenizer.model.v1"  # Mistral 7B, Mixtral 8x7B and Merlinite: 32,000 pieces
_LONGEST_WORD = 40


def count_tokens(text: str) -> int:
    """Return how many tokens the teacher reads in `text`, without marks for begin and end."""
    return len(_processor().encode(text))


def most_tokens(text: str) -> int:
    """Return a bound no count exceeds: a token covers at least one byte, and one more stands in front."""
    return len(text.encode("utf-8", "surrogatepass")) + 1


def most_tokens_by_words(text: str) -> int:
    """Return a closer bound, from the words' own counts: no token of this tokenizer reaches over a blank."""
    words = text.split(" ")
    return sum(map(_tokens_of_word, words)) + words.count("") + 1


@lru_cache(maxsize=50_000)
def _tokens_of_word(word: str) -> int:
    return count_tokens(word) if len(word) <= _LONGEST_WORD else most_tokens(word)


@cache
def _processor() -> Any:
    with untimed():
        from sentencepiece import SentencePieceProcessor  # loaded late: short texts never need it

        model = resources.files("mistral_common").joinpath("data", _TOKENIZER_FILE).read_bytes()
        return SentencePieceProcessor(model_proto=model)
