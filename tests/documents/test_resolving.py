"""A reference that is not exact is looked up: what was meant is offered in full, or nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from checks.document_resolving import fetch_or_offer
from checks.documents import (
    DocumentLimits,
    DocumentOffer,
    DocumentReference,
    DocumentRefusal,
    FetchedDocuments,
)
from tests.documents.fetching import on_loopback, reach_of
from tests.documents.git_host import Repository, git


@pytest.fixture
def commit(repository: Repository) -> str:
    "A commit in the middle of the history of `main`, with a document in a folder."
    repository.commit({"README.md": "Birds of the river.\n"})
    commit = repository.commit({"docs/kingfisher.md": "# Kingfisher\n\nIt eats fish.\n"})
    repository.commit({"README.md": "Birds of the river and of the lake.\n"})
    repository.push()
    return commit


def asks(repository: Repository, repo: str, commit: str, *patterns: str, **limits: Any) -> DocumentOffer | None:
    "What is offered for a reference that cannot be used as it is written."
    reference = DocumentReference(repo, commit, patterns or ("docs/kingfisher.md",))
    found = fetch_or_offer(reference, reach_of(repository.host), DocumentLimits(**limits), resolve=on_loopback)
    assert isinstance(found, DocumentRefusal), found
    assert found.kind == "contribution"
    return found.offer


def page(repository: Repository, kind: str, rest: str) -> str:
    return f"{repository.url.removesuffix('.git')}/{kind}/{rest}"


def test_an_exact_reference_is_fetched(repository: Repository, commit: str) -> None:
    reference = DocumentReference(repository.url, commit, ("docs/kingfisher.md",))
    found = fetch_or_offer(reference, reach_of(repository.host), resolve=on_loopback)
    assert isinstance(found, FetchedDocuments)
    assert found.commit == commit


@pytest.mark.parametrize("length", [4, 7, 12, 39])
def test_a_short_id_becomes_the_whole_one(repository: Repository, commit: str, length: int) -> None:
    offer = asks(repository, repository.url, commit[:length])
    assert offer == DocumentOffer(repository.url, commit, ("docs/kingfisher.md",))


def test_a_branch_becomes_the_commit_it_leads_to(repository: Repository, commit: str) -> None:
    "Names keep their capital letters, and may hold slashes."
    repository.push("refs/heads/Feature/Birds", commit)
    for name in ("Feature/Birds", "main"):
        offer = asks(repository, repository.url, name)
        assert offer is not None
        assert offer.commit == (commit if name != "main" else git(repository.work, "rev-parse", "HEAD"))


def test_a_tag_becomes_the_commit_that_was_tagged(repository: Repository, commit: str) -> None:
    git(repository.work, "tag", "--annotate", "--message=One", "v1", commit)
    repository.push("refs/tags/v1", "v1")
    offer = asks(repository, repository.url, "v1")
    assert offer is not None
    assert offer.commit == commit


def test_the_address_of_a_page_becomes_repository_commit_and_path(repository: Repository, commit: str) -> None:
    repository.push("refs/heads/old/birds", commit)
    for rest in (
        "old/birds/docs/kingfisher.md",
        f"{commit}/docs/kingfisher.md",
        f"{commit[:8]}/docs/kingfisher.md",
    ):
        offer = asks(repository, page(repository, "blob", rest), "YOUR", "kingfisher.md")
        assert offer is not None, rest
        assert (offer.commit, offer.patterns) == (commit, ("docs/kingfisher.md",))
        assert offer.repo.removesuffix(".git") == repository.url.removesuffix(".git")


def test_addresses_of_pages_in_the_other_places_are_understood(repository: Repository, commit: str) -> None:
    address = page(repository, "blob", "main/docs/kingfisher.md")
    offer = asks(repository, repository.url, commit, address)
    assert offer is not None
    assert (offer.commit, offer.patterns) == (commit, ("docs/kingfisher.md",))

    offer = asks(repository, repository.url, page(repository, "commit", commit[:10]))
    assert offer is not None
    assert offer.commit == commit


@pytest.mark.parametrize(
    "said",
    [
        "no-such-branch",
        "ffffffff",
        "",
        "--upload-pack=touch /tmp/x",
        "HEAD^{tree}",
        "refs/heads/main",
        "a" * 5000,
        "😀",
    ],
)
def test_what_leads_nowhere_is_offered_nothing(repository: Repository, commit: str, said: str) -> None:
    assert asks(repository, repository.url, said) is None


def test_no_offer_leads_to_files_that_are_not_there(repository: Repository, commit: str) -> None:
    assert asks(repository, repository.url, "main", "docs/heron.md") is None


def test_a_page_of_another_repository_gives_nothing_away(repository: Repository, commit: str) -> None:
    other = repository.host.repository("eve/" + repository.path.rpartition("/")[2].removesuffix(".git"))
    other.commit({"secret.md": "Hers.\n"})
    other.push()
    assert asks(repository, repository.url, commit, page(other, "blob", "main/secret.md")) is None


def test_a_server_that_does_not_answer_leaves_the_plain_words(repository: Repository, commit: str) -> None:
    reference = DocumentReference("https://nowhere.birds.example/ana/birds", "main", ("x.md",))
    reach = reach_of(repository.host, hosts=("nowhere.birds.example",))

    def unknown(host: str, port: int) -> list[str]:
        return []

    found = fetch_or_offer(reference, reach, resolve=unknown)
    assert isinstance(found, DocumentRefusal)
    assert (found.problem, found.offer) == ("commit-id", None)
