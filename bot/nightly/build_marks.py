"""What pull requests show of builds, brought up to date from what is remembered: whoever looks, however often."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from bot.events import Origin
from bot.nightly.build_labels import BuildLabels
from bot.nightly.builds import BuildState
from bot.nightly.steps import failed_leaves_of
from bot.store.builds import BuildStore
from bot.store.jobs import JobStore
from bot.store.repositories import KnownRepository

log = structlog.get_logger()

_GAVE_NOTHING = "sdg:"  # before a number: one of its leaves gave nothing
_MOST_LOOKS = 5


class BuildMarks:
    """Moves labels. What is about to be shown is written down before: after a crash it is found and taken off."""

    def __init__(self, builds: BuildStore, jobs: JobStore, labels: BuildLabels) -> None:
        self._builds = builds
        self._jobs = jobs
        self._labels = labels

    async def show(self, known: KnownRepository) -> None:
        """Bring labels up to date. Raises the errors of `bot.github.errors`."""
        for _ in range(_MOST_LOOKS):  # a build that ended while we were at it left what we put on
            if not await self._look(known):
                return

    async def _look(self, known: KnownRepository) -> bool:
        """Show what is to be shown now; return whether anything changed."""
        repository_id, changed = known.origin.repository_id, False
        shown, wanted = await self._builds.labelled(repository_id), await self._wanted(repository_id)
        for build_id in sorted(shown.keys() | wanted.keys()):
            before, after = shown.get(build_id, frozenset()), wanted.get(build_id, frozenset())
            if before == after:
                continue
            changed = True
            await self._builds.note_labelled(build_id, before | after)
            await self._move(known.origin, build_id, before - after, after - before)
            await self._builds.note_labelled(build_id, after)
            log.info("nightly.labelled", build=build_id, on=len(after - before), off=len(before - after))
        return changed

    async def _wanted(self, repository_id: int) -> dict[int, frozenset[str]]:
        build = await self._builds.running(repository_id)
        if build is None:
            return {}
        plan = await self._builds.plan_of(build)
        failed = failed_leaves_of(await self._jobs.states_of_build(build))
        gave_nothing = {number for leaf in plan.leaves if leaf.path in failed for number in leaf.pulls}
        marks = {str(pull.number) for pull in plan.pulls}
        return {build.id: frozenset(marks | {f"{_GAVE_NOTHING}{number}" for number in gave_nothing})}

    async def _move(self, origin: Origin, build_id: int, off: Iterable[str], on: Iterable[str]) -> None:
        begun, ended = _numbers(on), _numbers(off)
        await self._labels.build_began(origin, begun)
        await self._labels.leaf_failed(origin, _numbers(on, _GAVE_NOTHING))
        await self._labels.build_ended(origin, ended)
        if ended:
            await self._labels.leaf_helped(origin, await self._helped(build_id, ended))

    async def _helped(self, build_id: int, numbers: Iterable[int]) -> list[int]:
        """Return of the pull requests that a build took in those of which nothing was left out, if it was good."""
        build = await self._builds.get(build_id)
        if build is None or build.state is not BuildState.GOOD:
            return []
        plan = await self._builds.plan_of(build)
        out = {number for leaf in plan.left_out_leaves for number in leaf.pulls}
        return [number for number in numbers if number not in out]


def _numbers(marks: Iterable[str], begins: str = "") -> list[int]:
    return sorted(int(mark.removeprefix(begins)) for mark in marks if mark.rpartition(":")[0] == begins.rstrip(":"))
