"""The document rule: repository, commit and patterns as written, without asking the network."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.findings import Severity, Suggestion
from checks.policy import Documents, Policy
from checks.repository_links import read_link
from tests.checks.contributions import (
    COMMIT,
    KNOWLEDGE_PATH,
    REPO,
    a_knowledge,
    a_skill,
    causes,
    findings_of,
    knowledge_of,
    skill_of,
)

HOSTS = ("github.com", "gitlab.com", "codeberg.org")


def a_document(repo: Any = REPO, commit: Any = COMMIT, patterns: Any = ("kingfisher.md",)) -> str:
    patterns = list(patterns) if isinstance(patterns, tuple) else patterns
    return a_knowledge(document={"repo": repo, "commit": commit, "patterns": patterns})


def place_of(text: str, value: str) -> tuple[int, int]:
    lines = text.splitlines()
    for number in range(lines.index("document:"), len(lines)):
        if value in lines[number]:
            return number + 1, lines[number].index(value) + 1
    raise AssertionError(f"{value} is not in the text")


GOOD_REPOS = [
    REPO,
    "https://github.com/ana/kingfisher",
    "https://github.com/ana/kingfisher/",
    "https://GitHub.com/ana/kingfisher.git",
    "https://gitlab.com/birds/of/rivers/kingfisher.git",
    "https://codeberg.org/ana/kingfisher",
    "https://github.com/ana/kingfisher.wiki.git",
]


@pytest.mark.parametrize("repo", GOOD_REPOS)
def test_the_address_of_a_repository_passes(repo: str) -> None:
    assert findings_of("document", knowledge_of(a_document(repo))) == []


BAD_REPOS = {
    "plain http": ("http://github.com/ana/kingfisher", "document/not-https", "https://github.com/ana/kingfisher"),
    "no scheme": ("github.com/ana/kingfisher", "document/not-https", "https://github.com/ana/kingfisher"),
    "over ssh": (
        "git@github.com:ana/kingfisher.git",
        "document/not-https",
        "https://github.com/ana/kingfisher.git",
    ),
    "over ssh with a scheme": (
        "ssh://git@github.com/ana/kingfisher.git",
        "document/not-https",
        "https://github.com/ana/kingfisher.git",
    ),
    "a local file": ("file:///home/ana/kingfisher", "document/not-https", ""),
    "a word": ("kingfisher", "document/not-https", ""),
    "a foreign host": ("https://birds.example.org/ana/kingfisher", "document/host", ""),
    "a host that looks like an accepted one": ("https://github.com.evil.dev/ana/kingfisher", "document/host", ""),
    "an accepted host as a user name": ("https://github.com@evil.dev/ana/kingfisher", "document/address", ""),
    "a password": ("https://ana:secret1@github.com/ana/kingfisher", "document/address", ""),
    "a port": (
        "https://github.com:8443/ana/kingfisher",
        "document/address",
        "https://github.com/ana/kingfisher",
    ),
    "a port that is none": ("https://github.com:x/ana/kingfisher", "document/address", ""),
    "only an owner": ("https://github.com/ana", "document/address", ""),
    "a path trick": ("https://github.com/ana/..", "document/address", ""),
    "a name to fill in": ("https://github.com/<owner>/kingfisher", "document/address", ""),
    "blanks inside": ("https://github.com/ana/king fisher", "document/address", ""),
    "the page of a file": (
        f"https://github.com/ana/kingfisher/blob/{COMMIT}/docs/bird.md",
        "document/page-link",
        REPO,
    ),
    "the page of a folder": ("https://github.com/ana/kingfisher/tree/main/docs", "document/page-link", REPO),
    "the page of a commit": (f"https://github.com/ana/kingfisher/commit/{COMMIT}", "document/page-link", REPO),
    "a query": ("https://github.com/ana/kingfisher?tab=readme", "document/page-link", REPO),
    "a raw file": (
        f"https://raw.githubusercontent.com/ana/kingfisher/{COMMIT}/bird.md",
        "document/page-link",
        REPO,
    ),
    "a page elsewhere": (
        "https://gitlab.com/birds/rivers/kingfisher/-/blob/main/a.md",
        "document/page-link",
        "https://gitlab.com/birds/rivers/kingfisher.git",
    ),
    "a page under www": ("https://www.github.com/ana/kingfisher/blob/main/a.md", "document/page-link", REPO),
}


@pytest.mark.parametrize(("repo", "cause", "better"), BAD_REPOS.values(), ids=BAD_REPOS)
def test_other_addresses_are_errors_that_say_what_to_write(repo: str, cause: str, better: str) -> None:
    text = a_document(repo)

    [finding] = findings_of("document", knowledge_of(text))

    assert finding.cause.id == cause
    assert finding.severity is Severity.ERROR
    assert (finding.path, finding.line, finding.column) == (KNOWLEDGE_PATH, *place_of(text, repo))
    assert better in finding.how_to_fix
    assert "secret1" not in str(finding)


def test_a_page_link_tells_pattern_and_commit_and_offers_the_line() -> None:
    commit = "abcdef" * 6 + "abcd"
    text = a_document(f"https://github.com/ana/kingfisher/blob/{commit}/docs/river%20bird.md")

    [finding] = findings_of("document", knowledge_of(text))

    assert "`docs/river bird.md`" in finding.remedy
    assert commit in finding.remedy
    assert finding.line is not None
    assert finding.suggestion == Suggestion(finding.line, finding.line, (f"  repo: {REPO}",))


BAD_COMMITS = {
    "a short id": (COMMIT[:7], "has 7 characters"),
    "one character too many": (COMMIT + "a", "has 41 characters"),
    "a branch": ("main", "`main`"),
    "a tag": ("v1.0", "`v1.0`"),
    "an address": (f"https://github.com/ana/kingfisher/commit/{COMMIT}", "address"),
    "40 letters that are no id": ("g" * 40, "is not a commit id"),
}


@pytest.mark.parametrize(("commit", "words"), BAD_COMMITS.values(), ids=BAD_COMMITS)
def test_anything_but_a_full_commit_id_is_an_error(commit: str, words: str) -> None:
    text = a_document(commit=commit)

    [finding] = findings_of("document", knowledge_of(text))

    assert finding.cause.id == "document/commit"
    assert finding.severity is Severity.ERROR
    assert (finding.line, finding.column) == place_of(text, commit)
    assert words in finding.message


BAD_PATTERNS = {
    "an absolute path": ("/docs/a.md", "document/pattern-path"),
    "a path of Windows": ("C:/docs/a.md", "document/pattern-path"),
    "backslashes": ("docs\\a.md", "document/pattern-path"),
    "a way out": ("../a.md", "document/pattern-path"),
    "a way out in the middle": ("docs/../../a.md", "document/pattern-path"),
    "an address": ("https://github.com/ana/kingfisher/blob/main/a.md", "document/pattern-path"),
    "a page of the web": ("a.html", "document/pattern-type"),
    "no ending": ("docs/bird", "document/pattern-type"),
    "everything": ("*", "document/pattern-type"),
}


@pytest.mark.parametrize(("pattern", "cause"), BAD_PATTERNS.values(), ids=BAD_PATTERNS)
def test_a_pattern_names_a_document_inside_the_repository(pattern: str, cause: str) -> None:
    text = a_document(patterns=("kingfisher.md", pattern))

    [finding] = findings_of("document", knowledge_of(text))

    assert finding.cause.id == cause
    assert finding.severity is Severity.ERROR
    assert (finding.line, finding.column) == (text.splitlines().index("    - kingfisher.md") + 2, finding.column)


@pytest.mark.parametrize("patterns", [("*.md",), ("docs/**/*.MD", "a.md"), ("a.pdf", "b.pdf")])
def test_good_patterns_pass(patterns: tuple[str, ...]) -> None:
    assert findings_of("document", knowledge_of(a_document(patterns=patterns))) == []


def test_kinds_of_documents_do_not_mix() -> None:
    text = a_document(patterns=("a.md", "b.pdf", "c.pdf"))

    [finding] = findings_of("document", knowledge_of(text))

    assert finding.cause.id == "document/mixed-types"
    assert (finding.line, finding.column) == place_of(text, "b.pdf")


LEFT_TO_OTHERS = {
    "no document": a_knowledge(without=("document",)),
    "a document that is a word": a_knowledge(document="bird.md"),
    "numbers": a_document(repo=1, commit=1234567, patterns="bird.md"),
    "empty texts": a_document(repo="", commit="", patterns=("",)),
    "the template's words": a_document(repo="YOUR_GITHUB_REPO_URL", commit="YOUR_COMMIT_SHA"),
    "an old schema": a_knowledge(version=1, without=("document",)),
    "no yaml": "document: [",
}


@pytest.mark.parametrize("text", LEFT_TO_OTHERS.values(), ids=LEFT_TO_OTHERS)
def test_shape_and_placeholders_are_left_to_their_own_rules(text: str) -> None:
    assert findings_of("document", knowledge_of(text)) == []


def test_skills_have_no_document() -> None:
    assert findings_of("document", skill_of(a_skill(document={"repo": "x"}))) == []


def test_the_community_decides_about_hosts_and_kinds() -> None:
    policy = Policy(documents=Documents(allowed_hosts=("git.heron.dev",), allowed_suffixes=(".txt",)))

    text = a_document("https://git.heron.dev/ana/birds", patterns=("a.txt",))

    assert findings_of("document", knowledge_of(text), policy) == []
    assert causes(findings_of("document", knowledge_of(a_document()), policy)) == [
        "document/host",
        "document/pattern-type",
    ]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(
                ["https://", "github.com", "/", ":", "@", "[", "]", "blob", "raw", "..", "%2f", "?", "-"]
            ),
            max_size=9,
        ).map("".join),
    )
)
def test_no_address_crashes_the_reading(address: str) -> None:
    link = read_link(address, HOSTS)

    if link.problem is None:
        assert link.host in HOSTS
    findings_of("document", knowledge_of(a_document(repo=address, commit=address, patterns=(address,))))
