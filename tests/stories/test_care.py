"""People are looked after: helped when they are stuck, not left waiting, asked kindly, reminded, and heard."""

from __future__ import annotations

import pytest

from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill
from tests.world.review import sets_policy

TOO_FEW = {SKILL_PATH: a_skill(seed_examples=3)}
REVIEWERS = """
care:
  reviewers:
    - paths: [compositional_skills/writing]
      people: [wren, wim]
    - paths: [compositional_skills]
      people: [carl]
    - people: [gwen]
"""


@pytest.fixture(autouse=True)
def powers(world: World) -> None:
    "Tess is a triager, apo an approver, max a maintainer; wren, wim, carl and gwen like to look at things."
    world.repo.permissions |= {"tess": "triage", "apo": "write", "max": "maintain"}
    world.repo.permissions |= dict.fromkeys(("wren", "wim", "carl", "gwen"), "triage")
    for login in ("wren", "wim", "carl", "gwen"):
        world.github.create_user(login)


async def failing(world: World) -> PullRequest:
    "A pull request of ana's whose checks fail; what the bot said has been read."
    pr = await world.ana.opens_pr(TOO_FEW)
    await pr.next_comment()
    return pr


async def pushes_in_vain(world: World, pr: PullRequest, times: int = 1) -> None:
    for _ in range(times):
        await world.clock.advance(minutes=1)
        await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3), "notes.md": f"{world.clock.now()}\n"})
        await pr.settled()


async def days_pass(world: World, days: int) -> None:
    "One day after the other, with its sweeps."
    for _ in range(days):
        await world.clock.advance(days=1)
        await world.sweeps()


async def test_the_third_failing_push_in_a_row_calls_a_person(world: World) -> None:
    "Once, with kind words about what help there is; without teams it is a triager who is called."
    pr = await failing(world)
    await pushes_in_vain(world, pr)
    pr.has_been_read()
    await pushes_in_vain(world, pr)
    pr.has_been_read()
    called = [c.body for c in pr.pull.comments if "times in a row" in c.body]
    assert len(called) == 1
    assert "A triager: the checks of `ana` have failed 3 times in a row." in called[0]
    assert "@" not in called[0]
    await pushes_in_vain(world, pr, times=3)
    assert len([c for c in pr.pull.comments if "times in a row" in c.body]) == 1
    await world.ana.pushes(pr, a_good_skill())
    await pr.settled()
    await pushes_in_vain(world, pr, times=3)
    assert len([c for c in pr.pull.comments if "times in a row" in c.body]) == 2  # another series, another call
    pr.has_been_read()


async def test_teams_are_called_by_name(world: World) -> None:
    "The policy says who triages, and how many pushes are too many."
    sets_policy(world, "teams: {triagers: [triage-team]}\ncare: {failing_pushes: 2}\n")
    pr = await failing(world)
    await pushes_in_vain(world, pr)
    pr.has_been_read()
    assert any("@instruct/triage-team: the checks of `ana`" in c.body for c in pr.pull.comments)


async def test_a_success_in_between_starts_the_count_again(world: World) -> None:
    "Three in a row, not three altogether."
    pr = await failing(world)
    await pushes_in_vain(world, pr)
    await world.ana.pushes(pr, a_good_skill())
    await pr.settled()
    await pushes_in_vain(world, pr, times=2)
    assert not any("times in a row" in c.body for c in pr.pull.comments)
    pr.has_been_read()


async def test_the_longest_folder_and_the_smallest_load_choose_who_looks(world: World) -> None:
    "Those of the nearest folder take turns; who has fewest is next, the author and the assigned are left out."
    sets_policy(world, REVIEWERS)
    chosen = []
    for folder in ("writing/a", "writing/b", "writing/c", "code/a"):
        pr = await world.ana.opens_pr(a_good_skill("ana", f"compositional_skills/{folder}/qna.yaml"))
        await pr.settled()
        chosen.append(pr.pull.assignees)
        pr.has_been_read()
        await world.clock.advance(minutes=1)
    assert chosen == [["wim"], ["wren"], ["wim"], ["carl"]]

    own = await world.wren.opens_pr(a_good_skill("wren", "compositional_skills/writing/d/qna.yaml"))
    await own.settled()
    assert own.pull.assignees == ["wim"]
    own.has_been_read()
    docs = await world.ana.opens_pr({"README.md": "# Ours\n"})
    await docs.settled()
    assert docs.pull.assignees == ["gwen"]
    docs.has_been_read()


