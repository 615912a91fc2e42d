"""How many at once: learned from servers of every temper, simulated by the clock alone."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.teacher_gate import Gate
from pipeline.teacher_pacing import Absence, Pace, asked_for_s, pause_s


class Play:
    "A server that works on so many at once and queues or rejects what is more; and a crowd that asks it."

    def __init__(
        self,
        slots: int,
        requests: int = 4000,
        most: int = 256,
        *,
        rejects: bool = False,
        fault_share: float = 0.0,
        spread: float = 0.2,
    ) -> None:
        self.dice, self.slots, self.rejects = random.Random(3), slots, rejects
        self.fault_share, self.spread = fault_share, spread
        self.now_s, self.in_slots, self.rejected = 0.0, 0, 0
        self.queue: deque[int] = deque()
        self.events: list[tuple[float, int, str]] = []
        self.tries = [0] * requests
        self.limits: list[int] = []
        pace, waiting, under_way, answered = Pace(1, most, 0.0), deque(range(requests)), 0, 0
        while answered < requests:
            while waiting and under_way < pace.limit:
                under_way += 1
                self.send(waiting.popleft())
            self.now_s, ask, what = heapq.heappop(self.events)
            if what == "back" and under_way > pace.limit:
                under_way -= 1
                waiting.appendleft(ask)
            elif what == "back":
                self.send(ask)
            elif what == "rejected":
                pace.turned_away(self.now_s, under_way)
                self.rejected += 1
                self.tries[ask] += 1
                self.later(pause_s(self.tries[ask], 0.0, 30.0, self.dice), ask, "back")
            else:
                self.slot_is_free()
                pace.answered(self.now_s, under_way, 1.0)
                answered += 1
                under_way -= 1
            self.limits.append(pace.limit)
        self.stretch = self.now_s * slots / requests  # 1 is ideal

    def later(self, seconds: float, ask: int, what: str) -> None:
        heapq.heappush(self.events, (self.now_s + seconds, ask, what))

    def send(self, ask: int) -> None:
        if self.dice.random() < self.fault_share or (self.rejects and self.in_slots >= self.slots):
            self.later(0.001, ask, "rejected")
        elif self.in_slots < self.slots:
            self.in_slots += 1
            self.later(self.dice.uniform(1 - self.spread, 1 + self.spread), ask, "answered")
        else:
            self.queue.append(ask)

    def slot_is_free(self) -> None:
        self.in_slots -= 1
        if self.queue:
            self.send(self.queue.popleft())

    @property
    def late_limit(self) -> float:
        "The mean limit in the second half."
        late = self.limits[len(self.limits) // 2 :]
        return sum(late) / len(late)


def test_a_server_with_room_is_filled() -> None:
    "All of its 64 slots are used after three rounds; the whole takes hardly longer than the ideal."
    play = Play(64, most=64)
    assert max(play.limits) == 64
    assert play.stretch < 1.08


@pytest.mark.parametrize("spread", [0.2, 0.9])
@pytest.mark.parametrize("slots", [1, 5, 24, 100])
def test_a_server_that_queues_is_not_buried(slots: int, spread: float) -> None:
    "It is kept busy, but not much more is sent than it works on at once."
    play = Play(slots, spread=spread)
    assert play.stretch < 1.15
    assert play.late_limit <= max(24, 3 * slots)


@pytest.mark.parametrize("slots", [1, 5, 24, 100])
def test_a_server_that_rejects_is_spared(slots: int) -> None:
    "Most of what is sent to a server that says 429 is accepted, and its slots are in use."
    play = Play(slots, rejects=True)
    assert play.stretch < 1.3
    assert play.rejected < 1000  # for 4,000 accepted


def test_faults_by_chance_do_not_throttle() -> None:
    "Where one in five requests fails whatever we do, fewer at once would only take longer."
    assert Play(64, most=64, fault_share=0.2).stretch < 1.25


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 300), st.floats(0, 50)), max_size=300), st.data())
def test_the_limit_stays_within_its_bounds(events: list[tuple[bool, int, float]], data: st.DataObject) -> None:
    "Whatever a server does: never below the least, never above the most, and the least is at least one."
    least, most = data.draw(st.integers(-3, 20)), data.draw(st.integers(-3, 200))
    pace, now = Pace(least, most, 0.0), 0.0
    for is_answer, under_way, passed_s in events:
        now += passed_s
        if is_answer:
            pace.answered(now, under_way, 1.0)
        else:
            pace.turned_away(now, under_way)
        assert max(1, least) <= pace.limit <= max(1, least, most)


def test_a_server_that_falls_silent_is_asked_less_and_less() -> None:
    "Time-outs alone bring the limit down to one; answers bring it up again."
    pace, now = Pace(1, 64, 0.0), 0.0
    for _ in range(100):
        now += 60
        pace.turned_away(now, pace.limit)
    assert pace.limit == 1
    for _ in range(2000):
        now += 1 / pace.limit
        pace.answered(now, pace.limit, 1.0)
    assert pace.limit == 64


def test_one_bad_ask_is_not_an_absent_server() -> None:
    "An ask that fails for ever proves nothing alone; three different ones do, and so does an empty seat."
    absence = Absence(60.0)
    assert not any(absence.failed(1, now, nobody_there=False) for now in (0.0, 100.0, 1000.0))
    assert not absence.failed(2, 1001.0, nobody_there=False)
    assert absence.failed(3, 1002.0, nobody_there=False)

    absence.answered()
    assert not absence.failed(1, 2000.0, nobody_there=True)
    assert absence.failed(1, 2061.0, nobody_there=True)


def test_pauses_grow_and_differ() -> None:
    "Twice as long each time up to the longest, spread so that clients do not come back together."
    dice = random.Random(1)
    pauses = [pause_s(tries, 0.0, 30.0, dice) for tries in range(1, 100)]
    assert pauses[0] < 0.26
    assert 3.9 < pauses[5] < 8.1
    assert all(15 <= pause <= 30 for pause in pauses[8:])
    assert len(set(pauses)) == len(pauses)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("", 0), ("17", 17), (" 3 ", 3), ("-5", 0), ("nan", 0), ("1e9", 0), ("9" * 400, float("9" * 40)), ("²", 0)],
)
def test_retry_after_is_read(header: str, seconds: float) -> None:
    "Seconds, or nothing."
    assert asked_for_s(header, 0.0) == seconds


def test_retry_after_may_be_a_date() -> None:
    "As HTTP writes dates; one in the past asks for nothing."
    moment = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert asked_for_s(format_datetime(moment, usegmt=True), moment.timestamp() - 42) == 42
    assert asked_for_s(format_datetime(moment, usegmt=True), moment.timestamp() + 42) == 0


@given(st.text(max_size=60))
def test_no_header_breaks_the_reading(header: str) -> None:
    "A server may send anything."
    assert asked_for_s(header, 0.0) >= 0


async def test_the_gate_lets_through_in_order() -> None:
    "First come, first served; whoever was through before goes first."
    gate, order = Gate(1), []

    async def visitor(name: str, *, first: bool = False) -> None:
        await gate.enter(first=first)
        order.append(name)

    await visitor("0")
    waiting = [asyncio.create_task(visitor(name)) for name in "123"]
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(visitor("again", first=True)))
    await asyncio.sleep(0)
    for _ in waiting:
        gate.leave()
        await asyncio.sleep(0)
    assert order == ["0", "again", "1", "2", "3"]


@pytest.mark.parametrize("is_let_through", [True, False], ids=["in the moment of its turn", "while waiting"])
async def test_a_cancelled_visitor_costs_nobody_a_place(is_let_through: bool) -> None:
    "Also one that is cancelled in the moment in which its turn comes."
    gate = Gate(1)
    await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    steps: list[Callable[[], object]] = [gate.leave, waiting.cancel]
    for step in steps if is_let_through else reversed(steps):
        step()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(gate.enter(), 1)
    assert gate.under_way == 1


async def test_the_gate_can_be_widened_and_narrowed() -> None:
    "Those inside stay; those outside come in as soon as there is room."
    gate = Gate(1)
    waiting = [asyncio.create_task(gate.enter()) for _ in range(5)]
    await asyncio.sleep(0)
    gate.set_limit(3)
    await asyncio.sleep(0)
    assert gate.under_way == 3
    gate.set_limit(2)
    gate.leave()
    await asyncio.sleep(0)
    assert (gate.under_way, sum(task.done() for task in waiting)) == (2, 3)
    for task in waiting:
        task.cancel()


def test_a_server_that_loses_one_in_five_is_not_left_for_good() -> None:
    "Once few are under way a single failure says nothing: the limit climbs again as long as most is answered."
    pace, now_s = Pace(1, 64, 0.0), 0.0
    while pace.limit > 1:
        now_s += 1
        pace.turned_away(now_s, pace.limit)
    for number in range(400):
        now_s += 1 / pace.limit
        if number % 5 == 0:
            pace.turned_away(now_s, pace.limit)
        else:
            pace.answered(now_s, pace.limit, 1.0)
    assert pace.limit > 8
