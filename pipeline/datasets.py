"""Data sets on disk: JSONL files, and a manifest with their digests; written whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MANIFEST = "manifest.json"
_FORMAT = 1


class DatasetError(Exception):
    """A data set cannot be read; the text names the file and what to do."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of a data set. `rows` counts its lines, `size` its bytes."""

    name: str
    sha256: str
    size: int
    rows: int


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder, so that no other process writes data sets into it. Raises DatasetError when one does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(f"{folder}: another run writes here. Wait for it, or name another folder.") from None
        yield
    finally:
        os.close(descriptor)


class FreshFile:
    """A file on its way: written under another name, digested as it goes."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._digest, self._size, self._rows = hashlib.sha256(), 0, 0

    def add(self, lines: bytes, rows: int = 1) -> None:
        """Write so many whole lines."""
        self._file.write(lines)
        self._digest.update(lines)
        self._size += len(lines)
        self._rows += rows

    @property
    def written(self) -> WrittenFile:
        """What is in it by now."""
        return WrittenFile(self._path.name, self._digest.hexdigest(), self._size, self._rows)


@contextmanager
def fresh_file(path: Path) -> Iterator[FreshFile]:
    """Open a file that appears when the block is left, whole; after an error nothing of it stays."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        with fresh.open("wb") as file:
            yield FreshFile(path, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> WrittenFile:
    """Write rows, one a line, keys sorted, the same rows as the same bytes. The file appears when whole."""
    with fresh_file(path) as file:
        for row in rows:
            file.add(json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return file.written


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file. Raises DatasetError, naming the line that is none."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise DatasetError(f"{path}, line {number}: this is no JSON object.")
            yield row


def is_text(content: str) -> bool:
    """Return whether a text can be written down at all: JSON can name halves of characters."""
    try:
        content.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_manifest(folder: Path, said: Mapping[str, Any], files: Iterable[WrittenFile]) -> None:
    """Write what a data set is made of. It is written last: where it stands, everything that it names is whole."""
    listed = [{"name": file.name, "sha256": file.sha256, "size": file.size, "rows": file.rows} for file in files]
    write_json(folder / MANIFEST, {"format": _FORMAT, **said, "files": listed})


def write_json(path: Path, said: Mapping[str, Any]) -> None:
    """Write one JSON object for people and programs; the file appears when whole."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(said, file, ensure_ascii=False, sort_keys=True, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a folder, or None when there is no whole data set in it."""
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) and said.get("format") == _FORMAT else None


def is_whole(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """True when every file of the manifest is there and holds what it did."""
    for file in manifest["files"]:
        path = folder / str(file["name"])
        if not path.is_file() or path.stat().st_size != file["size"] or sha256_of(path) != file["sha256"]:
            return False
    return True


def sha256_of(path: Path) -> str:
    """Return the digest of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
