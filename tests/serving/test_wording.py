"""Text from tokens, piece by piece: whatever the tokens are, the pieces add up to the text of all of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.serving.wording import Wording
from pipeline.tiny.student_tokenizer import trained_tokenizer

TOKENIZER = trained_tokenizer(("Owls hunt at night.", "Über den Fluß fliegt die Eule 🦉."), 300)


def decode(tokens: object) -> str:
    return str(TOKENIZER.decode(list(tokens), skip_special_tokens=True))  # type: ignore[call-overload]


def spoken(tokens: list[int], stops: tuple[str, ...] = ()) -> tuple[list[str], bool]:
    "The pieces, and whether a stop came."
    wording = Wording(decode, stops)
    pieces = []
    for token in tokens:
        pieces.append(wording.add(token))
        if wording.is_stopped:
            return pieces, True
    return [*pieces, wording.end()], wording.is_stopped


@settings(deadline=None, max_examples=300)
@given(st.lists(st.integers(5, 299), max_size=60))
def test_the_pieces_add_up(tokens: list[int]) -> None:
    "Also where the tokens are halves of characters, or of nothing."
    assert "".join(spoken(tokens)[0]) == decode(tokens)


@settings(deadline=None, max_examples=300)
@given(st.text("abcö🦉", min_size=1, max_size=40), st.lists(st.text("abcö🦉", min_size=1, max_size=3), min_size=1))
def test_nothing_of_a_stop_slips_out(text: str, stops: list[str]) -> None:
    "What is given before a stop is the text before its first stop, and never more, whatever comes."
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    pieces, stopped = spoken(TOKENIZER.encode(text).ids, tuple(stops))
    found = "".join(pieces)
    assert stopped == bool(ends)
    if ends:
        assert text.startswith(found)
        assert not any(stop in found for stop in stops)
        assert len(found) >= min(ends) - max(map(len, stops))
    else:
        assert found == text


@pytest.mark.parametrize("character", ["ß", "€", "🦉"])
def test_a_character_comes_whole_or_not_yet(character: str) -> None:
    "A character of several tokens is never given in halves."
    pieces, _ = spoken(TOKENIZER.encode(f"a{character}b").ids)
    assert all("\N{REPLACEMENT CHARACTER}" not in piece for piece in pieces)
    assert "".join(pieces) == f"a{character}b"


def test_what_may_become_a_stop_is_held_back_and_given_when_it_does_not() -> None:
    "The beginning of a stop waits for the next token."
    wording = Wording(decode, ("###",))
    parts = [wording.add(token) for token in TOKENIZER.encode("a##b").ids]
    assert parts == ["a", "", "", "##b"]
