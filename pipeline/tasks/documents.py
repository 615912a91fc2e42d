"""Fetches a leaf's documents and stores them as one artifact, so that who generates from them needs no internet."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from checks.documents import (
    DocumentLimits,
    DocumentReach,
    DocumentReference,
    DocumentRefusal,
    FetchedDocuments,
    Resolve,
    fetch_documents,
    system_addresses,
)
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact
from pipeline.document_formats import markdown_of

DOCUMENTS_TYPE = "application/vnd.taxonomy-bot.documents+json"
_VERSION = 1


class StoredDocumentsError(Exception):
    """An artifact does not hold documents as they are stored here."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """One document as Markdown. `sha256` is that of the file in the repository."""

    path: str
    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredDocuments:
    """The documents of a leaf, by path, and where they come from."""

    url: str
    commit: str
    documents: tuple[StoredDocument, ...]

    @property
    def digest(self) -> str:
        """One hash for all files: the same documents have the same, wherever they were fetched from."""
        files = "".join(f"{document.sha256} {document.path}\n" for document in self.documents)
        return hashlib.sha256(files.encode()).hexdigest()


def fetch_to_artifact(
    reference: DocumentReference,
    store: ArtifactStore,
    reach: DocumentReach,
    limits: DocumentLimits | None = None,
    *,
    resolve: Resolve = system_addresses,
) -> Artifact | DocumentRefusal:
    """Fetch, make Markdown of every file, store; the same commit gives the same artifact.

    Returns the refusal where there are no documents. Raises DocumentFormatError (the author's),
    DocumentReaderMissingError (an operator's) and ArtifactError.
    """
    fetched = fetch_documents(reference, reach, limits, resolve=resolve)
    if isinstance(fetched, DocumentRefusal):
        return fetched
    return store.put("documents.json", as_json(documents_of(fetched)), DOCUMENTS_TYPE)


def documents_of(fetched: FetchedDocuments) -> StoredDocuments:
    """Return the files as Markdown. Raises DocumentFormatError and DocumentReaderMissingError."""
    documents = (StoredDocument(f.path, markdown_of(f.path, f.content), f.sha256) for f in fetched.files)
    return StoredDocuments(fetched.url, fetched.commit, tuple(documents))


def as_json(stored: StoredDocuments) -> bytes:
    """Return the documents as they are stored."""
    data = {
        "version": _VERSION,
        "url": stored.url,
        "commit": stored.commit,
        "documents": {d.path: {"sha256": d.sha256, "text": d.text} for d in stored.documents},
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def read_documents(content: bytes) -> StoredDocuments:
    """Read what `as_json` wrote. Raises StoredDocumentsError for anything else."""
    try:
        data = json.loads(content)
        if data["version"] != _VERSION:
            raise StoredDocumentsError(f"These documents were stored by another version ({data['version']!r:.20}).")
        documents = tuple(
            StoredDocument(path, _text(file["text"]), _text(file["sha256"]))
            for path, file in sorted(data["documents"].items())
        )
        return StoredDocuments(_text(data["url"]), _text(data["commit"]), documents)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoredDocumentsError(f"This artifact holds no documents: {type(error).__name__}.") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
