"""What a model writes is read strictly: everything else is counted, and nothing of it is guessed."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sdg.replies import UnreadableError, read_rating, read_records, read_text

SCALE = ("0", "1", "2")


@pytest.mark.parametrize(
    ("reply", "rating"),
    [
        ("It answers all.\n[[2]]", "2"),
        ("[[ 1 ]]", "1"),
        ("[[2]]\nAs I said: [[2]]", "2"),
        ("The answer says [10] and [[0]]", "0"),
    ],
)
def test_one_rating_is_read(reply: str, rating: str) -> None:
    "In double brackets, wherever it stands; said twice it is one."
    assert read_rating(reply, SCALE) == rating


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("I would say 2.", "no rating"),
        ("", "no rating"),
        ("[[1]] or rather [[2]]", "two different ratings"),
        ("[[10]]", "outside of its scale"),
        ("[[-1]]", "outside of its scale"),
        ("[[1.5]]", "outside of its scale"),
        ("[[YES]]", "outside of its scale"),
        ("[[\u0662]]", "no rating"),
        ("[ [2]]", "no rating"),
    ],
)
def test_anything_else_is_no_rating(reply: str, why: str) -> None:
    "And the reason can be counted."
    with pytest.raises(UnreadableError, match=why):
        read_rating(reply, SCALE)


def test_a_judge_who_was_cut_off_has_not_rated() -> None:
    "What stands in a reply without its end may be the scale that the judge was still explaining."
    with pytest.raises(UnreadableError, match="cut off"):
        read_rating("I am to write [[2]] if it answers all that was", SCALE, is_cut=True)


@given(st.text())
def test_a_rating_is_one_of_the_scale_or_none(reply: str) -> None:
    "Whatever a model writes."
    with contextlib.suppress(UnreadableError):
        assert read_rating(reply, SCALE) in SCALE


PAIR = ("question", "answer")


def test_records_are_read_in_order() -> None:
    "Talk before the first heading does not count, numbers and colons at the headings do not matter."
    reply = "Sure!\n### Question 1:\nWho?\n### Answer\nAna.\nAnd Bob.\n\n## question\nWhen?\n##  Answer\nNow."
    assert read_records(reply, PAIR) == [
        {"question": "Who?", "answer": "Ana.\nAnd Bob."},
        {"question": "When?", "answer": "Now."},
    ]


@pytest.mark.parametrize(
    "reply",
    [
        "### Answer\nNobody asked.\n### Question\nWho?\n### Answer\nAna.",
        "### Question\nLost.\n### Question\nWho?\n### Answer\nAna.",
        "### Question\n\n### Answer\nEmpty.\n### Question\nWho?\n### Answer\nAna.",
        "### Question\nWho?\n### Answer\nAna.\n### Question\nUnanswered?",
    ],
)
def test_a_half_record_is_left_out(reply: str) -> None:
    "Its half never goes together with the half of another."
    assert read_records(reply, PAIR) == [{"question": "Who?", "answer": "Ana."}]


def test_the_last_record_of_a_cut_reply_is_left_out() -> None:
    "It may lack its end."
    reply = "### Question\nWho?\n### Answer\nAna.\n### Question\nWhen?\n### Answer\nNo"
    assert read_records(reply, PAIR, is_cut=True) == [{"question": "Who?", "answer": "Ana."}]
    assert len(read_records(reply, PAIR)) == 2


@pytest.mark.parametrize("reply", ["", "I cannot do that.", "### Question\nOnly?", "Question: x\nAnswer: y"])
def test_no_record_is_an_error(reply: str) -> None:
    "Counted, and asked for again."
    with pytest.raises(UnreadableError, match="not in the format"):
        read_records(reply, PAIR)


@given(st.lists(st.tuples(st.text("ab \n", min_size=1), st.text("cd \n", min_size=1)), min_size=1))
def test_what_is_written_is_read_again(pairs: list[tuple[str, str]]) -> None:
    "Every whole pair comes back, trimmed."
    reply = "\n".join(f"### Question\n{q}\n### Answer\n{a}" for q, a in pairs)
    whole = [{"question": q.strip(), "answer": a.strip()} for q, a in pairs if q.strip() and a.strip()]
    if whole:
        assert read_records(reply, PAIR) == whole


def test_a_text_is_whole_or_none() -> None:
    "Neither empty, nor cut off, nor without end."
    assert read_text(" Right. \n") == "Right."
    for reply, is_cut in (("", False), ("  \n", False), ("Half a", True), ("x" * 30_000, False)):
        with pytest.raises(UnreadableError):
            read_text(reply, is_cut=is_cut)


def test_a_text_may_be_called_by_several_words() -> None:
    "A heading is any name that a text of a row may have."
    assert read_records("### Short_answer\n7\n### q\nHow many?", ["short_answer", "q"]) == [
        {"short_answer": "7", "q": "How many?"}
    ]


@pytest.mark.parametrize("between", [" ", "\t ", "#", "9", " 1 "])
def test_a_model_that_writes_blanks_without_end_costs_no_time(between: str) -> None:
    "What looks like the beginning of a heading and never becomes one is looked through once."
    reply = "## Question" + between * 200_000 + "x\n## Question\nWhy?"
    began = time.process_time()
    assert read_records(reply, ["question"]) == [{"question": "Why?"}]
    assert time.process_time() - began < 2
