"""The page of one job: it says how it stands, hands out its files to whom they are for, and ends it or tries again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from bot.jobs import JobKind, JobState
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact, Ending, Machine, Outcome
from tests.dashboard.shop_floor import ShopFloor
from tests.dashboard.visitor import Seen, Visitor
from tests.world import PullRequest, World

Shop = tuple[World, ShopFloor]
_FORM = re.compile(r'name="form" value="([0-9a-f]{32})"')


@pytest.fixture
async def pr(shop: Shop) -> PullRequest:
    "A pull request of ana's, judged."
    pr = await shop[0].ana.opens_pr(title="Otters <script>alert(1)</script>\u202e")
    await shop[0].settled()
    return pr


@pytest.fixture
async def tess(shop: Shop) -> AsyncIterator[Visitor]:
    "A triager at her browser."
    async with Visitor(shop[0]) as visitor:
        await visitor.signs_in("tess")
        yield visitor


async def presses(visitor: Visitor, seen: Seen, path: str, **fields: str) -> Seen:
    "Press a button of a job's page."
    found = _FORM.search(seen.html)
    form = {"form": found[1]} if found else {}
    return await visitor.sends(path, seen.csrf_token, **(form | fields))


async def test_a_triager_sees_how_it_stands(shop: Shop, pr: PullRequest, tess: Visitor) -> None:
    "First its place, then its progress and worker, then what came of it: all in words."
    world, floor = shop
    first = await floor.asks(world.repo.id, pr.number, JobKind.GENERATE, pr.pull.head_sha)
    job = await floor.asks(world.repo.id, pr.number, JobKind.EVALUATE, pr.pull.head_sha)
    seen = await tess.opens_page(f"/jobs/{job.id}")
    assert "waits It is the next one of its queue." in seen.words
    assert "Otters <script>alert(1)</script><U+202E>" in seen.words
    assert "<script>alert" not in seen.html

    work = await floor.takes(job.id, "gpu-7")
    await work.tells("began", share=0.25, stage="step 10 of 40")
    seen = await tess.opens_page(f"/jobs/{job.id}")
    assert "runs A worker has it." in seen.words
    assert "step 10 of 40 25 %" in seen.words
    assert "Worker gpu-7" in seen.words

    await world.clock.advance(minutes=30)
    machine = Machine("box-1", "NVIDIA H100")
    await work.tells(outcome=Outcome(Ending.SUCCEEDED, "", run_s=1800.0, machine=machine, verdict="better"))
    seen = await tess.opens_page(f"/jobs/{job.id}")
    assert "done better It is done." in seen.words
    assert "30 min of NVIDIA H100" in seen.words
    assert "Yes, cancel" not in seen.words
    assert first.id != job.id


async def test_a_triager_cancels_it_on_its_page(shop: Shop, pr: PullRequest, tess: Visitor) -> None:
    "The page asks, then it is done like the command: the job ends, and the audit and the pull request say by whom."
    world, floor = shop
    job = await floor.asks(world.repo.id, pr.number, head=pr.pull.head_sha)
    seen = await tess.opens_page(f"/jobs/{job.id}")
    assert f"Yes, cancel job {job.id}" in seen.words
    seen = await presses(tess, seen, f"/r/{world.repo.full_name}/jobs/{job.id}/cancel")
    await world.settled()
    assert (await floor.at(job.id)).life.state is JobState.CANCELLED
    seen = await tess.opens(seen.url)
    assert "Cancelling it : done." in seen.words
    [entry] = await world.audit_of(pr)
    assert (entry.actor, entry.act, entry.arguments, entry.result) == ("tess", "/cancel", str(job.id), "done")


async def test_what_broke_down_is_tried_again(shop: Shop, pr: PullRequest, tess: Visitor) -> None:
    "A triager presses the button; the author is told that it is not theirs to press."
    world, floor = shop
    job = await floor.asks(world.repo.id, pr.number, head=pr.pull.head_sha)
    work = await floor.takes(job.id)
    await work.tells("began", outcome=Outcome(Ending.TIMED_OUT, "too <b>slow</b>"))
    path = f"/r/{world.repo.full_name}/jobs/{job.id}/retry"
    async with Visitor(world) as ana:
        await ana.signs_in("ana")
        seen = await ana.opens_page(f"/jobs/{job.id}")
        assert "Try it again" not in seen.words
        token = (await ana.opens("/commands")).csrf_token
        refused = await ana.sends(path, token, form="0" * 32)
        assert refused.status == 400
        assert "Only triagers" in refused.words
    seen = await tess.opens_page(f"/jobs/{job.id}")
    assert "too <b>slow</b>" in seen.words
    assert "<b>slow" not in seen.html
    seen = await presses(tess, seen, path)
    await world.settled()
    assert "Trying it again : done." in (await tess.opens(seen.url)).words
    again = await floor.at(job.id)
    assert (again.life.state, again.life.attempt) == (JobState.QUEUED, 2)


async def test_the_desk_decides_whether_an_order_counts(shop: Shop, pr: PullRequest, tess: Visitor) -> None:
    "The job was over before the button was pressed: nothing is cancelled, and the page says why."
    world, floor = shop
    job = await floor.asks(world.repo.id, pr.number, head=pr.pull.head_sha)
    seen = await tess.opens_page(f"/jobs/{job.id}")
    work = await floor.takes(job.id)
    await work.ends()
    seen = await presses(tess, seen, f"/r/{world.repo.full_name}/jobs/{job.id}/cancel")
    await world.settled()
    seen = await tess.opens(seen.url)
    assert "Cancelling it : not done." in seen.words
    assert f"Job {job.id} is over already: succeeded." in seen.words


async def test_no_order_without_the_forms_token_or_the_right(shop: Shop, pr: PullRequest, tess: Visitor) -> None:
    "A form of another site, somebody who is not signed in, a stranger, and a form that was made up."
    world, floor = shop
    job = await floor.asks(world.repo.id, pr.number, head=pr.pull.head_sha)
    path = f"/r/{world.repo.full_name}/jobs/{job.id}/cancel"
    assert (await tess.sends(path, "of somebody else", form="0" * 32)).status == 400
    token = (await tess.opens_page(f"/jobs/{job.id}")).csrf_token
    assert (await tess.sends(path, token, form="made up")).status == 400
    async with Visitor(world) as stranger:
        assert (await stranger.sends(path, "x", form="0" * 32)).status == 401
        await stranger.signs_in("eve")
        token = (await stranger.opens("/commands")).csrf_token
        assert (await stranger.sends(path, token, form="0" * 32)).status == 404
    await world.settled()
    assert (await floor.at(job.id)).life.state is JobState.QUEUED


async def test_files_are_handed_out_as_attachments_of_their_job_alone(
    shop: Shop, pr: PullRequest, tess: Visitor
) -> None:
    "A page among the files is not shown by the browser; another job's address opens nothing of it."
    world, floor = shop
    store = ArtifactStore(world.settings.artifact_store_url)
    page: Artifact = store.put("report.html", b"<script>alert(1)</script>", "text/html")
    other = await floor.asks(world.repo.id, pr.number, JobKind.GENERATE, pr.pull.head_sha)
    job = await floor.asks(world.repo.id, pr.number, head=pr.pull.head_sha)
    work = await floor.takes(job.id)
    await work.tells(outcome=Outcome(Ending.SUCCEEDED, artifacts=(page,)))
    await floor.notes_files(job.id, page)
    seen = await tess.opens_page(f"/jobs/{job.id}")
    assert "report.html 25 bytes" in seen.words
    rest = f"files/{page.sha256}/report.html"
    got = await tess.opens_page(f"/jobs/{job.id}/{rest}")
    assert got.html == "<script>alert(1)</script>"
    assert got.headers["Content-Disposition"] == 'attachment; filename="report.html"'
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert (await tess.opens_page(f"/jobs/{other.id}/{rest}")).status == 404
    async with Visitor(world) as ben:
        await ben.signs_in("ben")
        assert (await ben.opens_page(f"/jobs/{job.id}/{rest}")).status == 404


async def test_the_whole_log_is_a_file(shop: Shop, pr: PullRequest, tess: Visitor) -> None:
    "Every line, with its attempt and its time, harmless; once it is no longer kept the page says so."
    world, floor = shop
    job = await floor.asks(world.repo.id, pr.number, head=pr.pull.head_sha)
    work = await floor.takes(job.id)
    await work.tells(*(f"\x1b[1mline {number}" for number in range(500)))
    got = await tess.opens_page(f"/jobs/{job.id}/log")
    assert got.headers["Content-Disposition"] == f'attachment; filename="job-{job.id}-log.txt"'
    assert got.html.count("line ") == 500
    assert "\x1b" not in got.html
    seen = await tess.opens_page(f"/jobs/{job.id}")
    assert ("line 499" in seen.words, "line 300" in seen.words, "line 299" in seen.words) == (True, True, False)
    await work.ends()
    await world.clock.advance(days=400)
    await tess.signs_in("tess")
    assert "no longer kept" in (await tess.opens_page(f"/jobs/{job.id}/log")).words


async def test_steps_of_builds_are_for_triagers(shop: Shop, pr: PullRequest, tess: Visitor) -> None:
    "They belong to no author, and end with their build."
    world, floor = shop
    job = await floor.asks(world.repo.id, 0, JobKind.TRAIN, pr.pull.head_sha, build_id=1)
    seen = await tess.opens_page(f"/jobs/{job.id}")
    assert "A step of the nightly build" in seen.words
    assert "Yes, cancel" not in seen.words
    token = (await tess.opens("/commands")).csrf_token
    refused = await tess.sends(f"/r/{world.repo.full_name}/jobs/{job.id}/cancel", token, form="0" * 32)
    assert "ends with it" in refused.words
    async with Visitor(world) as ana:
        await ana.signs_in("ana")
        assert (await ana.opens_page(f"/jobs/{job.id}")).status == 404


@pytest.mark.parametrize("job", ["0", "x", "1%2f..", "99999999999999999999", "-1", "1e3"])
async def test_addresses_that_name_no_job(world: World, visitor: Visitor, job: str) -> None:
    await world.ana.opens_pr()
    await world.settled()
    assert (await visitor.opens_page(f"/jobs/{job}")).status in (401, 404)
