"""The page of what the bot would say: for triagers, while it says nothing on GitHub."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bot.adopt_cli import NoSuchPlaceError, adopted, foreseen, silenced
from bot.rule_workers import RuleWorkers
from bot.simulate_cli import simulated
from bot.simulator.signing_in import CLIENT_ID, CLIENT_SECRET
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.dashboard.visitor import Visitor
from tests.world import World
from tests.world.review import gives_powers, sets_policy

STALE = "on: [schedule]\njobs:\n  old:\n    steps:\n      - uses: actions/stale@v9\n"


@pytest.fixture
async def world(database_url: str, rule_workers: RuleWorkers) -> AsyncIterator[World]:
    "A bot that only observes, with pages that people can sign in to."
    signing_in = {"oauth_client_id": CLIENT_ID, "oauth_client_secret": SecretStr(CLIENT_SECRET)}
    world = World(database_url, rule_workers, start_in="observe", **signing_in)
    world.has_pages = True
    gives_powers(world)
    sets_policy(world, "dashboard:\n  public: true\n")
    async with world:
        yield world


async def test_the_page_shows_what_would_be_said(world: World, visitor: Visitor) -> None:
    "Comment, labels and checks of each open pull request, and the other bots; words of people stay words."
    await world.github.push_to_default(world.repo, {".github/workflows/old.yml": STALE})
    pr = await world.ana.opens_pr({SKILL_PATH: a_skill(seed_examples=3)}, title="<b>Otters</b>")
    await world.settled()
    assert "writes nothing to GitHub" in (await visitor.opens_page()).words
    assert (await visitor.opens_page("/observing")).status in (401, 404)

    await visitor.signs_in("tess", back="/rules")
    page = await visitor.opens_page("/observing")
    assert page.status == 200
    assert "<b>Otters</b>" in page.words
    assert "<b>Otters</b>" not in page.html
    assert "triage-requested-changes" in page.words
    assert "seed examples" in page.words
    assert "actions/stale" in page.words
    assert "stale_days: 36500" in page.words
    assert pr.pull.comments == []

    told = json.loads((await visitor.opens("/api/v1/repositories/instruct/taxonomy/observing?limit=1")).html)
    assert not told["is_adopted"]
    assert [(item["number"], item["title"]) for item in told["items"]] == [(pr.number, "<b>Otters</b>")]
    assert told["items"][0]["said"]["labels_on"] == ["skill", "triage-requested-changes"]
    assert "care:" in told["other_bots"][0]["policy"]

    seen = await visitor.opens_page(f"/pulls/{pr.number}")
    assert seen.status == 200, "its own page is there as always"


async def test_the_same_is_told_at_the_terminal(world: World) -> None:
    "Before anything is changed; then the repository is adopted, and that is taken back."
    await world.github.push_to_default(world.repo, {".github/workflows/old.yml": STALE})
    await world.ana.opens_pr({SKILL_PATH: a_skill(seed_examples=3)})
    with world.no_webhooks():
        missed = await world.ben.opens_pr()
    await world.settled()
    mark = world.github.mark
    told = "\n".join(await foreseen(world.settings, world.clock, "instruct/Taxonomy"))
    assert "instruct/taxonomy is only observed; 2 open." in told
    assert "Labels on: skill, triage-requested-changes" in told
    assert f"Not looked at as they are now: #{missed.number}." in told
    assert "- Stale pull requests" in told
    assert "      care:\n        stale_days: 36500" in told

    lines = await adopted(world.settings, world.clock, "", "olga")
    assert lines[0] == "instruct/taxonomy is adopted: new pull requests are answered at once."
    assert lines[1].startswith(f"2 open ones, up to #{missed.number}, hear from the bot")
    assert await adopted(world.settings, world.clock, "", "olga") == ["instruct/taxonomy is adopted already."]
    assert "is only observed from now on" in (await silenced(world.settings, world.clock, "", "olga"))[0]
    assert "is only observed already" in (await silenced(world.settings, world.clock, "", "olga"))[0]
    assert [line for line in world.github.calls_since(mark) if line.is_write] == []


async def test_a_simulation_tells_all_of_it(world: World) -> None:
    "What was judged in silence is not taken for what GitHub shows."
    pr = await world.ana.opens_pr()
    await world.settled()
    told = await simulated(world.settings, world.clock, "instruct/taxonomy", pr.number, None, world.workers)
    assert "New comment:" in told
    assert "Labels on: skill, triage-needed" in told


async def test_a_name_that_is_not_served_is_said(world: World) -> None:
    "In a sentence; nothing is changed."
    with pytest.raises(NoSuchPlaceError, match="not installed on nobody/nothing"):
        await adopted(world.settings, world.clock, "nobody/nothing", "olga")
    other = world.github.create_repository("instruct/other", {"README.md": "x\n"})
    with pytest.raises(NoSuchPlaceError, match=f"add its id {other.id} to"):
        await adopted(world.settings, world.clock, "instruct/other", "olga")
    with pytest.raises(NoSuchPlaceError, match="none has told the bot anything yet"):
        await adopted(world.settings, world.clock, "", "olga")


async def test_a_decision_on_a_page_is_refused_there(world: World, visitor: Visitor) -> None:
    "With the reason, as the bot only looks on."
    pr = await world.ana.opens_pr()
    await world.settled()
    await visitor.signs_in("tess", back="/rules")
    token = (await visitor.opens("/commands")).csrf_token
    sent = {"decision": "triage-approve", "head_sha": pr.pull.head_sha, "form": "0" * 32}
    await visitor.sends(f"/r/instruct/taxonomy/pulls/{pr.number}/decisions", token, **sent)
    await world.settled()
    [(told,)] = await world.rows("select error from deliveries where event = 'page:order'")
    assert "only observes this repository" in told
    assert pr.labels == set()
