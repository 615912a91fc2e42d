"""Passages: the documents of a leaf, cut, and spread evenly where there are more than are wanted."""

from __future__ import annotations

from collections.abc import Iterator

from checks.documents import DocumentFile, FetchedDocuments
from pipeline.documents import chunk_markdown
from pipeline.lessons import LeafDocuments
from pipeline.sdg.starts import Passage

_MARKDOWN = (".md", ".markdown", ".txt")


class PassagesError(Exception):
    """A document cannot be read; the text says which and why, for its author."""


def leaf_documents(documents: FetchedDocuments, most: int) -> LeafDocuments:
    """Return at most so many passages of the documents, and their source. Raises PassagesError."""
    passages = [passage for file in documents.files for passage in _passages(file)]
    if len(passages) > most:
        passages = [passages[i * len(passages) // most] for i in range(most)]
    return LeafDocuments(tuple(passages), {"repository": documents.url, "commit": documents.commit})


def _passages(file: DocumentFile) -> Iterator[Passage]:
    if file.suffix not in _MARKDOWN:
        raise PassagesError(f"{file.path} is no Markdown, and nothing else can be read here.")
    for chunk in chunk_markdown(file.content.decode("utf-8", "replace")).chunks:
        yield Passage(chunk.text, " > ".join(chunk.headings))
