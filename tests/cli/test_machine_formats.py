"""The reports for programs: JSON, and annotations in a GitHub workflow."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from checks.checkout import Facts
from checks.findings import Cause, Finding, Severity, Suggestion, Verdict
from checks.report.content import Report
from checks.report.github import summary, workflow_commands
from checks.report.json import json_report
from tests.checks.contributions import KNOWLEDGE_PATH, a_knowledge, contribution_of
from tests.cli.checkouts import Checkout

CAUSE = Cause("counts/few", "Too few, really: 100%", "Because.", "Write more.")
KEYS = {
    "rule", "cause", "severity", "title", "message", "why", "remedy", "link", "path", "line", "column", "commit",
    "elsewhere", "suggestion",
}  # fmt: skip


def report_of(*findings: Finding, scope: str = "mine") -> Report:
    return Report(Verdict(findings), Facts(contribution_of(), scope), "https://example.org/rules.md")


def test_the_json_report_tells_everything(checkout: Checkout) -> None:
    "Verdict, scope, findings with place and remedy, in a shape with a version."
    checkout.writes(KNOWLEDGE_PATH, a_knowledge(questions=1))
    checkout.commits("Add birds")

    answer = checkout.checks("--base", "main", "--format", "json")

    assert answer.status == 1
    assert answer.json["version"] == 1
    assert answer.json["verdict"] == "failed"
    assert answer.json["checks"] == {"Contribution": "failed", "Sign-off": "passed"}
    assert answer.json["scope"]["base"] == "main"
    found = next(f for f in answer.json["findings"] if f["cause"] == "counts/too-few-questions")
    assert set(found) == KEYS
    assert found["path"] == KNOWLEDGE_PATH
    assert found["line"] > 1
    assert found["link"].endswith("rules.md#counts-too-few-questions")


def test_the_documentation_names_every_key_of_the_json_report() -> None:
    "docs/json-report.md is complete."
    page = (Path(__file__).parents[2] / "docs/json-report.md").read_text()
    document = json.loads(json_report(report_of()))

    assert [key for key in (*document, *document["scope"], *KEYS) if f"`{key}`" not in page] == []


def test_a_suggestion_on_a_confidential_line_is_left_out() -> None:
    "A fix for a line with personal data would repeat it."
    mail = Finding(Cause("pii/email", "T", "W", "R"), Severity.ERROR, "M", "a", 2)
    other = Finding(CAUSE, Severity.ERROR, "M", "a", 2, suggestion=Suggestion(2, 2, ("bob@example.com",)))

    assert "bob" not in json_report(report_of(mail, other))


def test_annotations_name_file_line_and_column() -> None:
    "One command a finding, every special character escaped."
    finding = Finding(CAUSE, Severity.ERROR, "Only 50% here.", "a,b:c.yaml", 3, 7)

    assert next(iter(workflow_commands(report_of(finding)))) == (
        "::error file=a%2Cb%3Ac.yaml,line=3,col=7,title=Too few%2C really%3A 100%25::Only 50%25 here.%0AWrite more."
    )


def test_ten_annotations_of_a_kind_are_enough() -> None:
    "GitHub shows ten; the rest is in the summary, and that is said."
    findings = [Finding(CAUSE, Severity.ERROR, "M", "a", n) for n in range(1, 15)]

    lines = list(workflow_commands(report_of(*findings)))

    assert sum(line.startswith("::error ") for line in lines) == 10
    assert "4 more findings are in the summary of this step." in lines


def test_every_cause_is_annotated_before_any_is_repeated() -> None:
    "Ten places of one cause do not hide another."
    other = Cause("schema/other", "Other", "W", "F")
    findings = [Finding(CAUSE, Severity.ERROR, "M", "a", n) for n in range(1, 15)]

    lines = list(workflow_commands(report_of(*findings, Finding(other, Severity.ERROR, "M", "z", 1))))

    assert "title=Other" in lines[1]


def test_the_summary_tells_how_to_sign_off(checkout: Checkout, tmp_path: Path) -> None:
    "The recipe stands there once, ready to copy."
    checkout.git("config", "user.name", "Ana <img> @bob")
    checkout.writes_a_good_skill()
    checkout.commits("Add a skill", signed_off=False)

    checkout.checks("--format", "github", GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"))

    text = (tmp_path / "summary.md").read_text()
    assert text.count("  git rebase HEAD~1 --signoff\n") == 1
    assert "<img" not in text
    assert "@bob" not in text


@given(st.text(), st.text(), st.text())
def test_no_text_of_others_starts_a_command(path: str, message: str, scope: str) -> None:
    "Whatever a contributor writes, each line is ours, and holds no command of either form."
    finding = Finding(CAUSE, Severity.ERROR, message + "\n::add-mask::x\r##[group]", path, 1)

    for line in workflow_commands(report_of(finding, scope=scope)):
        assert "\n" not in line
        assert "\r" not in line
        assert line.startswith(("::error file=", "Checked "))
        line.encode()
        if line.startswith("Checked"):
            assert "##[" not in line


@given(st.text(max_size=40))
def test_the_json_report_holds_no_command(message: str) -> None:
    "The old form of a command works anywhere in a line, so it must not appear; the text stays the same."
    text = f"{message}##[set-env name=A;]b"
    document = json_report(report_of(Finding(CAUSE, Severity.ERROR, text)))

    assert "##[" not in document
    assert document.isascii()
    assert json.loads(document)["findings"][0]["message"] == text


def test_the_summary_is_appended_and_harmless(checkout: Checkout, tmp_path: Path) -> None:
    "The step's summary is Markdown in which nobody is mentioned and nothing is linked but the rules."
    place = tmp_path / "summary.md"
    place.write_text("before\n")
    checkout.writes(KNOWLEDGE_PATH, a_knowledge(questions=1))

    answer = checkout.checks("--format", "github", GITHUB_STEP_SUMMARY=str(place))

    assert answer.status == 1
    assert f"::error file={KNOWLEDGE_PATH},line=" in answer.out
    assert place.read_text().startswith("before\n## taxonomy-check: ")
    hostile = Finding(CAUSE, Severity.ERROR, "@bob <img src=x> [a](https://evil.example) `x", "@bob/`|<b>", 1)
    text = summary(report_of(hostile))
    for harmful in ("@bob", "<img", "](https://evil", "<b>"):
        assert harmful not in text
