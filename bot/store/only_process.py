"""SQLite serves one bot: a lock beside the database's file, which dies with the process that holds it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from pathlib import Path

import structlog

from bot.store.address import DatabaseError, driver_url

log = structlog.get_logger()

_LOOKS_EVERY_S = 0.2


class OnlyProcess:
    """The claim to be the only bot of a database. On PostgreSQL, and in memory, there is nothing to claim."""

    def __init__(self, database_url: str, waits_s: float) -> None:
        """Another one that is still there is waited for so long."""
        url = driver_url(database_url)
        is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
        self._path = Path(f"{url.database}.lock") if is_file else None
        self._waits_s = waits_s
        self._file: int | None = None

    async def claim(self) -> None:
        """Return once this is the only one. Raises DatabaseError where another one serves from the same file."""
        if self._path is None:
            return
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseError(f"The file {self._path} cannot be made: {error.strerror}.") from None
        until = time.monotonic() + self._waits_s
        while not _is_locked(self._file):
            if time.monotonic() >= until:
                other = os.pread(self._file, 32, 0).decode(errors="replace").strip()
                self.release()
                raise DatabaseError(
                    f"Another bot (process {other or 'unknown'}) serves from this SQLite file: {self._path} is "
                    "locked. SQLite is for one process. End that one first, have this one wait for its end with "
                    "TAXONOMY_BOT_DATABASE_WAIT_S, or use PostgreSQL, which several may share."
                )
            log.info("database.waiting_for_another_process")
            await asyncio.sleep(min(_LOOKS_EVERY_S, max(0.0, until - time.monotonic())))
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let another one have it. The file stays: taking it away would let two lock different ones."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
