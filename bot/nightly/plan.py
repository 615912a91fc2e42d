"""The plan of a build: which leaves it takes in, whose they are, and what is left out and why. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.nightly.leaves import Leaf, LeafChange, changes_between, leaf_of
from checks.contribution import LEAF_FILE


@dataclass(frozen=True, slots=True)
class MergedPull:
    """A pull request that was merged. `merge_sha` is the commit that the branch was at afterwards."""

    number: int
    author: str
    author_id: int
    merge_sha: str
    merged_at: datetime
    is_known: bool = True  # the bot was told that it was merged
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedLeaf:
    """A leaf that is other than in the last good build."""

    path: str
    change: LeafChange
    qna_sha: str
    attribution_sha: str
    pulls: tuple[int, ...] = ()
    authors: tuple[str, ...] = ()
    licences: tuple[str, ...] | None = ()  # as its attribution names them; None: not read
    earlier_authors: tuple[str, ...] = ()  # of what the last good build has of it
    is_retried: bool = False  # the last good build left it out as it is, for nothing could be made of it

    @property
    def is_attributed(self) -> bool:
        """True for a leaf that comes into the build with an attribution file."""
        return bool(self.attribution_sha) and self.change is not LeafChange.REMOVED

    def with_licences(self, licences: Mapping[str, tuple[str, ...]]) -> PlannedLeaf:
        """Return the leaf with what its attribution file names, by the file's blob."""
        return replace(self, licences=licences.get(self.attribution_sha)) if self.is_attributed else self


@dataclass(frozen=True, slots=True)
class KeptLeaf:
    """A leaf that is as in the last good build, with whose it is, as earlier plans told."""

    path: str
    qna_sha: str
    attribution_sha: str
    authors: tuple[str, ...] = ()
    licences: tuple[str, ...] | None = ()


@dataclass(frozen=True, slots=True)
class LeftOutLeaf:
    """A leaf that is in the taxonomy and not in the build. `pulls` are those that would come in with it.

    `failed_as` is the blob of its `qna.yaml` where it was left out on the way, for nothing could be made of it.
    """

    path: str
    reason: str
    pulls: tuple[int, ...] = ()
    failed_as: str = ""


@dataclass(frozen=True, slots=True)
class LeftOutPull:
    """A merged pull request of which nothing is in the build."""

    number: int
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Why a leaf must not be taken in, and the pull requests that this is about."""

    reason: str
    pulls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Base:
    """The last good build: its night, its commit, what it had left out, and by leaf what it knew of each."""

    night: str
    commit: str
    left_out: tuple[LeftOutLeaf, ...] = ()
    told: Mapping[str, KeptLeaf] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out. `barred` are leaves that must not be taken in."""

    repository_id: int
    commit: str
    base: Base | None
    leaves: Mapping[str, Leaf]
    base_leaves: Mapping[str, Leaf]
    pulls: tuple[MergedPull, ...]
    barred: Mapping[str, Bar]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What a build takes in; `pulls` are those that at least one of its leaves comes from."""

    repository_id: int
    commit: str
    base_commit: str = ""  # empty: there was no good build yet
    base_night: str = ""
    leaves: tuple[PlannedLeaf, ...] = ()
    unchanged: int = 0  # leaves that are as in the last good build
    pulls: tuple[MergedPull, ...] = ()
    left_out_leaves: tuple[LeftOutLeaf, ...] = ()
    left_out_pulls: tuple[LeftOutPull, ...] = ()
    notes: tuple[str, ...] = field(default=())
    kept: tuple[KeptLeaf, ...] = ()  # the leaves that are as in the last good build

    @property
    def is_empty(self) -> bool:
        """True when a build would be the last good one again: nothing is built then.

        What could not be used in that one is tried again only beside something else.
        """
        return all(leaf.is_retried for leaf in self.leaves)

    @property
    def told(self) -> dict[str, KeptLeaf]:
        """What a build of this plan knows of each of its leaves, for the plans after it."""
        fresh = {
            leaf.path: KeptLeaf(
                leaf.path,
                leaf.qna_sha,
                leaf.attribution_sha,
                tuple(dict.fromkeys((*leaf.earlier_authors, *leaf.authors))),
                leaf.licences,
            )
            for leaf in self.leaves
            if leaf.change is not LeafChange.REMOVED
        }
        return {leaf.path: leaf for leaf in self.kept} | fresh

    def count(self, change: LeafChange) -> int:
        """Return how many leaves changed so."""
        return sum(leaf.change is change for leaf in self.leaves)

    def with_licences(self, licences: Mapping[str, tuple[str, ...]]) -> BuildPlan:
        """Return the plan with what each attribution file names, by the file's blob."""
        return replace(self, leaves=tuple(leaf.with_licences(licences) for leaf in self.leaves))


