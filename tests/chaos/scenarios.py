"""The scenarios: who is hurt, when, and how often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle, islice, product

from bot.jobs import JobState
from bot.simulator import Pull
from tests.chaos.arena import QUESTIONS, SILENCE_S, Arena
from tests.chaos.processes import Program, orphans
from tests.chaos.report import Tally

SKEW_S = 60.0
_WATCHED_S = 3.0  # whether work goes on, or begins, whose job is over


class Moment(StrEnum):
    """Where a job stands when it happens."""

    BEFORE = "before its lease"
    LEASED = "at its lease"
    RUNNING = "while it runs"
    END = "at its end"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of trouble. `is_done_once` says that no job may be computed a second time, for no worker dies."""

    title: str
    play: Callable[[Arena, Tally, int], Awaitable[None]]
    times: int
    is_done_once: bool = True
    redelivery_s: float = 3600.0


async def killed_workers(arena: Arena, tally: Tally, times: int) -> None:
    """Kill -9 of the worker at random moments; another takes its place, and nothing of the first one goes on."""
    arena.model.pause_s = 0.8
    worker = arena.starts_a_worker()
    await arena.is_ready(worker)
    moments = list(islice(cycle(Moment), times))
    arena.random.shuffle(moments)
    for moment in moments:
        pull = await arena.opens_pull()
        await _until_moment(arena, pull, moment)
        await worker.dies()
        worker = arena.starts_a_worker()
        await arena.is_over(pull)
        await arena.is_ready(worker)
        found = await orphans()
        tally.orphans += len(found)
        tally.complaints += [f"{moment}: left behind {line}" for line in found]
        tally.runs += 1


async def lost_brokers(arena: Arena, tally: Tally, times: int) -> None:
    """Redis is wiped, killed, stopped or frozen at random moments."""
    arena.model.pause_s = 1.0
    worker = arena.starts_a_worker()
    await arena.is_ready(worker)
    troubles = [_wiped, _killed, _frozen]
    for trouble, moment in islice(cycle(product(troubles, Moment)), times):
        pull = await arena.opens_pull()
        await _until_moment(arena, pull, moment)
        await trouble(arena)
        await arena.is_over(pull)
        tally.runs += 1


async def redelivered_messages(arena: Arena, tally: Tally, times: int) -> None:
    """The broker's patience is shorter than the job, and than the answer to the lease request: it sends again."""
    for _ in range(times):
        arena.model.pause_s = 4.0
        pull = await arena.opens_pull()
        await arena.asks_for_a_job(pull)
        await arena.until(lambda pull=pull: arena.job(pull).is_sent)  # type: ignore[misc]
        before = arena.refused_leases()
        arena.bot.freezes()
        workers = [arena.starts_a_worker(), arena.starts_a_worker()]
        try:
            await asyncio.gather(*(arena.is_ready(worker) for worker in workers))
            await asyncio.sleep(8)  # the broker looks for what nobody acknowledges every few seconds
        finally:
            arena.bot.goes_on()
        await arena.is_over(pull)
        again = arena.refused_leases() - before
        tally.notes.append(f"the message came back {again} more times than it was sent, and got no lease")
        if not again:
            tally.complaints.append("the broker did not send again: nothing was tried")
        await arena.send_workers_home()
        tally.runs += 1


async def absent_bots(arena: Arena, tally: Tally, times: int) -> None:
    """The bot is stopped or killed, stays away longer than a worker may be silent, and results arrive meanwhile."""
    arena.model.pause_s = 1.0
    worker = arena.starts_a_worker()
    await arena.is_ready(worker)
    for (is_killed, moment), _ in zip(cycle(product((True, False), list(Moment)[1:])), range(times), strict=False):
        pull = await arena.opens_pull()
        await _until_moment(arena, pull, moment)
        await (arena.bot.dies() if is_killed else arena.bot.is_told_to_go())
        await asyncio.sleep(SILENCE_S + 0.5)
        await arena.pauses(1.0)
        await arena.starts_the_bot()
        await arena.is_over(pull)
        found = await orphans()
        tally.orphans += len(found)
        tally.complaints += [f"the bot left behind {line}" for line in found]
        tally.runs += 1


