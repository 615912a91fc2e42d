"""A generate job that its worker ends because the contribution gives too little."""

from __future__ import annotations

from bot.effects import EffectDesk
from bot.job_ends import JobEnds
from bot.job_flow import Life
from bot.jobs import JobKind, JobRequest, JobState
from bot.store.stored_jobs import StoredJob
from checks.contribution import Login, Sha
from tests.world.people import PullRequest
from tests.world.records import records_of
from tests.world.world import World


async def a_job_fails(world: World, pr: PullRequest, *, at: str = "") -> None:
    "Take the end of such a job into the review, as the board does once it is shown; at another commit, if named."
    request = JobRequest(
        world.repo.id, pr.number, JobKind.GENERATE, Sha(at or pr.pull.head_sha), 7, Login("tess"), "comment:1:1"
    )
    life = Life(JobState.FAILED_BY_CONTRIBUTION, message="It gave no sample, and 10 are the least.")
    job = StoredJob(10_000, request, "gpu.sdg", 10, world.clock.now(), life)
    async with records_of(world) as records:
        await JobEnds(records, EffectDesk(records, records.log, world.clock), world.clock).take(job)
