"""Files and paths made to trick people or programs: each gets a clear word, quickly, and none a traceback."""

from __future__ import annotations

import time
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.contribution import FileKind
from checks.findings import Severity
from checks.policy import default_policy
from checks.run import judge
from tests.checks.contributions import (
    KNOWLEDGE_PATH,
    SKILL_PATH,
    a_file,
    a_knowledge,
    a_skill,
    as_yaml,
    causes,
    contribution_of,
    findings_of,
    skill_of,
)

FOLDER = SKILL_PATH.rpartition("/")[0]


def judged(contribution):
    "Judge by every rule, and insist on no crash."
    verdict = judge(contribution, default_policy())
    assert verdict.crashes == ()
    return verdict


class TestYaml:
    def test_an_alias_is_refused_at_its_place(self):
        [finding] = findings_of("hostile", skill_of("a: &x text\nb: *x\n"))
        assert (finding.cause.id, finding.line, finding.column) == ("hostile/alias", 2, 4)

    def test_an_anchor_that_nothing_uses_is_harmless(self):
        assert findings_of("hostile", skill_of("a: &x text\n")) == []

    def test_a_tag_is_refused(self):
        [finding] = findings_of("hostile", skill_of("a: !!python/object/apply:os.system [ls]\n"))
        assert (finding.cause.id, finding.line, finding.column) == ("hostile/tag", 1, 4)

    def test_a_plain_tag_is_harmless(self):
        assert findings_of("hostile", skill_of("a: !!str yes\n")) == []

    def test_a_second_document_is_refused(self):
        [finding] = findings_of("hostile", skill_of(a_skill(seed_examples=1) + "---\na: b\n"))
        assert finding.cause.id == "hostile/several-documents"
        assert finding.line == 11

    @pytest.mark.parametrize("second", ["a: {b", "a: [", "a: \x07", "# yamllint\n\x07: {", "'", "- {} " * 9])
    def test_what_follows_in_a_broken_second_document_crashes_nothing(self, second):
        judged(skill_of(f"a: b\n---\n{second}"))

    def test_deep_nesting_is_refused(self):
        [finding] = findings_of("hostile", skill_of("a: " + "[" * 5000 + "]" * 5000 + "\n"))
        assert (finding.cause.id, finding.line) == ("hostile/too-deep", 1)

    def test_a_bomb_is_refused(self):
        "A billion laughs: ten lines that would become gigabytes."
        lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
        started = time.process_time()
        verdict = judged(skill_of("\n".join(lines) + "\n"))
        assert time.process_time() - started < 1
        assert "hostile/too-many-values" in causes(verdict.findings)


class TestBytes:
    def test_a_byte_order_mark_is_a_warning_with_its_fix(self):
        [finding] = findings_of("hostile", skill_of(b"\xef\xbb\xbfversion: 3\n"))
        assert (finding.cause.id, finding.severity) == ("hostile/byte-order-mark", Severity.WARNING)
        assert finding.suggestion is not None
        assert finding.suggestion.lines == ("version: 3",)

    def test_a_large_file_is_one_finding(self):
        verdict = judged(skill_of(a_skill(seed_examples=5) + "# " + "x" * 1_100_000 + "\n"))
        assert causes(f for f in verdict.findings if f.path == SKILL_PATH) == ["hostile/too-large"]

    def test_a_large_file_that_was_not_read_is_one_finding(self):
        [finding] = findings_of("hostile", contribution_of(a_file(SKILL_PATH, None, size=7_000_000)))
        assert finding.message == "This file has 6.7 MiB; 1.0 MiB is the most."

    def test_a_picture_is_one_finding(self):
        verdict = judged(contribution_of((f"{FOLDER}/bird.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")))
        assert "hostile/binary" in causes(verdict.findings)

    def test_a_binary_leaf_is_one_finding(self):
        verdict = judged(contribution_of((SKILL_PATH, b"\0\x01\x02\xff")))
        assert [c for c in causes(verdict.findings) if c.startswith(("hostile", "syntax"))] == ["hostile/binary"]

    def test_files_outside_the_taxonomy_are_not_looked_into(self):
        assert findings_of("hostile", contribution_of(("docs/bird.png", b"\0"))) == []


