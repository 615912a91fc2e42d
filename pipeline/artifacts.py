"""The artifact store: files named by their SHA-256, in a folder or a bucket, written whole, verified when read."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from pipeline.artifact_places import PlaceError, StoredFile, place_at
from pipeline.contract import Artifact
from pipeline.tally import Tally, chunks_of

_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"sha256/([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")
_UNPLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 100
_MANY = 1_000  # files that are asked about one by one: a bucket takes its time for each


class ArtifactError(Exception):
    """Something is wrong with an artifact or its store.

    ArtifactError
    ├── ArtifactMissingError   the store does not hold it: whoever needs it has to have it made again
    ├── ArtifactCorruptError   what is held is not what was stored: nobody may use it
    └── ArtifactStoreError     the store cannot be used now, or not with these settings
    """


class ArtifactMissingError(ArtifactError):
    """The store does not hold it."""


class ArtifactCorruptError(ArtifactError):
    """What the store holds under this name is not what was stored there."""


class ArtifactStoreError(ArtifactError):
    """The store itself cannot be used; the text says why."""


def plain_name(name: str) -> str:
    """Return a file name that is harmless in a path, a header and an address: at most 100 of A-Z a-z 0-9 . _ -"""
    plain = _UNPLAIN.sub("_", name).lstrip("._-")
    stem, dot, ending = plain.rpartition(".")
    if len(plain) > _LONGEST_NAME and dot and len(ending) < _LONGEST_NAME:
        plain = stem[: _LONGEST_NAME - 1 - len(ending)] + dot + ending
    return plain[:_LONGEST_NAME] or "artifact"


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """What the store holds under a hash. `size` in bytes; `modified` is aware, in UTC."""

    sha256: str
    size: int
    modified: datetime


class ArtifactStore:
    """Stores files by what they hold. Make one in each process: the connection to a bucket survives no fork.

    Only hashes become paths, never a name that came from outside.
    """

    def __init__(self, url: str) -> None:
        """Open the store in a folder, or at `s3://BUCKET/FOLDER`; nothing is made or asked yet.

        Raises ArtifactStoreError for an address that cannot be one.
        """
        self.url = url
        with self._made_plain():
            self._place = place_at(url)

    def put(self, name: str, content: bytes | Path, media_type: str = "application/octet-stream") -> Artifact:
        """Store content, or the file at a path, and return what names it.

        What is there already in the right size is only marked as new, so that no clean-up takes it away. Raises
        ArtifactStoreError, and OSError when the file at the path cannot be read.
        """
        with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as source:
            tally = Tally()
            for _ in tally.over(chunks_of(source)):
                pass
            artifact = Artifact(plain_name(name), tally.sha256, tally.size, media_type)
            if not self._is_there_and_marked(artifact):
                source.seek(0)
                self._write(artifact, source)
        return artifact

    def get(self, artifact: Artifact) -> bytes:
        """Return the content, verified. Raises ArtifactError."""
        content = io.BytesIO()
        self.write_to(artifact, content)
        return content.getvalue()

    def fetch(self, artifact: Artifact, path: Path) -> None:
        """Write the content to a file, which appears whole and verified or not at all.

        Raises ArtifactError, and OSError when the file cannot be written.
        """
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with temporary.open("xb") as file:
                self.write_to(artifact, file)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def write_to(self, artifact: Artifact, target: BinaryIO) -> None:
        """Copy the content into an open file. Raises ArtifactError; what was written then must not be used."""
        found = self._found(artifact)
        if found is None:
            raise ArtifactMissingError(
                f"{_shown(artifact)} is not in the artifact store. It was cleaned up, or was never stored there."
            )
        if found.size != artifact.size:
            raise ArtifactCorruptError(
                f"{_shown(artifact)} is damaged in the artifact store: {found.size} bytes lie there, "
                f"{artifact.size} were stored. Have it made again."
            )
        tally = Tally()
        for chunk in tally.over(self._chunks(artifact)):
            target.write(chunk)
        if not tally.fits(artifact.sha256, artifact.size):
            raise ArtifactCorruptError(
                f"{_shown(artifact)} is damaged in the artifact store: its content is not what was stored. "
                "Have it made again."
            )

    def exists(self, artifact: Artifact) -> bool:
        """Return whether it is there in its size; the content is verified only when read."""
        found = self._found(artifact)
        return found is not None and found.size == artifact.size

    def lacking(self, artifacts: Iterable[Artifact]) -> frozenset[str]:
        """Return the hashes of those that are not there in their size. Of very many, all there is is listed."""
        wanted = {each.sha256: each for each in artifacts}
        if len(wanted) <= _MANY:
            return frozenset(sha256 for sha256, each in wanted.items() if not self.exists(each))
        sizes = {each.sha256: each.size for each in self.listing()}
        return frozenset(sha256 for sha256, each in wanted.items() if sizes.get(sha256) != each.size)

    def delete(self, sha256: str, *, unless_stored_since: datetime | None = None) -> bool:
        """Delete what has this hash; return whether it was there and is gone.

        What was stored or marked as new since `unless_stored_since` stays: somebody has just named it.
        """
        if not _SHA256.fullmatch(sha256):
            return False
        with self._made_plain():
            found = self._place.find(_key(sha256))
            if found is None or (unless_stored_since and found.modified >= unless_stored_since):
                return False
            return self._place.remove(found.key)

    def listing(self) -> Iterator[StoredArtifact]:
        """Yield what is stored, by hash; files that are not ours are passed over. Raises ArtifactStoreError."""
        with self._made_plain():
            for found in self._place.below("sha256"):
                if match := _KEY.fullmatch(found.key):
                    yield StoredArtifact(match[3], found.size, found.modified)

    def clear_unfinished(self, before: datetime, *, dry_run: bool = False) -> list[int]:
        """Delete what writers that died have left behind, last written before a moment; return the sizes, in bytes.

        A bucket shows none: uploads that were begun are the business of its own life-cycle rules.
        """
        with self._made_plain():
            left = [file for file in self._place.unfinished() if file.modified < before]
            return [file.size for file in left if dry_run or self._place.remove(file.key)]

    def _found(self, artifact: Artifact) -> StoredFile | None:
        if not _SHA256.fullmatch(artifact.sha256):
            return None
        with self._made_plain():
            return self._place.find(_key(artifact.sha256))

    def _is_there_and_marked(self, artifact: Artifact) -> bool:
        found = self._found(artifact)
        if found is None or found.size != artifact.size:
            return False
        with self._made_plain():
            return self._place.mark_as_new(found)

    def _write(self, artifact: Artifact, source: BinaryIO) -> None:
        """Write what a file holds, provided that it still is the artifact when it has been read to its end."""

        def chunks() -> Iterator[bytes]:
            tally = Tally()
            yield from tally.over(chunks_of(source))
            if not tally.fits(artifact.sha256, artifact.size):
                raise ArtifactStoreError(f"{artifact.name} changed while it was being stored; store it again.")

        with self._made_plain():
            self._place.write(_key(artifact.sha256), chunks())

    def _chunks(self, artifact: Artifact) -> Iterator[bytes]:
        with self._made_plain():
            yield from self._place.read(_key(artifact.sha256))

    @contextmanager
    def _made_plain(self) -> Iterator[None]:
        """Turn whatever the place raises into our own errors."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ArtifactMissingError(f"The artifact store {self.url} does not hold it (any more).") from error
        except PlaceError as error:
            raise ArtifactStoreError(f"The artifact store {self.url} cannot be used: {error}") from error


def _key(sha256: str) -> str:
    return f"sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _shown(artifact: Artifact) -> str:
    return f"{plain_name(artifact.name)} ({plain_name(artifact.sha256)[:12]})"