def plan_of(facts: Facts) -> BuildPlan:
    """Return what a build of these facts would take in."""
    carried = {leaf.path: leaf for leaf in facts.base.left_out} if facts.base else {}
    known = facts.base.told if facts.base else {}
    before = {path: leaf for path, leaf in facts.base_leaves.items() if path not in carried}
    barred = _barred(facts)
    after = {path: leaf for path, leaf in facts.leaves.items() if path not in barred}
    places = frozenset(facts.leaves.keys() | facts.base_leaves.keys())
    touched = _touching(facts, places)
    authors = {pull.number: pull.author for pull in facts.pulls}

    def pulls_of(path: str) -> tuple[int, ...]:
        earlier = carried[path].pulls if path in carried else ()
        held = barred[path].pulls if path in barred else ()
        return tuple(sorted({*touched[path], *earlier, *held}))

    leaves = tuple(
        PlannedLeaf(
            leaf.path,
            change,
            leaf.qna_sha,
            leaf.attribution_sha,
            pulls_of(leaf.path),
            tuple(dict.fromkeys(authors[number] for number in pulls_of(leaf.path) if number in authors)),
            is_retried=leaf.path in carried and carried[leaf.path].failed_as == leaf.qna_sha,
            earlier_authors=known[leaf.path].authors if leaf.path in known and leaf.path in before else (),
        )
        for leaf, change in changes_between(before, after)
    )
    included = {number for leaf in leaves if leaf.path not in barred for number in leaf.pulls}
    kept = tuple(
        known.get(path, KeptLeaf(path, leaf.qna_sha, leaf.attribution_sha))
        for path, leaf in sorted(after.items())
        if before.get(path) == leaf
    )
    fresh = tuple(pull for pull in facts.pulls if pull.number in included)
    return BuildPlan(
        facts.repository_id,
        facts.commit,
        facts.base.commit if facts.base else "",
        facts.base.night if facts.base else "",
        leaves,
        len(kept),
        fresh,
        tuple(LeftOutLeaf(path, barred[path].reason, pulls_of(path)) for path in sorted(barred)),
        tuple(_left_out(pull, places, barred) for pull in facts.pulls if pull.number not in included),
        facts.notes,
        kept,
    )


def _barred(facts: Facts) -> dict[str, Bar]:
    """Return the leaves of the taxonomy that are not taken in."""
    found = {path: bar for path, bar in facts.barred.items() if path in facts.leaves}
    for path, leaf in facts.leaves.items():
        if not leaf.is_regular:
            found.setdefault(path, Bar("its qna.yaml is a link or a submodule, not a file"))
    return found


def _touching(facts: Facts, places: frozenset[str]) -> defaultdict[str, set[int]]:
    """Return by leaf the pull requests that changed something in it."""
    found = defaultdict[str, set[int]](set)
    for pull in facts.pulls:
        for path in pull.paths:
            if leaf := leaf_of(path, places):
                found[leaf].add(pull.number)
    return found


def _left_out(pull: MergedPull, places: frozenset[str], barred: Mapping[str, Bar]) -> LeftOutPull:
    touched = {leaf for path in pull.paths if (leaf := leaf_of(path, places))}
    if held := sorted(touched & barred.keys()):
        reason = f"{held[0]}: {barred[held[0]].reason}"
    elif touched or any(path.endswith(f"/{LEAF_FILE}") for path in pull.paths):
        reason = "nothing of it is left in the taxonomy: it was reverted, or leads back to what was there before"
    else:
        reason = "it changes no leaf"
    return LeftOutPull(pull.number, pull.author, reason)
