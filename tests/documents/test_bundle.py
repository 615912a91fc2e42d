"""Documents on their way to a worker without internet: fetched, bundled, and read as they were."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.document_bundle import BundleError, from_bundle, to_bundle
from checks.documents import DocumentFile, FetchedDocuments
from tests.documents.fetching import fetch
from tests.documents.git_host import Repository


def test_what_was_fetched_is_read_from_its_bundle_alone(repository: Repository) -> None:
    commit = repository.commit({"b.md": "\ufeff# Wren\n\nVögel: 鳥", "a.md": "# Teal"})
    repository.push()
    fetched = fetch(repository, commit, "*.md")
    assert isinstance(fetched, FetchedDocuments)
    assert from_bundle(to_bundle(fetched)) == fetched


def test_the_same_files_give_the_same_bundle(repository: Repository) -> None:
    commit = repository.commit({"b.pdf": b"%PDF-1.7\xff\x00", "a.pdf": b"%PDF-1.4"})
    repository.push()
    one, other = fetch(repository, commit, "*.pdf"), fetch(repository, commit, "b.pdf", "a.pdf")
    assert isinstance(one, FetchedDocuments)
    assert isinstance(other, FetchedDocuments)
    assert to_bundle(one) == to_bundle(other)


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.binary(max_size=50), max_size=4))
def test_whatever_a_file_holds_is_read_as_it_was(contents: dict[str, bytes]) -> None:
    files = tuple(DocumentFile(path, c, hashlib.sha256(c).hexdigest()) for path, c in sorted(contents.items()))
    documents = FetchedDocuments("https://git.birds.example/a", "0" * 40, files, ("link.md",))
    assert from_bundle(to_bundle(documents)) == documents


def test_a_file_that_was_changed_on_the_way_is_refused() -> None:
    file = DocumentFile("a.md", b"It is blue.", hashlib.sha256(b"It is blue.").hexdigest())
    bundle = to_bundle(FetchedDocuments("https://git.birds.example/a", "0" * 40, (file,)))
    with pytest.raises(BundleError, match=r"a\.md"):
        from_bundle(bundle.replace(b"blue", b"grey"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"format":2}',
        b'{"format":1,"url":"","commit":"","passed_over":[],"files":1}',
        b'{"format":1,"url":"","commit":"","passed_over":[],"files":["a"]}',
        b'{"format":1,"url":"","commit":"","passed_over":[],"files":[{"path":"a","text":1,"sha256":""}]}',
        b'{"format":1,"url":"","commit":"","passed_over":[],"files":[{"path":"a","base64":"?","sha256":""}]}',
        b"[" * 100_000,
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError):
        from_bundle(content)
