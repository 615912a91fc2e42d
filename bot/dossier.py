"""The dossier of a pull request: what we know of it beside the facts on GitHub and the verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from bot.clock import Clock
from bot.github.pulls import Pull
from bot.jobs import Job
from bot.labels import Label, is_contribution
from bot.readiness import Case, Rival, refused
from bot.records import Records
from bot.store.approvals import Approval, ApprovalKind
from bot.store.pardons import Pardon
from bot.store.pull_requests import PullMemory
from bot.workflow import State
from checks.contribution import ATTRIBUTION_FILE
from checks.findings import Outcome
from checks.policy import Policy

_MEASURED = timedelta(days=90)
_WAITING = frozenset({State.NEEDED, State.FOLLOW_UP, State.UNCERTAIN, State.APPROVED})


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything on our side that decisions about one pull request depend on."""

    approvals: tuple[Approval, ...] = ()  # that stand
    pardons: tuple[Pardon, ...] = ()  # for the content as it is
    rivals: tuple[Rival, ...] = ()
    jobs: tuple[Job, ...] = ()
    median_wait: timedelta | None = None  # for triage, in this repository
    evaluation: str | None = None


class Dossiers:
    """Reads dossiers."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def of(self, repository_id: int, number: int, content_digest: str, paths: Iterable[str]) -> Dossier:
        """Return the dossier of a pull request that holds `content_digest` and changes `paths`."""
        approvals, pardons, rivals, jobs, wait = await asyncio.gather(
            self._records.approvals.standing(repository_id, number),
            self._records.pardons.of_content(repository_id, number, content_digest),
            self._rivals(repository_id, number, leaves_of(paths)),
            self._records.jobs.of_pull(repository_id, number),
            self._records.history.median_wait(repository_id, self._clock.now() - _MEASURED),
        )
        return Dossier(tuple(approvals), tuple(pardons), rivals, jobs, wait)

    async def _rivals(self, repository_id: int, number: int, leaves: frozenset[str]) -> tuple[Rival, ...]:
        if not leaves:
            return ()
        found = []
        for memory in await self._records.memories.sharing_leaves(repository_id, number, leaves):
            approvals = await self._records.approvals.standing(repository_id, memory.number)
            shared = sorted(leaves & leaves_of(memory.paths.splitlines()))
            found.append(
                Rival(memory.number, memory.author, is_decided(memory, approvals), shared[0] if shared else "")
            )
        return tuple(found)


def leaves_of(paths: Iterable[str]) -> frozenset[str]:
    """Return the leaf folders that a change touches."""
    return frozenset(
        folder
        for path in paths
        if is_contribution(path)
        for folder, _, name in (path.rpartition("/"),)
        if folder and (name == ATTRIBUTION_FILE or name.lower().endswith((".yaml", ".yml")))
    )


def is_decided(memory: PullMemory, approvals: Iterable[Approval]) -> bool:
    """True when a pull request for the same leaf stands in nobody's way: set back, held up, or approved too."""
    status = memory.status
    if status.state not in _WAITING or Label.HOLD in status.flags:
        return True
    return status.state is State.APPROVED and any(a.kind is ApprovalKind.APPROVE for a in approvals)


def case_of(memory: PullMemory, pull: Pull, dossier: Dossier, policy: Policy, outcome: Outcome | None) -> Case:
    """Return what the readiness of a pull request is decided from."""
    return Case(
        status=memory.status,
        outcome=outcome,
        paths=tuple(memory.paths.splitlines()),
        author_id=pull.author_id,
        content_digest=memory.content_digest,
        merging=policy.merging,
        approvals=dossier.approvals,
        is_open=pull.is_open,
        is_draft=pull.is_draft,
        targets_default_branch=pull.targets_default_branch,
        is_mergeable=pull.is_mergeable,
        things_to_fix=len(memory.failing_causes.split()),
        evaluation=dossier.evaluation,
        rivals=dossier.rivals,
        refusal=refused(memory.merge_refusal),
    )
