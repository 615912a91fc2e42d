"""What could not be read at all is said first."""

from __future__ import annotations

from checks.contribution import Refusal
from checks.findings import Outcome
from checks.policy import default_policy
from checks.run import judge
from tests.checks.contributions import a_skill, contribution_of, findings_of, skill_of


def test_a_refusal_is_an_error_in_its_own_words():
    refusal = Refusal("This pull request changes 3,000 files; 300 is the most.", "Split it up.")
    [finding] = findings_of("intake", contribution_of(refusals=[refusal]))
    assert (finding.cause.id, finding.message) == ("intake/not-read", refusal.message)
    assert finding.how_to_fix == "Split it up."
    assert judge(contribution_of(refusals=[refusal]), default_policy()).overall is Outcome.FAILED


def test_a_pull_request_without_files_gets_a_kind_word():
    [finding] = findings_of("intake", contribution_of())
    assert finding.cause.id == "intake/no-files"
    assert "that is fine too" in finding.how_to_fix


def test_a_contribution_that_was_read_has_no_finding():
    assert findings_of("intake", skill_of(a_skill())) == []
