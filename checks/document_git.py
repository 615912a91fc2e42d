"""Runs git for a document: an empty folder, no configuration but ours, limits on all it uses, ended as a group.

What a server sends is untrusted, and so is what it says. Everything is an argument list or an environment variable;
nothing is ever checked out, so no link, filter or hook of a document's repository has anything to act on.
"""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from checks.confinement import confined
from checks.document_hosts import GitPlace
from checks.document_refusals import DocumentProblem, RefusedError
from checks.document_terms import Deadline, DocumentLimits

_OLDEST = (2, 37)  # the first that can be told a host's addresses
_TICK_S = 0.05
_KEPT_WORDS = 8192
_READ = 64 * 1024
_TAME_FAULTS = (  # old tools made these; they harm nobody
    "badTimezone",
    "badFilemode",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "missingTaggerEntry",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
)
_SETTINGS = {
    "core.symlinks": "false",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.askPass": "",
    "core.bigFileThreshold": "1m",  # larger files are never held in memory
    "core.deltaBaseCacheLimit": "16m",
    "core.packedGitWindowSize": "16m",
    "credential.helper": "",
    "credential.interactive": "false",
    "fetch.unpackLimit": "1",
    "transfer.unpackLimit": "1",  # one file a fetch, however many objects
    "transfer.bundleURI": "false",
    "transfer.fsckObjects": "true",
    "fetch.fsckObjects": "true",
    "fetch.recurseSubmodules": "false",
    "fetch.writeCommitGraph": "false",
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "index.threads": "1",
    "protocol.allow": "never",
    "protocol.version": "2",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "200",
    "http.lowSpeedTime": "30",
    "http.maxRequests": "1",
    "http.proxy": "",  # behind a proxy the addresses that we checked would count for nothing
    "http.saveCookies": "false",
    "http.sslVerify": "true",
} | {f"fetch.fsck.{fault}": "ignore" for fault in _TAME_FAULTS}


