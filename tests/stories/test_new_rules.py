"""A new rule is gentle at first, and nobody's open pull request turns red because the bot was upgraded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

import bot.rule_sets
import checks.gentleness
from checks.findings import Cause, Finding, Severity, Verdict
from checks.gentleness import RuleSet
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill
from tests.world.review import gives_powers, sets_policy

FEW = "counts/too-few-examples"
NOTES = "Notes for triagers"
WEAK = {SKILL_PATH: a_skill(seed_examples=3)}

Releases = Callable[..., None]


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> Releases:
    "Have a version of the code in which a cause is new since a day: the one that the bot runs from its next start."

    def releases(day: date, cause: str = FEW) -> None:
        for module in (bot.rule_sets, checks.gentleness):
            monkeypatch.setattr(module, "release_days", lambda: {cause: day})

    return releases


async def upgrades(world: World) -> None:
    "Stop the bot and start it with what is installed by now."
    await world.settled()
    await world.stop_bot()
    world.rules_are_old = False
    await world.start_bot()


async def days_pass(world: World, days: int) -> None:
    "Let days go by."
    await world.settled()
    await world.clock.advance(days=days)


async def opens_a_weak_one(world: World) -> PullRequest:
    "A pull request with too few seed examples."
    pr = await world.ana.opens_pr(a_good_skill() | WEAK)
    await pr.settled()
    pr.has_been_read()
    return pr


async def pushes_once_more(world: World, pr: PullRequest, remark: str) -> None:
    "Push something else that is no better."
    await world.ana.pushes(pr, {SKILL_PATH: f"# {remark}\n{a_skill(seed_examples=3)}"})
    await pr.settled()
    pr.has_been_read()


def conclusion(pr: PullRequest) -> str | None:
    return pr.check("Contribution").conclusion


def headings(pr: PullRequest) -> list[str]:
    "Under which headings the check run tells that there are too few examples."
    sections = (pr.check("Contribution").summary or "").split("### ")
    return [section.partition("\n")[0] for section in sections if "too few seed examples" in section]


async def test_a_new_rule_is_a_notice_for_fourteen_days(world: World, released: Releases) -> None:
    "A push of the thirteenth day passes with a notice, one of the fifteenth fails."
    released(date(2026, 1, 5))
    await upgrades(world)
    pr = await opens_a_weak_one(world)
    assert conclusion(pr) == "success"
    assert headings(pr) == [NOTES]
    assert "triage-needed" in pr.labels

    await days_pass(world, 13)
    await pushes_once_more(world, pr, "still gentle")
    assert conclusion(pr) == "success"

    await days_pass(world, 2)
    await pushes_once_more(world, pr, "not any more")
    assert conclusion(pr) == "failure"


async def test_an_open_pull_request_keeps_its_rules_until_the_next_push(world: World, released: Releases) -> None:
    "Whatever looks at it again: a sweep, /check, a restart; the days of gentleness may be long over."
    released(date(2026, 1, 5))
    await upgrades(world)
    gives_powers(world)
    pr = await opens_a_weak_one(world)
    await days_pass(world, 40)
    await world.ana.comments(pr, "/check")
    await pr.settled()
    assert conclusion(pr) == "success"
    await upgrades(world)
    await world.sweeps()
    await world.ana.comments(pr, "/check")
    await pr.settled()
    pr.has_been_read()
    assert conclusion(pr) == "success"
    assert "triage-requested-changes" not in pr.labels


async def test_an_upgrade_says_nothing_new_of_a_commit_that_was_judged(world: World, released: Releases) -> None:
    "A rule that did not exist then is not even a notice; the next push meets it gently, a later one in full."
    sets_policy(world, f"rules:\n  {FEW}: off\n")  # stands for a version that does not know the rule
    pr = await opens_a_weak_one(world)
    assert headings(pr) == []

    await days_pass(world, 2)
    released(date(2026, 1, 6))
    sets_policy(world, "")
    await upgrades(world)
    await world.ana.comments(pr, "/check")
    await pr.settled()
    assert (conclusion(pr), headings(pr)) == ("success", [])

    await pushes_once_more(world, pr, "after the upgrade")
    assert (conclusion(pr), headings(pr)) == ("success", [NOTES])

    await days_pass(world, 15)
    await pushes_once_more(world, pr, "later")
    assert (conclusion(pr), headings(pr)) == ("failure", ["To fix"])


async def test_a_late_upgrade_still_gives_fourteen_days(world: World, released: Releases) -> None:
    "A rule that was released long ago is new where it arrives: it counts from this bot's first start with it."
    before = await world.ana.opens_pr()
    await before.next_comment()
    await days_pass(world, 30)

    released(date(2026, 1, 6))
    await upgrades(world)
    pr = await world.bob.opens_pr(
        {**a_good_skill("bob", "compositional_skills/writing/x/y/qna.yaml")}
        | {"compositional_skills/writing/x/y/qna.yaml": a_skill(created_by="bob", seed_examples=3)}
    )
    await pr.settled()
    pr.has_been_read()
    assert conclusion(pr) == "success"

    await days_pass(world, 10)
    await upgrades(world)  # starting again does not start the days again
    await days_pass(world, 5)
    await world.ana.pushes(
        pr, {"compositional_skills/writing/x/y/qna.yaml": a_skill(created_by="bob", seed_examples=2)}
    )
    await pr.settled()
    pr.has_been_read()
    assert conclusion(pr) == "failure"


async def test_a_new_bot_takes_the_days_of_release(world: World, released: Releases) -> None:
    "Nothing was ever judged here, so nothing is new here: laptops and the bot agree from the first day."
    await world.stop_bot()
    await world.lose_the_database()
    released(date(2025, 12, 1))
    world.rules_are_old = False
    await world.start_bot()
    pr = await opens_a_weak_one(world)
    assert conclusion(pr) == "failure"


async def test_a_community_says_how_many_days(world: World, released: Releases) -> None:
    "With none, a new rule has its weight at once; what a community switches itself is its own decision."
    sets_policy(world, "new_rules:\n  gentle_days: 0\n")
    released(date(2026, 1, 5))
    await upgrades(world)
    assert conclusion(await opens_a_weak_one(world)) == "failure"


async def test_what_a_community_switches_is_its_own_decision(world: World, released: Releases) -> None:
    "It weighs as the file says from the first day."
    sets_policy(world, f"rules:\n  {FEW}: error\n")
    released(date(2026, 1, 5))
    await upgrades(world)
    assert conclusion(await opens_a_weak_one(world)) == "failure"


async def test_a_community_names_the_day_for_everybody(world: World, released: Releases) -> None:
    "From the file laptops and CI know of a late upgrade, too."
    sets_policy(world, "new_rules:\n  start:\n    counts: 2026-01-03\n")
    released(date(2025, 11, 1))
    await upgrades(world)
    assert conclusion(await opens_a_weak_one(world)) == "success"


async def test_a_group_is_judged_by_the_rules_of_its_pull_requests(world: World, released: Releases) -> None:
    "What passed each by itself is not stopped together by a rule that counts for neither."
    released(date(2026, 1, 5))
    await upgrades(world)
    gives_powers(world)
    sets_policy(world, "merging:\n  automatic: false\n")
    world.repo.required_checks = {("Merge readiness", 1234)}
    pr = await opens_a_weak_one(world)
    await world.tess.comments(pr, "/triage-approve")
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    pr.has_been_read()
    await days_pass(world, 20)
    group = await world.github.request_merge_group(pr.pull)
    await pr.settled()
    assert [run.conclusion for run in world.repo.check_runs(group.head_sha)] == ["success"]


def test_a_stricter_rule_weighs_as_before_while_it_is_gentle() -> None:
    "Else a rule would let everything through just because it is about to become stricter."
    stricter = Cause(FEW, "T", "W", "R", since=date(2026, 1, 5), formerly=Severity.WARNING)
    verdict = Verdict((Finding(stricter, Severity.ERROR, "M"),))
    for rules in (RuleSet(gentle=frozenset({FEW})), RuleSet(not_yet=frozenset({FEW}))):
        assert [f.severity for f in rules.applied(verdict).findings] == [Severity.WARNING]
    assert RuleSet().applied(verdict) is verdict


def test_what_protects_is_never_gentle() -> None:
    "A rule that cannot be switched has its weight from the first day."
    from dataclasses import replace

    from checks.registry import Rule, get_rule

    protecting: Rule = replace(get_rule("hostile"), since=date(2026, 1, 5))
    ordinary: Rule = replace(get_rule("counts"), since=date(2026, 1, 5))
    assert protecting.released(protecting.causes[0]) is None
    assert ordinary.released(ordinary.causes[0]) == date(2026, 1, 5)
