"""The documents of a leaf for work by hand: fetched once and kept, or taken from a folder."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from checks.contribution import Leaf
from checks.document_bundle import BundleError, from_bundle, to_bundle
from checks.documents import (
    DocumentFile,
    DocumentProblem,
    DocumentReach,
    DocumentReference,
    DocumentRefusal,
    FetchedDocuments,
    RefusalKind,
    fetch_documents,
    reference_of,
)
from checks.policy import default_policy
from pipeline.document_formats import DocumentFormatError, DocumentReaderMissingError
from pipeline.lessons import LeafDocuments
from pipeline.passages import leaf_documents
from pipeline.settings import PREFIX, PipelineSettings

_READ = (".md", ".pdf")
_SETTING = {  # that lets a git server of an own network in, by what is refused without it
    DocumentProblem.HOST: "DOCUMENT_HOSTS",
    DocumentProblem.ADDRESS: "DOCUMENT_HOSTS",  # a port is part of the host's name there
    DocumentProblem.PRIVATE_ADDRESS: "DOCUMENT_NETWORKS",
    DocumentProblem.CERTIFICATE: "DOCUMENT_CA_FILE",
}


class LocalDocumentsError(Exception):
    """There are no documents to work with; the text says why and what to do."""


def documents_of(leaf: Leaf, folder: Path | None, kept: Path, settings: PipelineSettings) -> LeafDocuments:
    """Return the passages of a leaf's documents: those in `folder`, else fetched, and kept in `kept` from then on.

    Raises LocalDocumentsError.
    """
    found = _in_folder(folder) if folder is not None else _fetched(leaf, kept, reach_of(settings))
    try:
        return leaf_documents(found, settings.generate_passages)
    except (DocumentFormatError, DocumentReaderMissingError) as error:
        raise LocalDocumentsError(f"{leaf.path}: {error}") from None


def reach_of(settings: PipelineSettings) -> DocumentReach:
    """Return where documents may come from."""
    reach = DocumentReach.of(default_policy(), settings.document_networks, settings.document_ca_file)
    return replace(reach, hosts=settings.document_hosts or reach.hosts)


def _in_folder(folder: Path) -> FetchedDocuments:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix.lower() in _READ]
    if not files:
        raise LocalDocumentsError(f"{folder}: there is no document here ({', '.join(_READ)}).")
    read = [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in files]
    documents = tuple(DocumentFile(path, content, hashlib.sha256(content).hexdigest()) for path, content in read)
    return FetchedDocuments("a folder of this machine", "", documents)


def _fetched(leaf: Leaf, kept: Path, reach: DocumentReach) -> FetchedDocuments:
    reference = reference_of(leaf)
    if reference is None:
        raise LocalDocumentsError(f"{leaf.path} names no document. Give --documents FOLDER, or mend the leaf.")
    path = kept / f"{_digest(reference)}.json"
    if path.is_file():
        try:
            return from_bundle(path.read_bytes())
        except BundleError:
            path.unlink()
    found = fetch_documents(reference, reach)
    if isinstance(found, DocumentRefusal):
        raise LocalDocumentsError(f"{leaf.path}: {_why(found)}")
    kept.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(to_bundle(found))
    fresh.rename(path)
    return found


def _why(refusal: DocumentRefusal) -> str:
    """Return why there is no document, in words for whoever runs this machine, too."""
    detail = f" ({refusal.detail})" if refusal.detail else ""
    setting = _SETTING.get(refusal.problem)
    own = f" A git server of your own is let in by {PREFIX}{setting}." if setting else ""
    remedy = "Run the same again later." if refusal.kind is RefusalKind.UNVERIFIED else refusal.remedy
    return f"{refusal.message}{detail} {remedy}{own} Or give --documents FOLDER."


def _digest(reference: DocumentReference) -> str:
    said = "\0".join((reference.repo, reference.commit, *reference.patterns))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
