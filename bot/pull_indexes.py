"""The indexes of open pull requests: a large one that stays for a while, and a small one of what came since."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bot.store.passages import PassageStore, PullPassages
from checks.contribution import KNOWLEDGE_ROOT
from checks.likeness.index import IndexWriter, Source
from checks.likeness.sheets import SheetUnreadableError, unpacked
from checks.likeness.signing import new_permutations

log = structlog.get_logger()

_MOST_PULLS = 1_000  # open pull requests that are compared with: the oldest
_MOST_LATE = 16  # new or changed ones, before all are written together: a verdict waits for few of them only
_READ_AT_ONCE = 50
_MOST_CHARACTERS = 64 * 1024**2  # of all that are compared with, and of one of them
_MOST_CHARACTERS_OF_ONE = 2 * 1024**2
_MOST_KEPT = 8  # of a kind: each judgement in hand may have another
_SETTLED, _LATE = "pulls-", "late-"


@dataclass(frozen=True, slots=True)
class PullPlaces:
    """The folders of indexes, None where there is none; what the first holds of those `outdated` counts no more."""

    settled: Path | None = None
    late: Path | None = None
    outdated: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Written:
    """What the large index of a repository holds: digests by pull request."""

    digests: Mapping[int, str] = field(default_factory=dict)
    folder: Path | None = None


class PullIndexes:
    """Keeps indexes of the passages of open pull requests below `folder`; a finished one never changes.

    An index is named by what it holds, so that several processes may share the folder.
    """

    def __init__(self, folder: Path, store: PassageStore) -> None:
        self._folder = folder
        self._store = store
        self._writing: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._written: defaultdict[int, _Written] = defaultdict(_Written)

    async def of(self, repository_id: int) -> PullPlaces:
        """Return where all open pull requests are as they are now; only what has changed is written.

        Raises OSError, and IndexFullError for far too much text.
        """
        async with self._writing[repository_id]:
            told = dict(sorted((await self._store.digests(repository_id)).items())[:_MOST_PULLS])
            if not told:
                return PullPlaces()
            known = self._written[repository_id]
            late = {number: digest for number, digest in told.items() if known.digests.get(number) != digest}
            is_there = known.folder is None or await asyncio.to_thread(known.folder.is_dir)
            if len(late) > _MOST_LATE or not is_there:
                folder = await self._index(repository_id, _SETTLED, told)
                known = self._written[repository_id] = _Written(told, folder)
                late = {}
            outdated = frozenset(n for n, digest in known.digests.items() if told.get(n) != digest)
            return PullPlaces(known.folder, await self._index(repository_id, _LATE, late), outdated)

    async def _index(self, repository_id: int, kind: str, told: Mapping[int, str]) -> Path | None:
        """Return the index of some pull requests, written if it is not there yet; None for that of none."""
        if not told:
            return None
        key = hashlib.sha256(repr(sorted(told.items())).encode("ascii")).hexdigest()[:32]
        folder = self._folder / str(repository_id) / f"{kind}{key}"
        if not await asyncio.to_thread(folder.is_dir):
            await self._write(repository_id, folder, list(told))
            await asyncio.to_thread(_tidy, folder.parent, kind)
        return folder

    async def _write(self, repository_id: int, folder: Path, numbers: list[int]) -> None:
        """Write the index of pull requests, the oldest first while there is room."""
        writer = IndexWriter(folder, folder.name, new_permutations())
        await asyncio.to_thread(writer.__enter__)
        try:
            left = _MOST_CHARACTERS
            for at in range(0, len(numbers), _READ_AT_ONCE):
                kept = await self._store.of(repository_id, numbers[at : at + _READ_AT_ONCE])
                left = await asyncio.to_thread(_add, writer, kept, left)
            await asyncio.to_thread(writer.finish)
        finally:
            await asyncio.to_thread(writer.__exit__, None, None, None)


def _add(writer: IndexWriter, pulls: list[PullPassages], left: int) -> int:
    """Add pull requests with at most `left` characters; return how many are left then."""
    for pull in pulls:
        try:
            sheets = unpacked(pull.sheets) if pull.sheets else {}
        except SheetUnreadableError:  # of another version: made anew when it is judged next
            continue
        size = sum(len(p.question) + len(p.answer) + len(p.context) for s in sheets.values() for p in s.passages)
        if size > min(left, _MOST_CHARACTERS_OF_ONE):
            log.info("duplicates.pull_left_out", number=pull.number, characters=size)
            continue
        left -= size
        for path, sheet in sheets.items():
            writer.add(Source(path, "", pull.number, path.startswith(f"{KNOWLEDGE_ROOT}/")), sheet)
    return left


def _tidy(folder: Path, kind: str) -> None:
    """Take the older indexes of a kind away."""
    made: list[tuple[int, Path]] = []
    for place in folder.glob(f"{kind}*"):
        with contextlib.suppress(FileNotFoundError):  # somebody else tidies, too
            made.append((place.stat().st_mtime_ns, place))
    for _, old in sorted(made)[:-_MOST_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
