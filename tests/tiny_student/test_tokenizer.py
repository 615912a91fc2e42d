"""The tiny student's tokenizer: no text is beyond it, and roles are its own marks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import TemplateError

from pipeline.tiny.student_tokenizer import SPECIAL

QUESTION = [{"role": "user", "content": "Who built the mill?"}]
ANSWER = {"role": "assistant", "content": "Traila Ruvar."}


@pytest.fixture(scope="session")
def tokenizer(student: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(student)


def test_any_text_comes_back_as_it_was(tokenizer: Any) -> None:
    "Names, signs, other scripts, emoji: bytes are tokens, too."

    @given(st.text())
    def comes_back(text: str) -> None:
        tokens = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        assert tokenizer.decode(tokens, clean_up_tokenization_spaces=False) == text

    comes_back()


def test_numbers_are_cut_into_digits(tokenizer: Any) -> None:
    "So a year that was never read is no riddle."
    assert tokenizer.tokenize("1987") == ["1", "9", "8", "7"]


def test_a_chat_is_written_with_marks_for_roles(tokenizer: Any) -> None:
    written = tokenizer.apply_chat_template([*QUESTION, ANSWER], tokenize=False)
    assert written == "<|user|>Who built the mill?<|end|><|assistant|>Traila Ruvar.<|end|>"


def test_a_question_ends_where_the_answer_begins(tokenizer: Any) -> None:
    "What is asked is the beginning of what is trained on, token for token."
    asked = tokenizer.apply_chat_template(QUESTION, add_generation_prompt=True, return_dict=False)
    whole = tokenizer.apply_chat_template([*QUESTION, ANSWER], return_dict=False)
    assert whole[: len(asked)] == asked
    assert tokenizer.convert_ids_to_tokens(asked[-2:]) == ["<|end|>", "<|assistant|>"]
    assert whole[-1] == tokenizer.eos_token_id


def test_a_role_that_it_does_not_know_is_refused(tokenizer: Any) -> None:
    with pytest.raises(TemplateError, match="knows the roles system, user and assistant only"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "4"}], tokenize=False)


def test_marks_are_single_tokens(tokenizer: Any) -> None:
    assert [tokenizer.encode(mark, add_special_tokens=False) for mark in SPECIAL] == [[i] for i in range(5)]