async def test_nobody_is_chosen_on_vacation(world: World) -> None:
    "The next folder up is asked when everybody is away."
    away = "".join(
        f"    - {{login: {who}, first_day: 2026-01-01, last_day: 2026-01-10}}\n" for who in ("wren", "Wim")
    )
    sets_policy(world, REVIEWERS + "  vacations:\n" + away)
    first = await world.ana.opens_pr(a_good_skill("ana", "compositional_skills/writing/a/qna.yaml"))
    await first.settled()
    assert first.pull.assignees == ["carl"]
    await world.clock.advance(days=6)
    second = await world.ana.opens_pr(a_good_skill("ana", "compositional_skills/writing/b/qna.yaml"))
    await second.settled()
    assert second.pull.assignees == ["wim"]
    for pr in (first, second):
        pr.has_been_read()


async def test_who_has_finished_something_has_less_to_do(world: World) -> None:
    "Closed pull requests are nobody's load."
    sets_policy(world, REVIEWERS)
    prs = []
    for leaf in "ab":
        prs.append(await world.ana.opens_pr(a_good_skill("ana", f"compositional_skills/writing/{leaf}/qna.yaml")))
        await prs[-1].settled()
        await world.clock.advance(minutes=1)
    await world.github.close_pull(prs[1].pull)  # it was wren's
    await world.settled()
    prs.append(await world.ana.opens_pr(a_good_skill("ana", "compositional_skills/writing/c/qna.yaml")))
    await world.settled()
    assert [pr.pull.assignees for pr in prs] == [["wim"], ["wren"], ["wren"]]
    for pr in prs:
        pr.has_been_read()


async def test_somebody_is_chosen_only_for_what_waits_and_nobody_has(world: World) -> None:
    "Not while the checks fail or it is a draft, not without reviewers, not where somebody is assigned."
    sets_policy(world, REVIEWERS)
    pr = await failing(world)
    assert pr.pull.assignees == []
    await world.github.assign(pr.pull, "tess", by="tess")
    await world.ana.pushes(pr, a_good_skill())
    await pr.settled()
    assert "triage-needed" in pr.labels
    assert pr.pull.assignees == ["tess"]
    draft = await world.bob.opens_pr(draft=True)
    await draft.settled()
    assert draft.pull.assignees == []
    pr.has_been_read()
    draft.has_been_read()


async def test_many_that_arrive_together_are_spread(world: World) -> None:
    "Who has just been chosen is not chosen again at the same moment."
    sets_policy(world, REVIEWERS)
    leaves = [f"compositional_skills/writing/{leaf}/qna.yaml" for leaf in "abcd"]
    prs = [await world.ana.opens_pr(a_good_skill("ana", leaf)) for leaf in leaves]
    await world.settled()
    assert sorted(login for pr in prs for login in pr.pull.assignees)[:1] == ["wim"]
    assert {login for pr in prs for login in pr.pull.assignees} == {"wim", "wren"}
    for pr in prs:
        pr.has_been_read()


async def test_the_wait_is_measured_and_said(world: World) -> None:
    "Two waited two and four days, so the median is three; the third reads that there is nothing to do."
    for author, days in (("ana", 2), ("bob", 4)):
        pr = await getattr(world, author).opens_pr()
        await pr.next_comment()
        await world.clock.advance(days=days)
        await world.tess.comments(pr, "/triage-approve")
        await pr.settled()
        pr.has_been_read()
    pr = await world.cleo.opens_pr()
    assert "Nothing for you to do; the median wait is 3 days." in await pr.next_comment()


