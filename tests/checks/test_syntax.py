"""A file that cannot be read gets one finding that a person who is no programmer can act on."""

from __future__ import annotations

import pytest

from checks.findings import Severity
from checks.policy import default_policy
from checks.run import judge
from tests.checks.contributions import (
    KNOWLEDGE_PATH,
    a_knowledge,
    a_skill,
    causes,
    contribution_of,
    findings_of,
    skill_of,
)

HEAD = "version: 3\ncreated_by: ana\n"

BROKEN = {
    "a tab as indentation": ("seed_examples:\n\t- question: a\n", "syntax/tab", 4, 1, "tab"),
    "a tab below a bar": ("answer: |\n\tLine\n", "syntax/tab", 4, 1, "tab"),
    "a second colon": ("answer: He said: yes\n", "syntax/colon-in-text", 3, 16, "second colon"),
    "no colon after a key": ("question\nanswer: a\n", "syntax/missing-colon", 3, 1, "colon after `question`"),
    "no space after a colon": (
        "question:What\nanswer: a\n",
        "syntax/missing-colon",
        3,
        10,
        "no space after the colon",
    ),
    "an at sign at the start": ("answer: @ana\n", "syntax/special-character", 3, 9, "`@`"),
    "a backtick at the start": ("answer: `ls`\n", "syntax/special-character", 3, 9, "backtick"),
    "a per cent sign at the start": ("answer: %5\n", "syntax/special-character", 3, 9, "`%`"),
    "an asterisk at the start": ("answer: *loud*\n", "syntax/special-character", 3, 9, "`*`"),
    "bold text at the start": ("answer: **loud** text\n", "syntax/special-character", 3, 9, "`*`"),
    "an alias of nothing": ("answer: *loud\n", "syntax/special-character", 3, 9, "`*`"),
    "an exclamation of an unknown kind": ("answer: !<loud\n", "syntax/special-character", 3, 9, "`!`"),
    "a bracket at the start": ("answer: [1] says so\n", "syntax/special-character", 3, 9, "`[`"),
    "a quote that never closes": ('answer: "Yes\n', "syntax/quotes", 3, 9, "never closed"),
    "quotes inside quotes": ('answer: "He said "yes" twice"\n', "syntax/quotes", 3, 19, "quotation mark"),
    "an apostrophe inside single quotes": ("answer: 'it's'\n", "syntax/quotes", 3, 13, "quotation mark"),
    "a backslash in double quotes": ('answer: "\\d"\n', "syntax/quotes", 3, 10, "backslash"),
    "text right after a bar": ("answer: |Yes\n  no\n", "syntax/text-after-bar", 3, 10, "`answer`"),
    "text not indented below a bar": (
        "answer: |\nYes it is\nquestion: a\n",
        "syntax/indentation",
        4,
        1,
        "`answer`",
    ),
    "a key out of line": ("document:\n    repo: a\n  commit: b\n", "syntax/indentation", 5, 3, "column 3"),
    "a list on the line of its key": ("answer: - yes\n", "syntax/indentation", 3, 9, "same line"),
    "a control character": ("answer: a\x07b\n", "syntax/control-character", 3, 10, "U+0007"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_each_common_mistake_is_named_in_plain_words_at_its_place(case):
    text, cause, line, column, words = BROKEN[case]
    [finding] = findings_of("syntax", skill_of(HEAD + text))
    assert finding.cause.id == cause
    assert (finding.line, finding.column) == (line, column)
    assert finding.severity is Severity.ERROR
    assert words in finding.message
    assert finding.how_to_fix


QUOTABLE = {
    "a second colon": ("answer: He said: yes", 'answer: "He said: yes"'),
    "an asterisk": ("  - answer: *loud* words", '  - answer: "*loud* words"'),
    "quotes and backslashes are kept": (r"answer: @a \ b" + ' "c"', r'answer: "@a \\ b \"c\""'),
}


@pytest.mark.parametrize("case", QUOTABLE)
def test_quotes_are_suggested_where_they_alone_help(case):
    wrong, right = QUOTABLE[case]
    [finding] = findings_of("syntax", skill_of(f"{wrong}\n"))
    assert finding.suggestion is not None
    assert finding.suggestion.lines == (right,)


def test_a_line_that_may_hold_private_data_is_never_suggested_back():
    [finding] = findings_of("syntax", skill_of("answer: Write to: ana@example.org\n"))
    assert finding.suggestion is None
    assert "example.org" not in finding.message


def test_the_other_lines_with_text_after_a_bar_are_named_too():
    "The parser stops at the first of them, the author need not."
    text = "".join(f"- answer: | one\n  question: {n}\n" for n in range(3))
    [finding] = findings_of("syntax", skill_of(text))
    assert "lines 3, 5" in finding.message


def test_bytes_that_are_not_utf8_are_pointed_out():
    [finding] = findings_of("syntax", skill_of(b"version: 3\nanswer: caf\xe9 noir\n"))
    assert (finding.cause.id, finding.line, finding.column) == ("syntax/not-utf8", 2, 12)
    assert "UTF-8" in finding.how_to_fix


def test_a_file_saved_as_utf16_is_told_so():
    [finding] = findings_of("syntax", skill_of("version: 3\n".encode("utf-16")))
    assert finding.cause.id == "syntax/not-utf8"
    assert "UTF-16" in finding.message


EMPTY = {
    "no byte at all": "",
    "blanks only": "  \n\n",
    "comments only": "# to do\n",
    "a mark only": "---\n",
}


@pytest.mark.parametrize("case", EMPTY)
def test_an_empty_file_is_an_error(case):
    "Upstream lets it pass."
    [finding] = findings_of("syntax", skill_of(EMPTY[case]))
    assert (finding.cause.id, finding.line, finding.severity) == ("syntax/empty-file", 1, Severity.ERROR)


@pytest.mark.parametrize(("text", "words"), [("- a\n- b\n", "a list"), ("Just a sentence.\n", "one long text")])
def test_a_file_without_keys_is_an_error(text, words):
    [finding] = findings_of("syntax", skill_of(text))
    assert finding.cause.id == "syntax/no-keys"
    assert words in finding.message


def test_a_broken_file_hides_nothing_in_another_one():
    broken = ("compositional_skills/a/b/qna.yaml", "answer: He said: yes\n")
    short = (KNOWLEDGE_PATH, a_knowledge(contexts=4))
    verdict = judge(contribution_of(broken, short), default_policy())
    assert {"syntax/colon-in-text", "counts/too-few-examples"} <= set(causes(verdict.findings))


def test_what_follows_from_a_syntax_error_is_left_out():
    contribution = skill_of("answer: He said: yes   \nversion: 1\nno_such_key: 1")
    for rule in ("schema", "lint", "counts", "limits", "placeholders"):
        assert findings_of(rule, contribution) == []


@pytest.mark.parametrize("text", [a_skill(), a_skill(grounded=True), a_knowledge()])
def test_a_good_file_is_read_without_a_word(text):
    assert findings_of("syntax", skill_of(text)) == []


@pytest.mark.parametrize("line", ["version: 3\t# do not change", "version:\t3", "version: 3\t"])
def test_a_tab_between_values_is_found_though_libyaml_reads_over_it(line):
    "Upstream's parser dies of it."
    [finding] = findings_of("syntax", skill_of(a_skill().replace("version: 3", line)))
    assert (finding.cause.id, finding.line, finding.column) == ("syntax/tab", 1, line.index("\t") + 1)
    assert finding.suggestion is not None
    assert "\t" not in finding.suggestion.lines[0]


def test_a_tab_inside_a_text_is_fine():
    assert findings_of("syntax", skill_of(a_skill() + "# a\tb\n")) == []
    assert findings_of("syntax", skill_of("version: 3\na: |\n  b\tc\n")) == []


def test_lines_are_counted_as_editors_count_them():
    "YAML takes U+2028 for a line break; nobody else does."
    text = "x: 'a\u2028b'\ny: c\n" + a_skill()
    assert [(f.line, f.column) for f in findings_of("schema", skill_of(text))] == [(1, 1), (2, 1)]
    [finding] = findings_of("syntax", skill_of("a: 'x\u2028y'\nb: c: d\n"))
    assert (finding.line, finding.column) == (2, 5)
