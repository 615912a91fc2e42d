"""What a community may switch, and what it may not."""

from __future__ import annotations

import pytest

from checks.contribution import Refusal
from checks.findings import Outcome
from checks.policy import Messages, Policy, PolicyError, Switch, read_policy
from checks.registry import all_rules
from checks.run import judge
from tests.checks.contributions import contribution_of

FIXED = ("intake", "policy", "syntax", "hostile")
UNREAD = contribution_of(refusals=[Refusal("There are too many files.", "Split them up.")])


@pytest.mark.parametrize("name", [*FIXED, "hostile/alias", "intake/not-read"])
def test_what_protects_everyone_cannot_be_switched(name: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read_policy(f"rules:\n  dco: off\n  {name}: notice\n")
    [problem] = refused.value.problems
    assert (problem.line, problem.column) == (3, 3)
    assert f'"{name}" cannot be switched' in problem.message


@pytest.mark.parametrize("name", ["intake", "intake/not-read"])
def test_a_switch_that_came_in_otherwise_has_no_effect(name: str) -> None:
    "A contribution that was not read never turns green."
    policy = Policy(rules={name: Switch.OFF})
    assert judge(UNREAD, policy).overall is Outcome.FAILED


def test_all_others_can_be_switched() -> None:
    free = [rule.id for rule in all_rules().values() if rule.switchable]
    assert set(all_rules()) - set(free) == set(FIXED)
    assert read_policy("rules: {" + ", ".join(f"{name}: off" for name in free) + "}").rules


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)) [x](y",
        "http://example.org",
        "https://",
        "https://example.org/a b",
        "https://example.org/a)",
        "https://example.org/[a]",
        "https://example.org/'a",
        "https://example.org/<a",
        "https://example.org/a\\tb",
    ],
)
def test_the_address_of_the_rule_book_cannot_leave_its_link(address: str) -> None:
    with pytest.raises(PolicyError, match="rules_url"):
        read_policy(f'messages:\n  rules_url: "{address}"\n')


def test_a_web_address_is_taken() -> None:
    address = "https://example.org/docs/rules.md?plain=1#top"
    assert read_policy(f"messages: {{rules_url: '{address}'}}").messages == Messages(rules_url=address)