async def test_silence_of_the_author_is_answered_kindly_then_closed(world: World) -> None:
    "Three weeks without a sign: a friendly word and a label; two more weeks: closed, with how to go on."
    pr = await failing(world)
    await days_pass(world, 20)
    assert "stale" not in pr.labels
    await days_pass(world, 1)
    assert "stale" in pr.labels
    word = await pr.next_comment()
    assert "it has been quiet here for 21 days" in word
    assert "I close it in 14 days" in word
    assert "It has been quiet for long." in await pr.edited_comment()
    await days_pass(world, 13)
    assert pr.pull.state == "open"
    await days_pass(world, 1)
    assert "write `/reopen` here" in await pr.next_comment()
    assert pr.pull.state == "closed"
    assert "stale" not in pr.labels
    assert [(e.actor, e.act) for e in await world.audit_of(pr)] == [("taxonomy-bot", "closed as stale")]

    await world.ana.comments(pr, "/reopen")
    await pr.settled()
    assert pr.pull.state == "open"
    await days_pass(world, 1)
    assert "stale" not in pr.labels
    pr.has_been_read()


@pytest.mark.parametrize("sign", ["a comment", "a push", "a comment that nobody told us of"])
async def test_any_sign_of_the_author_ends_the_silence(world: World, sign: str) -> None:
    "The label comes off, and the weeks begin anew."
    pr = await failing(world)
    await days_pass(world, 21)
    assert "stale" in pr.labels
    match sign:
        case "a comment":
            await world.ana.comments(pr, "Sorry, exams. I go on next week.")
        case "a push":
            await pushes_in_vain(world, pr)
        case _:
            with world.no_webhooks():
                await world.ana.comments(pr, "Sorry, exams. I go on next week.")
            await world.sweeps()
    await pr.settled()
    assert "stale" not in pr.labels
    await days_pass(world, 20)
    assert "stale" not in pr.labels
    await days_pass(world, 1)
    assert "stale" in pr.labels
    assert len([c for c in pr.pull.comments if "it has been quiet here" in c.body]) == 2
    pr.has_been_read()


async def test_an_author_who_writes_at_the_last_moment_is_heard(world: World) -> None:
    "The comment is still on its way when the fortnight is over."
    pr = await failing(world)
    await days_pass(world, 21)
    await world.clock.advance(days=14, minutes=5)
    with world.no_webhooks():
        await world.ana.comments(pr, "Still here!")
    await world.clock.advance(minutes=3)
    await world.sweeper.sweep()
    await pr.settled()
    assert pr.pull.state == "open"
    assert "stale" not in pr.labels
    pr.has_been_read()


async def test_what_waits_for_us_never_goes_stale(world: World) -> None:
    "Neither what waits for triage, nor what is held up, nor a draft: weeks pass, and nobody is blamed."
    waiting = await world.ana.opens_pr()
    held = await world.bob.opens_pr({"compositional_skills/b/qna.yaml": a_skill(seed_examples=3)})
    draft = await world.cleo.opens_pr({"compositional_skills/c/qna.yaml": a_skill(seed_examples=3)}, draft=True)
    await world.tess.comments(held, "/hold")
    await world.settled()
    for pr in (waiting, held, draft):
        pr.has_been_read()
    await days_pass(world, 60)
    for pr in (waiting, held, draft):
        assert pr.pull.state == "open"
        assert "stale" not in pr.labels


async def test_a_hold_ends_staleness(world: World) -> None:
    "What is held up by hand is not closed under the author's feet."
    pr = await failing(world)
    await days_pass(world, 21)
    assert "stale" in pr.labels
    await world.tess.comments(pr, "/hold")
    await world.settled()
    await days_pass(world, 20)
    assert pr.pull.state == "open"
    assert "stale" not in pr.labels
    pr.has_been_read()


async def test_an_asked_for_change_may_go_stale_too(world: World) -> None:
    "A triager asked, the author is silent: the weeks count from the question."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await days_pass(world, 30)
    await world.tess.comments(pr, "/request-changes name your source")
    await pr.settled()
    pr.has_been_read()
    await days_pass(world, 20)
    assert "stale" not in pr.labels
    await days_pass(world, 1)
    assert "stale" in pr.labels
    pr.has_been_read()


async def test_a_bot_that_was_down_for_long_still_gives_a_fortnight(world: World) -> None:
    "Nobody is closed without having been asked."
    pr = await failing(world)
    await world.stop_bot()
    await world.clock.advance(days=100)
    await world.start_bot()
    await world.sweeps()
    assert "it has been quiet here" in await pr.next_comment()
    await world.sweeps()
    assert pr.pull.state == "open"
    pr.has_been_read()