async def racing_workers(arena: Arena, tally: Tally, times: int) -> None:
    """Two workers find copies of the same message at the same moment, while it runs, and when it is over."""
    arena.model.pause_s = 0.5
    workers = [arena.starts_a_worker(), arena.starts_a_worker()]
    await asyncio.gather(*(arena.is_ready(worker) for worker in workers))
    for _ in range(times):
        pull = await arena.opens_pull()
        for worker in workers:
            worker.freezes()
        await arena.asks_for_a_job(pull)
        await arena.until(lambda: bool(arena.waiting_messages()))
        message = arena.waiting_messages()[:1]
        arena.copy_the_message(3)
        for worker in workers:
            worker.goes_on()
        await arena.until(lambda pull=pull: arena.asked(pull) > 0)  # type: ignore[misc]
        arena.put_back(message)
        await arena.is_over(pull)
        arena.put_back(message)
        await arena.until(lambda: not arena.waiting_messages())
        tally.runs += 1
    tally.notes.append(f"{arena.refused_leases()} lease requests refused")


async def revoked_jobs(arena: Arena, tally: Tally, times: int) -> None:
    """A job is cancelled, or superseded by a push, in every state."""
    slowest_s = 0.0
    for _ in range(times):
        for revoke in (_cancelled, _superseded):
            arena.model.pause_s = 0.2
            await _revoked_before_a_worker_has_it(arena, tally, revoke)
            worker = arena.starts_a_worker()
            await arena.is_ready(worker)
            arena.model.pause_s = 2.0
            for is_then in (_is_leased, _is_asking):
                slowest_s = max(slowest_s, await _revoked_in_its_work(arena, tally, worker, is_then, revoke))
            arena.model.pause_s = 0.5
            await _revoked_at_its_end(arena, tally, revoke)
            await _revoked_when_over(arena, tally, revoke)
            await arena.send_workers_home()
    tally.notes.append(f"work that runs was stopped within {slowest_s:.1f} s of the end of its job")
    if slowest_s > 5:
        tally.complaints.append(f"it took {slowest_s:.1f} s to stop the work")


async def skewed_clocks(arena: Arena, tally: Tally, times: int) -> None:
    """The clock of the worker, then of the bot, is a minute fast, then slow."""
    arena.model.pause_s = 1.0
    for skew_s in (SKEW_S, -SKEW_S):
        worker = arena.starts_a_worker(skew_s=skew_s)
        await arena.is_ready(worker)
        await _some_jobs(arena, tally, times)
        _expect_skew(tally, "worker", skew_s, arena.clock_skew_s(arena.log_of(worker)))
        await arena.send_workers_home()
    for skew_s in (SKEW_S, -SKEW_S):
        await arena.bot.is_told_to_go()
        await arena.starts_the_bot(skew_s=skew_s)
        worker = arena.starts_a_worker()
        await arena.is_ready(worker)
        await _some_jobs(arena, tally, times)
        await arena.send_workers_home()
        _expect_skew(tally, "bot", skew_s, arena.clock_skew_s(arena.bot_log()))


def _expect_skew(tally: Tally, who: str, meant_s: float, told_s: float) -> None:
    """Hold that a clock really was off, by what its owner logged last."""
    if abs(told_s - meant_s) > SKEW_S / 2:
        tally.complaints.append(f"the {who}'s clock was {told_s:.0f} s off, not {meant_s:.0f}: nothing was tried")


async def _some_jobs(arena: Arena, tally: Tally, times: int) -> None:
    for _ in range(times):
        pull = await arena.opens_pull()
        await arena.asks_for_a_job(pull)
        await arena.is_over(pull)
        tally.runs += 1


async def _until_moment(arena: Arena, pull: Pull, moment: Moment) -> None:
    """Have a job asked for, and return at a random point of one of its stages."""
    await arena.asks_for_a_job(pull)
    await arena.until(lambda: arena.job(pull).is_sent)
    if moment is Moment.BEFORE:
        return
    await arena.until(lambda: arena.job(pull).state is not JobState.QUEUED)
    if moment is Moment.LEASED:
        await arena.pauses(0.3)
        return
    await arena.until(lambda: arena.asked(pull) > 0)
    if moment is Moment.RUNNING:
        await arena.pauses(arena.model.pause_s)
        return
    await asyncio.sleep(arena.model.pause_s - 0.05)
    await arena.pauses(0.4)


async def _wiped(arena: Arena) -> None:
    arena.redis.wipe()


async def _killed(arena: Arena) -> None:
    arena.redis.stop()
    await arena.pauses(SILENCE_S + 1)
    arena.redis.start()


async def _frozen(arena: Arena) -> None:
    arena.redis.freeze()
    try:
        await asyncio.sleep(SILENCE_S + 1)
        await arena.pauses(4.0)
    finally:
        arena.redis.thaw()


