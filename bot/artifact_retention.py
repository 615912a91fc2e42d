"""Which artifacts are kept and which are cleaned up, and the cleaning."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.store.artifacts import ArtifactRows, KeptArtifact
from pipeline.artifacts import ArtifactError, ArtifactStore, StoredArtifact

_JUST_STORED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Doomed:
    """An artifact that is to be deleted, and why."""

    stored: StoredArtifact
    reason: str


@dataclass(frozen=True, slots=True)
class CleanUp:
    """What a clean-up does: what goes, what would go were it not so new, what stays, and what was lost before."""

    doomed: tuple[Doomed, ...]
    too_new: tuple[StoredArtifact, ...]
    staying: tuple[StoredArtifact, ...]
    lost: tuple[KeptArtifact, ...]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a clean-up came to. `freed_bytes` counts only what is really gone, or would be in a trial."""

    deleted: int
    freed_bytes: int
    failed: int


class NothingNamedError(Exception):
    """The database names no artifact while the store is full of them: most likely it is the wrong database."""


def planned(
    stored: Iterable[StoredArtifact],
    kept: Iterable[KeptArtifact],
    keep_since: datetime,
    leave_since: datetime,
    needed: Collection[str] = frozenset(),
) -> CleanUp:
    """Return what a clean-up does.

    What no row names goes, and what was last named before `keep_since`; but nothing that was stored since
    `leave_since`, for a job may be about to name it, and nothing that is `needed`, told by its SHA-256.
    """
    names: dict[str, KeptArtifact] = {}
    for each in kept:
        newest = names.get(each.artifact.sha256)
        if newest is None or newest.stored_at < each.stored_at:
            names[each.artifact.sha256] = each
    doomed, too_new, staying = [], [], []
    here = set()
    for file in stored:
        here.add(file.sha256)
        row = names.get(file.sha256)
        if file.sha256 in needed or (row is not None and row.stored_at >= keep_since):
            staying.append(file)
        elif file.modified >= leave_since:
            too_new.append(file)
        else:
            doomed.append(Doomed(file, _reason(row)))
    lost = [row for sha256, row in names.items() if sha256 not in here and row.stored_at >= keep_since]
    return CleanUp(tuple(doomed), tuple(too_new), tuple(staying), tuple(lost))


class Needed(Protocol):
    """Who needs artifacts besides those that rows name."""

    async def hashes(self, keep_since: datetime, *, dry_run: bool) -> Collection[str]:
        """Return the SHA-256 of what has to stay, and unless it is a trial forget what no longer has to."""
        ...


class Cleaner:
    """Looks at rows and store, and deletes what nobody needs any more."""

    def __init__(
        self, rows: ArtifactRows, store: ArtifactStore, say: Callable[[str], None], needed: Needed | None = None
    ) -> None:
        """`needed` tells what has to stay, however old it is."""
        self._rows = rows
        self._store = store
        self._say = say
        self._needed = needed

    async def clean(
        self, now: datetime, keep_for: timedelta, *, dry_run: bool = False, even_if_nothing_is_named: bool = False
    ) -> Cleaned:
        """Delete, or only say what would be deleted.

        Raises NothingNamedError, and ArtifactError when the store cannot be looked at; nothing is deleted then.
        """
        # in this order: what a job stores is named by a row before the job counts as shown
        busy_since = await self._rows.busy_since()
        leave_since = min(now - _JUST_STORED, busy_since or now)
        keep_since = now - keep_for
        kept = await self._rows.every()
        stored = await asyncio.to_thread(lambda: list(self._store.listing()))
        if stored and not kept and not even_if_nothing_is_named and not dry_run:
            raise NothingNamedError
        needed = await self._needed.hashes(keep_since, dry_run=dry_run) if self._needed is not None else ()
        plan = planned(stored, kept, keep_since, leave_since, needed)
        if not dry_run:
            await self._rows.forget(keep_since)
        cleaned = await self._carry_out(plan, leave_since, dry_run=dry_run)
        self._tell(plan)
        return cleaned

    async def _carry_out(self, plan: CleanUp, leave_since: datetime, *, dry_run: bool) -> Cleaned:
        deleted, freed_bytes, failed = 0, 0, 0
        verb = "would delete" if dry_run else "deleted"
        for doomed in plan.doomed:
            sha256, size = doomed.stored.sha256, doomed.stored.size
            try:
                goes = dry_run or await asyncio.to_thread(
                    self._store.delete, sha256, unless_stored_since=leave_since
                )
            except ArtifactError as error:
                self._say(f"not deleted: {sha256[:12]}: {error}")
                failed += 1
                continue
            if not goes:
                self._say(f"left: {sha256[:12]}: it was stored again, or deleted, just now")
                continue
            self._say(f"{verb}: {sha256[:12]} ({size:,} bytes): {doomed.reason}")
            deleted, freed_bytes = deleted + 1, freed_bytes + size
        unfinished = await asyncio.to_thread(self._store.clear_unfinished, leave_since, dry_run=dry_run)
        for size in unfinished:
            self._say(f"{verb}: an unfinished file ({size:,} bytes): its writer died")
        return Cleaned(deleted + len(unfinished), freed_bytes + sum(unfinished), failed)

    def _tell(self, plan: CleanUp) -> None:
        for row in plan.lost:
            self._say(f"lost: {_shown(row)} is not in the store any more")
        if plan.too_new:
            size = sum(file.size for file in plan.too_new)
            self._say(
                f"left for now: {len(plan.too_new)} ({size:,} bytes), stored in the last hour, or since the oldest "
                "job that is not over and shown was queued"
            )
        self._say(f"kept: {len(plan.staying)} ({sum(file.size for file in plan.staying):,} bytes)")


def _reason(row: KeptArtifact | None) -> str:
    return "nothing names it" if row is None else f"{_shown(row)}, last stored on {row.stored_at:%Y-%m-%d}"


def _shown(row: KeptArtifact) -> str:
    return f"{row.artifact.name} of #{row.number} (repository {row.repository_id})"
