"""Generated data on pages: for those who may see it, found by what was kept or dropped and why, bounded."""

from __future__ import annotations

from typing import Any

import pytest

from bot.dashboard import sample_reading
from bot.jobs import JobKind
from bot.store.stored_jobs import StoredJob
from tests.dashboard.finished_jobs import finishes
from tests.dashboard.visitor import Visitor
from tests.words.generating import RESULT
from tests.world import PullRequest, World
from tests.world.review import gives_powers

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
LEAF = "compositional_skills-words"


def kept(number: int, origin: str = "generated", text: str = "") -> dict[str, Any]:
    "A sample as workers write it."
    return {
        "id": str(number),
        "messages": [
            {"role": "user", "content": f"Question {number}? {text}"},
            {"role": "assistant", "content": f"Answer {number}."},
        ],
        "metadata": {"leaf": "x", "split": "train", "origin": origin, "flow": "freeform"},
    }


def dropped(block: str, reason: str, text: str) -> dict[str, Any]:
    "A dropped row as workers write it."
    return {"flow": "freeform", "block": block, "reason": reason, "seed": 1, "texts": {"question": text}}


FILES = {
    f"{LEAF}.samples.jsonl": [kept(0, "seed example"), *(kept(n) for n in range(1, 44)), kept(44, text=HOSTILE)],
    f"{LEAF}.dropped.jsonl": [
        dropped("distinct", "the question nearly repeats another", "Again?"),
        dropped("good answers", "the judge gave no rating", "Good?"),
        b"this is no JSON\n",
        b"[1, 2]\n",
        b"{" + b"x" * 2_000_000 + b"\n",
    ],
}


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


@pytest.fixture
async def job(world: World, pr: PullRequest) -> StoredJob:
    "A generate job that is done."
    return await finishes(world, pr, JobKind.GENERATE, RESULT, FILES)


async def test_samples_are_for_the_author_and_for_triagers(
    world: World, visitor: Visitor, pr: PullRequest, job: StoredJob
) -> None:
    "Strangers are asked to sign in; who is signed in and may not, is told that there is nothing."
    path = f"/pulls/{pr.number}/samples"
    assert (await visitor.opens_page(path)).status == 401
    await visitor.signs_in("bob")
    seen = await visitor.opens_page(path)
    assert seen.status == 404
    assert "Question 1?" not in seen.words
    for login in ("ana", "tess"):
        await visitor.signs_in(login)
        seen = await visitor.opens_page(path)
        assert seen.status == 200
        assert "Question 1?" in seen.words
        assert "44 of 60 that were written were kept." in seen.words


async def test_samples_are_turned_over_and_searched(
    world: World, visitor: Visitor, pr: PullRequest, job: StoredJob
) -> None:
    "Twenty at a time; by words, and by who wrote them. What the teacher wrote is text and nothing else."
    await visitor.signs_in("ana")
    path = f"/pulls/{pr.number}/samples"
    assert "1 to 20 of 45" in (await visitor.opens_page(path)).words
    assert "41 to 45 of 45" in (await visitor.opens_page(f"{path}?from=40")).words
    seen = await visitor.opens_page(f"{path}?q=ONERROR")
    assert "1 to 1 of 1" in seen.words
    assert "<img src=x" not in seen.html
    assert "\u202e" not in seen.html
    seen = await visitor.opens_page(f"{path}?origin=seed%20example")
    assert "1 to 1 of 1" in seen.words
    assert "Nothing fits" in (await visitor.opens_page(f"{path}?q=zebra")).words


async def test_what_was_dropped_is_found_by_step_and_reason(
    world: World, visitor: Visitor, pr: PullRequest, job: StoredJob
) -> None:
    "Each row says where it went no further and why; lines that are no rows are counted, not shown."
    await visitor.signs_in("tess")
    path = f"/pulls/{pr.number}/samples?show=dropped"
    seen = await visitor.opens_page(path + "&q=?")
    assert "the question nearly repeats another" in seen.words
    assert "3 lines could not be read" in seen.words
    seen = await visitor.opens_page(path + "&step=good%20answers")
    assert "Good?" in seen.words
    assert "Again?" not in seen.words
    seen = await visitor.opens_page(path + "&reason=the%20question%20nearly%20repeats%20another")
    assert "Again?" in seen.words
    assert "Good?" not in seen.words
    assert (await visitor.opens_page(path + "&step=%27%20or%201=1&from=-3&job=0&leaf=../..")).status == 200


async def test_a_file_is_handed_out_as_a_file_to_those_who_may(
    world: World, visitor: Visitor, pr: PullRequest, job: StoredJob
) -> None:
    "As an attachment, by its hash and name, on the page of its own pull request, and never elsewhere."
    other = await world.bob.opens_pr()
    await other.settled()
    assert job.life.outcome
    artifact = job.life.outcome.artifacts[0]
    rest = f"files/{artifact.sha256}/{artifact.name}"
    assert (await visitor.opens_page(f"/pulls/{pr.number}/{rest}")).status == 401

    await visitor.signs_in("ana")
    seen = await visitor.opens_page(f"/pulls/{pr.number}/{rest}")
    assert seen.status == 200
    assert seen.headers["Content-Disposition"] == f'attachment; filename="{artifact.name}"'
    assert seen.headers["X-Content-Type-Options"] == "nosniff"
    assert seen.html.count("\n") == 45

    await visitor.signs_in("bob")
    assert (await visitor.opens_page(f"/pulls/{other.number}/{rest}")).status == 404  # bob's own, but not its file
    assert (await visitor.opens_page(f"/pulls/{pr.number}/{rest}")).status == 404
    await visitor.signs_in("tess")
    assert (await visitor.opens_page(f"/pulls/{other.number}/{rest}")).status == 404
    for nonsense in (f"files/{'0' * 64}/{artifact.name}", f"files/{artifact.sha256}/..%2F..%2Fetc%2Fpasswd"):
        assert (await visitor.opens_page(f"/pulls/{pr.number}/{nonsense}")).status == 404


async def test_what_is_too_large_is_offered_as_a_file(
    world: World, visitor: Visitor, pr: PullRequest, job: StoredJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    "A page reads no more than it can bear."
    monkeypatch.setattr("bot.dashboard.pull_samples.MOST_BYTES", 100)
    assert sample_reading.MOST_BYTES > 100
    await visitor.signs_in("ana")
    seen = await visitor.opens_page(f"/pulls/{pr.number}/samples")
    assert "too large to be shown here: download it instead" in seen.words


async def test_before_anything_is_generated_the_page_says_who_asks(
    world: World, visitor: Visitor, pr: PullRequest
) -> None:
    "Nothing yet."
    await visitor.signs_in("ana")
    assert "Nothing was generated from it yet" in (await visitor.opens_page(f"/pulls/{pr.number}/samples")).words
