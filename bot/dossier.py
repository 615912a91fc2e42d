"""The dossier of a pull request: what we know of it beside the facts on GitHub and the verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.care import Load
from bot.clock import Clock
from bot.github.pulls import Pull
from bot.jobs import Job, JobKind, JobState
from bot.labels import is_contribution
from bot.readiness import Case, Rival, refused
from bot.records import Records
from bot.same_leaf import SameLeaf
from bot.store.approvals import Approval
from bot.store.pardons import Pardon
from bot.store.pull_requests import PullMemory
from bot.workflow import Act, Transition
from checks.contribution import ATTRIBUTION_FILE
from checks.findings import Outcome
from checks.policy import Policy

CHOSEN = "chosen:"  # and a login: the chore of choosing somebody
_MEASURED = timedelta(days=90)
_ENDS_OF_ACTS = {Act.SUPERSEDE_JOBS: JobState.SUPERSEDED, Act.CANCEL_JOBS: JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything on our side that decisions about one pull request depend on."""

    approvals: tuple[Approval, ...] = ()  # that stand
    pardons: tuple[Pardon, ...] = ()  # for the content as it is
    rivals: tuple[Rival, ...] = ()
    jobs: tuple[Job, ...] = ()
    median_wait: timedelta | None = None  # for triage, in this repository
    loads: tuple[Load, ...] = ()  # of those who look after others; read only where somebody is to be chosen

    def after(self, rows: Iterable[Transition]) -> Dossier:
        """Return the dossier as it is once all that transitions bring about is done."""
        acts = {act for row in rows for act in row.acts}
        ends = [end for act, end in _ENDS_OF_ACTS.items() if act in acts]
        jobs = tuple(replace(job, state=ends[0]) if ends and not job.state.is_over else job for job in self.jobs)
        return replace(self, approvals=() if Act.VOID_APPROVALS in acts else self.approvals, jobs=jobs)


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
            SameLeaf(self._records.leaves).rivals(repository_id, number, leaves_of(paths)),
            self._records.jobs.of_pull(repository_id, number),
            self._records.history.median_wait(repository_id, self._clock.now() - _MEASURED),
        )
        return Dossier(tuple(approvals), tuple(pardons), rivals, jobs, wait)

    async def loads(self, repository_id: int) -> tuple[Load, ...]:
        """Return how many open pull requests each person looks after, of those that were ever chosen."""
        counts, chosen = await asyncio.gather(
            self._records.memories.reviewer_counts(repository_id),
            self._records.history.done_since_ever(repository_id, CHOSEN),
        )
        logins = sorted({*counts, *chosen})
        return tuple(Load(login, counts.get(login, 0), chosen.get(login)) for login in logins)


def _evaluation(jobs: Iterable[Job], pull: Pull) -> str | None:
    """Return what the newest evaluation of the head found; None when there is none."""
    done = [job for job in jobs if job.request.kind is JobKind.EVALUATE and job.state is JobState.SUCCEEDED]
    at_head = [job for job in done if job.request.head_sha == pull.head_sha]
    return max(at_head, key=lambda job: job.id).verdict if at_head else None


def leaves_of(paths: Iterable[str]) -> frozenset[str]:
    """Return the leaf folders that a change touches."""
    return frozenset(
        folder
        for path in paths
        if is_contribution(path)
        for folder, _, name in (path.rpartition("/"),)
        if folder and (name == ATTRIBUTION_FILE or name.lower().endswith((".yaml", ".yml")))
    )


def case_of(memory: PullMemory, pull: Pull, dossier: Dossier, policy: Policy, outcome: Outcome | None) -> Case:
    """Return what the readiness of a pull request is decided from."""
    return Case(
        status=memory.status,
        outcome=outcome,
        paths=memory.changed_paths,
        author_id=pull.author_id,
        commit_authors=frozenset(memory.commit_authors.split()),
        content_digest=memory.content_digest,
        merging=policy.merging,
        approvals=dossier.approvals,
        is_open=pull.is_open,
        is_merged=pull.is_merged,
        is_draft=pull.is_draft,
        targets_default_branch=pull.targets_default_branch,
        is_mergeable=pull.is_mergeable,
        things_to_fix=len(memory.failing_causes.split()),
        evaluation=_evaluation(dossier.jobs, pull),
        rivals=dossier.rivals,
        refusal=refused(memory.merge_refusal),
    )
