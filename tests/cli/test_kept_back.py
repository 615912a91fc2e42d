"""Guesses that only triagers read: on a laptop they are shown where they are asked for, on GitHub never."""

from __future__ import annotations

import pytest

from tests.checks.contributions import SKILL_PATH, a_skill, attribution
from tests.cli.checkouts import Checkout

GUESS = "topics/avoided"


@pytest.fixture
def jokes(checkout: Checkout) -> Checkout:
    "A checkout with a skill that tells jokes."
    animals = ("a goose", "two owls", "the wren", "a stork", "my heron")
    seeds = [
        {"question": f"Tell me a joke about {name}.", "answer": f"{name} crossed the road."} for name in animals
    ]
    checkout.writes(SKILL_PATH, a_skill(seed_examples=seeds))
    checkout.writes(f"{SKILL_PATH.rpartition('/')[0]}/attribution.txt", attribution())
    checkout.commits("Add jokes")
    return checkout


@pytest.mark.parametrize("output", ["text", "json", "github", "sarif"])
def test_nobody_is_told_who_did_not_ask(jokes: Checkout, output: str) -> None:
    "In no format."
    answer = jokes.checks("--base", "main", "--format", output)
    assert answer.status == 0
    assert "jokes and poems" not in answer.out
    assert "This looks like" not in answer.out


def test_whoever_asks_for_notices_is_told(jokes: Checkout) -> None:
    "As text and as JSON."
    assert "jokes and poems" in jokes.checks("--base", "main", "--notices").wrapped()
    found = jokes.checks("--base", "main", "--notices", "--format", "json").json["findings"]
    assert GUESS in [finding["cause"] for finding in found]


@pytest.mark.parametrize("output", ["github", "sarif"])
def test_what_is_made_for_the_pull_request_never_holds_a_guess(jokes: Checkout, output: str) -> None:
    "Also when notices are asked for."
    answer = jokes.checks("--base", "main", "--notices", "--format", output)
    assert "jokes and poems" not in answer.out
