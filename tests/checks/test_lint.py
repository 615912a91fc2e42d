"""Tidy files, by yamllint's relaxed rules, in words for people."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from checks import yaml_tree
from checks.findings import Severity
from checks.regular_shape import is_surely_regular
from checks.yaml_style import slow_style_problems, style_problems
from tests.checks.contributions import a_knowledge, a_skill, findings_of, skill_of

ERROR, WARNING = Severity.ERROR, Severity.WARNING
UNTIDY = {
    "spaces at the end of a line": ("version: 3  \n", "lint/trailing-spaces", ERROR, 1, 11),
    "no end of the last line": ("version: 3\na: b", "lint/no-final-newline", ERROR, 2, 5),
    "windows line ends": ("version: 3\r\na: b\r\n", "lint/windows-line-ends", ERROR, 1, 11),
    "a key twice": ("a: b\nc: d\na: e\n", "lint/duplicate-key", ERROR, 3, 1),
    "a key twice in a seed example": ("a:\n  - b: 1\n    b: 2\n", "lint/duplicate-key", ERROR, 3, 5),
    "uneven indentation": ("a:\n  - b\nc:\n - d\n", "lint/indentation", WARNING, 4, 2),
    "many empty lines": ("a: b\n\n\n\nc: d\n", "lint/empty-lines", WARNING, 4, 1),
    "two spaces after a colon": ("a:  b\n", "lint/spacing", WARNING, 1, 4),
    "no space after a comma": ("a: [b,c]\n", "lint/spacing", WARNING, 1, 7),
    "spaces inside brackets": ("a: [  b]\n", "lint/spacing", WARNING, 1, 6),
    "spaces after a dash": ("a:\n  -   b\n", "lint/spacing", WARNING, 2, 6),
}


@pytest.mark.parametrize("case", UNTIDY)
def test_untidiness_is_named_at_its_place(case):
    text, cause, severity, line, column = UNTIDY[case]
    [finding] = findings_of("lint", skill_of(text))
    assert (finding.cause.id, finding.severity) == (cause, severity)
    assert (finding.line, finding.column) == (line, column)
    assert finding.message.endswith(".")


def test_spaces_at_the_end_are_taken_away_by_a_suggestion():
    [finding] = findings_of("lint", skill_of("a: |\n  text \t\n"))
    assert finding.suggestion is not None
    assert finding.suggestion.lines == ("  text",)


def test_long_lines_are_fine():
    assert findings_of("lint", skill_of(f"a: {'word ' * 100}end\n")) == []


def test_a_file_may_switch_rules_off_as_yamllint_lets_it():
    assert findings_of("lint", skill_of("# yamllint disable-file\na: b  \n")) == []
    assert findings_of("lint", skill_of("a: b  # yamllint disable-line\n")) == []


@pytest.mark.parametrize("text", [a_skill(), a_skill(grounded=True), a_knowledge()])
def test_a_tidy_file_has_no_finding(text):
    assert findings_of("lint", skill_of(text)) == []


PIECES = (
    *("a: b", "- a", "  ", "\n", "\n", "\n    ", "# c", "- ", "key:", "'q'", '"d"', "[a,  b]", "{a:  1 , b: 2}"),
    *(
        " |\n",
        " >-\n",
        "é",
        "  text\n",
        "\n\n\n\n",
        ": ",
        ",",
        "? x\n: y\n",
        "&a ",
        "!!str ",
        "---\n",
        "\t",
        "\r\n",
    ),
    *("q: |\n  t\n  u\n", "p: 'a\n  b'\n", "w: x\n  y\n  z\n"),
)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12))
def test_libyamls_tokens_give_the_same_problems_as_yamllints_own(pieces):
    "The fast way must never judge differently from yamllint itself."
    text = "".join(pieces)
    try:
        list(yaml.parse(text, Loader=yaml.BaseLoader))
    except yaml.YAMLError:
        return
    document = yaml_tree.parse(text)
    if document.syntax is None:
        assert set(style_problems(text, document)) == set(slow_style_problems(text))


_STRUCTURE = {"indentation", "colons", "hyphens", "commas", "braces", "brackets", "anchors"}
_CHANGES = (
    "",
    " ",
    "  ",
    "\n",
    "\n  ",
    "- ",
    ": ",
    ":",
    "? ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "!t ",
    "|\n",
    '"',
    "#",
    "a:\n",
)


@settings(max_examples=300, deadline=None)
@given(
    text=st.sampled_from((a_skill(), a_knowledge(), "a:\n- b\n- c: d\n  e:\n  - f\n", "a: |\n  b\n\nc:\n  d: e\n")),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), st.sampled_from(_CHANGES)), max_size=3),
)
def test_what_is_called_surely_regular_leaves_yamllint_nothing_to_say(text, changes):
    "The look at the tree may miss what is regular, never what is not."
    for place, removed, put in changes:
        at = int(place * len(text))
        text = text[:at] + put + text[at + removed :]
    document = yaml_tree.parse(text)
    if document.syntax is None and not document.more_documents and is_surely_regular(text, document):
        assert not {problem.rule for problem in slow_style_problems(text)} & _STRUCTURE


def test_the_files_that_people_write_are_seen_to_be_regular_without_their_tokens():
    "Else nothing is won by looking."
    for text in (a_skill(), a_knowledge(), "a:\n- b\n- c: d\n"):
        assert is_surely_regular(text, yaml_tree.parse(text))
