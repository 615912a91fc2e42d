"""Reading a backup that may be damaged, or made by somebody who means harm: nothing of it is believed unchecked."""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic import ValidationError

from bot.backup.manifest import (
    ARTIFACT_INDEX,
    MANIFEST,
    BackupError,
    Lines,
    Manifest,
    artifact_member,
)
from bot.backup.measure import Measure
from bot.backup.values import UnreadableRowError, row_of

MOST_TIMES_LARGER, FREE_BYTES = (
    200,
    64 * 1024**2,
)  # than the file; text is compressed to a tenth, repeated text more
LONGEST_LINE = 256 * 1024**2
_LARGEST_MANIFEST, _LARGEST_DIRECTORY = 4 * 1024**2, 64 * 1024**2
_END, _END_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_LOCATOR_SIZE, _LONGEST_NOTE = 20, 2**16
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error)
_FLAG_ENCRYPTED = 0x1


class Backup:
    """A backup that was opened. Nothing is ever unpacked by a name that stands in it."""

    def __init__(self, path: Path) -> None:
        """Raises BackupError where it cannot be read, or is larger inside than any backup is."""
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise BackupError(f"{path} cannot be read: {error.strerror}. Is the name right?") from None
        try:
            self._zip = self._opened()
            self.manifest = self._read_manifest()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._file.close()

    def check(self) -> None:
        """Read all of it once. Raises BackupError unless each part is there, whole, and nothing else is."""
        expected = {MANIFEST, ARTIFACT_INDEX, *(table.member for table in self.manifest.tables)}
        if len(expected) != 2 + len(self.manifest.tables):
            raise self._damaged("it names a table twice")
        for table in self.manifest.tables:
            self._check_lines(table.member, table.lines)
        self._check_lines(ARTIFACT_INDEX, self.manifest.artifacts)
        for sha256, size, is_inside in self.artifacts():
            if is_inside:
                expected.add(artifact_member(sha256))
                self._check_artifact(sha256, size)
        names = self._zip.namelist()
        if len(names) != len(set(names)) or set(names) != expected:
            raise self._damaged("it holds files that no backup holds, or lacks some")

    def rows(self, member: str, width: int) -> Iterator[list[object]]:
        """Yield the rows of a table. Raises BackupError."""
        for number, line in enumerate(self._lines(member), 1):
            try:
                yield row_of(line, width)
            except UnreadableRowError as error:
                raise self._damaged(f"line {number} of {member} is no row: {error}") from None

    def artifacts(self) -> Iterator[tuple[str, int, bool]]:
        """Yield the hash and the size of each file that the artifact store held, and whether it is in here."""
        for number, line in enumerate(self._lines(ARTIFACT_INDEX), 1):
            try:
                sha256, size, is_inside = json.loads(line)
                is_well = _SHA256.fullmatch(sha256) is not None and 0 <= size < 2**63
            except (ValueError, TypeError, RecursionError):
                is_well = False
            if not is_well or not isinstance(is_inside, bool):
                raise self._damaged(f"line {number} of {ARTIFACT_INDEX} names no artifact")
            yield sha256, size, is_inside

    @contextmanager
    def artifact(self, sha256: str) -> Iterator[IO[bytes]]:
        """Open an artifact that is inside."""
        with self._open(artifact_member(sha256)) as file:
            yield file

    def _opened(self) -> zipfile.ZipFile:
        size = self._path.stat().st_size
        try:
            if _directory_bytes(self._file, size) > _LARGEST_DIRECTORY:
                raise self._damaged("its table of contents is larger than that of any backup")
            opened = zipfile.ZipFile(self._file)
        except _BROKEN:
            raise self._damaged("it is no backup, or not all of one") from None
        inside = sum(info.file_size for info in opened.infolist())
        if inside > MOST_TIMES_LARGER * size + FREE_BYTES:
            raise self._damaged(f"unpacked it would have {inside:,} bytes, far more than any backup of its size")
        return opened

    def _read_manifest(self) -> Manifest:
        with self._open(MANIFEST) as file:
            text = file.read(_LARGEST_MANIFEST + 1)
        if len(text) > _LARGEST_MANIFEST:
            raise self._damaged("what it says of itself is too long")
        try:
            return Manifest.model_validate_json(text)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "its beginning"
            raise BackupError(
                f"{self._path} says of itself what this version does not understand ({MANIFEST}, {where[:100]}). "
                "It is damaged, or was made by a newer version: restore it with that one."
            ) from None

    def _check_lines(self, member: str, lines: Lines) -> None:
        measure = Measure()
        for line in self._lines(member):
            measure.add(line)
        if measure.lines != lines:
            raise self._damaged(f"{member} is not what was written")

    def _check_artifact(self, sha256: str, size: int) -> None:
        measure = Measure()
        with self._open(artifact_member(sha256)) as file:
            while piece := file.read(1024**2):
                measure.add(piece)
        if not measure.is_file(sha256, size):
            raise self._damaged(f"the artifact {sha256[:12]} is not what was stored")

    def _lines(self, member: str) -> Iterator[bytes]:
        with self._open(member) as file:
            while line := file.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE or not line.endswith(b"\n"):
                    raise self._damaged(f"a line of {member} is cut off or too long")
                yield line

    @contextmanager
    def _open(self, member: str) -> Iterator[IO[bytes]]:
        try:
            info = self._zip.getinfo(member)
            if info.flag_bits & _FLAG_ENCRYPTED or info.compress_type not in (
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            ):
                raise self._damaged(f"{member} is packed as no backup is")
            with self._zip.open(info) as file:
                yield file
        except KeyError:
            raise self._damaged(f"{member} is not in it") from None
        except _BROKEN as error:
            raise self._damaged(f"{member} cannot be read ({type(error).__name__})") from None

    def _damaged(self, what: str) -> BackupError:
        return BackupError(f"{self._path} is damaged: {what}. Nothing was restored. Take another backup.")


def _directory_bytes(file: IO[bytes], size: int) -> int:
    """Return how long a zip file's table of contents says it is, so that a huge one is not even begun."""
    start = max(0, size - _END.size - _LONGEST_NOTE)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise zipfile.BadZipFile
    told = int(_END.unpack_from(tail, at)[5])
    at_64 = start + at - _LOCATOR_SIZE - _END_64.size
    if at_64 >= 0:
        file.seek(at_64)
        fields = _END_64.unpack(file.read(_END_64.size))
        if fields[0] == b"PK\x06\x06":
            told = max(told if told < 2**32 - 1 else 0, int(fields[8]))
    return told
