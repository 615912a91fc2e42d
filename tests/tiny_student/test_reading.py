"""What the tiny student reads: endless, the same for the same seed, and true to itself."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from pipeline.tiny import student_words as words
from pipeline.tiny.student_text import Lessons, Reading


def readings(seed: int = 1, count: int = 6000) -> list[Reading]:
    return list(islice(Lessons(seed), count))


def of_kind(kind: str) -> list[Reading]:
    found = [reading for reading in readings() if reading.kind == kind]
    assert len(found) > 100
    return found


def test_the_same_seed_writes_the_same() -> None:
    "Another seed writes something else."
    assert readings(seed=3, count=500) == readings(seed=3, count=500)
    assert readings(seed=3, count=500) != readings(seed=4, count=500)


def test_no_letter_is_right_more_often_than_another() -> None:
    "Nobody gets far by always taking the same letter."
    golds = Counter((reading.text or reading.turns[-1].content)[-1] for reading in of_kind("by letter"))
    assert set(golds) == set("ABCD")
    assert max(golds.values()) < 1.35 * min(golds.values())


def test_the_right_option_is_among_the_options_once() -> None:
    for reading in of_kind("by option"):
        asked, answer = reading.turns
        listed = asked.content.rsplit("?\n", 1)[1]
        options = [option.removeprefix("- ") for option in listed.replace("\n", ", ").split(", ")]
        assert len(set(options)) == len(options) == 4
        assert options.count(answer.content) == 1


def test_what_was_stated_is_what_is_answered() -> None:
    "Who reads closely can answer every question about a text: a word of the text, or a sentence made of it."
    for reading in of_kind("from text"):
        asked, answer = (turn.content for turn in reading.turns)
        said = set(asked.replace(".", "").replace("?", "").casefold().split())
        own = {word for word in answer.replace(".", "").split() if word[0].isupper() or word[0].isdigit()}
        assert {word.casefold() for word in list(own) if word.isdigit()} <= said


def test_every_word_is_read_sooner_or_later() -> None:
    "A word that is never read has no place in the model, and no fact about it can be learnt."
    text = " ".join(r.text + " ".join(turn.content for turn in r.turns) for r in readings(count=20_000))
    seen = set(text.casefold().replace(".", " ").replace(",", " ").replace("?", " ").split())
    missing = {word for word in words.EVERYTHING if word.casefold() not in seen}
    assert len(missing) < len(words.EVERYTHING) / 50
