"""What became of fetching a document, on the line that is to be put right."""

from __future__ import annotations

import pytest

from checks.document_refusals import DocumentOffer, DocumentProblem, RefusalKind
from checks.findings import Check, Outcome, Severity
from checks.policy import Policy, Switch
from checks.run import judge
from tests.checks.contributions import COMMIT, REPO, causes, findings_of, knowledge_of
from tests.checks.documents import fetched, knowledge_with, refused

RULE = "document-reached"
LINE_OF = {
    "repository": "  repo:",
    "commit": "  commit:",
    "files": "    - kingfisher.md",
    "not-verified": "  repo:",
}


def test_a_document_that_was_fetched_is_fine() -> None:
    assert findings_of(RULE, knowledge_with(fetched(kingfisher_md="It eats fish."))) == []


def test_where_nobody_asked_the_rule_is_silent() -> None:
    assert findings_of(RULE, knowledge_with(None)) == []
    assert findings_of(RULE, knowledge_of(knowledge_with(None).leaves[0].text or "")) == []


@pytest.mark.parametrize("problem", list(DocumentProblem))
def test_every_refusal_is_said_on_its_line(problem: DocumentProblem) -> None:
    "What a server of ours is called inside stays out of it."
    contribution = knowledge_with(refused(problem))
    [finding] = findings_of(RULE, contribution)
    leaf = contribution.leaves[0]
    kind = finding.cause.id.partition("/")[2]

    assert leaf.line_text(finding.line or 0).startswith(LINE_OF[kind])
    assert finding.message == f"It was refused: {problem}."
    assert finding.remedy == refused(problem).remedy
    assert "10.0.0.7" not in repr(finding)
    is_ours = refused(problem).kind is RefusalKind.UNVERIFIED
    assert finding.severity is (Severity.NOTICE if is_ours else Severity.ERROR)


def test_what_could_not_be_verified_leaves_the_check_open() -> None:
    "It is neither red nor green, and says so until somebody decides that it does not matter."
    verdict = judge(knowledge_with(refused("timeout")), Policy())
    assert verdict.outcome(Check.CONTRIBUTION) is Outcome.UNVERIFIED
    assert verdict.outcome(Check.SIGN_OFF) is Outcome.PASSED

    off = Policy(rules={"document-reached/not-verified": Switch.OFF})
    assert judge(knowledge_with(refused("timeout")), off).overall is Outcome.PASSED


def test_no_community_can_make_it_the_authors_fault() -> None:
    strict = Policy(rules={RULE: Switch.ERROR})
    assert judge(knowledge_with(refused("timeout")), strict).overall is Outcome.UNVERIFIED


def test_what_the_words_give_away_is_said_once() -> None:
    "A short commit id has a finding of its own already, which now knows the whole one."
    offer = DocumentOffer(REPO, COMMIT, ("kingfisher.md",))
    document = {"repo": REPO, "commit": COMMIT[:8], "patterns": ["kingfisher.md"]}
    contribution = knowledge_with(refused("commit-id", offer), document=document)

    assert findings_of(RULE, contribution) == []
    [finding] = findings_of("document", contribution)
    assert COMMIT in finding.remedy
    assert finding.suggestion is not None
    assert finding.suggestion.lines == (f"  commit: {COMMIT}",)


def test_the_address_of_a_page_comes_with_the_finished_block() -> None:
    page = "https://github.com/ana/kingfisher/blob/main/docs/kingfisher.md"
    offer = DocumentOffer(REPO, COMMIT, ("docs/kingfisher.md",))
    document = {"repo": page, "commit": "main", "patterns": [page]}
    found = findings_of("document", knowledge_with(refused("address", offer), document=document))

    assert causes(found) == ["document/page-link", "document/commit", "document/pattern-path"]
    for finding in found:
        assert all(part in finding.remedy for part in (REPO, COMMIT, "docs/kingfisher.md"))
    lines = [finding.suggestion.lines[0] for finding in found if finding.suggestion]
    assert lines == [f"  repo: {REPO}", f"  commit: {COMMIT}", "    - docs/kingfisher.md"]


def test_an_offered_path_never_breaks_the_yaml() -> None:
    "A name that YAML would read otherwise is only told, not put in."
    offer = DocumentOffer(REPO, COMMIT, ("a: b # c.md",))
    document = {"repo": REPO, "commit": COMMIT, "patterns": ["https://github.com/ana/kingfisher/blob/x/y.md"]}
    [finding] = findings_of("document", knowledge_with(refused("pattern", offer), document=document))
    assert "a: b # c.md" in finding.remedy
    assert finding.suggestion is None
