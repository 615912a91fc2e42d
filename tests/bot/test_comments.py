"""The living comment and the check runs, as their readers see them."""

from __future__ import annotations

import re

import pytest

from bot.comments.causes import Links
from bot.comments.check_report import check_report
from bot.comments.living import MOST_BYTES, living_comment
from bot.comments.standing import Standing
from bot.workflow import Turn, turn_after
from checks.findings import Cause, Check, Crash, Finding, Outcome, RuleId, Severity, Verdict
from checks.policy import Policy
from tests.bot.situations import SHA, a_case, a_standing

LINKS = Links(
    "https://github.com/instruct/taxonomy",
    SHA,
    "https://rules.example/rules.md",
    "https://github.com/instruct/taxonomy/pull/1/checks",
)
ANA = a_standing()
LEAF = "knowledge/science/birds/kingfisher/qna.yaml"


def a_cause(name: str, remedy: str = "Change it, and push again.") -> Cause:
    return Cause(f"schema/{name}", f"Something about {name} is wrong", "Because it matters.", remedy)


def a_finding(name: str = "length", severity: Severity = Severity.ERROR, line: int = 3, **fields: str) -> Finding:
    return Finding(a_cause(name), severity, fields.get("message", f"This {name} is wrong."), LEAF, line, 1)


def comment_on(*findings: Finding, standing: Standing = ANA, crashes: tuple[Crash, ...] = ()) -> str:
    verdict = Verdict(findings, crashes)
    return living_comment(verdict, turn_after(verdict.overall), standing, LINKS)


def visible(markdown: str) -> str:
    "What is read before anything is unfolded: without folded parts, hidden comments and addresses."
    text = re.sub(r"<details>.*?</details>", "", markdown, flags=re.DOTALL)
    return re.sub(r"<!--.*?-->", "", re.sub(r"\]\(\S*?\)", "]", text))


def test_the_first_line_says_verdict_count_and_who_acts_next() -> None:
    "Somebody who reads one line knows the rest."
    assert comment_on().startswith("### ✅ All checks passed, nothing to fix. Next: a triager\n")
    assert comment_on(a_finding()).startswith("### ✋ Not ready yet: 1 thing to fix. Next: you, `ana`\n")
    crash = Crash(RuleId("schema"), Check.CONTRIBUTION, "ValueError at x.py:1")
    assert comment_on(crashes=(crash,)).startswith(
        "### ⏳ Not checked completely: nothing for you to fix. Next: us\n"
    )


def test_findings_of_one_cause_are_one_thing() -> None:
    "Twenty-seven places of one kind are one line, with the first place linked and the number of others."
    text = comment_on(*(a_finding(line=n) for n in range(1, 28)))
    assert "1 thing to fix" in text
    assert "line 1](" in text
    assert "and 26 more)" in visible(text)
    assert "Something about length is wrong" in visible(text)


def test_a_single_finding_speaks_for_itself() -> None:
    "With one place only, the line says what is wrong there instead of the kind of problem."
    text = comment_on(a_finding(message="`answer` is missing. Write one."))
    assert "**`answer` is missing** (" in visible(text)


def test_at_most_three_causes_are_shown_and_the_rest_is_folded() -> None:
    "Five causes: three lines, and a word on the two others, which stand in the folded part."
    text = comment_on(*(a_finding(name) for name in ("alpha", "beta", "gamma", "delta", "epsilon")))
    assert re.findall(r"^\d\. ", visible(text), re.MULTILINE) == ["1. ", "2. ", "3. "]
    assert "and 2 more things below" in visible(text)
    assert "epsilon" not in visible(text)
    assert "epsilon" in text


@pytest.mark.parametrize("words", [5, 60, 400])
def test_no_more_than_150_words_are_visible(words: int) -> None:
    "However long the remedies are, the visible part stays short; the full remedy is in the folded part."
    remedy = " ".join(["word"] * words) + "."
    findings = [
        Finding(a_cause(name, remedy), Severity.ERROR, "Wrong.", LEAF, 1) for name in ("a", "b", "c", "d", "e")
    ]
    newcomer = a_standing(a_case(targets_default_branch=False, outcome=Outcome.FAILED), is_first_time=True)
    text = comment_on(*findings, standing=newcomer)
    assert len(visible(text).split()) <= 150
    assert remedy in text


def test_suggestions_and_notes_for_triagers_are_folded_away() -> None:
    "Warnings and notices block nothing and are not the author's task."
    text = comment_on(a_finding("style", Severity.WARNING), a_finding("topic", Severity.NOTICE))
    assert "All checks passed" in text
    assert "style" not in visible(text)
    assert "<summary>1 suggestion (nothing here blocks you)</summary>" in text
    assert "<summary>1 note for triagers</summary>" in text


def test_a_comment_never_grows_over_githubs_limit() -> None:
    "Two thousand findings with long messages: what does not fit is left to the Checks tab, and that is said."
    findings = [a_finding(f"kind{n % 40}", line=n + 1, message="x" * 500) for n in range(2_000)]
    text = comment_on(*findings)
    assert len(text.encode()) <= MOST_BYTES
    assert "The Checks tab" in text
    report = check_report(Verdict(tuple(findings)), Check.CONTRIBUTION, SHA, LINKS, Policy())
    assert len(report.summary.encode()) < 65_536
    assert len(report.annotations) == 500


def test_every_rule_is_linked() -> None:
    "Each cause leads to its place in the rule book."
    assert "[Why?](https://rules.example/rules.md#schema-length)" in comment_on(a_finding())


def test_a_crash_of_ours_beside_a_finding_is_said_but_blocks_nothing_more() -> None:
    "The check run fails for the finding, and tells that a part was not looked at."
    crash = Crash(RuleId("pii"), Check.CONTRIBUTION, "TimeoutError")
    report = check_report(Verdict((a_finding(),), (crash,)), Check.CONTRIBUTION, SHA, LINKS, Policy())
    assert report.conclusion == "failure"
    assert "broke down" in report.summary
    assert "TimeoutError" not in report.summary


def test_text_of_a_contributor_is_inert_everywhere() -> None:
    "A message that quotes markup shows it as text, in the comment and in the summary."
    finding = a_finding(message='Unknown key "<img src=x onerror=y> @team [a](b)".')
    for text in (
        comment_on(finding),
        check_report(Verdict((finding,)), Check.CONTRIBUTION, SHA, LINKS, Policy()).summary,
    ):
        assert "<img" not in text
        assert "@team" not in text
        assert "[a](b)" not in text


def test_every_turn_has_its_own_first_line() -> None:
    "No state of a pull request leaves open who acts next."
    drafts = a_standing(a_case(is_draft=True))
    lines = {comment_on(standing=a).split("\n")[0] for a in (ANA, drafts)}
    assert all("Next: " in line for line in lines)
    assert len(set(Turn)) == 3
