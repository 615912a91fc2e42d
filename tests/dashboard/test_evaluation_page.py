"""What evaluations found, as pages show it: words, a chart, and answers for those who may see them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.jobs import JobKind, JobState
from pipeline.evaluation_results import SideBySide
from tests.dashboard.finished_jobs import finishes
from tests.dashboard.visitor import Visitor
from tests.words.evaluating import BROKEN, CHECK, EVEN, RESULT
from tests.world import PullRequest, World
from tests.world.review import gives_powers

HOSTILE = "<script>alert(1)</script>\u202e{{ 7*7 }}"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    "Tess and tom are triagers."
    gives_powers(world)


@pytest.fixture
async def pr(world: World) -> PullRequest:
    "A pull request that the bot has judged."
    pr = await world.ana.opens_pr()
    await pr.settled()
    return pr


async def test_numbers_are_told_in_words_with_how_sure_they_are(
    world: World, visitor: Visitor, pr: PullRequest
) -> None:
    "What rose, by how much, and between what the truth lies; what may be chance is called that."
    await finishes(world, pr, JobKind.EVALUATE, replace(RESULT, rows=(*RESULT.rows, EVEN), gates=(BROKEN,)))
    seen = await visitor.opens_page(f"/pulls/{pr.number}/evaluation")
    assert seen.status == 200
    assert "Of 40 questions about 12 facts, 34 are answered right, before 8: +65 points." in seen.words
    assert "The true change lies between +50 points and +78 points, in 95 of 100 such measurements." in seen.words
    assert "it may be none at all" in seen.words
    assert "A judge gives the answers to 18 questions about 9 facts 7.9 of 10, before 4.2: +3.70." in seen.words
    assert "sample, not MMLU fell" in seen.words


async def test_answers_are_for_the_author_and_for_triagers(world: World, visitor: Visitor, pr: PullRequest) -> None:
    "Everybody reads the numbers; what was asked and answered is generated data."
    await finishes(world, pr, JobKind.EVALUATE, RESULT)
    path = f"/pulls/{pr.number}/evaluation"
    seen = await visitor.opens_page(path)
    assert "Čapek" not in seen.words
    assert "Answers are shown to the author of the pull request and to triagers." in seen.words
    await visitor.signs_in("bob")
    assert "Čapek" not in (await visitor.opens_page(path)).words
    for login in ("ana", "tess"):
        await visitor.signs_in(login)
        seen = await visitor.opens_page(path)
        assert "Karel Čapek" in seen.words
        assert "Before · 1" in seen.words
        assert "<b>R.U.R.</b>" not in seen.html


async def test_answers_are_chosen_and_turned_over(world: World, visitor: Visitor, pr: PullRequest) -> None:
    "The largest differences come first; those that got worse are found without reading the others."
    shown = [SideBySide(f"{i:02}", f"Question {i}?", "yes", "no", "yes", 1, 2 + i % 8) for i in range(25)]
    shown.append(SideBySide("x", f"Worse {HOSTILE}?", "yes", "yes", "no", 9, 2))
    await finishes(world, pr, JobKind.EVALUATE, replace(RESULT, side_by_side=tuple(shown)))
    await visitor.signs_in("tess")
    path = f"/pulls/{pr.number}/evaluation"
    first = await visitor.opens_page(path)
    assert "1 to 10 of 26" in first.words
    last = await visitor.opens_page(f"{path}?from=20")
    assert "21 to 26 of 26" in last.words
    worse = await visitor.opens_page(f"{path}?answers=worse")
    assert "1 to 1 of 1" in worse.words
    assert "<script>alert" not in worse.html
    assert "\u202e" not in worse.html
    assert "{{ 7*7 }}" in worse.words
    for nonsense in ("from=-1", "from=99999999999", "from=%F0%9F%98%80", "answers=../../etc", "job=9' or 1=1"):
        assert (await visitor.opens_page(f"{path}?{nonsense}")).status == 200


async def test_the_chart_is_an_image_of_this_pull_request_alone(
    world: World, visitor: Visitor, pr: PullRequest
) -> None:
    "A number of another pull request's job opens nothing here."
    other = await world.bob.opens_pr()
    await other.settled()
    job = await finishes(world, pr, JobKind.EVALUATE, RESULT)
    seen = await visitor.opens_page(f"/pulls/{pr.number}/evaluation/{job.id}/chart.svg")
    assert seen.status == 200
    assert seen.html.startswith("<svg")
    assert "default-src 'none'" in seen.headers["Content-Security-Policy"]
    assert (await visitor.opens_page(f"/pulls/{other.number}/evaluation/{job.id}/chart.svg")).status == 404


async def test_before_there_is_an_evaluation_the_page_says_who_asks_for_one(
    world: World, visitor: Visitor, pr: PullRequest
) -> None:
    "Nothing yet, then one that waits, then one whose files are gone: each says what to do."
    path = f"/pulls/{pr.number}/evaluation"
    assert "A triager asks for it" in (await visitor.opens_page(path)).words
    await finishes(world, pr, JobKind.EVALUATE, state=JobState.QUEUED)
    assert "waits for a worker" in (await visitor.opens_page(path)).words


async def test_what_was_about_an_older_commit_says_so(world: World, visitor: Visitor, pr: PullRequest) -> None:
    "Numbers outlive a push, but not unmarked."
    from tests.checks.contributions import SKILL_PATH, a_skill

    await finishes(world, pr, JobKind.EVALUATE, RESULT)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()
    seen = await visitor.opens_page(f"/pulls/{pr.number}/evaluation")
    assert "This is about an earlier commit" in seen.words


async def test_the_seed_questions_are_shown_before_and_after(
    world: World, visitor: Visitor, pr: PullRequest
) -> None:
    "What the base model answers to the author's own questions, beside the tuned one."
    await finishes(world, pr, JobKind.POSTCHECK, CHECK)
    await visitor.signs_in("ana")
    seen = await visitor.opens_page(f"/pulls/{pr.number}/evaluation")
    assert "2 of 2 seed questions answered, before 1 of 2" in seen.words
    assert "Karel Čapek did." in seen.words
