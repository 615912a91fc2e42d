"""What is sent when: pauses, quiet hours, the night's hours, and batches where one GPU holds one model."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from bot.budgets import Budget
from bot.gpu_status import gpu_facts, status_lines
from bot.job_line import NIGHTLY_PRIORITY
from bot.jobs import JobKind, JobState, JobsUnavailableError
from bot.store.switches import GPU_PAUSED
from bot.swaps import SwapForecast, heard_lately
from pipeline.contract import Load, Queue, Swap
from tests.jobs.sending_room import SendingRoom

QUIET = Budget(quiet_from=time(8), quiet_until=time(18))
NIGHT = Budget(nightly_gpu_h=2.0, nightly_at=time(2))


async def test_quiet_hours_end_by_themselves() -> None:
    "What needs a GPU waits until they are over, and nobody has to do anything; the rest goes on."
    async with SendingRoom(QUIET) as room:  # its clock says nine in the morning
        await room.says_hello()
        generate, precheck = await room.asks_for(JobKind.GENERATE), await room.asks_for(JobKind.PRECHECK)
        assert await room.sends() == [precheck.id]
        await room.clock.advance(hours=8, minutes=59)
        await room.says_hello()
        assert await room.sends() == []
        await room.clock.advance(minutes=2)
        await room.says_hello()
        assert await room.sends() == [generate.id]


async def test_a_pause_holds_what_was_queued_before() -> None:
    "It goes on when somebody lifts the pause; new work is refused meanwhile, in words."
    async with SendingRoom() as room:
        await room.says_hello()
        job = await room.asks_for(JobKind.GENERATE)
        await room.switches.set(GPU_PAUSED, room.clock.now(), on=True, by="olga")
        assert await room.sends() == []
        with pytest.raises(JobsUnavailableError, match="paused"):
            await room.asks_for(JobKind.EVALUATE)
        await room.switches.set(GPU_PAUSED, room.clock.now(), on=False, by="olga")
        assert await room.sends() == [job.id]


async def test_a_pause_holds_what_lies_in_the_broker_too() -> None:
    "A worker that asks is refused, the job stays queued, and is sent anew afterwards as the same attempt."
    async with SendingRoom() as room:
        await room.says_hello()
        job = await room.asks_for(JobKind.GENERATE)
        assert await room.sends() == [job.id]
        await room.switches.set(GPU_PAUSED, room.clock.now(), on=True)
        answer = await room.begins(job.id)
        assert (answer.is_granted, "paused" in answer.reason) == (False, True)
        held = await room.store.get(job.id)
        assert held is not None
        assert (held.life.state, held.life.attempt, held.sent_at) == (JobState.QUEUED, 1, None)
        await room.switches.set(GPU_PAUSED, room.clock.now(), on=False)
        assert await room.sends() == [job.id]
        assert (await room.begins(job.id)).is_granted


async def test_who_runs_goes_on_through_a_pause() -> None:
    "Its report counts as ever."
    async with SendingRoom() as room:
        await room.says_hello()
        job = await room.asks_for(JobKind.GENERATE)
        await room.sends()
        answer = await room.begins(job.id)
        await room.switches.set(GPU_PAUSED, room.clock.now(), on=True)
        assert (await room.begins(job.id)).secret == answer.secret  # the answer got lost
        running = await room.store.get(job.id)
        assert running is not None
        assert running.life.state is JobState.RUNNING


async def test_a_night_takes_no_more_than_its_hours() -> None:
    "Two hours: jobs of one hour each, the third waits for the next night; pull requests go on all the while."
    async with SendingRoom(NIGHT) as room:
        for _ in range(2):
            await room.asks_for(JobKind.EVALUATE, NIGHTLY_PRIORITY)
        with pytest.raises(JobsUnavailableError, match=r"0\.0 of this night's 2\.0 are left.*02:00 UTC tomorrow"):
            await room.asks_for(JobKind.EVALUATE, NIGHTLY_PRIORITY)
        await room.says_hello()
        assert [await room.one_is_done(hours=1.25) for _ in range(2)] == [1, 2]
        urgent = await room.asks_for(JobKind.EVALUATE)
        assert await room.one_is_done(hours=1) == urgent.id
        await room.clock.advance(hours=15)
        late = await room.asks_for(JobKind.EVALUATE, NIGHTLY_PRIORITY)
        await room.says_hello()
        assert await room.sends() == [late.id]


async def test_nightly_work_that_takes_longer_than_thought_is_held_back() -> None:
    "What has begun is counted as it was: the next one waits for the next night, and pull requests pass it."
    async with SendingRoom(NIGHT) as room:
        first, second = [await room.asks_for(JobKind.EVALUATE, NIGHTLY_PRIORITY) for _ in range(2)]
        assert await room.sends() == [first.id]
        await room.does(first.id, hours=3)
        urgent = await room.asks_for(JobKind.EVALUATE)
        assert await room.sends() == [urgent.id]
        await room.does(urgent.id, hours=1)
        assert await room.sends() == []
        await room.clock.advance(hours=14)  # a new night
        assert await room.sends() == [second.id]


async def test_a_job_that_no_night_can_hold_is_refused_for_good() -> None:
    "It says who can change that."
    async with SendingRoom(Budget(nightly_gpu_h=0.5)) as room:
        with pytest.raises(JobsUnavailableError, match=r"never fits\. An operator may set `NIGHTLY_GPU_H` higher"):
            await room.asks_for(JobKind.EVALUATE, NIGHTLY_PRIORITY)


async def test_hours_that_are_promised_count() -> None:
    "Queued jobs will take their hours, too: the third of a budget of two hours is refused."
    async with SendingRoom(Budget(gpu_h_per_day=2.0)) as room:
        await room.asks_for(JobKind.EVALUATE)
        await room.asks_for(JobKind.EVALUATE)
        with pytest.raises(JobsUnavailableError, match=r"0\.0 are left today"):
            await room.asks_for(JobKind.EVALUATE)


async def test_a_retry_needs_its_budget_too() -> None:
    "What was used up meanwhile is not spent by the back door."
    async with SendingRoom(Budget(gpu_h_per_day=1.5)) as room:
        first = await room.asks_for(JobKind.EVALUATE)
        await room.engine.end(1, first.request.number, JobState.CANCELLED)
        await room.asks_for(JobKind.EVALUATE)
        with pytest.raises(JobsUnavailableError, match=r"0\.5 are left today"):
            await room.engine.retry(1, first.request.number, first.id, room.clock.now())


async def test_one_gpu_does_in_batches_what_needs_the_same() -> None:
    "Across its queues: first all that the teacher does, then one swap, then all that the student does."
    async with SendingRoom() as room:
        await room.says_hello(loaded=Load.TEACHER)
        kinds = (JobKind.EVALUATE, JobKind.GENERATE, JobKind.POSTCHECK, JobKind.PRECHECK, JobKind.GENERATE)
        evaluate, generate, postcheck, precheck, again = [(await room.asks_for(kind)).id for kind in kinds]
        done = [await room.one_is_done(minutes=2) for _ in kinds]
        assert done == [generate, precheck, again, evaluate, postcheck]


async def test_workers_with_a_gpu_for_each_keep_the_order_of_the_line() -> None:
    "Nothing is swapped there, and every queue is sent from for itself."
    async with SendingRoom() as room:
        await room.says_hello(queues=[Queue.EVAL])
        kinds = (JobKind.EVALUATE, JobKind.POSTCHECK, JobKind.EVALUATE)
        jobs = [(await room.asks_for(kind)).id for kind in kinds]
        assert [await room.one_is_done() for _ in kinds] == jobs


async def test_nobody_is_passed_for_longer_than_the_patience() -> None:
    "Teacher's work keeps coming; the student's job is passed for twenty minutes, then it goes."
    async with SendingRoom() as room:
        await room.says_hello(loaded=Load.TEACHER)
        student = await room.asks_for(JobKind.EVALUATE)
        done = []
        while student.id not in done:
            await room.asks_for(JobKind.GENERATE)
            await room.asks_for(JobKind.GENERATE)
            done.append(await room.one_is_done(minutes=5))
        assert timedelta(minutes=20) < room.clock.now() - student.queued_at <= timedelta(minutes=40)


async def test_swaps_that_were_measured_are_in_every_forecast() -> None:
    "Until then by guess; none for work that finds loaded what it needs, or where nothing is swapped."
    async with SendingRoom() as room:
        forecast = SwapForecast(
            room.store, lambda: heard_lately(room.leases.workers, room.clock.now(), timedelta(minutes=1))
        )
        await room.says_hello()
        evaluate, generate = await room.asks_for(JobKind.EVALUATE), await room.asks_for(JobKind.GENERATE)
        assert await forecast.of(evaluate) == timedelta(0)
        await room.says_hello(loaded=Load.TEACHER)
        assert await forecast.of(generate) == timedelta(0)
        assert await forecast.of(evaluate) == timedelta(seconds=30)
        for number, seconds in ((90, 8.0), (91, 12.0), (92, 500.0)):
            await room.store.swaps.add(number, 1, room.clock.now(), Swap(Load.TEACHER, Load.STUDENT, seconds))
        assert await forecast.of(evaluate) == timedelta(seconds=12)


async def test_a_worker_tells_how_long_its_swap_took() -> None:
    "It comes with the end of the job, and is kept once, however often it is told."
    async with SendingRoom() as room:
        await room.says_hello(loaded=Load.TEACHER)
        job = await room.asks_for(JobKind.EVALUATE)
        await room.sends()
        await room.does(job.id, swap=Swap(Load.TEACHER, Load.STUDENT, 17.5))
        assert await room.store.swaps.usual() == {(Load.TEACHER, Load.STUDENT): 17.5}
        assert room.leases.workers["worker"].loaded is Load.STUDENT


async def test_an_operator_sees_how_it_stands() -> None:
    "Who paused, since when, what waits and runs, and how many hours are spent of how many."
    budget = Budget(
        gpu_h_per_day=8.0, quiet_from=time(8), quiet_until=time(18), nightly_gpu_h=4.0, nightly_at=time(2)
    )
    async with SendingRoom(budget) as room:
        await room.clock.advance(hours=10)
        await room.says_hello()
        first = await room.asks_for(JobKind.GENERATE)
        await room.sends()
        await room.does(first.id, hours=2)
        await room.asks_for(JobKind.GENERATE)
        await room.switches.set(GPU_PAUSED, room.clock.now(), on=True, by="olga")
        await room.clock.advance(hours=1)
        await room.switches.set(GPU_PAUSED, room.clock.now(), on=True, by="somebody else, later")
        lines = list(status_lines(await gpu_facts(room.store, room.switches, budget, room.clock.now()), budget))
        assert lines[:5] == [
            "GPUs: paused by olga since 05 January 2026, 21:00 UTC; what runs goes on, "
            "`taxonomy-bot gpu resume` lifts it",
            "Quiet hours: 08:00-18:00 UTC",
            "cpu        0 waiting, 0 running",
            "gpu.sdg    1 waiting, 0 running (held)",
            "gpu.train  0 waiting, 0 running",
        ]
        assert lines[7:10] == [
            "GPU hours today: 2.0 of 8.0",
            "GPU hours this month: 2.0 (no limit)",
            "Nightly GPU hours since 05 January, 02:00 UTC: 0.0 of 4.0",
        ]


async def test_workers_that_died_without_a_word_are_forgotten() -> None:
    "Where each start has a name of its own, the bot does not grow with them; who is there stays known."
    async with SendingRoom() as room:
        for number in range(20):
            await room.says_hello(f"pod-{number}")
        await room.clock.advance(minutes=59)
        await room.says_hello("pod-19")
        await room.clock.advance(minutes=2)
        await room.leases.look_at_the_clock()
        assert set(room.leases.workers) == {"pod-19"}


async def test_what_waits_says_what_it_should_cost() -> None:
    "Guessed at first, then as measured; of what needs no GPU, and where hours are not limited, nothing is said."
    async with SendingRoom(Budget(gpu_h_per_day=10)) as room:
        await room.says_hello()
        guessed, free = await room.asks_for(JobKind.GENERATE), await room.asks_for(JobKind.PRECHECK)
        costs = [job.expected_gpu_h for each in (guessed, free) if (job := await room.engine.find(each.id))]
        assert costs == [0.5, None]
        await room.does(guessed.id, minutes=90)
        measured = await room.engine.find((await room.asks_for(JobKind.GENERATE)).id)
        assert measured is not None
        assert measured.expected_gpu_h == 1.5
        done = await room.engine.find(guessed.id)
        assert done is not None
        assert done.expected_gpu_h is None
    async with SendingRoom(NIGHT) as room:
        nightly, urgent = (
            await room.asks_for(JobKind.EVALUATE, NIGHTLY_PRIORITY),
            await room.asks_for(JobKind.EVALUATE),
        )
        costs = [job.expected_gpu_h for each in (nightly, urgent) if (job := await room.engine.find(each.id))]
        assert costs == [1.0, None]
