"""A rule that thinks for too long is ended, and is our own fault; what is loaded once is nobody's."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterable

import pytest

from checks.contribution import Contribution
from checks.findings import Cause, Check, Finding, Outcome, Severity
from checks.policy import Policy, default_policy
from checks.registry import Rule, get_rule, rule
from checks.run import judge
from checks.time_limit import RULE_LIMIT_S, OverranError, untimed, within
from tests.checks.contributions import a_skill, skill_of

LIMIT_S = 0.2


def a_rule(think: Callable[[], object]) -> Rule:
    "A rule that thinks, and then finds something."
    cause = Cause("slow/thought", "T", "W", "R")

    @rule("slow", title="T", why="W", causes=(cause,), order=99)
    def slow(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
        think()
        yield Finding(cause, Severity.WARNING, "Thought.")

    return slow


def for_ever() -> None:
    while True:
        pass


def in_a_pattern() -> None:
    "The classic: it backtracks until the sun goes out."
    re.fullmatch(r"(a+)+b", "a" * 60)


def ignoring_errors() -> None:
    while True:
        try:
            for_ever()
        except Exception:
            continue


@pytest.mark.parametrize("think", [for_ever, in_a_pattern, ignoring_errors])
def test_a_rule_that_overruns_is_our_fault_and_hides_no_other(think: Callable[[], object]) -> None:
    contribution = skill_of(a_skill(seed_examples=3))
    started = time.process_time()

    verdict = judge(contribution, default_policy(), [a_rule(think), get_rule("counts")], LIMIT_S)

    assert time.process_time() - started < 10 * LIMIT_S
    [crash] = verdict.crashes
    assert (crash.rule, crash.check) == ("slow", Check.CONTRIBUTION)
    assert crash.detail.startswith("OverranError at ")
    assert [f.rule for f in verdict.findings] == ["counts"]


def test_an_overrun_is_neither_a_pass_nor_a_failure() -> None:
    verdict = judge(skill_of(a_skill()), default_policy(), [a_rule(for_ever)], LIMIT_S)

    assert verdict.outcome(Check.CONTRIBUTION) is Outcome.UNVERIFIED


def test_a_rule_has_two_seconds() -> None:
    assert RULE_LIMIT_S == 2.0


def test_a_quick_rule_is_not_disturbed_later() -> None:
    "The timer is off once the rule is done."
    assert within(LIMIT_S, lambda: 1) == 1
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_what_is_loaded_once_does_not_count() -> None:
    def think() -> None:
        with untimed():
            burn(1.5 * LIMIT_S)

    assert judge(skill_of(a_skill()), default_policy(), [a_rule(think)], LIMIT_S).crashes == ()


def test_after_the_loading_time_counts_again() -> None:
    def think() -> None:
        with untimed():
            burn(0.01)
        for_ever()

    assert judge(skill_of(a_skill()), default_policy(), [a_rule(think)], LIMIT_S).crashes


def test_loading_outside_a_rule_starts_no_timer() -> None:
    with untimed():
        pass

    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_in_another_thread_nothing_is_limited_and_nothing_breaks() -> None:
    "Signals reach the main thread alone; a thread of its own gets its answer all the same."
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(within(LIMIT_S, lambda: burn(2 * LIMIT_S) or "done")))
    thread.start()
    thread.join()

    assert answers == ["done"]


def test_overrunning_is_no_ordinary_error() -> None:
    assert not issubclass(OverranError, Exception)