HIDDEN = {
    "a direction override": ("a\u202eb", "U+202E RIGHT-TO-LEFT OVERRIDE"),
    "an isolate": ("a\u2066b", "U+2066 LEFT-TO-RIGHT ISOLATE"),
    "a zero-width space": ("a\u200bb", "U+200B ZERO WIDTH SPACE"),
    "a joiner in Latin text": ("a\u200db", "U+200D ZERO WIDTH JOINER"),
    "a non-joiner in Latin text": ("a\u200cb", "U+200C ZERO WIDTH NON-JOINER"),
    "a mark in the middle": ("a\ufeffb", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
    "a text hidden in tags": ("a\U000e0041b", "U+E0041 TAG LATIN CAPITAL LETTER A"),
}
NEEDED = {
    "a non-joiner in Persian": "می\u200cخواهم",
    "a joiner in Hindi": "क्\u200dष",
    "a joiner in Sinhala": "ශ්\u200dරී",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a rainbow flag": "\U0001f3f3\ufe0f\u200d\U0001f308",
    "a runner with a skin tone": "\U0001f3c3\U0001f3fd\u200d♀\ufe0f",
    "the flag of Wales": "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
    "Arabic letters": "سلام",
    "accents": "e\u0301té",
}


@pytest.mark.parametrize("case", HIDDEN)
def test_an_invisible_character_is_named_and_never_printed(case):
    text, name = HIDDEN[case]
    [finding] = findings_of("hostile", skill_of(f"version: 3\na: x {text}\n"))
    assert (finding.cause.id, finding.severity) == ("hostile/hidden-character", Severity.ERROR)
    assert (finding.line, finding.column) == (2, 7)
    assert name in finding.message
    assert text[1] not in finding.message


@pytest.mark.parametrize("case", NEEDED)
def test_joiners_stay_where_a_script_needs_them(case):
    assert findings_of("hostile", skill_of(f"a: x {NEEDED[case]} y\n")) == []


def test_control_codes_in_an_attribution_file_are_found():
    [finding] = findings_of("hostile", contribution_of((f"{FOLDER}/attribution.txt", "Ana\x1b[2J\n")))
    assert "U+001B" in finding.message


class TestPaths:
    TRICKS: ClassVar = {
        "a way up": ("knowledge/../bot/qna.yaml", "`..`"),
        "an empty part": ("knowledge//a/qna.yaml", "empty name"),
        "a backslash": ("knowledge/a\\b/qna.yaml", "backslash"),
        "a line break": ("knowledge/a\nb/qna.yaml", "U+000A"),
        "a direction override": ("knowledge/a\u202eb/qna.yaml", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        "a very long name": (f"knowledge/{'a' * 300}/qna.yaml", "too long"),
        "letters put together": ("knowledge/cafe\u0301/qna.yaml", "NFC"),
    }

    @pytest.mark.parametrize("case", TRICKS)
    def test_a_path_that_tricks_is_refused(self, case):
        path, words = self.TRICKS[case]
        [finding] = findings_of("hostile", contribution_of((path, a_knowledge())))
        assert (finding.cause.id, finding.path) == ("hostile/path", path)
        assert words in finding.message

    def test_two_names_that_differ_in_case_only_are_refused(self):
        other = KNOWLEDGE_PATH.replace("birds", "Birds")
        found = findings_of(
            "hostile", contribution_of((KNOWLEDGE_PATH, a_knowledge()), tree=[KNOWLEDGE_PATH, other])
        )
        assert causes(found) == ["hostile/path"]

    def test_an_ordinary_path_is_fine(self):
        tree = [KNOWLEDGE_PATH, "README.md", "knowledge/readme.md"]
        assert findings_of("hostile", contribution_of((KNOWLEDGE_PATH, a_knowledge()), tree=tree)) == []

    @pytest.mark.parametrize("kind", [FileKind.SYMLINK, FileKind.SUBMODULE])
    def test_links_in_the_taxonomy_are_refused(self, kind):
        [finding] = findings_of("hostile", contribution_of(a_file(f"{FOLDER}/qna.yaml", None, kind=kind)))
        assert finding.cause.id == "hostile/link"


class TestNothingCrashes:
    @settings(max_examples=80, deadline=None)
    @given(content=st.binary(max_size=300))
    def test_any_bytes(self, content):
        judged(
            contribution_of(
                (SKILL_PATH, content), (KNOWLEDGE_PATH, content), (f"{FOLDER}/attribution.txt", content)
            )
        )

    @settings(max_examples=150, deadline=None)
    @given(text=st.text(st.sampled_from("ab:-|>'\"[]{}#&*!%@`?,~ \t\n\r\u2028\u0085\u200d٣é\ud7ff"), max_size=60))
    def test_any_text_that_looks_like_yaml(self, text):
        judged(contribution_of((SKILL_PATH, text), (KNOWLEDGE_PATH, f"version: 3\nseed_examples:\n{text}")))

    ANYTHING = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.dates()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(
                st.one_of(
                    st.sampled_from(["question", "answer", "context", "questions_and_answers", "patterns", "repo"]),
                    st.integers(),
                    st.none(),
                ),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=15,
    )

    @settings(max_examples=150, deadline=None)
    @given(seeds=ANYTHING, version=st.sampled_from([1, 2, 3, None, "3", 2.5]), document=ANYTHING)
    def test_any_tree(self, seeds, version, document):
        data = {"version": version, "seed_examples": seeds, "document": document, "created_by": document}
        text = as_yaml(data)
        judged(contribution_of((SKILL_PATH, text), (KNOWLEDGE_PATH, text)))


SLOW = {
    "five megabytes of seed examples": (
        "seed_examples:\n" + "- question: What?\n  answer: That.\n" * 150_000
    ).encode(),
    "a megabyte of empty seed examples": b"version: 3\nseed_examples:\n" + b"- {}\n" * 49_000,
    "a megabyte of different keys": b"".join(b"k%d: a\n" % n for n in range(24_900)),
    "a megabyte that asks yamllint to look closely": b"# yamllint\n" + b"a: [1]  \n" * 90_000,
    "a megabyte of open braces in lists": b"a:\n" + b"- {b: c}\n" * 20_000,
    "a megabyte of brackets": b"[" * 1_000_000,
    "a megabyte of braces": b"{a: " * 250_000,
    "a megabyte of one word": b"a: " + b"b" * 1_000_000,
    "a megabyte of quotes": b"a: '" + b"''" * 500_000,
    "a megabyte of blanks": b"version: 3\na: |\n" + b" " * 1_000_000 + b"\n",
    "a megabyte of bytes that are no text": b"\xff" * 1_000_000,
}


@pytest.mark.parametrize("case", SLOW)
def test_large_input_is_answered_in_bounded_time(case):
    rules = ("intake", "hostile", "syntax", "schema", "counts", "placeholders", "limits", "lint")
    started = time.process_time()
    contribution = contribution_of((KNOWLEDGE_PATH, SLOW[case]))
    found = [finding for rule in rules for finding in findings_of(rule, contribution)]
    assert time.process_time() - started < 2
    assert found
