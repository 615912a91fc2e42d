"""The verdict on a page: rule by rule, beside the words that a finding is about."""

from __future__ import annotations

import pytest

from tests.checks.contributions import SKILL_PATH, a_skill
from tests.dashboard.visitor import Visitor
from tests.world import World
from tests.world.people import a_good_skill
from tests.world.review import gives_powers


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    "Tess and tom are triagers."
    gives_powers(world)


async def test_each_finding_stands_below_its_rule_with_its_line(world: World, visitor: Visitor) -> None:
    "What is to fix, how, where on GitHub, and how many rules have nothing to say."
    examples = [{"question": f"What does bird {n} sing?", "answer": f"Song {n}."} for n in range(3)]
    examples[1]["answer"] = examples[1]["question"]
    pr = await world.ana.opens_pr(a_good_skill() | {SKILL_PATH: a_skill(seed_examples=examples)})
    await pr.settled()
    seen = await visitor.opens_page(f"/pulls/{pr.number}/verdict")
    assert seen.status == 200
    assert "The checks fail" in seen.words
    assert "line 5 What does bird 0 sing?" in seen.words
    assert f"/blob/{pr.pull.head_sha}/{SKILL_PATH}#L" in seen.html
    assert "rules found nothing" in seen.words


async def test_a_good_one_has_nothing_to_fix(world: World, visitor: Visitor) -> None:
    "All checks passed, and the page says so."
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await visitor.opens_page(f"/pulls/{pr.number}/verdict")
    assert "All checks passed" in seen.words
    assert "to fix" not in seen.words


async def test_what_a_contributor_wrote_has_no_effect(world: World, visitor: Visitor) -> None:
    "Neither HTML nor templates nor characters that turn the text around."
    hostile = "<script>alert(1)</script> \u202e{{ 7*7 }} TODO"
    examples = [{"question": f"What does bird {n} sing? {hostile}", "answer": hostile} for n in range(5)]
    pr = await world.ana.opens_pr(a_good_skill() | {SKILL_PATH: a_skill(seed_examples=examples)})
    await pr.settled()
    seen = await visitor.opens_page(f"/pulls/{pr.number}/verdict")
    assert seen.status == 200
    assert "<script>alert" not in seen.html
    assert "\u202e" not in seen.html
