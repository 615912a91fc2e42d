"""What a checkout's own tree has already: its leaves are indexed in the user's cache folder, bit by bit."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from checks.checkout import Facts, Survey, counted
from checks.contribution import KNOWLEDGE_ROOT, LEAF_FILE, ROOTS, ChangedFile, Sha, read_contribution
from checks.likeness.neighbours import neighbours_of
from checks.local_git import GitError, ListedBlob, Repository

if TYPE_CHECKING:
    from checks.likeness.index import IndexWriter, PassageIndex
    from checks.likeness.sheets import Sheet

_MOST_S = 1.0  # that one check spends on reading leaves of the tree
_MOST_LEAVES = 3_000  # those nearest to what is checked
_MOST_BYTES = 1024**2  # of a leaf
_AT_ONCE = 25


def with_neighbours(asked: Survey, facts: Facts) -> Facts:
    """Return the facts with what comes closest in the tree that the checkout stands on, and with how much was read.

    It costs about a second at most: of a large tree each check reads more, and keeps it for the next one. Where
    that is impossible (no git, no cache folder), what repeats others is left to the checks on the pull request.
    """
    if asked.repository is None or not facts.contribution.leaves:
        return facts
    try:
        return _compared(asked, asked.repository, facts)
    except (GitError, OSError):
        return facts


def _compared(asked: Survey, repository: Repository, facts: Facts) -> Facts:
    commit, name = _base(asked, repository)
    if commit is None:
        return facts
    own = [leaf.path for leaf in facts.contribution.leaves]
    files = facts.contribution.files
    listed = _leaves(repository, commit)
    changed = {path for file in files for path in (file.path, file.previous_path) if path}
    if not listed.keys() - changed:
        return facts
    index = _index(repository, _nearest_first(listed, own))
    known = sum(source.path in listed for source in index.sources)
    compared = f"{counted(len(listed), 'leaf', 'leaves')} of {name}"
    if known < len(listed):
        compared = f"{known} of {compared}: the next check reads more of them"
    neighbours = neighbours_of(facts.contribution.leaves, files, index)
    return replace(facts, contribution=replace(facts.contribution, neighbours=neighbours), compared=compared)


def _base(asked: Survey, repository: Repository) -> tuple[Sha | None, str]:
    """Return the commit whose leaves are no contribution any more, with its name."""
    if asked.branch is not None:
        return asked.branch.base, asked.branch.base_name
    ref = repository.default_branch()
    if ref is None:
        return repository.commit_of("HEAD"), "the last commit"
    short = ref.removeprefix("refs/remotes/").removeprefix("refs/heads/").removesuffix("/HEAD")
    return repository.commit_of(ref), short


def _leaves(repository: Repository, commit: Sha) -> dict[str, ListedBlob]:
    listed = repository.blobs_listed(commit)
    return {
        path: blob
        for path, blob in listed.items()
        if path.endswith(f"/{LEAF_FILE}") and path.partition("/")[0] in ROOTS and 0 < blob.size <= _MOST_BYTES
    }


def _nearest_first(listed: Mapping[str, ListedBlob], own: Iterable[str]) -> dict[str, ListedBlob]:
    """Return the leaves that are nearest to the own ones in the tree."""
    places = list(own)[:20]
    order = sorted(listed, key=lambda path: (-max(_steps_shared(path, place) for place in places), path))
    return {path: listed[path] for path in order[:_MOST_LEAVES]}


def _steps_shared(path: str, other: str) -> int:
    steps = zip(path.split("/"), other.split("/"), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], steps))


def _index(repository: Repository, wanted: Mapping[str, ListedBlob]) -> PassageIndex:
    """Return an index of these leaves as far as they could be read by now."""
    from checks.likeness.index import IndexUnreadableError, IndexWriter, open_index
    from checks.likeness.signing import new_permutations

    folder = _folder(repository)
    try:
        before: PassageIndex | None = open_index(folder)
    except IndexUnreadableError:
        before = None
    if before is not None and {source.key for source in before.sources} >= {b.name for b in wanted.values()}:
        return before
    with IndexWriter(folder, "", new_permutations()) as writer:
        known = _take_over(before, wanted, writer)
        _read(repository, {path: blob for path, blob in wanted.items() if path not in known}, writer)
        return open_index(writer.finish())


def _folder(repository: Repository) -> Path:
    name = hashlib.sha256(str(repository.top).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return user_cache_path("taxonomy-check") / "passages" / name


def _take_over(
    before: PassageIndex | None, wanted: Mapping[str, ListedBlob], writer: IndexWriter
) -> frozenset[str]:
    if before is None:
        return frozenset()
    by_key = {source.key: n for n, source in enumerate(before.sources)}
    known = {path: by_key[blob.name] for path, blob in wanted.items() if blob.name in by_key}
    places: dict[int, list[str]] = {}
    for path, n in known.items():
        places.setdefault(n, []).append(path)
    for n, sheet in before.sheets(places):
        for path in places[n]:
            _add(writer, path, before.sources[n].key, sheet)
    return frozenset(known)


def _read(repository: Repository, missing: Mapping[str, ListedBlob], writer: IndexWriter) -> None:
    """Read leaves until there are no more, or the time is up; the first few are read in any case."""
    from checks.likeness.sheets import joined, sheets_of

    ends_at = time.monotonic() + _MOST_S
    paths = list(missing)
    for at in range(0, len(paths), _AT_ONCE):
        batch = paths[at : at + _AT_ONCE]
        blobs = repository.blobs([missing[path].name for path in batch], _MOST_BYTES)
        files = [ChangedFile(path, content=blobs[missing[path].name].content) for path in batch]
        sheets = sheets_of(read_contribution(files).leaves, writer.permutations)
        for path in batch:
            _add(writer, path, missing[path].name, sheets.get(path) or joined(()))
        if time.monotonic() > ends_at:
            return


def _add(writer: IndexWriter, path: str, key: str, sheet: Sheet) -> None:
    from checks.likeness.index import Source

    writer.add(Source(path, key, 0, path.startswith(f"{KNOWLEDGE_ROOT}/")), sheet)
