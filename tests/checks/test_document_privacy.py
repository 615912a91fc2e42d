"""Personal data in linked documents: told at the leaf, never repeated."""

from __future__ import annotations

from checks.findings import Severity
from checks.policy import Pii, Policy
from checks.run import judge
from tests.checks.contributions import (
    KNOWLEDGE_PATH,
    a_knowledge,
    attribution,
    causes,
    contribution_of,
    findings_of,
)
from tests.checks.documents import fetched, knowledge_with, refused

RULE = "document-privacy"
ADDRESS = "lena.vogel@birds-of-varholm.de"
OTHER = "tom.reiher@birds-of-varholm.de"
PHONE = "+49 30 23125 741"


def test_an_ordinary_document_is_fine() -> None:
    text = "# Kingfisher\n\nIt weighs 34 to 46 g, see https://en.wikipedia.org/w/index.php?oldid=1231231231.\n" * 50
    assert findings_of(RULE, knowledge_with(fetched(kingfisher_md=text))) == []


def test_one_finding_tells_of_all_of_a_kind_in_a_file() -> None:
    "Where the first is, how many more there are; at the leaf's own line, and not the thing itself."
    text = f"# Kingfisher\n\nAsk {ADDRESS}.\n\nOr {OTHER}, or call {PHONE}.\n"
    contribution = knowledge_with(fetched(kingfisher_md=text))
    found = {f.cause.id: f for f in findings_of(RULE, contribution)}

    assert set(found) == {f"{RULE}/email", f"{RULE}/phone"}
    mail = found[f"{RULE}/email"]
    assert mail.message == "An e-mail address is in line 3 of `kingfisher.md`, and 1 more of that kind."
    assert mail.severity is Severity.ERROR
    assert contribution.leaves[0].line_text(mail.line or 0) == "document:"
    for finding in judge(contribution, Policy()).findings:
        assert not any(each in repr(finding) for each in (ADDRESS, OTHER, PHONE))


def test_what_the_community_allows_does_not_count() -> None:
    policy = Policy(pii=Pii(allowed=(ADDRESS,)))
    assert findings_of(RULE, knowledge_with(fetched(a_md=f"Ask {ADDRESS}.")), policy) == []


def test_a_name_that_is_an_address_is_not_repeated() -> None:
    found = fetched(**{f"{ADDRESS}_md": f"Ask {OTHER}."})
    [finding] = findings_of(RULE, knowledge_with(found))
    assert ADDRESS not in finding.message


def test_a_document_that_two_leaves_name_is_told_of_once() -> None:
    paths = (KNOWLEDGE_PATH, KNOWLEDGE_PATH.replace("kingfisher", "heron"))
    documents = dict.fromkeys(paths, fetched(a_md=f"Ask {ADDRESS}."))
    files = [(path, a_knowledge()) for path in paths]
    files += [(path.replace("qna.yaml", "attribution.txt"), attribution()) for path in paths]
    [finding] = findings_of(RULE, contribution_of(*files, documents=documents))
    assert finding.path == min(paths)


def test_what_is_too_long_is_searched_in_part_and_said_so() -> None:
    text = "Birds live near rivers.\n" * 60_000
    assert causes(findings_of(RULE, knowledge_with(fetched(a_md=text)))) == [f"{RULE}/not-all"]


def test_refusals_hold_no_document() -> None:
    assert findings_of(RULE, knowledge_with(refused("timeout"))) == []
    assert findings_of(RULE, knowledge_with(None)) == []
