"""Releases, builds that passed their gate and stand in the store of models: which is served, which may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.build_orders import PublishedBuild


class ReleaseState(StrEnum):
    """Where a release stands. One of a repository is served at most."""

    CANDIDATE = "candidate"  # passed its gate, never served
    SERVED = "served"  # `latest.json` names it
    REPLACED = "replaced"  # was served, until another was promoted
    WITHDRAWN = "withdrawn"  # was served, until somebody rolled back
    REMOVED = "removed"  # its files are cleaned up


@dataclass(frozen=True, slots=True)
class Release:
    """A build in the store of models. `size` of all files, in bytes; moments are aware, in UTC."""

    id: int
    repository_id: int
    build_id: int
    name: str  # of the build, such as 2026-01-05.1
    manifest_sha256: str
    size: int
    files: int
    commit: str  # of the taxonomy
    state: ReleaseState
    added_at: datetime
    promoted_at: datetime | None = None  # by a person or by policy, the last time
    promoted_by: str = ""
    left_at: datetime | None = None  # when it was last replaced or withdrawn
    pinned_at: datetime | None = None  # since when slow drift is measured against it

    @property
    def published(self) -> PublishedBuild:
        """What names it in the store of models."""
        return PublishedBuild(self.name, self.manifest_sha256)


def served_of(releases: Sequence[Release]) -> Release | None:
    """Return the one that is served."""
    return next((each for each in releases if each.state is ReleaseState.SERVED), None)


def pinned_of(releases: Sequence[Release]) -> Release | None:
    """Return the one that slow drift is measured against."""
    pinned = [each for each in releases if each.pinned_at and each.state is not ReleaseState.REMOVED]
    return max(pinned, key=lambda each: (each.pinned_at, each.id), default=None)


def last_good_of(releases: Sequence[Release]) -> Release | None:
    """Return the newest that nobody has withdrawn: what the next build is compared with."""
    good = (ReleaseState.CANDIDATE, ReleaseState.SERVED, ReleaseState.REPLACED)
    return max((each for each in releases if each.state in good), key=lambda each: each.id, default=None)


def previous_of(releases: Sequence[Release]) -> Release | None:
    """Return the one that a rollback brings back: of those that were replaced, the one promoted last."""
    replaced = [each for each in releases if each.state is ReleaseState.REPLACED]
    return max(replaced, key=lambda each: (each.promoted_at or each.added_at, each.id), default=None)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How many of the newest releases are kept, and since when one that was served is."""

    newest: int
    served_since: datetime


def removable(releases: Sequence[Release], keeping: Keeping) -> list[Release]:
    """Return what may be removed, oldest first.

    Never what is served or pinned, what the next build is compared with, or what a rollback would bring back.
    """
    there = sorted((each for each in releases if each.state is not ReleaseState.REMOVED), key=lambda each: each.id)
    needed = (served_of(there), pinned_of(there), last_good_of(there), previous_of(there))
    kept = {each.id for each in needed if each} | {each.id for each in there[max(0, len(there) - keeping.newest) :]}
    return [
        each
        for each in there
        if each.id not in kept and not (each.left_at is not None and each.left_at >= keeping.served_since)
    ]
