"""One job as its pages open it: found, of this repository, and only for whoever may see it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.dashboard.visit import Visit
from bot.store.board_jobs import BoardJobs, PullOfJob
from bot.store.jobs import JobStore
from bot.store.stored_jobs import StoredJob

_NOT_SHOWN = (
    "There is no such job here, or it is not yours to see: jobs are shown to triagers, approvers and maintainers, "
    "and those of a pull request to its author."
)


@dataclass(frozen=True, slots=True)
class OpenedJob:
    """A job that the reader may see in full, and whose pull request it is about, if it is about one."""

    stored: StoredJob
    pull: PullOfJob

    @property
    def id(self) -> int:
        """Its number."""
        return self.stored.id


async def opened_job(visit: Visit) -> OpenedJob:
    """Return the job that the address names. Raises NotThereError, or SignInError where that may help.

    Whether it is there is not told to those whom it is not for.
    """
    stored = await JobStore(visit.house.reads).get(visit.number("job"))
    pull = PullOfJob()
    if stored is not None and stored.request.repository_id == visit.repository_id:
        if not stored.request.is_of_build:
            pull = await BoardJobs(visit.house.reads).pull_of(visit.repository_id, stored.request.number)
        if visit.access.reads_data(pull.author_id):
            return OpenedJob(stored, pull)
    raise visit.refusal(_NOT_SHOWN)
