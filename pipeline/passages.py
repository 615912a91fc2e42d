"""Passages: the documents of a leaf, cut, and spread evenly where there are more than are wanted."""

from __future__ import annotations

from checks.documents import FetchedDocuments
from pipeline.document_formats import markdown_of
from pipeline.documents import chunk_markdown
from pipeline.lessons import LeafDocuments
from pipeline.sdg.starts import Passage


def leaf_documents(documents: FetchedDocuments, most: int) -> LeafDocuments:
    """Return at most so many passages of the documents, and their source.

    Raises DocumentFormatError for the author, DocumentReaderMissingError for the operator.
    """
    passages = [
        Passage(chunk.text, " > ".join(chunk.headings))
        for file in documents.files
        for chunk in chunk_markdown(markdown_of(file.path, file.content)).chunks
    ]
    if len(passages) > most:
        passages = [passages[i * len(passages) // most] for i in range(most)]
    return LeafDocuments(tuple(passages), {"repository": documents.url, "commit": documents.commit})
