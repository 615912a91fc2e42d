"""Sources by the links of attribution.txt, held against the community's list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from checks.findings import Severity
from checks.policy import Policy, Sources
from tests.checks.contributions import (
    KNOWLEDGE_PATH,
    a_knowledge,
    a_skill,
    attribution,
    causes,
    contribution_of,
    findings_of,
    skill_of,
)

RULE = "source"
PATH = KNOWLEDGE_PATH.replace("qna.yaml", "attribution.txt")
COPY = "https://github.com/ana/kingfisher"


def of(text: str, policy: Policy | None = None) -> list[str]:
    return causes(findings_of(RULE, contribution_of((KNOWLEDGE_PATH, a_knowledge()), (PATH, text)), policy))


def linked(*links: str) -> str:
    return (
        "Title of work: Kingfisher\n"
        + "".join(f"Link to work: {link}\n" for link in links)
        + "Creator names: Some\n"
    )


APPROVED = [
    "https://en.wikipedia.org/wiki/Kingfisher",
    "https://www.gutenberg.org/ebooks/12345",
    "en.wikisource.org/wiki/Birds",
    "http://EN.Wikipedia.ORG./wiki/Kingfisher",
    "https://openstax.org/details/books/biology-2e",
    "https://web.archive.org/web/20240101000000/https://en.wikipedia.org/wiki/Kingfisher",
    "[Kingfisher](https://de.wikipedia.org/wiki/Eisvogel)",
]
DOUBTED = [
    "https://birds.example/kingfisher",
    "https://wikipedia.org.birds.example/wiki/Kingfisher",
    "https://notwikipedia.org/wiki/Kingfisher",
    "https://en.wikipedia.org@birds.example/wiki",
    "https://birds.example/?from=https://en.wikipedia.org/wiki/Kingfisher",
    "https://birds.example#en.wikipedia.org",
    "https://web.archive.org/web/2024/https://birds.example/kingfisher",
    f"{COPY}/blob/main/kingfisher.md",
]


@pytest.mark.parametrize("link", APPROVED)
def test_an_approved_source(link: str) -> None:
    assert of(linked(link)) == []


@pytest.mark.parametrize("link", DOUBTED)
def test_any_other_source(link: str) -> None:
    assert of(linked(link)) == [f"{RULE}/not-approved"]


def test_it_is_a_warning_at_the_link() -> None:
    [finding] = findings_of(
        RULE, contribution_of((KNOWLEDGE_PATH, a_knowledge()), (PATH, linked("https://birds.example/k")))
    )
    assert (finding.path, finding.line, finding.column) == (PATH, 2, 15)
    assert finding.severity is Severity.WARNING
    assert finding.message == "`birds.example` is not on the list."


def test_each_source_counts_for_itself() -> None:
    two = linked(APPROVED[0]) + "\n" + linked(DOUBTED[0])
    assert of(two) == [f"{RULE}/not-approved"]


def test_the_copy_does_not_count_beside_where_it_was_copied_from() -> None:
    copy = f"{COPY}/blob/main/kingfisher.md"
    assert of(linked(copy, APPROVED[0])) == []
    assert of(linked(copy) + "\n" + linked(APPROVED[0])) == []


@pytest.mark.parametrize(
    "text",
    [
        "Title of work: Kingfisher\nLink to work: -\nLicense of the work: CC-BY-4.0\nCreator names: own work\n",
        "Self-authored.\n",
    ],
)
def test_own_work_has_no_source(text: str) -> None:
    assert of(text) == []


def test_without_a_link_it_is_judged_by_where_the_document_lies() -> None:
    text = "Title of work: Kingfisher\nLicense of the work: CC-BY-SA-4.0\nCreator names: Somebody\n"
    assert of(text) == [f"{RULE}/not-named"]
    assert of(text, Policy(sources=Sources(approved=("github.com/ana/",)))) == []
    assert of(text, Policy(sources=Sources(approved=("github.com/an",)))) == [f"{RULE}/not-named"]


def test_a_list_of_ones_own() -> None:
    policy = Policy(sources=Sources(approved=("birds.example",)))
    assert of(linked("https://www.birds.example/kingfisher"), policy) == []
    assert of(linked(APPROVED[0]), policy) == [f"{RULE}/not-approved"]
    assert of(linked("https://birds.example/kingfisher"), Policy(sources=Sources(approved=()))) == []


@pytest.mark.parametrize("said", ["https://wikipedia.org", "*.org", "org", "wiki pedia.org", ""])
def test_the_list_names_hosts(said: str) -> None:
    with pytest.raises(ValidationError):
        Sources(approved=(said,))


def test_skills_and_missing_attribution_have_rules_of_their_own() -> None:
    assert findings_of(RULE, skill_of(a_skill())) == []
    assert findings_of(RULE, contribution_of((KNOWLEDGE_PATH, a_knowledge()))) == []
    assert of(attribution()) == []


@given(st.text(max_size=400))
def test_nothing_breaks_it(text: str) -> None:
    for said in (of(text), of(linked(text, f"https://{text}"))):
        assert set(said) <= {"source/not-approved", "source/not-named"}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("link", ["https://web.archive.org/" + "https:/" * 8_000, "www." * 15_000, "a-" * 30_000])
def test_long_links_cost_nothing(link: str) -> None:
    assert len(of(linked(link))) == 1
