"""What pages of one pull request show of its decisions: what is missing for its merge, what the reader may do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from bot.dashboard.decisions import Decision, Standing, by_purpose, form_of, offered
from bot.dashboard.pull_frame import Frame
from bot.dashboard.pull_words import why_over
from bot.dashboard.visit import Visit
from bot.dossier import leaves_of
from bot.jobs import Job, JobKind, JobState
from bot.labels import Label
from bot.readiness import Case, Obstacle, Who, readiness, refused
from bot.same_leaf import SameLeaf
from bot.store.approvals import Approval, ApprovalStore
from bot.store.board_history import BoardHistory
from bot.store.leaves import LeafStore
from bot.store.pull_requests import PullMemory
from bot.workflow import State
from checks.findings import Outcome

_ON_GITHUB = Obstacle(
    "Nothing is missing here. When the bot last looked, GitHub had something against it: a conflict, or another "
    "branch than the one that models are built from.",
    Who.AUTHOR,
)


@dataclass(frozen=True, slots=True)
class WhyNot:
    """What stands between a pull request and its merge. Not `is_sure` where the community's rules are unknown."""

    is_ready: bool
    obstacles: tuple[Obstacle, ...]
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class DecisionPanel:
    """The buttons, with what their forms carry."""

    groups: tuple[tuple[str, tuple[Decision, ...]], ...]
    form: str
    head_sha: str
    path: str  # where the forms go


async def decisions_of(visit: Visit, frame: Frame) -> dict[str, object]:
    """Return the facts for `pull_decisions.html`, which any page of the pull request may include."""
    why_not, panel = await panel_of(visit, frame)
    return {"why_not": why_not, "decisions": panel}


async def panel_of(visit: Visit, frame: Frame) -> tuple[WhyNot, DecisionPanel]:
    """Return what is missing for the merge, and what the reader may decide."""
    memory, engine = frame.memory, visit.house.reads
    key = (memory.repository_id, memory.number)
    approvals, jobs, deeds = await asyncio.gather(
        ApprovalStore(engine).standing(*key),
        visit.house.queue.of_pull(*key),
        BoardHistory(engine).newest_deed(*key),
    )
    user_id = visit.session.user_id if visit.session else 0
    standing = Standing(memory, visit.access.role, user_id, visit.login, tuple(approvals), jobs)
    panel = DecisionPanel(
        by_purpose(offered(standing)), form_of(standing, deeds), memory.head_sha, f"{frame.root}/decisions"
    )
    return await _why_not(visit, memory, tuple(approvals), jobs), panel


async def _why_not(
    visit: Visit, memory: PullMemory, approvals: tuple[Approval, ...], jobs: tuple[Job, ...]
) -> WhyNot:
    if not memory.is_open:
        return WhyNot(is_ready=False, obstacles=(Obstacle(why_over(memory.closed_as), Who.NOBODY),))
    if Label.READY_TO_MERGE in memory.status.flags:
        return WhyNot(is_ready=True, obstacles=())
    rivals = SameLeaf(LeafStore(visit.house.reads)).rivals(
        memory.repository_id, memory.number, leaves_of(memory.changed_paths)
    )
    outcome = memory.verdict if memory.judged_sha == memory.head_sha else None
    case = Case(
        status=memory.status,
        outcome=outcome,
        paths=memory.changed_paths,
        author_id=memory.author_id,
        content_digest=memory.content_digest,
        merging=visit.access.policy.merging,
        approvals=approvals,
        commit_authors=frozenset(memory.commit_authors.split()),
        is_draft=outcome is Outcome.PASSED and memory.status.state is State.NEW,
        things_to_fix=len(memory.failing_causes.split()),
        evaluation=_evaluation(jobs, memory.head_sha),
        rivals=await rivals,
        refusal=refused(memory.merge_refusal),
    )
    found = readiness(case)
    obstacles = (_ON_GITHUB,) if found.is_ready else found.obstacles
    return WhyNot(is_ready=False, obstacles=obstacles, is_sure=not visit.access.is_doubtful)


def _evaluation(jobs: Iterable[Job], head_sha: str) -> str | None:
    done = [
        job
        for job in jobs
        if job.request.kind is JobKind.EVALUATE
        and job.state is JobState.SUCCEEDED
        and job.request.head_sha == head_sha
    ]
    return max(done, key=lambda job: job.id).verdict if done else None
