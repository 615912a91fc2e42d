"""A small share of the search for inputs that break the checks; `benchmarks.fuzz_checks` does the rest."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from benchmarks.fuzz_checks import BrokenCheckError, Slowest, look, try_one
from benchmarks.fuzz_inputs import Facts, contributions, corpus_like
from checks.contribution import Contribution
from checks.findings import Finding
from checks.policy import Policy
from checks.registry import all_rules, rule


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(facts=contributions(corpus_like()))
def test_no_contribution_breaks_the_checks(facts: Facts) -> None:
    "It is parsed, judged and put right without an exception, and no rule takes longer than it may."
    try_one(facts, Slowest())


def test_what_breaks_a_rule_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    "A rule that stumbles over a tab: the search comes back with hardly more than the tab."

    @rule("stumbles", title="T", why="W", order=99, causes=())
    def stumbles(contribution: Contribution, policy: Policy) -> list[Finding]:
        assert not any(b"\t" in (f.content or b"") for f in contribution.files)
        return []

    monkeypatch.setattr("checks.run.all_rules", lambda: {**all_rules(), stumbles.id: stumbles})

    found = look(["version: 3\n", "a tab\tis here\n"], 1, 100, Slowest())

    assert found is not None
    facts, error = found
    assert isinstance(error, BrokenCheckError)
    assert str(error).startswith("stumbles: AssertionError")
    assert sum(len(file.content or b"") for file in facts.files) < 40
