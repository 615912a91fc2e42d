"""Lists of phrases are searched by quick looks that hide none of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.machine_words import _lists as machine_lists
from checks.phrases import Hit, Phrase, PhraseBook, read_phrase, words_of
from checks.topics import _lists as topic_lists

SETS = {"maker": ["acme", "bolt"]}
WRITTEN = [
    "write ... poem",
    "(write|make me) (a|an)? (short|long)? poem",
    "^sure (here)? (is)?",
    "is 0 (plus|minus) 0",
    "(made|written) (entirely)? by <maker>",
    "poem* ... (0|a long) time",
    "(as a|as an) (ai)? model",
    "0 poem",
    "a",
]
OWN = tuple(read_phrase("own", written, 1.0, SETS) for written in WRITTEN)


def phrases_of(book: PhraseBook) -> tuple[Phrase, ...]:
    indexed = [one for listed in (*book._by_first.values(), *book._by_stem.values()) for one in listed]
    return tuple(dict.fromkeys(one.phrase for one in indexed))


BOOKS = {
    "questions": phrases_of(topic_lists().questions),
    "answers": phrases_of(topic_lists().answers),
    "machines": phrases_of(machine_lists().book),
    "own": OWN,
}


def by_trying_everything(phrases: Sequence[Phrase], words: Sequence[str]) -> set[Hit]:
    return {
        Hit(phrase, at)
        for at in range(len(words))
        for phrase in phrases
        if not (phrase.only_at_start and at) and phrase.ends_at(words, at)
    }


def words_in(phrases: Sequence[Phrase]) -> st.SearchStrategy[str]:
    """Words and runs of words of the phrases themselves, so that some are put together by chance."""
    steps = [step for phrase in phrases for step in phrase.elements]
    runs = [" ".join(run) for step in steps for run in step.runs]
    prefixed = [f"{prefix}ing" for step in steps for prefix in step.prefixes]
    plain = sorted({word for step in steps for word in step.words} | set(runs) | set(prefixed))
    return st.sampled_from([*plain, "7", "1984", "heron", "the"])


@pytest.mark.parametrize("name", BOOKS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_phrase_is_hidden(name: str, data: st.DataObject) -> None:
    "What is found by quick looks is what is found by trying every phrase at every word."
    phrases = BOOKS[name]
    spoken = data.draw(st.sampled_from(phrases))
    steps = [
        st.sampled_from(sorted(step.words | {" ".join(r) for r in step.runs}) or [""]) for step in spoken.elements
    ]
    said = [data.draw(step) for step in steps]
    text = " ".join([*data.draw(st.lists(words_in(phrases), max_size=4)), *said, "here"])
    words = words_of(text)

    assert set(PhraseBook(phrases).search(words)) == by_trying_everything(phrases, words)


def test_every_phrase_of_the_lists_is_found_where_it_is_said() -> None:
    for name, phrases in BOOKS.items():
        book = PhraseBook(phrases)
        for phrase in phrases:
            if any(step.prefixes or step.is_gap for step in phrase.elements):
                continue
            said = [sorted(step.words or {" ".join(run) for run in step.runs})[0] for step in phrase.elements]
            words = words_of(" ".join(said))
            assert not phrase.ends_at(words, 0) or Hit(phrase, 0) in set(book.search(words)), (name, phrase.written)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write me a nice poem", "write ... poem"),
        ("sure", "^sure (here)? (is)?"),
        ("is 12 minus 3", "is 0 (plus|minus) 0"),
        ("made by acme", "(made|written) (entirely)? by <maker>"),
        ("poems take 9 years of time", None),
        ("poetry for a long time", None),
        ("poems for a long time", "poem* ... (0|a long) time"),
        ("as an ai model", "(as a|as an) (ai)? model"),
        ("oh sure", None),
    ],
)
def test_phrases_are_found(text: str, found: str | None) -> None:
    hits = {hit.phrase.written for hit in PhraseBook(OWN).search(words_of(text))} - {"a", "0 poem"}

    assert hits == ({found} if found else set())
