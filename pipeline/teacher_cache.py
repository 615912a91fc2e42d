"""What a teacher has answered, kept on disk: one SQLite file, shared by processes, never the reason for a failure.

Only hashes of what was asked and the answers are stored. A killed process loses at most the last tenth of a second;
a damaged file is put aside and a damaged row is a miss. It stays within its limits: what is used goes last.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from pipeline.teacher_cache_limits import CacheLimits, build, evict, note_uses
from pipeline.teacher_messages import Choice, Reply

log = structlog.get_logger()

_APPLICATION = 0x54425443  # names the file as ours
_BATCH = 200
_EVERY_S = 0.1
_MOST_PENDING = 20_000  # a disk that hangs does not fill the memory: what is more is not kept
_LOCK_WAIT_S = 30.0
_CHECKED_UP_TO = 64 * 1024 * 1024  # a larger file is not read through when it is opened
_EVICTS_AFTER = 5_000  # replies written, and once when it is opened


class CacheError(Exception):
    """The cache cannot be used as it is set up; the text says why."""


class ReplyCache:
    """Replies by the key of their ask. Use it as a context manager, in one process and by one event loop."""

    def __init__(self, path: Path, limits: CacheLimits | None = None) -> None:
        """Open the file, made if there is none. Raises CacheError when it belongs to something else."""
        self._path = path
        self._limits = limits or CacheLimits()
        self._used: set[bytes] = set()  # whose last use is to be noted
        self._written_since = _EVICTS_AFTER + 1
        self._pending: dict[bytes, Reply] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._written = threading.Condition(self._lock)
        self._is_closing = False
        self._is_damaged = False
        self._dropped = 0
        self._reader = _opened(path)
        self._writer = threading.Thread(target=self._write, name="teacher cache", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, key: bytes) -> Reply | None:
        """Return what was answered to this ask, None when it is not known."""
        with self._lock:
            pending = self._pending.get(key)
        if pending is not None:
            return _from_cache(pending)
        if self._is_damaged:
            return None
        try:
            row = self._reader.execute("SELECT reply, crc, used FROM replies WHERE key = ?", (key,)).fetchone()
        except sqlite3.OperationalError as error:
            log.warning("teacher_cache.not_read", error=str(error))
            return None
        except sqlite3.DatabaseError as error:
            self._damaged(error)
            return None
        if row is None:
            return None
        packed, crc, used = row
        if used != self._limits.today:
            with self._lock:
                if len(self._used) < _MOST_PENDING:
                    self._used.add(key)
        return _unpacked(packed, crc)

    def put(self, key: bytes, reply: Reply) -> None:
        """Keep a reply: it is known at once and on disk a tenth of a second later."""
        with self._lock:
            if self._is_closing or self._is_damaged or len(self._pending) >= _MOST_PENDING:
                self._dropped += 1
                return
            self._pending[key] = reply
            is_batch = len(self._pending) >= _BATCH
        if is_batch:
            self._wake.set()

    def flush(self) -> None:
        """Return once everything so far is on disk, or has proved impossible to write."""
        with self._written:
            waits_for = set(self._pending)
            self._wake.set()
            self._written.wait_for(
                lambda: waits_for.isdisjoint(self._pending) or not self._writer.is_alive(), _LOCK_WAIT_S * 2
            )

    def close(self) -> None:
        """Write what is left and close the file; a damaged one is put aside."""
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True
        self._wake.set()
        self._writer.join(_LOCK_WAIT_S * 2)
        self._reader.close()
        if self._dropped:
            log.warning("teacher_cache.not_kept", replies=self._dropped)
        if self._is_damaged:
            with _alone(self._path):
                _put_aside(self._path, "it was found damaged while it was used")

    def _damaged(self, error: sqlite3.Error) -> None:
        if not self._is_damaged:
            self._is_damaged = True
            log.warning("teacher_cache.damaged", file=str(self._path), error=str(error))

    def _write(self) -> None:
        """Write what is pending, in batches, until the end: the thread's whole life."""
        with closing(_connected(self._path)) as connection:
            while True:
                self._wake.wait(_EVERY_S)
                self._wake.clear()
                with self._lock:
                    batch = dict(self._pending)
                    used, self._used = self._used, set()
                    is_last = self._is_closing
                if batch:
                    self._write_batch(connection, batch)
                    with self._written:
                        for key in batch:
                            self._pending.pop(key, None)
                        self._written.notify_all()
                self._tidy(connection, used, len(batch))
                if is_last:
                    return

    def _tidy(self, connection: sqlite3.Connection, used: set[bytes], written: int) -> None:
        """Note what was used, and now and then delete what is over the limits."""
        self._written_since += written
        if self._is_damaged or not (used or self._written_since > _EVICTS_AFTER):
            return
        try:
            note_uses(connection, used, self._limits.today)
            if self._written_since > _EVICTS_AFTER:
                self._written_since = 0
                if gone := evict(connection, self._limits):
                    log.info("teacher_cache.evicted", file=str(self._path), replies=gone)
        except sqlite3.OperationalError as error:  # locked, disk full: the next time will do
            log.warning("teacher_cache.not_tidied", error=str(error))
        except sqlite3.DatabaseError as error:
            self._damaged(error)

    def _write_batch(self, connection: sqlite3.Connection, batch: dict[bytes, Reply]) -> None:
        today = self._limits.today
        rows = [(key, *_packed(reply), today) for key, reply in batch.items()]
        try:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)", rows)
        except sqlite3.OperationalError as error:  # locked, disk full
            self._dropped += len(rows)
            log.warning("teacher_cache.not_written", replies=len(rows), error=str(error))
        except sqlite3.DatabaseError as error:
            self._damaged(error)


def _opened(path: Path) -> sqlite3.Connection:
    """Return a connection for reading to a sound file at `path`; what is damaged is put aside first."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            try:
                return _prepared(path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                _put_aside(path, str(error))
                return _prepared(path)
    except (OSError, sqlite3.Error) as error:
        raise CacheError(f"The cache {path} cannot be used: {error}.") from None


def _prepared(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # answers may quote what contributors wrote
    connection = _connected(path)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION and tables:
            raise CacheError(f"{path} is a database of something else: set TEACHER_CACHE to another file.")
        if path.stat().st_size <= _CHECKED_UP_TO:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
        if not tables:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before anything is written
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute("PRAGMA journal_mode = WAL")
        build(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Be the only process that opens this cache or puts it aside."""
    with path.with_name(path.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _put_aside(path: Path, reason: str) -> None:
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    log.warning("teacher_cache.put_aside", file=str(path), now=str(aside), reason=reason)
    for ending in ("", "-wal", "-shm"):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))


def _packed(reply: Reply) -> tuple[bytes, int]:
    choices = [[choice.text, choice.is_cut] for choice in reply.choices]
    packed = zlib.compress(json.dumps([choices, reply.prompt_tokens, reply.completion_tokens]).encode(), 1)
    return packed, zlib.crc32(packed)


def _unpacked(packed: object, crc: object) -> Reply | None:
    """Return a stored reply; None for a row that is not as it was written."""
    if not isinstance(packed, bytes) or zlib.crc32(packed) != crc:
        log.warning("teacher_cache.row_damaged")
        return None
    choices, prompt_tokens, completion_tokens = json.loads(zlib.decompress(packed))
    return Reply(
        tuple(Choice(text, is_cut) for text, is_cut in choices), prompt_tokens, completion_tokens, from_cache=True
    )


def _from_cache(reply: Reply) -> Reply:
    return Reply(reply.choices, reply.prompt_tokens, reply.completion_tokens, from_cache=True)
