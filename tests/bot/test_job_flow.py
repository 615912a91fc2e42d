"""A model check of the life of a job: random orders of events, and what must hold after each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from bot.job_flow import (
    MOST_HAND_BACKS,
    Life,
    NotHeardError,
    Patience,
    begun_again,
    ended,
    granted,
    looked_after,
    refused,
    told,
)
from bot.jobs import JobState
from pipeline.contract import Ending, JobReport, Outcome

LIMIT, GRACE = timedelta(hours=1), timedelta(minutes=5)
PATIENCE = Patience()


class JobLife(RuleBasedStateMachine):
    """Workers, people and the clock do what they like, in any order."""

    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.secrets = 0
        self.in_force: tuple[int, str] | None = None
        self.asked_again = 0
        self.attempts = [1]

    @rule(target=leases, back=st.integers(0, 2))
    def a_worker_asks(self, back: int) -> tuple[int, str]:
        self.secrets += 1
        lease = (max(self.life.attempt - back, 1), f"secret {self.secrets}")
        before = self.life
        try:
            self.life = granted(self.life, lease[0], f"worker {self.secrets}", lease[1], self.now, LIMIT, GRACE)
        except NotHeardError:
            assert self.life is before
            return lease
        assert before.state is JobState.QUEUED
        assert before.attempt == lease[0]
        self.in_force = lease
        return lease

    @rule(lease=leases)
    def a_worker_asks_again(self, lease: tuple[int, str]) -> None:
        before = self.life
        if before.lease is None or lease != self.in_force:
            return
        self.life = granted(before, lease[0], "worker", lease[1], self.now, LIMIT, GRACE)
        assert self.life == replace(before, lease=replace(before.lease, heard_at=self.now))

    @rule(
        lease=leases,
        ending=st.sampled_from([None, *Ending]),
        sequence=st.integers(1, 5),
        skew_s=st.integers(-60, 60),
    )
    def a_worker_tells(self, lease: tuple[int, str], ending: Ending | None, sequence: int, skew_s: int) -> None:
        outcome = Outcome(ending) if ending else None
        report = JobReport(1, lease[0], "worker", sequence, lease[1], outcome=outcome)
        before = self.life
        try:
            self.life = told(self.life, report, self.now + timedelta(seconds=skew_s), PATIENCE)
        except NotHeardError:
            assert before.state is not JobState.RUNNING or lease != self.in_force
            return
        assert lease == self.in_force, "a report of another attempt was heard"

    @rule(back=st.integers(0, 2))
    def a_worker_cannot_read_it(self, back: int) -> None:
        before, attempt = self.life, max(self.life.attempt - back, 1)
        try:
            self.life = refused(self.life, attempt, "It is older.", self.now, PATIENCE)
        except NotHeardError:
            assert before.state is not JobState.QUEUED or before.attempt != attempt
            return
        assert self.life.state in (JobState.QUEUED, JobState.INFRA_ERROR)
        assert self.life.state is JobState.INFRA_ERROR or (self.life.not_before or self.now) > self.now

    @rule(seconds=st.sampled_from([1, 30, 61, 600, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.life = looked_after(self.life, self.now, PATIENCE)

    @rule(state=st.sampled_from([JobState.CANCELLED, JobState.SUPERSEDED]))
    def somebody_ends_it(self, state: JobState) -> None:
        was_over = self.life.state if self.life.state.is_over else None
        self.life = ended(self.life, state)
        assert self.life.state is (was_over or state)

    @rule()
    def somebody_asks_again(self) -> None:
        if self.life.state.is_over:
            self.asked_again += 1
            self.in_force = None
        self.life = begun_again(self.life)

    @invariant()
    def the_attempt_only_grows(self) -> None:
        assert self.life.attempt >= self.attempts[-1]
        self.attempts.append(self.life.attempt)

    @invariant()
    def a_lease_is_there_exactly_while_it_runs(self) -> None:
        assert (self.life.lease is not None) is (self.life.state is JobState.RUNNING)

    @invariant()
    def retries_are_bounded(self) -> None:
        assert self.life.infra_retries <= PATIENCE.infra_retries
        assert self.life.hand_backs <= MOST_HAND_BACKS
        most = (self.asked_again + 1) * (PATIENCE.infra_retries + MOST_HAND_BACKS + 1)
        assert self.life.attempt <= most

    @invariant()
    def only_a_worker_ends_it_well(self) -> None:
        if self.life.state is JobState.SUCCEEDED:
            assert self.life.outcome is not None
            assert self.life.outcome.ending is Ending.SUCCEEDED


JobLife.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestJobLife = JobLife.TestCase


def test_a_contributions_failure_is_never_retried() -> None:
    "The author has something to mend; doing it again would come to the same."
    now = datetime(2026, 1, 1, tzinfo=UTC)
    life = granted(Life(), 1, "worker", "secret", now, LIMIT, GRACE)
    report = JobReport(
        1, 1, "worker", 1, "secret", outcome=Outcome(Ending.FAILED_BY_CONTRIBUTION, "No text in it.")
    )
    over = told(life, report, now, PATIENCE)
    assert (over.state, over.attempt, over.message) == (JobState.FAILED_BY_CONTRIBUTION, 1, "No text in it.")


def test_a_worker_that_falls_silent_is_replaced_and_no_longer_heard() -> None:
    "Its lease passes to the next attempt; what it still tells counts for nothing."
    now = datetime(2026, 1, 1, tzinfo=UTC)
    life = granted(Life(), 1, "worker", "secret", now, LIMIT, GRACE)
    life = looked_after(life, now + PATIENCE.heartbeat, PATIENCE)
    assert (life.state, life.attempt, life.infra_retries) == (JobState.QUEUED, 2, 1)
    late = JobReport(1, 1, "worker", 9, "secret", outcome=Outcome(Ending.SUCCEEDED))
    with pytest.raises(NotHeardError, match="queued"):
        told(life, late, now, PATIENCE)
