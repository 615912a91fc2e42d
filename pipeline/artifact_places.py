"""Where the artifact store's files lie: a folder, or a bucket behind fsspec. A file appears whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_ISREG
from typing import Any, Protocol

import fsspec

CHUNK_BYTES = 1 << 20
_UNFINISHED = "incoming"
_COUNTS_AS_NEW = timedelta(minutes=30)


class PlaceError(Exception):
    """The place cannot be used; the text says why, as its own software puts it."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file by its key, which is its path below the place. `size` in bytes; `modified` is aware, in UTC."""

    key: str
    size: int
    modified: datetime


class Place(Protocol):
    """What the store needs of a place. Every method raises PlaceError when the place cannot be used."""

    def find(self, key: str) -> StoredFile | None:
        """Return what lies under a key."""
        ...

    def below(self, prefix: str) -> Iterator[StoredFile]:
        """Yield every file whose key begins with a folder's name, by key."""
        ...

    def read(self, key: str) -> Iterator[bytes]:
        """Yield a file's content in chunks. Raises FileNotFoundError."""
        ...

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Write a file, which appears at the end; an error of `chunks` passes through, and nothing appears."""
        ...

    def mark_as_new(self, found: StoredFile) -> bool:
        """Let a file count as written now; False when that cannot be done and it has to be written again."""
        ...

    def remove(self, key: str) -> bool:
        """Delete a file; return whether it was there."""
        ...

    def unfinished(self) -> Iterator[StoredFile]:
        """Yield what writers that died have left behind, and what others are just writing."""
        ...


def place_at(url: str) -> Place:
    """Return the place at a folder's path, `file://` or `s3://` address. Raises PlaceError."""
    protocol, _, rest = url.rpartition("://")
    if not rest.strip("/"):
        raise PlaceError("the address names no folder and no bucket")
    if protocol in ("", "file"):
        return Folder(Path(rest).expanduser().absolute())
    if protocol != "s3":
        raise PlaceError("only folders and s3:// addresses are supported")
    try:
        # a listing remembered from before would hide what other programs have stored since
        files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError:
        raise PlaceError('buckets need the extra "s3": pip install "taxonomy-bot[s3]"') from None
    return Bucket(files, root)


class Folder:
    """A folder of this machine, or one that several machines share. It is made when the first file is written.

    fsspec's own local files are not used: they are neither synced to disk nor always renamed on one file system.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, key: str) -> StoredFile | None:
        """Return what lies under a key."""
        try:
            with _plain_errors():
                status = (self._root / key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        return StoredFile(key, status.st_size, modified) if S_ISREG(status.st_mode) else None

    def below(self, prefix: str) -> Iterator[StoredFile]:
        """Yield every file below a folder, by key."""
        with _plain_errors():
            paths = sorted((self._root / prefix).rglob("*"))
        for path in paths:
            if found := self.find(path.relative_to(self._root).as_posix()):
                yield found

    def read(self, key: str) -> Iterator[bytes]:
        """Yield a file's content in chunks. Raises FileNotFoundError."""
        with _plain_errors(), (self._root / key).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Write under a temporary name; sync and rename at the end, so that not even a crash leaves half a file."""
        temporary, final = self._root / _UNFINISHED / secrets.token_hex(16), self._root / key
        with _plain_errors(missing=PlaceError):
            temporary.parent.mkdir(parents=True, exist_ok=True)
            final.parent.mkdir(parents=True, exist_ok=True)
            file = temporary.open("xb")
        try:
            with file:
                for chunk in chunks:
                    with _plain_errors():
                        file.write(chunk)
                with _plain_errors():
                    file.flush()
                    os.fsync(file.fileno())
            with _plain_errors(missing=PlaceError):
                temporary.replace(final)
                self._sync_above(final)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def mark_as_new(self, found: StoredFile) -> bool:
        """Let a file count as written now; False when it has just been removed."""
        try:
            with _plain_errors():
                os.utime(self._root / found.key)
        except FileNotFoundError:
            return False
        return True

    def remove(self, key: str) -> bool:
        """Delete a file; its folder stays, for somebody may be about to write there."""
        try:
            with _plain_errors():
                (self._root / key).unlink()
        except FileNotFoundError:
            return False
        return True

    def unfinished(self) -> Iterator[StoredFile]:
        """Yield the temporary files."""
        return self.below(_UNFINISHED)

    def _sync_above(self, path: Path) -> None:
        """Have the names of the folders above a file on disk, up to the root."""
        for folder in path.parents:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if folder == self._root:
                return


class Bucket:
    """A bucket behind fsspec. An upload is invisible until it is committed."""

    def __init__(self, files: Any, root: str) -> None:
        self._files = files
        self._root = root.rstrip("/")

    def find(self, key: str) -> StoredFile | None:
        """Return what lies under a key."""
        try:
            with _plain_errors():
                return self._stored(self._files.info(self._path(key)))
        except FileNotFoundError:
            return None

    def below(self, prefix: str) -> Iterator[StoredFile]:
        """Yield every file below a folder, by key."""
        with _plain_errors(missing=PlaceError):
            found = self._files.find(self._path(prefix), detail=True)
        for _, info in sorted(found.items()):
            if stored := self._stored(info):
                yield stored

    def read(self, key: str) -> Iterator[bytes]:
        """Yield a file's content in chunks. Raises FileNotFoundError."""
        with _plain_errors(), self._files.open(self._path(key), "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Upload and commit; after an error the upload is dropped, where merely closing it would have kept it."""
        with _plain_errors(missing=PlaceError):
            upload = self._files.open(self._path(key), "wb", autocommit=False)
        try:
            for chunk in chunks:
                with _plain_errors(missing=PlaceError):
                    upload.write(chunk)
            with _plain_errors(missing=PlaceError):
                upload.close()
                upload.commit()
        except BaseException:
            with suppress(Exception):
                upload.close()
                upload.discard()
            raise

    def mark_as_new(self, found: StoredFile) -> bool:
        """Return whether it is new as it is: a bucket sets times by itself, and only when something is written."""
        return datetime.now(UTC) - found.modified < _COUNTS_AS_NEW

    def remove(self, key: str) -> bool:
        """Delete a file."""
        try:
            with _plain_errors():
                self._files.rm_file(self._path(key))
        except FileNotFoundError:
            return False
        return True

    def unfinished(self) -> Iterator[StoredFile]:
        """Yield nothing: uploads that were begun are the bucket's own business (see its life-cycle rules)."""
        return iter(())

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _stored(self, info: dict[str, Any]) -> StoredFile | None:
        if info.get("type") != "file":
            return None
        return StoredFile(str(info["name"])[len(self._root) + 1 :], int(info["size"]), info["LastModified"])


@contextmanager
def _plain_errors(missing: type[PlaceError] | None = None) -> Iterator[None]:
    """Raise PlaceError for whatever a place raises; a missing file stays itself unless `missing` is given."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        if missing is None:
            raise
        raise missing(_said_by(error)) from error
    except Exception as error:
        raise PlaceError(_said_by(error)) from error


def _said_by(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
