"""Documents on their way to a worker without internet: fetched, made Markdown, stored, read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.documents import DocumentProblem, DocumentReference, DocumentRefusal
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact
from pipeline.tasks.documents import (
    StoredDocument,
    StoredDocuments,
    StoredDocumentsError,
    as_json,
    fetch_to_artifact,
    read_documents,
)
from tests.documents.fetching import on_loopback, reach_of
from tests.documents.git_host import Repository


def stored_from(
    repository: Repository, commit: str, store: ArtifactStore, *patterns: str
) -> Artifact | DocumentRefusal:
    reference = DocumentReference(repository.url, commit, patterns)
    return fetch_to_artifact(reference, store, reach_of(repository.host), resolve=on_loopback)


def test_what_was_fetched_is_read_from_the_store_alone(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit({"b.md": "\ufeff# Wren\n\nVögel: 鳥", "a.md": "# Teal"})
    repository.push()
    store = ArtifactStore(str(tmp_path))

    artifact = stored_from(repository, commit, store, "*.md")

    assert isinstance(artifact, Artifact)
    read = read_documents(store.get(artifact))
    assert (read.url, read.commit) == (repository.url, commit)
    assert [(d.path, d.text) for d in read.documents] == [("a.md", "# Teal"), ("b.md", "# Wren\n\nVögel: 鳥")]
    assert read.documents[0].sha256 == hashlib.sha256(b"# Teal").hexdigest()


def test_the_same_commit_gives_the_same_artifact(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit({"b.md": "# Wren", "a.md": "# Teal"})
    repository.push()
    store = ArtifactStore(str(tmp_path))
    first = stored_from(repository, commit, store, "*.md")
    assert first == stored_from(repository, commit, store, "b.md", "a.md")
    assert len(list(store.listing())) == 1


def test_a_refusal_is_handed_on_and_nothing_is_stored(repository: Repository, tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path))
    refusal = stored_from(repository, "0" * 40, store, "a.md")
    assert isinstance(refusal, DocumentRefusal)
    assert refusal.problem is DocumentProblem.NO_COMMIT
    assert list(store.listing()) == []


def test_the_digest_names_the_documents_and_not_their_place() -> None:
    one = StoredDocuments("https://a.example/x", "1" * 40, (StoredDocument("a.md", "x", "f" * 64),))
    other = StoredDocuments("https://b.example/y", "2" * 40, one.documents)
    third = StoredDocuments(one.url, one.commit, (StoredDocument("a.md", "x", "e" * 64),))
    assert one.digest == other.digest != third.digest


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=50), max_size=4))
def test_whatever_a_document_holds_is_read_as_it_was_stored(texts: dict[str, str]) -> None:
    documents = tuple(StoredDocument(path, texts[path], "0" * 64) for path in sorted(texts))
    stored = StoredDocuments("https://git.birds.example/a", "0" * 40, documents)
    assert read_documents(as_json(stored)) == stored


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"version":2}',
        b'{"version":1,"url":1,"commit":"","documents":{}}',
        b'{"version":1,"url":"","commit":"","documents":[]}',
        b'{"version":1,"url":"","commit":"","documents":{"a":{"text":1,"sha256":""}}}',
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(StoredDocumentsError):
        read_documents(content)