async def test_a_reminder_comes_when_it_is_due(world: World) -> None:
    "It says who asked, who acts next and what for; it comes once, and calls nobody by name."
    sets_policy(world, "teams: {triagers: [triage-team]}\n")
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.tess.comments(pr, "/remind 3 ask @mallory for the source")
    await pr.settled()
    await days_pass(world, 2)
    pr.has_been_read()
    await days_pass(world, 1)
    said = await pr.next_comment()
    assert "@instruct/triage-team: a reminder, for which `tess` has asked." in said
    assert "ask @<!-- -->mallory for the source" in said
    await days_pass(world, 3)


async def test_reminders_that_are_due_together_are_one_comment(world: World) -> None:
    "Of each person the newest, and all askers are named."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.tess.comments(pr, "\n".join(["/remind 1"] * 5 + ["/remind 1 the source"]))
    await world.ana.comments(pr, "/remind 1")
    await pr.settled()
    pr.has_been_read()
    await days_pass(world, 2)
    said = await pr.next_comment()
    assert "for which `tess` and `ana` have asked" in said
    assert said.count("the source") == 1


async def test_a_reminder_of_what_has_moved_on_is_dropped(world: World) -> None:
    "Nobody has to read what is settled."
    moved, closed = await world.ana.opens_pr(), await world.bob.opens_pr()
    await world.settled()
    for pr in (moved, closed):
        await world.tess.comments(pr, "/remind 3")
    await world.settled()
    await world.clock.advance(hours=1)
    await world.tess.comments(moved, "/triage-approve")
    await world.github.close_pull(closed.pull)
    await world.settled()
    for pr in (moved, closed):
        pr.has_been_read()
    await days_pass(world, 5)


async def test_the_weekly_digest_names_rules_that_are_often_wrong(world: World) -> None:
    "An issue with the numbers and the lines to paste; once a week, and never twice for the same week."
    for number in range(5):
        pr = await world.ana.opens_pr({f"compositional_skills/leaf_{number}/qna.yaml": a_skill(seed_examples=3)})
        await pr.settled()
        if number < 2:
            await world.tess.comments(pr, "/wrong counts")
            await pr.settled()
        pr.has_been_read()
    await world.sweeps()
    [issue] = world.repo.issues
    assert issue.title == "Rules that are often wrong, week 2 of 2026"
    assert "| `counts` | 5 | 2 | 60% |" in (issue.body or "")
    assert "rules:\n  counts: notice\n" in (issue.body or "")
    await days_pass(world, 5)
    assert len(world.repo.issues) == 1

    await world.stop_bot()
    await world.clock.advance(days=2)
    await world.start_bot()
    await world.sweeps()
    assert [i.title for i in world.repo.issues][1:] == ["Rules that are often wrong, week 3 of 2026"]


async def test_the_digest_is_silent_when_rules_are_right_or_it_is_switched_off(world: World) -> None:
    "Four hits tell nothing; and a community may do without."
    sets_policy(world, "care: {digest: false}\n")
    for number in range(5):
        pr = await world.ana.opens_pr({f"compositional_skills/leaf_{number}/qna.yaml": a_skill(seed_examples=3)})
        await pr.settled()
        await world.tess.comments(pr, "/wrong counts")
        await pr.settled()
        pr.has_been_read()
    await world.sweeps()
    assert world.repo.issues == []


async def test_words_of_care_are_never_doubled(world: World) -> None:
    "Their writing succeeded, but GitHub's answer got lost: the next sweep finds them."
    prs = []
    for number in range(5):
        prs.append(
            await world.ana.opens_pr({f"compositional_skills/leaf_{number}/qna.yaml": a_skill(seed_examples=3)})
        )
        await prs[-1].settled()
        await world.tess.comments(prs[-1], "/wrong counts")
        await prs[-1].settled()
    await world.tess.comments(prs[0], "/request-changes more of it, please")
    await world.settled()
    await world.clock.advance(days=21)
    world.github.drop_next_response("POST", r"/issues$")
    world.github.drop_next_response("POST", r"/issues/1/comments$")
    for _ in range(3):
        await world.sweeps()
    assert len(world.repo.issues) == 1
    assert len([c for c in prs[0].pull.comments if "it has been quiet here" in c.body]) == 1
    assert "stale" in prs[0].labels
    for pr in prs:
        pr.has_been_read()
