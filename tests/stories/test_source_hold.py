"""The legal hold that the bot puts on for a doubtful source: it goes by itself, unless a person has spoken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.checks.contributions import KNOWLEDGE_PATH, a_knowledge, attribution
from tests.world import PullRequest, World
from tests.world.review import gives_powers

# what is told here is the same on every database
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ATTRIBUTION = KNOWLEDGE_PATH.replace("qna.yaml", "attribution.txt")
POLICY = ".github/taxonomy-bot.yml"


def from_source(host: str) -> dict[str, Any]:
    "A leaf about birds, taken from a host."
    return {KNOWLEDGE_PATH: a_knowledge(), ATTRIBUTION: attribution().replace("en.wikipedia.org", host)}


@pytest.fixture
async def doubted(world: World) -> PullRequest:
    "A pull request whose source is on no list."
    gives_powers(world)
    pr = await world.ana.opens_pr(from_source("birds.example"))
    assert "Next: a maintainer" in await pr.next_comment()
    return pr


async def test_a_doubtful_source_is_held_for_a_maintainer(world: World, doubted: PullRequest) -> None:
    "It passes, the author reads why, and it waits for a maintainer."
    assert {"legal-hold", "triage-needed"} <= doubted.labels
    assert doubted.check("Contribution").conclusion == "success"
    assert "`birds.example` is not on the list" in doubted.check("Contribution").summary
    assert doubted.check("Merge readiness").conclusion != "success"


async def test_another_source_ends_it(world: World, doubted: PullRequest) -> None:
    "The author takes the same from an approved source."
    await world.ana.pushes(doubted, from_source("en.wikipedia.org"))
    await doubted.settled()

    assert "legal-hold" not in doubted.labels
    doubted.has_been_read()


async def test_an_approving_community_ends_it(world: World, doubted: PullRequest) -> None:
    "The list is made longer."
    policy = "sources:\n  approved: [wikipedia.org, birds.example]\n"
    await world.github.push_to_default(world.repo, {POLICY: policy})
    await world.ana.comments(doubted, "/check")
    await doubted.settled()

    assert "legal-hold" not in doubted.labels
    doubted.has_been_read()


async def test_what_cannot_be_read_settles_nothing(world: World, doubted: PullRequest) -> None:
    "A leaf that is broken for a while keeps its hold: the label does not flap."
    broken = from_source("birds.example") | {KNOWLEDGE_PATH: "seed_examples: [\n"}
    await world.ana.pushes(doubted, broken)
    await doubted.settled()
    assert "legal-hold" in doubted.labels

    await world.ana.pushes(doubted, from_source("en.wikipedia.org"))
    await doubted.settled()
    assert "legal-hold" not in doubted.labels
    doubted.has_been_read()


async def test_what_a_maintainer_has_cleared_stays_cleared(world: World, doubted: PullRequest) -> None:
    "For that source, whatever is pushed; another doubtful one is held anew."
    await world.max.comments(doubted, "/legal-hold cancel")
    await doubted.settled()
    assert "legal-hold" not in doubted.labels

    more = from_source("birds.example") | {KNOWLEDGE_PATH: a_knowledge(document_outline="More about it.")}
    await world.ana.pushes(doubted, more)
    await world.ana.comments(doubted, "/check")
    await doubted.settled()
    assert "legal-hold" not in doubted.labels

    await world.ana.pushes(doubted, from_source("fish.example"))
    await doubted.settled()
    assert "legal-hold" in doubted.labels
    doubted.has_been_read()


@pytest.mark.parametrize("comes_first", [True, False], ids=["before the bot", "after the bot"])
async def test_what_a_person_holds_stays_held(world: World, comes_first: bool) -> None:
    "Tess wants a maintainer to look: no change of the source answers her."
    gives_powers(world)
    pr = await world.ana.opens_pr(from_source("en.wikipedia.org" if comes_first else "birds.example"))
    await pr.settled()
    await world.tess.comments(pr, "/legal-hold is this edition free?")
    await pr.settled()

    for host in ("birds.example", "en.wikipedia.org"):
        await world.ana.pushes(pr, from_source(host))
        await pr.settled()

    assert "legal-hold" in pr.labels
    pr.has_been_read()


async def test_a_hold_that_was_forgotten_stays(world: World, doubted: PullRequest) -> None:
    "Whose it was is not known after the database was lost, so nobody but a maintainer takes it off."
    await world.stop_bot()
    await world.lose_the_database()
    await world.start_bot()
    await world.ana.pushes(doubted, from_source("en.wikipedia.org"))
    await doubted.settled()

    assert "legal-hold" in doubted.labels
    doubted.has_been_read()
