"""Attribution files on their way from the bot to the package step: by git blob, each proven to be that blob."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping

ATTRIBUTIONS = "package:attributions.json"  # the role of the bundle among the files of a build's order
ATTRIBUTIONS_TYPE = "application/vnd.taxonomy-bot.attributions+json"


class AttributionBundleError(Exception):
    """The bundle cannot be read; the text names no content of it."""


def as_bundle(blobs: Mapping[str, bytes]) -> bytes:
    """Return files by their git blob as one file, always the same bytes for the same files."""
    said = {sha: base64.b64encode(data).decode() for sha, data in blobs.items()}
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def from_bundle(bundle: bytes) -> dict[str, bytes]:
    """Return the files of a bundle. Raises AttributionBundleError, also for a file that is another blob."""
    try:
        said = json.loads(bundle)
        blobs = {str(sha): base64.b64decode(text, validate=True) for sha, text in said.items()}
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise AttributionBundleError("The bundle of attribution files cannot be read.") from None
    for sha, data in blobs.items():
        if blob_sha(data) != sha:
            raise AttributionBundleError(f"The attribution file {sha[:12]!r} is not what its name says.")
    return blobs


def blob_sha(data: bytes) -> str:
    """Return the name that git gives a file by what it holds."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def published_path(attribution_sha: str) -> str:
    """Return where a build carries an attribution file along."""
    return f"attribution/{attribution_sha}.txt"
