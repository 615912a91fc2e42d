"""The ends of jobs, as far as they move the review: a leaf that gives too few samples is somebody's to look at."""

from __future__ import annotations

import structlog

from bot.clock import Clock
from bot.effects import EffectDesk
from bot.jobs import JobKind, JobState
from bot.records import Records
from bot.store.stored_jobs import StoredJob
from bot.workflow import NoTransitionError, Trigger

log = structlog.get_logger()


class JobEnds:
    """Takes what a job came to into the workflow."""

    def __init__(self, records: Records, effects: EffectDesk, clock: Clock) -> None:
        self._records = records
        self._effects = effects
        self._clock = clock

    async def take(self, job: StoredJob) -> None:
        """Move the review where the job's end does. The caller holds the lock of the pull request.

        Only the newest job of its kind counts, about what the head holds, on an open pull request.
        """
        request, state = job.request, job.life.state
        if request.kind is not JobKind.GENERATE or state is not JobState.FAILED_BY_CONTRIBUTION:
            return
        memory = await self._records.memories.get(request.repository_id, request.number)
        if memory is None or not memory.is_open:
            return
        if not request.is_about(memory.head_sha, memory.content_digest):
            return
        of_pull = await self._records.jobs.of_pull(request.repository_id, request.number)
        if any(each.id > job.id and each.request.kind is request.kind for each in of_pull):
            return
        try:
            after = await self._effects.fire(memory, Trigger.SDG_FAILED, None)
        except NoTransitionError as error:
            log.info("jobs.end_moves_nothing", job=job.id, reason=str(error))
            return
        await self._records.memories.save(after, self._clock.now())
