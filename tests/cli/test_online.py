"""`taxonomy-check --online` fetches the documents that leaves name, and says what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checks.contributions import KNOWLEDGE_PATH, a_knowledge, attribution
from tests.cli.checkouts import Checkout
from tests.documents.git_host import NAME, GitHost, Repository
from tests.documents.own_network import knows_the_host

CONTEXT = "Near the river lives the heron, which feeds on small fish.\n"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    "A git server on loopback."
    host = GitHost(tmp_path_factory.mktemp("host"))
    host.start()
    yield host
    host.stop()


@pytest.fixture
def repository(host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    "A repository of ana's."
    knows_the_host(monkeypatch)
    host.asked.clear()
    return host.repository(f"ana/{tmp_path.name}")


def writes_a_leaf(checkout: Checkout, repository: Repository, commit: str) -> None:
    document = {"repo": repository.url, "commit": commit, "patterns": ["birds.md"]}
    checkout.writes(KNOWLEDGE_PATH, a_knowledge(document=document))
    checkout.writes(KNOWLEDGE_PATH.replace("qna.yaml", "attribution.txt"), attribution())
    port = repository.host.port
    checkout.writes(".github/taxonomy-bot.yml", f"documents:\n  allowed_hosts: ['{NAME}:{port}']\n")


def online(repository: Repository) -> tuple[str, ...]:
    return ("--online", "--network", "127.0.0.0/8", "--ca-file", str(repository.host.ca_file), KNOWLEDGE_PATH)


def test_without_it_nobody_is_asked(checkout: Checkout, repository: Repository) -> None:
    writes_a_leaf(checkout, repository, "a" * 40)
    assert checkout.checks(KNOWLEDGE_PATH).status == 0
    assert repository.host.asked == []


def test_the_document_is_looked_into(checkout: Checkout, repository: Repository) -> None:
    "Of five contexts the document holds one."
    commit = repository.commit(
        {"birds.md": f"# Birds\n\n{CONTEXT}\nAsk lena.vogel@birds-of-varholm.de for more.\n"}
    )
    repository.push()
    writes_a_leaf(checkout, repository, commit)
    answer = checkout.checks("--format", "json", "--on", "2027-06-01", *online(repository))

    assert answer.status == 1
    assert (
        answer.causes.count("context-in-document/changed") + answer.causes.count("context-in-document/missing") <= 4
    )
    assert "document-privacy/email" in answer.causes
    assert "lena.vogel" not in answer.out + answer.err


def test_what_is_wrong_is_said(checkout: Checkout, repository: Repository) -> None:
    repository.commit({"birds.md": CONTEXT})
    repository.push()
    writes_a_leaf(checkout, repository, "b" * 40)
    answer = checkout.checks("--on", "2027-06-01", *online(repository))

    assert answer.status == 1
    assert f"The commit {'b' * 40} is not in that repository." in answer.wrapped()


def test_trouble_on_the_way_is_shown_and_blocks_nothing(checkout: Checkout, repository: Repository) -> None:
    "Without the server's authority its certificate is not trusted: nobody's fault, but said."
    writes_a_leaf(checkout, repository, "c" * 40)
    answer = checkout.checks("--online", "--network", "127.0.0.0/8", "--on", "2027-06-01", KNOWLEDGE_PATH)

    assert answer.status == 0
    assert "Could not verify the document: the certificate of" in answer.wrapped()


def test_a_network_is_written_as_one(checkout: Checkout, repository: Repository) -> None:
    answer = checkout.checks("--online", "--network", "everywhere", ".")
    assert answer.status == 2
    assert "Write it like 10.1.0.0/16." in answer.err
