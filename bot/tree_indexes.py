"""The index of a repository's tree: made once for a commit, kept on disk, later only brought up to date."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import structlog

from bot.github.blobs import ManyBlobs
from bot.github.client import GitHubClient
from bot.github.history import BranchHistory
from bot.github.pulls import Tree
from bot.rule_workers import RuleWorkers
from checks.contribution import KNOWLEDGE_ROOT, LEAF_FILE, ROOTS, ChangedFile, FileKind
from checks.likeness.index import IndexUnreadableError, IndexWriter, PassageIndex, Source, open_index
from checks.likeness.sheets import Sheet, joined
from checks.likeness.signing import new_permutations

log = structlog.get_logger()

_MOST_LEAVES = 20_000
_MOST_FILE_BYTES = 1024**2
_KEPT = 2  # the older one may still be open somewhere
_PREFIX = "tree-"


class TreeIndexes:
    """Keeps one index for each repository, below `folder`."""

    def __init__(self, folder: Path, workers: RuleWorkers) -> None:
        self._folder = folder
        self._workers = workers

    async def newest(self, repository_id: int) -> PassageIndex | None:
        """Return the index as it was last made, None where there is none that can be read."""
        return await asyncio.to_thread(self._newest, repository_id)

    def place(self, repository_id: int, index: PassageIndex) -> Path:
        """Return the folder in which an index lies."""
        return self._folder / str(repository_id) / f"{_PREFIX}{index.key}"

    async def bring_up_to(
        self, client: GitHubClient, full_name: str, repository_id: int, commit: str
    ) -> PassageIndex:
        """Make the index of a commit. What an earlier one knows already is taken from there, the rest is read.

        Raises the errors of `bot.github.errors`, and IndexFullError for a tree with far too much text.
        """
        before = await self.newest(repository_id)
        if before is not None and before.key == commit:
            return before
        leaves = _leaves(await BranchHistory(client, full_name).taxonomy(commit))
        writer = IndexWriter(self._folder / str(repository_id) / f"{_PREFIX}{commit}", commit, new_permutations())
        await asyncio.to_thread(writer.__enter__)
        try:
            known = await asyncio.to_thread(_take_over, before, leaves, writer)
            sizes = {sha: size for path, (sha, size) in leaves.items() if path not in known}
            paths: dict[str, list[str]] = {}
            for path, (sha, _) in leaves.items():
                if path not in known:
                    paths.setdefault(sha, []).append(path)
            async for texts in ManyBlobs(client, full_name).texts(sizes):
                files = [_file(path, text) for sha, text in texts.items() for path in paths[sha]]
                sheets = await self._workers.sheets(files)
                await asyncio.to_thread(_add, writer, sheets, leaves)
                known |= sheets.keys()
            empty = dict.fromkeys(sorted(leaves.keys() - known), joined(()))  # nothing to read in them next time
            await asyncio.to_thread(_add, writer, empty, leaves)
            folder = await asyncio.to_thread(writer.finish)
        finally:
            await asyncio.to_thread(writer.__exit__, None, None, None)
        index = await asyncio.to_thread(open_index, folder)
        log.info("duplicates.index_made", commit=commit, leaves=len(leaves), read=len(sizes), passages=len(index))
        await asyncio.to_thread(self._tidy, repository_id)
        return index

    def _newest(self, repository_id: int) -> PassageIndex | None:
        for folder in self._made(repository_id):
            try:
                return open_index(folder)
            except IndexUnreadableError as error:
                log.warning("duplicates.index_unreadable", folder=folder.name, reason=str(error))
        return None

    def _made(self, repository_id: int) -> list[Path]:
        found = (self._folder / str(repository_id)).glob(f"{_PREFIX}*")
        return sorted(found, key=lambda folder: folder.stat().st_mtime_ns, reverse=True)

    def _tidy(self, repository_id: int) -> None:
        for folder in self._made(repository_id)[_KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)


def _leaves(tree: Tree) -> dict[str, tuple[str, int]]:
    """Return the blobs of leaves, with their sizes, by path; of very many leaves the first."""
    found: dict[str, tuple[str, int]] = {}
    for path in sorted(path for path in tree if path.endswith(f"/{LEAF_FILE}") and path.partition("/")[0] in ROOTS):
        entry = tree[path]
        if entry.kind is FileKind.REGULAR and 0 < entry.size <= _MOST_FILE_BYTES:
            found[path] = (entry.sha, entry.size)
        if len(found) == _MOST_LEAVES:
            log.warning("duplicates.tree_too_large", leaves_compared=_MOST_LEAVES)
            break
    return found


def _take_over(
    before: PassageIndex | None, leaves: Mapping[str, tuple[str, int]], writer: IndexWriter
) -> frozenset[str]:
    """Take over what is unchanged, also under another path; return the paths."""
    if before is None:
        return frozenset()
    by_key: dict[str, int] = {source.key: n for n, source in enumerate(before.sources)}
    wanted = {path: by_key[sha] for path, (sha, _) in leaves.items() if sha in by_key}
    places: dict[int, list[str]] = {}
    for path, n in wanted.items():
        places.setdefault(n, []).append(path)
    for n, sheet in before.sheets(places):
        for path in places[n]:
            writer.add(_source(path, before.sources[n].key), sheet)
    return frozenset(wanted)


def _add(writer: IndexWriter, sheets: Mapping[str, Sheet], leaves: Mapping[str, tuple[str, int]]) -> None:
    for path, sheet in sheets.items():
        writer.add(_source(path, leaves[path][0]), sheet)


def _source(path: str, key: str) -> Source:
    return Source(path, key, 0, path.startswith(f"{KNOWLEDGE_ROOT}/"))


def _file(path: str, text: str) -> ChangedFile:
    content = text.encode("utf-8", "replace")
    return ChangedFile(path, content=content, size=len(content))
