"""A broker without a server, for bot and workers that share a disk: queues are folders, messages files in them.

A message is written whole and then appears; whoever renames its file away has it. It is loaded by kombu, by name.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any
from urllib.parse import quote

import structlog
from kombu.transport import virtual

log = structlog.get_logger()

_WRITTEN, _PARTIAL = ".message", ".partial"


class FolderChannel(virtual.Channel):
    """Puts and gets messages; `folder` among the transport's options holds the queues."""

    supports_fanout = False

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        """Add a message. Raises OSError while the folder cannot be written to."""
        folder = self._folder(queue)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{time.time_ns():020}-{secrets.token_hex(8)}"
        path.with_suffix(_PARTIAL).write_text(json.dumps(message), encoding="utf-8")
        path.with_suffix(_PARTIAL).rename(path.with_suffix(_WRITTEN))

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        """Take the oldest message. Raises Empty when there is none."""
        for path in self._messages(queue):
            taken = path.with_suffix(f".{secrets.token_hex(8)}")
            try:
                path.rename(taken)
                text = taken.read_bytes()
                taken.unlink()
            except FileNotFoundError:  # somebody else has it
                continue
            try:
                message: dict[str, Any] = json.loads(text)
            except ValueError:
                log.error("broker.no_message", file=path.name)
                continue
            return message
        raise Empty

    def _size(self, queue: str) -> int:
        return sum(1 for _ in self._messages(queue))

    def _purge(self, queue: str) -> int:
        return sum(self._removed(path) for path in self._messages(queue))

    def _delete(self, queue: str, *_: Any, **__: Any) -> None:
        self._purge(queue)
        with contextlib.suppress(OSError):
            self._folder(queue).rmdir()

    def queue_delete(self, queue: str, if_unused: bool = False, if_empty: bool = False, **options: Any) -> None:
        """Delete a queue: kombu's own deletes only those that are bound to an exchange."""
        super().queue_delete(queue, if_unused=if_unused, if_empty=if_empty, **options)
        if not (if_empty and self._size(queue)):
            self._delete(queue)

    def _has_queue(self, queue: str, **_: Any) -> bool:
        return True

    @staticmethod
    def _removed(path: Path) -> bool:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            return True
        return False

    def _messages(self, queue: str) -> Iterator[Path]:
        """Yield the files of a queue's messages, oldest first."""
        yield from sorted(self._folder(queue).glob(f"*{_WRITTEN}"))

    def _folder(self, queue: str) -> Path:
        """Return a queue's folder; no name leads out of the broker's own."""
        return Path(self.connection.client.transport_options["folder"]) / ("q-" + quote(queue, safe=""))


class FolderTransport(virtual.Transport):
    """What kombu calls a transport."""

    Channel = FolderChannel
    can_parse_url = True  # the address is taken as it stands
    default_port = 0
    driver_type = "filesystem"
    driver_name = "filesystem"
    connection_errors = (*virtual.Transport.connection_errors, OSError)

    def driver_version(self) -> str:
        """It is as old as we are."""
        return "1"
