"""Deciding on the pages: the same rights, the same order and the same trace as a comment's."""

from __future__ import annotations

import re

import pytest

from tests.checks.contributions import SKILL_PATH, a_skill
from tests.dashboard.visitor import Seen, Visitor
from tests.stories.test_inbox import Sender, about
from tests.world import PullRequest, World
from tests.world.review import gives_powers

_FIELD = r'name="{}" value="([^"]+)"'


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    "Tess and tom are triagers, apo and eve approvers, max and mia maintainers."
    gives_powers(world)


def field(seen: Seen, name: str) -> str:
    "What the forms of a page carry."
    found = re.search(_FIELD.format(name), seen.html)
    assert found, f"no form carries {name}:\n{seen.words}"
    return found[1]


async def presses(visitor: Visitor, seen: Seen, pr: PullRequest, key: str, **fields: str) -> Seen:
    "Press a button of the page that was seen."
    carried = {"decision": key, "head_sha": field(seen, "head_sha"), "form": field(seen, "form")} | fields
    path = f"/r/instruct/taxonomy/pulls/{pr.number}/decisions"
    return await visitor.sends(path, seen.csrf_token, **carried)


async def signed_in(visitor: Visitor, login: str, pr: PullRequest) -> Seen:
    "Sign in and open the decisions of a pull request."
    await visitor.signs_in(login)
    return await visitor.opens_page(f"/pulls/{pr.number}/decisions")


async def test_a_triager_signs_off_on_the_page(world: World, visitor: Visitor) -> None:
    "One press: the label is on GitHub, the audit and a comment say who decided what, and the page says done."
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "tess", pr)
    assert "Triage has not signed it off yet. Next: a triager." in seen.words

    await presses(visitor, seen, pr, "triage-approve")
    await world.settled()

    assert "triage-approved" in pr.labels
    said = [c.body for c in pr.pull.comments if c.by_app]
    sha = pr.pull.head_sha[:7]
    assert any(
        f"Decided by `tess` on the pages of the bot, looking at `{sha}`: `/triage-approve`" in s for s in said
    )
    [entry] = await world.audit_of(pr)
    assert (entry.actor, entry.role, entry.act, entry.result) == ("tess", "triager", "/triage-approve", "done")
    assert entry.source.startswith("page:")


async def test_the_page_says_what_came_of_it(world: World, visitor: Visitor) -> None:
    "Whoever pressed is led to a page that says done, without an answer of their own to look for."
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "tess", pr)
    seen = await presses(visitor, seen, pr, "hold", why="wait for the @everyone <b>source</b>")
    await world.settled()
    seen = await visitor.opens(seen.url)
    assert "Hold up : done." in seen.words
    assert "hold" in pr.labels
    assert "Lift the hold" in seen.words
    said = next(c.body for c in pr.pull.comments if "on the pages" in c.body)
    assert "`/hold wait for the @everyone <b>source</b>`" in said


async def test_an_approval_on_the_page_merges(world: World, visitor: Visitor) -> None:
    "Triage by comment, approval by page: what is judged and counted is the same."
    pr = await world.ana.opens_pr()
    await pr.settled()
    await world.tess.comments(pr, "/triage-approve")
    await pr.settled()
    seen = await signed_in(visitor, "apo", pr)
    await presses(visitor, seen, pr, "approve")
    await world.settled()
    assert pr.pull.merged


async def test_a_request_for_a_change_needs_words_and_passes_them_on(world: World, visitor: Visitor) -> None:
    "The author reads what is asked for; words that begin like a commit or hold commands stay words."
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "tess", pr)
    refused = await presses(visitor, seen, pr, "request-changes", why=" \n ")
    assert refused.status == 400
    assert "Say why" in refused.words

    await presses(visitor, seen, pr, "request-changes", why="1234567 is no year\n/approve\n@everyone <img src=x>")
    await world.settled()

    assert "triage-requested-changes" in pr.labels
    said = next(c.body for c in pr.pull.comments if "on the pages" in c.body)
    assert "7 is no year /approve" in said  # a number that looks like a commit is broken up
    assert "<img" not in said
    assert [entry.act for entry in await world.audit_of(pr)] == ["/request-changes"]


async def test_an_outsider_is_refused_at_the_door(world: World, visitor: Visitor) -> None:
    "Whoever may not decide is shown no button, and a form of their own making is not even stored."
    pr = await world.ana.opens_pr()
    await pr.settled()
    before = await world.rows("select count(*) from deliveries")
    seen = await signed_in(visitor, "bob", pr)
    assert "There is nothing for you to decide here just now." in seen.words

    await visitor.signs_in("bob")
    token = (await visitor.opens("/commands")).csrf_token
    path = f"/r/instruct/taxonomy/pulls/{pr.number}/decisions"
    sent = {"decision": "triage-approve", "head_sha": pr.pull.head_sha, "form": "0" * 32}
    seen = await visitor.sends(path, token, **sent)

    assert seen.status == 400
    assert "Only a triager may do this. Nothing was changed." in seen.words
    assert await world.rows("select count(*) from deliveries") == before
    assert await world.audit_of(pr) == []


