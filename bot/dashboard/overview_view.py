"""Looking at a repository at one glance: gathers from the stores what the overview is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.dashboard.overview_facts import BuildShown, Sign, Vitals, build_shown, served_in_words, signs
from bot.dashboard.pull_words import ACTORS
from bot.dashboard.queue_facts import JobShown, QueueShown, job_shown, queues_shown
from bot.dashboard.shop_view import shop_seen
from bot.dashboard.visit import Visit
from bot.reconcile import SWEPT
from bot.store.adoption import AdoptionStore
from bot.store.board_jobs import BoardJobs, JobFilter
from bot.store.board_pulls import BoardPulls
from bot.store.builds import BuildStore
from bot.store.delivery_desk import DeliveryDesk
from bot.store.gpu_hours import GpuHourStore
from bot.store.history import History
from bot.store.releases import ReleaseStore
from bot.store.replicas import ReplicaStore

_NEWEST_JOBS = 5
_MOST_WAITING = 1  # of each queue: when the next one begins
_ALWAYS_TOLD = ("triager", "approver", "author")


@dataclass(frozen=True, slots=True)
class Overview:
    """How things stand. `waits` are names, words for them, and how many wait for each."""

    queues: tuple[QueueShown, ...]
    newest: tuple[JobShown, ...]
    waits: tuple[tuple[str, str, int], ...]
    open_pulls: int
    build: BuildShown | None
    served: str
    signs: tuple[Sign, ...]
    is_paused: bool
    is_observed: bool


async def overview_seen(visit: Visit) -> Overview:
    """Return how things stand now."""
    engine, access = visit.house.reads, visit.access
    floor = await shop_seen(visit, _MOST_WAITING)
    waits = await BoardPulls(engine, visit.repository_id, access.policy.merging).waits()
    builds = await BuildStore(engine).newest(visit.repository_id, 1)
    board = BoardJobs(engine)
    newest = await board.newest(visit.repository_id, JobFilter(), 0, _NEWEST_JOBS)
    pulls = await board.titles(visit.repository_id, {row.number for row in newest if row.number})
    nights = await board.build_names({row.build_id for row in newest if row.build_id})
    return Overview(
        queues=tuple(queues_shown(floor, access)),
        newest=tuple(job_shown(row, access, pulls, nights) for row in newest),
        waits=tuple(
            (name, who.value, waits.by_who.get(who, 0))
            for name, who in ACTORS.items()
            if waits.by_who.get(who, 0) or name in _ALWAYS_TOLD
        ),
        open_pulls=sum(waits.by_who.values()),
        build=build_shown(builds[0]) if builds else None,
        served=served_in_words(await ReleaseStore(engine).served(visit.repository_id)),
        signs=tuple(signs(await _vitals(visit))),
        is_paused=floor.paused.is_on,
        is_observed=not (await AdoptionStore(engine).standing(visit.repository_id)).is_adopted,
    )


async def _vitals(visit: Visit) -> Vitals:
    house, settings, now = visit.house, visit.house.settings, visit.now
    waiting, parked = await DeliveryDesk(house.reads).not_over()
    limits = house.github.installation(visit.origin.installation_id).limits.scarcest()
    every = timedelta(minutes=settings.sweep_minutes) if settings.sweep_minutes else None
    return Vitals(
        now=now,
        parked=parked,
        waiting=waiting,
        swept_at=await History(house.reads).last_done(visit.repository_id, SWEPT),
        sweeps_every=every,
        replicas=await ReplicaStore(house.reads).count(),
        is_github_away=visit.access.is_doubtful,
        calls_left=limits.remaining if limits else None,
        calls_allowed=limits.limit if limits else None,
        gpu=await GpuHourStore(house.reads).used(now),
        gpu_per_day=settings.budget.gpu_h_per_day,
        gpu_per_month=settings.budget.gpu_h_per_month,
        broken_jobs=await BoardJobs(house.reads).went_wrong_since(visit.repository_id, now - timedelta(days=1)),
        is_silent=every is None,
    )
