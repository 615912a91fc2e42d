"""Finding out what a build would take in: from GitHub's history of the branch, checked against our own records."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError
from bot.github.history import BranchHistory, ClosedPull, Span
from bot.github.listings import place_of
from bot.github.pulls import PullReader, Tree
from bot.labels import Label
from bot.nightly.builds import Build
from bot.nightly.leaves import Leaf, leaf_of, leaves_in
from bot.nightly.licences import MOST_BYTES, named_licences
from bot.nightly.plan import Bar, Base, BuildPlan, Facts, MergedPull, plan_of
from bot.store.builds import BuildStore
from bot.store.leaves import as_kept
from bot.store.pull_requests import PullRequestStore
from bot.store.quarantine import QuarantineStore
from bot.store.repositories import KnownRepository
from checks.contribution import ATTRIBUTION_FILE, Sha

_SLACK = timedelta(hours=1)  # clocks differ, and a plan takes a while
_MOST_LOOKED_UP = 500  # commits that no merge explains; attribution files
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class _Since:
    """Where the history begins that a plan looks at."""

    base: Base | None
    moment: datetime


@dataclass(frozen=True, slots=True)
class _Brought:
    """The pull requests that brought what the branch has now, and what is to be said of how they were found."""

    pulls: tuple[ClosedPull, ...]
    notes: tuple[str, ...]


class PlanRoom:
    """Plans builds. Raises the errors of `bot.github.errors`; nothing is written anywhere."""

    def __init__(
        self, app: GitHubApp, builds: BuildStore, memories: PullRequestStore, quarantine: QuarantineStore
    ) -> None:
        self._app = app
        self._builds = builds
        self._memories = memories
        self._quarantine = quarantine

    async def plan(self, known: KnownRepository) -> BuildPlan:
        """Return what a build of the default branch's newest commit would take in."""
        repository_id = known.origin.repository_id
        client = self._app.installation(known.origin.installation_id)
        place = await place_of(client, repository_id)
        history, reader = BranchHistory(client, place.full_name), PullReader(client, place.full_name)
        head = await reader.tip(place.default_branch)
        since = await self._since(known)
        tree = await history.taxonomy(head)
        leaves = leaves_in(tree)
        base_leaves, lost = await _base_leaves(history, since.base)
        brought = await _brought(history, since, head, place.default_branch)
        facts = Facts(
            repository_id,
            head,
            since.base,
            leaves,
            base_leaves,
            await self._merged(history, repository_id, brought.pulls),
            await self._barred(history, repository_id, leaves),
            (*lost, *brought.notes),
        )
        return await _with_licences(reader, plan_of(facts), tree)

    async def _since(self, known: KnownRepository) -> _Since:
        """Return the last good build, or since when we know the repository where there is none."""
        build = await self._builds.last_good(known.origin.repository_id)
        if build is None:
            return _Since(None, known.first_seen_at)
        return _Since(await self._base(build), build.planned_at)

    async def _base(self, build: Build) -> Base:
        plan = await self._builds.plan_of(build)
        return Base(build.night.isoformat(), build.commit, plan.left_out_leaves, plan.told)

    async def _merged(
        self, history: BranchHistory, repository_id: int, pulls: Iterable[ClosedPull]
    ) -> tuple[MergedPull, ...]:
        """Return them with what they change: as we remember it, or as GitHub tells where they went on since."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def merged(pull: ClosedPull) -> MergedPull:
            async with gate:
                memory = await self._memories.get(repository_id, pull.number)
                paths = memory.changed_paths if memory is not None and memory.head_sha == pull.head_sha else ()
                return MergedPull(
                    pull.number,
                    pull.author,
                    pull.author_id,
                    pull.merge_sha,
                    pull.merged_at,
                    memory is not None and not memory.is_open,
                    paths or await history.paths_of(pull.number),
                )

        found = await asyncio.gather(*(merged(pull) for pull in pulls))
        return tuple(sorted(found, key=lambda pull: (pull.merged_at, pull.number)))

    async def _barred(
        self, history: BranchHistory, repository_id: int, leaves: Mapping[str, Leaf]
    ) -> dict[str, Bar]:
        """Return the leaves that must not be taken in."""
        standing = await self._quarantine.standing(repository_id)
        found: dict[str, Bar] = {}
        for path in leaves if standing else ():
            if kept_out := standing.get(as_kept(path)):
                found[path] = Bar(f"quarantined since {kept_out.set_at:%Y-%m-%d}: {kept_out.reason}")
        for number in await history.merged_with_label(Label.LEGAL_HOLD):
            for changed in await history.paths_of(number):
                if leaf := leaf_of(changed, leaves):
                    earlier = found[leaf].pulls if leaf in found else ()
                    found[leaf] = Bar(f"#{number} is on legal hold", tuple(sorted({number, *earlier})))
        return found


async def _base_leaves(history: BranchHistory, base: Base | None) -> tuple[dict[str, Leaf], tuple[str, ...]]:
    """Return the leaves of the last good build, and what is to be said when its commit is gone."""
    if base is None:
        return {}, ("There is no good build yet: every leaf is new.",)
    try:
        return leaves_in(await history.taxonomy(base.commit)), ()
    except NotFoundError:
        return {}, (
            f"GitHub no longer has {base.commit[:7]}, the commit of the last good build: every leaf counts as new.",
        )


async def _brought(history: BranchHistory, since: _Since, head: Sha, branch: str) -> _Brought:
    """Return the pull requests that brought what the branch has since the last good build, merged by us or not."""
    span, is_lost = await _span(history, since, head)
    listed = await history.merged_since(since.moment - _SLACK, branch)
    notes = []
    is_rewritten = is_lost or not span.is_ahead
    if is_rewritten and since.base:
        notes.append(
            f"The history of {branch} was rewritten: it no longer holds {since.base.commit[:7]}, the commit of the "
            "last good build. All leaves were compared one by one, with all that was merged since."
        )
    found = {p.number: p for p in listed if p.merge_sha in span.parents or (is_rewritten and since.base)}
    unexplained = _unexplained(span, head, {pull.merge_sha for pull in found.values()})
    if len(unexplained) > _MOST_LOOKED_UP:
        left = len(unexplained) - _MOST_LOOKED_UP
        notes.append(f"{left} older commits were not looked up: pull requests that brought them may be missing.")
    found |= {pull.number: pull for pull in await history.bringing(unexplained[:_MOST_LOOKED_UP])}
    carried = {number for leaf in (since.base.left_out if since.base else ()) for number in leaf.pulls}
    found |= {pull.number: pull for pull in await history.merged_ones(sorted(carried - found.keys()))}
    return _Brought(tuple(found.values()), tuple(notes))


async def _span(history: BranchHistory, since: _Since, head: Sha) -> tuple[Span, bool]:
    """Return the commits since the last good build, and whether its own is lost."""
    if since.base is None:
        return await history.since_moment(since.moment, head), False
    try:
        return await history.since_commit(since.base.commit, head), False
    except NotFoundError:
        return await history.since_moment(since.moment - _SLACK, head), True


def _unexplained(span: Span, head: str, merges: Iterable[str]) -> list[str]:
    """Return the commits that neither are one of these merges nor came with one, the newest first.

    The branch's own line is never taken to have come with a merge, though a pull request may have been brought up
    to date with it.
    """
    own_line, here = set(), head
    while here in span.parents and here not in own_line:
        own_line.add(here)
        here = next(iter(span.parents[here]), "")
    came: set[str] = set()
    explained = set(merges)
    waiting = [parent for sha in explained & span.parents.keys() for parent in span.parents[sha][1:]]
    while waiting:
        sha = waiting.pop()
        if sha in span.parents and sha not in came and sha not in own_line:
            came.add(sha)
            waiting += span.parents[sha]
    return [sha for sha in span.parents if sha not in explained and sha not in came]


async def _with_licences(reader: PullReader, plan: BuildPlan, tree: Tree) -> BuildPlan:
    """Return the plan with the licences that the attribution of each leaf names; of very many, of the first."""
    sizes = {
        leaf.attribution_sha: tree[f"{leaf.path}/{ATTRIBUTION_FILE}"].size
        for leaf in plan.leaves
        if leaf.is_attributed
    }
    wanted = [sha for sha, size in sizes.items() if size <= MOST_BYTES]
    blobs = await reader.blobs(wanted[:_MOST_LOOKED_UP])
    licences = await asyncio.to_thread(lambda: {sha: named_licences(data) for sha, data in blobs.items()})
    planned = plan.with_licences(licences)
    unread = sum(leaf.licences is None for leaf in planned.leaves)
    if not unread:
        return planned
    note = f"The licences of {unread:,} leaves were not read: their files are too many, or too large."
    return replace(planned, notes=(*planned.notes, note))
