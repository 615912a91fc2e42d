"""Fetched documents as one JSON text, so that they can be stored and handed to whoever has no network."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from checks.documents import DocumentFile, FetchedDocuments

MEDIA_TYPE = "application/vnd.taxonomy-bot.documents+json"
_FORMAT = 1


class BundleError(Exception):
    """A text that is no bundle, or whose files are not what they were."""


def to_bundle(documents: FetchedDocuments) -> bytes:
    """Return the documents as JSON; the same documents give the same bytes."""
    said = {
        "format": _FORMAT,
        "url": documents.url,
        "commit": documents.commit,
        "passed_over": list(documents.passed_over),
        "files": [{"path": file.path, "sha256": file.sha256, **_content(file)} for file in documents.files],
    }
    return json.dumps(said, ensure_ascii=False, sort_keys=True).encode()


def from_bundle(content: bytes) -> FetchedDocuments:
    """Return the documents of a bundle, each verified by its digest. Raises BundleError."""
    try:
        said = json.loads(content)
        if said["format"] != _FORMAT:
            raise BundleError("The bundle of documents has a format that is not known here.")
        files = tuple(_file(each) for each in said["files"])
        return FetchedDocuments(str(said["url"]), str(said["commit"]), files, tuple(map(str, said["passed_over"])))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BundleError("This is no bundle of documents.") from None


def _content(file: DocumentFile) -> dict[str, str]:
    try:
        return {"text": file.content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(file.content).decode()}


def _file(said: dict[str, Any]) -> DocumentFile:
    content = said["text"].encode() if "text" in said else base64.b64decode(said["base64"], validate=True)
    if hashlib.sha256(content).hexdigest() != said["sha256"]:
        raise BundleError(f"The file {str(said['path'])[:200]} of a bundle of documents is not what it was.")
    return DocumentFile(str(said["path"]), content, str(said["sha256"]))