Revoke = Callable[[Arena, Pull], Awaitable[None]]


async def _cancelled(arena: Arena, pull: Pull) -> None:
    await arena.github.comment(pull, "tess", "/cancel")


async def _superseded(arena: Arena, pull: Pull) -> None:
    path = next(file.path for file in pull.files if file.path.endswith("attribution.txt"))
    text = "Title of work: Field book\nLink to work: https://en.wikipedia.org/wiki/Field_book\n"
    await arena.github.push(pull, {path: text + "License of the work: CC-BY-SA-4.0\nCreator names: Ana\n"})


_ENDS: Mapping[Revoke, JobState] = {_cancelled: JobState.CANCELLED, _superseded: JobState.SUPERSEDED}


async def _revoked_before_a_worker_has_it(arena: Arena, tally: Tally, revoke: Revoke) -> None:
    """The first message lies in the broker, the second job waits for room; then a worker comes."""
    sent, unsent = await arena.opens_pull(), await arena.opens_pull()
    await arena.asks_for_a_job(sent)
    await arena.until(lambda: arena.job(sent).is_sent)
    await arena.asks_for_a_job(unsent)
    if arena.job(unsent).is_sent:
        tally.complaints.append("the broker holds more messages than it should")
    for pull in (unsent, sent):
        await revoke(arena, pull)
        await arena.is_over(pull)
        _expect(arena, tally, pull, _ENDS[revoke])
    tally.runs += 2


def _is_leased(arena: Arena, pull: Pull) -> bool:
    return arena.job(pull).state is JobState.RUNNING


def _is_asking(arena: Arena, pull: Pull) -> bool:
    return arena.asked(pull) > 0


async def _revoked_in_its_work(
    arena: Arena, tally: Tally, worker: Program, is_then: Callable[[Arena, Pull], bool], revoke: Revoke
) -> float:
    """Return how many seconds the work went on after its job had ended."""
    pull = await arena.opens_pull()
    await arena.asks_for_a_job(pull)
    await arena.until(lambda: is_then(arena, pull))
    await revoke(arena, pull)
    await arena.until(lambda: arena.job(pull).state.is_over)
    ended, took_s = time.monotonic(), 0.0
    while (passed_s := time.monotonic() - ended) < max(_WATCHED_S, took_s + 1):
        took_s = passed_s if worker.works() else took_s
        await asyncio.sleep(0.02)
    await arena.is_over(pull)
    _expect(arena, tally, pull, _ENDS[revoke])
    tally.runs += 1
    return took_s


async def _revoked_at_its_end(arena: Arena, tally: Tally, revoke: Revoke) -> None:
    """The result and the revocation cross: either may win, one has to."""
    pull = await arena.opens_pull()
    await arena.asks_for_a_job(pull)
    await arena.until(lambda: arena.asked(pull) == QUESTIONS)
    await arena.pauses(arena.model.pause_s + 0.4)
    await revoke(arena, pull)
    await arena.is_over(pull)
    _expect(arena, tally, pull, _ENDS[revoke], JobState.SUCCEEDED)
    tally.notes.append(f"revoked at its end, a job is {arena.job(pull).state}")
    tally.runs += 1


async def _revoked_when_over(arena: Arena, tally: Tally, revoke: Revoke) -> None:
    pull = await arena.opens_pull()
    await arena.asks_for_a_job(pull)
    await arena.is_over(pull)
    await revoke(arena, pull)
    await asyncio.sleep(1)
    _expect(arena, tally, pull, JobState.SUCCEEDED)
    tally.runs += 1


def _expect(arena: Arena, tally: Tally, pull: Pull, *states: JobState) -> None:
    job = arena.job(pull)
    if job.state not in states:
        tally.complaints.append(f"job {job.id} is {job.state} instead of {' or '.join(states)}")


SCENARIOS: Mapping[str, Scenario] = {
    "killed": Scenario("worker killed (-9)", killed_workers, 20, is_done_once=False),
    "broker": Scenario("Redis wiped, killed, frozen", lost_brokers, 12),
    "redelivery": Scenario("broker redelivers after 1 s", redelivered_messages, 2, redelivery_s=1.0),
    "bot": Scenario("bot down, results arrive", absent_bots, 6),
    "race": Scenario("workers race for copies", racing_workers, 6),
    "revoke": Scenario("revoked in every state", revoked_jobs, 2),
    "skew": Scenario("clocks a minute apart", skewed_clocks, 2),
}
