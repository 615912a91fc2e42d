"""The report as SARIF: the standard's own schema takes it, alerts are known again, nothing hidden is in it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from checks.checkout import Facts
from checks.findings import Cause, Check, Crash, Finding, RuleId, Severity, Suggestion, Verdict
from checks.registry import all_rules
from checks.report.content import Report
from checks.report.sarif import FINGERPRINT, sarif_report
from tests.checks.contributions import SKILL_PATH, a_skill, contribution_of
from tests.cli.checkouts import Checkout
from tests.npm_files import NpmUnavailableError, fetched

CAUSE = Cause("counts/too-few-examples", "Too few", "Because.", "Write more.")
STANDARD = ("@microsoft/jest-sarif@1.0.0-beta.0", "package/lib/schemas/sarif-2.1.0-rtm.5.json")


@pytest.fixture(scope="module")
def standard() -> Any:
    "The official schema of SARIF 2.1.0."
    try:
        return jsonschema.Draft4Validator(json.loads(fetched(*STANDARD)))
    except NpmUnavailableError as error:
        pytest.skip(str(error))


def run_of(*findings: Finding, text: str = "", crashes: tuple[Crash, ...] = ()) -> Any:
    "The one run of a report on a skill."
    contribution = contribution_of((SKILL_PATH, text or a_skill()))
    report = Report(Verdict(findings, crashes), Facts(contribution, "mine"), "https://example.org/rules.md")
    document = json.loads(sarif_report(report))
    (run,) = document["runs"]
    return run


def test_the_standard_takes_what_a_bad_branch_leads_to(checkout: Checkout, standard: Any) -> None:
    "Findings on lines, files and commits, odd paths included."
    checkout.writes("compositional_skills/a b/#ö%/qna.yaml", "version: 1 \nseed_examples: yes\n")
    checkout.writes(SKILL_PATH, a_skill(seed_examples=2, created_by="YOUR_GITHUB_USERNAME"))
    checkout.commits("Add", signed_off=False)

    answer = checkout.checks("--base", "main", "--format", "sarif", "--notices")

    assert answer.status == 1
    assert [error.message for error in standard.iter_errors(answer.json)] == []
    results = answer.json["runs"][0]["results"]
    assert {"dco/missing", "counts/too-few-examples", "placeholders/left-in"} <= {r["ruleId"] for r in results}
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in results}
    assert "compositional_skills/a%20b/%23%C3%B6%25/qna.yaml" in uris
    assert all(":" not in uri for uri in uris)


def test_the_standard_takes_the_report_of_a_rule_that_broke(standard: Any) -> None:
    "It says that not everything was checked, and whose fault that is."
    run = run_of(crashes=(Crash(RuleId("counts"), Check.CONTRIBUTION, "KeyError at /srv/secret.py:3"),))
    document = {"version": "2.1.0", "runs": [run]}
    assert [error.message for error in standard.iter_errors(document)] == []
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "our fault" in json.dumps(run)
    assert "secret.py" not in json.dumps(run)


def test_every_cause_is_described() -> None:
    "With what it is, why it matters, how to put it right and where to read on."
    described = {rule["id"]: rule for rule in run_of()["tool"]["driver"]["rules"]}
    for rule in all_rules().values():
        for cause in rule.causes:
            assert described[cause.id]["shortDescription"]["text"] == cause.title
            assert cause.why in described[cause.id]["help"]["markdown"]
            assert cause.remedy in described[cause.id]["help"]["text"]
            assert described[cause.id]["helpUri"].endswith(f"#{cause.id.replace('/', '-')}")
    assert len({rule["name"] for rule in described.values()}) == len(described)


def test_the_index_leads_to_the_rule() -> None:
    "Services look a result's rule up by its place in the list."
    run = run_of(Finding(CAUSE, Severity.ERROR, "Two.", SKILL_PATH, 4))
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == CAUSE.id


def test_an_alert_is_known_again_when_lines_come_above_it() -> None:
    "By its cause, its file and the words of its line; the second of the same kind has a mark of its own."
    text, more = a_skill(), "# a remark\n" + a_skill()
    before = run_of(*(Finding(CAUSE, Severity.ERROR, "M", SKILL_PATH, n) for n in (4, 4, 5)), text=text)
    after = run_of(*(Finding(CAUSE, Severity.ERROR, "M", SKILL_PATH, n) for n in (5, 5, 6)), text=more)
    marks = [result["partialFingerprints"][FINGERPRINT] for result in before["results"]]
    assert marks == [result["partialFingerprints"][FINGERPRINT] for result in after["results"]]
    assert len(set(marks)) == 3


def test_a_mechanical_remedy_is_a_fix(standard: Any) -> None:
    "The lines that go, and what comes in their place."
    finding = Finding(CAUSE, Severity.WARNING, "M", SKILL_PATH, 2, suggestion=Suggestion(2, 3, ("a", "b", "c")))
    gone = Finding(CAUSE, Severity.WARNING, "M", SKILL_PATH, 5, suggestion=Suggestion(5, 5, ()))
    run = run_of(finding, gone)
    assert [error.message for error in standard.iter_errors({"version": "2.1.0", "runs": [run]})] == []
    replacements = [r["fixes"][0]["artifactChanges"][0]["replacements"][0] for r in run["results"]]
    assert replacements[0] == {
        "deletedRegion": {"startLine": 2, "endLine": 3},
        "insertedContent": {"text": "a\nb\nc"},
    }
    assert replacements[1]["deletedRegion"] == {"startLine": 5, "startColumn": 1, "endLine": 6, "endColumn": 1}


def test_nothing_of_a_hidden_line_is_told() -> None:
    "Neither its words nor a fix nor a hash by which a phone number could be guessed."
    mail = Cause("pii/email", "T", "W", "R")
    fix = Suggestion(4, 4, ("bob@example.com",))
    runs = [
        run_of(
            Finding(mail, Severity.ERROR, "M", SKILL_PATH, 4),
            Finding(CAUSE, Severity.ERROR, "M", SKILL_PATH, 4, suggestion=fix),
            text=a_skill(task_description=f"Write to {name}@example.com."),
        )
        for name in ("bob", "eve")
    ]
    assert runs[0] == runs[1]
    assert "example.com" not in json.dumps(runs[0])


def test_a_file_of_it_is_written_beside_annotations(checkout: Checkout) -> None:
    "One run gives both; a file that cannot be written is told."
    checkout.writes(SKILL_PATH, a_skill(seed_examples=2))
    checkout.commits("Add")

    answer = checkout.checks("--base", "main", "--format", "github", "--sarif", "out.sarif")

    assert answer.status == 1
    assert answer.out.startswith("::error file=")
    document = json.loads((checkout.folder / "out.sarif").read_text())
    assert document["runs"][0]["results"]
    assert checkout.checks("--sarif", "no/such/folder/x").status == 2
