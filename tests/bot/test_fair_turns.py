"""Turns are fair: who asks for what takes for ever keeps nobody else from working."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Hashable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.fair_turns import FairTurns

NEVER_S = 1_000.0


class Room:
    "People who take turns, and go on until they are let go."

    def __init__(self, places: int = 4, slow_places: int = 8, slow_after_s: float = NEVER_S) -> None:
        self.turns = FairTurns(places, slow_places, slow_after_s)
        self.at_work: list[Hashable] = []
        self.most = Counter[Hashable]()
        self._ends: dict[int, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Room:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self.turns._ordinary == self.turns._slow == 0
        assert not self.turns._at_work
        assert not self.turns._waiting

    async def asks(self, *people: Hashable) -> None:
        "Have people ask for a turn, one after the other."
        for who in people:
            self._tasks.append(asyncio.create_task(self._works(who)))
            await asyncio.sleep(0)

    async def _works(self, who: Hashable) -> None:
        end = asyncio.Event()
        async with self.turns.turn(who):
            self.at_work.append(who)
            self.most[who] = max(self.most[who], self.at_work.count(who))
            self._ends[len(self._ends)] = end
            try:
                await end.wait()
            finally:
                self.at_work.remove(who)

    async def ends(self, which: int) -> None:
        "Let somebody go, by the order in which they began."
        self._ends[which].set()
        for _ in range(5):
            await asyncio.sleep(0)


async def test_two_who_ask_for_much_leave_room_for_a_third() -> None:
    "Two people with many slow documents each hold three of four places: whoever comes next is served at once."
    async with Room() as room:
        await room.asks(*["mallory"] * 20, *["eve"] * 20)
        assert room.at_work == ["mallory", "mallory", "eve"]
        await room.asks("ana")
        assert room.at_work[-1] == "ana"


async def test_next_is_who_has_had_the_least() -> None:
    "With all places taken, a newcomer is served before those who ask for another turn."
    async with Room(places=2) as room:
        await room.asks("mallory", "eve", "mallory", "eve", "ana")
        assert room.at_work == ["mallory", "eve"]
        await room.ends(0)
        assert room.at_work == ["eve", "ana"]
        await room.asks("ben", "mallory")
        await room.ends(1)
        assert room.at_work == ["ana", "ben"]


async def test_what_takes_long_makes_room() -> None:
    "However many hang for ever: after a while they go on elsewhere, and others are served."
    async with Room(places=2, slow_places=3, slow_after_s=0.02) as room:
        await room.asks("mallory", "eve", "ana")
        assert room.at_work == ["mallory", "eve"]
        await asyncio.sleep(0.05)
        assert room.at_work == ["mallory", "eve", "ana"]
        await room.asks("ben", "carla", "dora")  # as many as there are slow places, and two
        await asyncio.sleep(0.05)
        assert room.at_work == ["mallory", "eve", "ana", "ben", "carla"]
        await room.ends(0)  # a slow place is free for one that is overdue
        assert room.at_work == ["eve", "ana", "ben", "carla", "dora"]


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    async with Room(places=1) as room:
        await room.asks("mallory")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01), room.turns.turn("eve"):
                pytest.fail("there was no place")
        await room.asks("ana")
        await room.ends(0)
        assert room.at_work == ["ana"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 30)), min_size=1, max_size=40))
def test_places_are_never_overrun_and_nobody_is_forgotten(steps: list[tuple[str, int]]) -> None:
    "In whatever order people come and go: never too many, never more of one than allowed, all served in the end."

    async def play() -> None:
        async with Room(places=3) as room:
            for who, which in steps:
                await room.asks(who)
                if which in room._ends:
                    await room.ends(which)
                assert len(room.at_work) <= 3
            for n in range(len(steps)):
                await room.ends(n)
            assert len(room._ends) == len(steps)
            assert max(room.most.values()) <= 2

    asyncio.run(play())
