"""`taxonomy-check explain`: what a rule wants, why, how to follow it, with an example, on 80 columns."""

from __future__ import annotations

import pytest

from checks.registry import Rule, all_rules
from checks.rule_examples import Example, examples_of
from tests.checks.contributions import (
    KNOWLEDGE_PATH,
    SKILL_PATH,
    a_knowledge,
    a_skill,
    causes,
    contribution_of,
    findings_of,
)
from tests.cli.checkouts import Checkout

# those whose lines can be put in the place of the same key of a good file
_TRIED = [
    "schema/old-version",
    "placeholders/left-in",
    "lint/trailing-spaces",
    "document/page-link",
    "document/commit",
]


@pytest.mark.parametrize("rule", all_rules().values(), ids=lambda rule: rule.id)
def test_every_rule_is_explained(checkout: Checkout, rule: Rule) -> None:
    "Its title and reason, each cause with its remedy, an example and the link; nothing is wider than a terminal."
    answer = checkout.checks("explain", rule.id, columns=200)
    told = answer.wrapped()
    assert answer.status == 0
    assert rule.why in told
    assert all(" ".join(f"{cause.title} [{cause.id}]".split()) in told for cause in rule.causes)
    assert all(" ".join(cause.remedy.split()) in told for cause in rule.causes)
    assert "Not so, in " in told
    assert "But so, in " in told
    wide = [line for line in answer.out.splitlines() if len(line) > 80 and "https://" not in line]
    assert wide == []


def test_one_cause_is_explained_alone(checkout: Checkout) -> None:
    "With its own example, without its siblings."
    answer = checkout.checks("explain", "licences/spelling")
    assert "License of the work: CC-BY-SA-4.0" in answer.out
    assert "[licences/not-allowed]" not in answer.out
    assert answer.out.rstrip().endswith("rules.md#licences-spelling")


def test_a_new_rule_says_until_when_it_is_gentle(checkout: Checkout) -> None:
    "From its day of release."
    assert (
        "New: since 2026-11-21. Until 2026-12-05 it is only a notice"
        in checkout.checks("explain", "source").wrapped()
    )


def test_a_name_that_is_none_gets_the_nearest(checkout: Checkout) -> None:
    "And without any name all rules are listed."
    answer = checkout.checks("explain", "licenses/speling")
    assert answer.status == 2
    assert 'Did you mean "licences/spelling"?' in answer.wrapped()
    assert "licences" in checkout.checks("explain").out


def test_a_folder_called_explain_can_be_checked(checkout: Checkout) -> None:
    "The word is a question only where no such path is."
    checkout.writes("explain", "a file\n")
    assert "Checked explain" in checkout.checks("explain").out


def test_every_example_is_of_a_cause_that_there_is() -> None:
    "And of every rule there is one."
    for rule in all_rules().values():
        found = examples_of(rule.id)
        assert found, f"checks/rule_examples.py has no example for {rule.id}"
        assert {example.cause for example in found} <= {cause.id for cause in rule.causes}
        assert all(example.wrong != example.right for example in found)


@pytest.mark.parametrize("cause", _TRIED)
def test_the_examples_are_true(cause: str) -> None:
    "What is shown as wrong leads to the cause, and what is shown as right does not."
    (example,) = examples_of(cause)
    assert cause in found_in(example, example.wrong)
    assert cause not in found_in(example, example.right)


def found_in(example: Example, lines: str) -> set[str]:
    "The causes found in a good file with the example's line in the place of its own."
    is_knowledge = example.cause.startswith("document/")
    path, good = (KNOWLEDGE_PATH, a_knowledge()) if is_knowledge else (SKILL_PATH, a_skill())
    key = lines.partition(":")[0]
    (at, *_) = [n for n, line in enumerate(good.splitlines()) if line.strip().startswith(f"{key}:")]
    changed = good.splitlines()
    indent = len(changed[at]) - len(changed[at].lstrip())
    changed[at] = " " * indent + lines
    contribution = contribution_of((path, "\n".join(changed) + "\n"), author="ana")
    return set(causes(findings_of(example.cause.partition("/")[0], contribution)))
