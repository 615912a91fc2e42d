"""Writing a backup: for its owner only, and under its name once it is whole."""

from __future__ import annotations

import os
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bot.backup.manifest import MANIFEST, BackupError, Lines, Manifest
from bot.backup.measure import Measure

_ONLY_OWNER = 0o600


class LineWriter:
    """A member that grows by lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._measure = Measure()

    def add(self, line: bytes) -> None:
        """Write a line, which ends with its end."""
        self._file.write(line)
        self._measure.add(line)

    @property
    def lines(self) -> Lines:
        """What was written."""
        return self._measure.lines


class BackupWriter:
    """Use it as a context manager; after an error nothing is left. Raises BackupError where it cannot write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")

    def __enter__(self) -> Self:
        if self._path.exists():
            raise BackupError(
                f"{self._path} is there already: a backup never replaces anything. Name another file."
            )
        try:
            number = os.open(self._unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _ONLY_OWNER)
        except OSError as error:
            raise BackupError(f"{self._path} cannot be written: {error.strerror}. Name another place.") from None
        self._file = os.fdopen(number, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._zip.close()
                self._file.flush()
                os.fsync(self._file.fileno())
                self._unfinished.rename(self._path)
        except OSError as trouble:
            raise BackupError(f"{self._path} could not be written: {trouble.strerror}. Is there room?") from None
        finally:
            self._file.close()
            self._unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BackupError(f"{self._path} could not be written: {error.strerror}. Is there room?") from None

    @contextmanager
    def lines(self, member: str) -> Iterator[LineWriter]:
        """Begin a member of lines."""
        with self._zip.open(member, "w", force_zip64=True) as file:
            yield LineWriter(file)

    def add_file(self, member: str, file: IO[bytes]) -> None:
        """Add what a file holds, as it is: artifacts are mostly compressed already."""
        info = zipfile.ZipInfo(member)
        with self._zip.open(info, "w", force_zip64=True) as target:
            while chunk := file.read(1024**2):
                target.write(chunk)

    def finish(self, manifest: Manifest) -> None:
        """Add what the backup says of itself."""
        self._zip.writestr(MANIFEST, manifest.model_dump_json(indent=1))