async def test_who_lost_their_role_meanwhile_is_refused_by_the_desk(world: World, visitor: Visitor) -> None:
    "The role counts when the order is carried out, not when the page was shown; only the page tells of it."
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "apo", pr)
    await world.stop_bot()
    await world.start_bot(handling=False)
    visitor.base = world.address
    seen = await visitor.opens_page(f"/pulls/{pr.number}/decisions")
    seen = await presses(visitor, seen, pr, "approve")
    assert "on its way" in seen.words
    world.repo.permissions["apo"] = "read"
    await world.stop_bot()
    await world.start_bot()
    await world.settled()
    visitor.base = world.address
    path = seen.url.partition("/r/")[2]
    seen = await visitor.opens(f"/r/{path}")
    assert "not done. Only an approver may do this." in seen.words
    assert not any("on the pages" in c.body for c in pr.pull.comments)


async def test_a_decision_about_an_older_commit_is_refused(world: World, visitor: Visitor) -> None:
    "The author pushes while the triager reads: what they sign off is what they saw, or nothing."
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "tess", pr)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()

    seen = await presses(visitor, seen, pr, "triage-approve")
    await world.settled()

    seen = await visitor.opens(seen.url)
    assert "not done. The branch moved while you were writing" in seen.words
    assert "triage-approved" not in pr.labels
    [entry] = await world.audit_of(pr)
    assert entry.result == "refused"


async def test_a_double_click_counts_once(world: World, visitor: Visitor) -> None:
    "The same form sent twice is one order, one comment and one line of the audit; a new one is another."
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "tess", pr)
    for _ in range(2):
        await presses(visitor, seen, pr, "hold", why="wait")
    await world.settled()
    assert [entry.act for entry in await world.audit_of(pr)] == ["/hold"]
    assert sum("on the pages" in c.body for c in pr.pull.comments) == 1

    await presses(visitor, await visitor.opens(seen.url), pr, "unhold")
    await world.settled()
    await presses(visitor, await visitor.opens(seen.url), pr, "hold", why="wait")
    await world.settled()
    assert [entry.act for entry in await world.audit_of(pr)] == ["/hold", "/unhold", "/hold"]


async def test_a_restart_between_the_form_and_its_handling_loses_nothing(world: World, visitor: Visitor) -> None:
    "The order is on disk before it is answered: the bot that comes back carries it out."
    pr = await world.ana.opens_pr()
    await pr.settled()
    await signed_in(visitor, "tess", pr)
    await world.stop_bot()
    await world.start_bot(handling=False)
    visitor.base = world.address
    seen = await visitor.opens_page(f"/pulls/{pr.number}/decisions")
    seen = await presses(visitor, seen, pr, "triage-approve")
    assert "it is on its way" in seen.words
    assert "triage-approved" not in pr.labels

    await world.stop_bot()
    await world.start_bot()
    await world.settled()
    assert "triage-approved" in pr.labels


async def test_no_webhook_gives_an_order(world: World, visitor: Visitor) -> None:
    "Whoever holds the webhook's secret speaks for GitHub, and for no person on the pages."
    sender = Sender(world)
    body = about(world, number=1, text="/approve", commit="0" * 40, at="2026-01-01T00:00:00+00:00")
    assert await sender.sends(body, event="page:order") == 400
    assert await sender.sends(body, event="page:order", guid="page:" + "a" * 40) == 400
    assert await sender.sends(body, event="issue_comment", guid="page:" + "a" * 40) == 400
    assert await world.rows("select count(*) from deliveries where event = 'page:order'") == [(0,)]


async def test_a_form_without_the_sessions_token_does_nothing(world: World, visitor: Visitor) -> None:
    "Another site cannot decide in somebody's name."
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "tess", pr)
    path = f"/r/instruct/taxonomy/pulls/{pr.number}/decisions"
    sent = {"decision": "triage-approve", "head_sha": field(seen, "head_sha"), "form": field(seen, "form")}
    seen = await visitor.sends(path, "forged", **sent)
    await world.settled()
    assert seen.status == 400
    assert await world.audit_of(pr) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("decision", "batch"),
        ("decision", "../approve"),
        ("head_sha", "main"),
        ("form", "x" * 5000),
    ],
)
async def test_nonsense_is_told_as_such(world: World, visitor: Visitor, name: str, value: str) -> None:
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await presses(visitor, await signed_in(visitor, "tess", pr), pr, "hold", **{name: value})
    assert seen.status == 400
    assert "not made by this page" in seen.words


async def test_a_receipt_is_shown_on_its_own_pull_request_only(world: World, visitor: Visitor) -> None:
    "What was told about one pull request is not read on another's page."
    pr, other = await world.ana.opens_pr(), await world.bob.opens_pr()
    await pr.settled()
    seen = await presses(visitor, await signed_in(visitor, "tess", pr), pr, "check")
    await world.settled()
    query = seen.url.partition("?")[2]
    assert "Check again : done" in (await visitor.opens_page(f"/pulls/{pr.number}/decisions?{query}")).words
    assert "done." not in (await visitor.opens_page(f"/pulls/{other.number}/decisions?{query}")).words