class GitFailedError(Exception):
    """Git ended with an error. `said` is the end of what it wrote, partly a server's words: never for people."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class OutputTooLongError(Exception):
    """Git had more to tell than it was asked to."""


class ConfinedGit:
    """Git with one empty repository in a folder, and one server. Every method raises RefusedError at its limits."""

    def __init__(
        self, folder: Path, place: GitPlace, authorities: Path | None, limits: DocumentLimits, deadline: Deadline
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._deadline = deadline
        self._program = _git_program()
        self._server = {
            "protocol.https.allow": "always",
            "http.curloptResolve": place.pin,
            "remote.source.url": place.url,
            "remote.source.promisor": "true",
        }
        if authorities is not None:
            self._server["http.sslCAInfo"] = str(authorities)

    def begin(self) -> None:
        """Make the empty repository. Raises RefusedError when this machine's git cannot do what is needed."""
        (self._folder / "home").mkdir(parents=True)
        version = self.read("version").decode("ascii", "replace")
        found = re.search(r"(\d+)\.(\d+)", version)
        if found is None or (int(found[1]), int(found[2])) < _OLDEST:
            wanted = ".".join(map(str, _OLDEST))
            raise _own_side(f"git {wanted} or newer is needed here; this is {version.strip()[:60]}")
        self.read("init", "--quiet", "--bare", "--template=", "--object-format=sha1", str(self._repository))

    def ask(self, *arguments: str, stdin: bytes = b"", most_bytes: int = _READ) -> bytes:
        """Run a command that may reach the one server. Raises GitFailedError, OutputTooLongError, RefusedError."""
        return self._run(arguments, self._environment(online=True), stdin, most_bytes)

    def read(self, *arguments: str, stdin: bytes = b"", most_bytes: int = _READ) -> bytes:
        """Run a command that has no network. Raises GitFailedError, OutputTooLongError, RefusedError."""
        return self._run(arguments, self._environment(online=False), stdin, most_bytes)

    @property
    def _repository(self) -> Path:
        return self._folder / "repository.git"

    def _environment(self, *, online: bool) -> dict[str, str]:
        settings = _SETTINGS | (self._server if online else {})
        counted = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (name, value) in enumerate(settings.items()):
            counted |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return counted | {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._folder / "home"),
            "TMPDIR": str(self._folder),
            "LC_ALL": "C",
            "GIT_DIR": str(self._repository),
            "GIT_ALLOW_PROTOCOL": "https" if online else "none",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }

    def _run(self, arguments: Sequence[str], environment: dict[str, str], stdin: bytes, most_bytes: int) -> bytes:
        limits = self._limits
        command = confined(
            [self._program, "--no-pager", *arguments],
            memory_bytes=limits.memory_bytes,
            file_bytes=limits.download_bytes,
            cpu_s=int(limits.time_s) + 1,
        )
        with tempfile.TemporaryFile(dir=self._folder) as source:
            source.write(stdin)
            source.seek(0)
            process = subprocess.Popen(
                command,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._folder,
                env=environment,
                start_new_session=True,
            )
            try:
                out, words = self._listen(process, most_bytes)
                status = process.wait(timeout=max(0.001, self._deadline.left_s))
            except subprocess.TimeoutExpired:
                raise _timeout() from None
            finally:
                _end(process)
        if status != 0:
            raise self._failure(words.decode("utf-8", "replace"))
        return out

    def _listen(self, process: subprocess.Popen[bytes], most_bytes: int) -> tuple[bytes, bytes]:
        """Read both streams to their ends, with an eye on the clock and on the disk."""
        out, words = bytearray(), bytearray()
        with selectors.DefaultSelector() as ready:
            for stream, kept in ((process.stdout, out), (process.stderr, words)):
                assert stream is not None  # noqa: S101  # both are pipes
                ready.register(stream, selectors.EVENT_READ, kept)
            next_look = 0.0
            while ready.get_map():
                if self._deadline.has_passed:
                    raise _timeout()
                if time.monotonic() >= next_look:
                    self._look_at_disk()
                    next_look = time.monotonic() + _TICK_S
                for key, _ in ready.select(_TICK_S):
                    more = os.read(key.fd, _READ)
                    key.data.extend(more)
                    if not more:
                        ready.unregister(key.fileobj)
                if len(out) > most_bytes:
                    raise OutputTooLongError
                del words[:-_KEPT_WORDS]
        return bytes(out), bytes(words)

    def _look_at_disk(self) -> None:
        if _bytes_below(self._folder) > self._limits.download_bytes:
            raise _too_large(self._limits)

    def _failure(self, said: str) -> Exception:
        if re.search(r"File too large|[Oo]ut of memory|mmap failed|unable to (?:mmap|allocate)", said):
            return _too_large(self._limits)
        return GitFailedError(said)


def _bytes_below(folder: Path) -> int:
    """Return what the files below take; what vanishes meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group, should anything of it be left, and close our ends of its pipes."""
    if process.returncode is None:  # not waited for yet, so that its number cannot be another's by now
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    streams: tuple[IO[bytes] | None, ...] = (process.stdout, process.stderr)
    for stream in streams:
        if stream is not None:
            stream.close()


def _git_program() -> str:
    program = shutil.which("git")
    if program is None:
        raise _own_side("git is not installed here, or not on the PATH")
    return program


def _own_side(why: str) -> RefusedError:
    return RefusedError(DocumentProblem.OWN_SIDE, f"Could not verify the document: {why}.")


def _timeout() -> RefusedError:
    return RefusedError(
        DocumentProblem.TIMEOUT, "Could not verify the document: fetching it took longer than is waited for."
    )


def _too_large(limits: DocumentLimits) -> RefusedError:
    most = limits.download_bytes // 2**20
    return RefusedError(
        DocumentProblem.TOO_LARGE, f"What has to be fetched for the document is larger than {most} MiB."
    )
