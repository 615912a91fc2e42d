"""What a published build says of its own files: the manifest's list, canonical JSON, and what may be a name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.tally import chunks_of, measured

MANIFEST = "manifest.json"
MOST_MANIFEST_BYTES = 256 * 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_PARTS = 4


class BuildFilesError(Exception):
    """A manifest, a name or a folder is not that of a build; the text says why, and names no content of it."""


@dataclass(frozen=True, slots=True)
class BuildFile:
    """A file of a build: its path below the build's folder, with slashes. `size` in bytes."""

    path: str
    sha256: str
    size: int


def checked_name(name: str) -> str:
    """Return the name of a build. Raises BuildFilesError for one that is more than a name."""
    if not _NAME.fullmatch(name):
        raise BuildFilesError("A build has a name of A-Z a-z 0-9 . _ - only, such as 2026-01-05.1.")
    return name


def is_plain_path(path: str) -> bool:
    """True for a path that stays in its folder on every machine, and hides nothing."""
    parts = path.split("/")
    return len(parts) <= _MOST_PARTS and all(_PART.fullmatch(part) for part in parts)


def canonical(data: Any) -> bytes:
    """Return data as JSON, always the same bytes for the same data, a line for everything that people look for."""
    return (json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1, sort_keys=True) + "\n").encode()


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def files_in(folder: Path) -> tuple[BuildFile, ...]:
    """Return every file below a folder but its manifest, by path.

    Raises BuildFilesError for what cannot be part of a build, such as a link, and OSError.
    """
    return tuple(sorted(_files_in(folder), key=lambda file: file.path))


def files_named(manifest: bytes) -> tuple[BuildFile, ...]:
    """Return the files that a manifest names. Raises BuildFilesError."""
    try:
        data = json.loads(manifest)
    except (ValueError, RecursionError):
        raise BuildFilesError("The manifest is not JSON.") from None
    listed = data.get("files") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        raise BuildFilesError("The manifest lists no files.")
    files = tuple(_file(each) for each in listed)
    if len({file.path for file in files} | {MANIFEST}) != len(files) + 1:
        raise BuildFilesError("The manifest lists a file twice, or itself.")
    return files


def _files_in(folder: Path) -> Iterator[BuildFile]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not is_plain_path(name):
            raise BuildFilesError(
                f"{name[:100]!r} cannot be part of a build: it is a link, or its name is not plain."
            )
        if path.is_file() and name != MANIFEST:
            with path.open("rb") as file:
                tally = measured(chunks_of(file))
            yield BuildFile(name, tally.sha256, tally.size)


def _file(said: object) -> BuildFile:
    match said:
        case {"path": str(path), "sha256": str(sha256), "size": int(size)}:
            if is_plain_path(path) and _SHA256.fullmatch(sha256) and size >= 0 and not isinstance(size, bool):
                return BuildFile(path, sha256, size)
    raise BuildFilesError("The manifest names a file that cannot be one of a build.")
