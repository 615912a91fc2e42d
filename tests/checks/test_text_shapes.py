"""The quick looks at the form of a text hide no sum and no program code."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks import text_shapes
from checks.text_shapes import has_code, has_sum

SUMS = ["sqrt(", "log(", "sin(", " - ", "pages", "a"]
CODE = [
    "```",
    "def f(",
    "import os",
    "#!/",
    "print(",
    "x = f()",
    "$ git",
    "<div>",
    "for i in x:",
    "if x:",
    "return 1;",
]
A_PIECE = st.sampled_from([*"0127xyn.,/+-*×÷^=²√∫∑() \n", *SUMS, *CODE, "INSERT INTO", "the heron"])
A_TEXT = st.lists(A_PIECE, max_size=14).map("".join)


@settings(max_examples=500, deadline=None)
@given(text=A_TEXT)
def test_no_sum_is_hidden(text: str) -> None:
    assert has_sum(text) is (text_shapes._SUM.search(text) is not None)


@settings(max_examples=500, deadline=None)
@given(text=A_TEXT)
def test_no_code_is_hidden(text: str) -> None:
    lines = text_shapes._CODE_LINE.findall(text)

    assert has_code(text) is (len(lines) >= 2 or any("```" in line for line in lines))


@pytest.mark.parametrize("text", ["2 + 2", "7x = 14", "12 - 5", "√2", "sqrt(9)", "3/4"])
def test_sums_are_seen(text: str) -> None:
    assert has_sum(f"What is {text}?")


@pytest.mark.parametrize("text", ["Herons (grey ones) live here.", "In 1984 they came back.", "a self-made nest"])
def test_plain_texts_are_no_sums(text: str) -> None:
    assert not has_sum(text)


def test_code_is_seen() -> None:
    assert has_code("import os\nprint(os.name)")
    assert has_code("``` x ```")
    assert not has_code("import os")
