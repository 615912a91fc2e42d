"""Every word the bot says stands in a file that people can read and that a change of words must change."""

from __future__ import annotations

import pytest

from bot.workflow import State
from tests.words.golden import all_words, path_of, unused
from tests.words.sentences import folded, spoken


@pytest.mark.parametrize("name", sorted(all_words()))
def test_the_words_are_as_written_down(name: str) -> None:
    "Whoever changes what people read renews the files, `python -m tests.words --write`, and shows them in review."
    assert path_of(name).exists(), "a new situation: python -m tests.words --write"
    assert all_words()[name] == path_of(name).read_text(encoding="utf-8")


def test_no_file_of_words_is_left_over() -> None:
    "A situation that there is no longer leaves no file behind."
    assert unused() == []


def test_no_sentence_is_missing() -> None:
    "Whatever sentence stands in the bot's code for people on GitHub is said in one of the situations."
    said = folded("\n".join(all_words().values()))
    assert [(file, text) for file, text in spoken() if folded(text) not in said] == []


def test_every_state_has_its_words() -> None:
    "No state of a review is without a comment and without an answer to why it is not merged."
    for state in State:
        assert {f"living/state-{state}", f"readiness/state-{state}"} <= set(all_words())
