"""What GitHub shows of jobs, and the logs behind its links: on a simulated GitHub, with a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from bot.artifact_links import ArtifactLinks
from bot.budgets import Budget
from bot.chart_downloads import ROUTE as CHART_ROUTE
from bot.chart_downloads import ChartDownloads
from bot.clock import MovableClock
from bot.comments.markers import MarkerSigner
from bot.evaluation_chart import evaluation_chart
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.pacing import WriteLimits
from bot.job_board import JobBoard
from bot.job_flow import granted
from bot.job_log_downloads import ROUTE, JobLogDownloads
from bot.job_views import JobViews
from bot.jobs import JobKind, JobRequest, JobState
from bot.simulator import CheckRun, Simulator
from bot.store.adoption import AdoptionStore
from bot.store.artifacts import ArtifactRows
from bot.store.database import migrate, open_engine
from bot.store.job_logs import LogPart
from bot.store.jobs import JobStore
from bot.store.repositories import RepositoryStore
from bot.store.stored_jobs import StoredJob
from bot.wiring import make_silence
from checks.contribution import Login, Sha
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Ending, Outcome, Progress
from pipeline.evaluation_results import EvaluateResult, ModelIdentity, SeedCheckResult, SeedCheckRow
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.words.evaluating import EVEN, RESULT

HOURS = timedelta(hours=4)


class Exhibition:
    """A board beside a simulated GitHub with one open pull request. Use it as an async context manager."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.clock = MovableClock()
        self.github = Simulator(clock=self.clock)
        self.repo = self.github.create_repository("instruct/taxonomy", {"README.md": "# Taxonomy\n"})
        self._engine = open_engine(database_url)
        self.store = JobStore(self._engine)
        self.adoption = AdoptionStore(self._engine)
        self.artifacts = ArtifactStore(str(folder / "artifacts"))
        self.links = ArtifactLinks([SecretStr("a secret")], "https://bot.example", 7 * 24 * 3600)
        self.present: set[str] = set()
        self.refreshed: list[int] = []
        self._asked = 0

    async def __aenter__(self) -> Exhibition:
        await migrate(self._engine)
        await self.github.start()
        self.pull = await self.github.open_pull(self.repo, author="ana", files={SKILL_PATH: a_skill()})
        self._session = aiohttp.ClientSession()
        app = GitHubApp(
            self._session,
            base_url=self.github.url,
            graphql_url=f"{self.github.url}/graphql",
            app_id=1234,
            private_key=SecretStr(self.github.private_key_pem),
            clock=self.clock,
            write_limits=WriteLimits(60, 80, 500),
            gate=make_silence(self._engine, self.clock),
        )
        repositories = RepositoryStore(self._engine, self.clock, starts_adopted=True)
        await repositories.note(Origin(self.repo.id, self.repo.full_name, self.repo.installation_id or 0))
        rows = ArtifactRows(self._engine)
        signer = MarkerSigner([SecretStr("the-webhook-secret")])
        views = JobViews(self.store, self.clock, Budget(), lambda _: self.present, self.links)
        self.board = JobBoard(
            app, self.store, views, repositories, rows, self.artifacts, self.clock, signer, self._moved
        )
        self.door = web.Application()
        logs = JobLogDownloads(self.links, self.store, self.clock, timedelta(days=30))
        self.door.router.add_get(ROUTE, logs.handle, allow_head=False)
        charts = ChartDownloads(self.links, self.store, self.artifacts)
        self.door.router.add_get(CHART_ROUTE, charts.handle, allow_head=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self.github.stop()
        await self._engine.dispose()

    async def _moved(self, _origin: Origin, job: StoredJob) -> None:
        self.refreshed.append(job.request.number)

    async def a_job(self, kind: JobKind = JobKind.PRECHECK) -> StoredJob:
        "A triager asks for something to be computed."
        self._asked += 1
        request = JobRequest(
            self.repo.id,
            self.pull.number,
            kind,
            Sha(self.pull.head_sha),
            7,
            Login("tess"),
            f"comment:{self._asked}:1",
        )
        return await self.store.add(request, "cpu", 10, self.clock.now() + timedelta(seconds=self._asked))

    async def begins(self, job: StoredJob, worker: str = "worker-1") -> None:
        "A worker has the lease."
        now = self.clock.now()

        def run(each: StoredJob) -> StoredJob:
            life = granted(each.life, each.life.attempt, worker, "secret", now, HOURS, HOURS)
            return each.living(life, now)

        await self.store.change(job.id, run)

    async def tells(self, job: StoredJob, share: float, stage: str) -> None:
        "Its worker says how far it is."

        def step(each: StoredJob) -> StoredJob:
            return each.living(replace(each.life, progress=Progress(share, stage)), self.clock.now())

        await self.store.change(job.id, step)

    async def ends(self, job: StoredJob, state: JobState, outcome: Outcome) -> None:
        "Its worker says what came of it."

        def end(each: StoredJob) -> StoredJob:
            life = replace(each.life, state=state, lease=None, outcome=outcome, message=outcome.message)
            return each.living(life, self.clock.now())

        await self.store.change(job.id, end)

    async def is_done(self, job: StoredJob, run_s: float = 600) -> None:
        "It ran for ten minutes, and its result lies in the store."
        rows = (SeedCheckRow("Which bird dives?", "The kingfisher.", "A kingfisher.", 0.9),)
        result = SeedCheckResult(self.pull.head_sha, ModelIdentity("a-model"), "token F1", rows, 0.75, 0.8)
        kept = self.artifacts.put("precheck.json", result.to_json().encode(), "application/json")
        await self.ends(job, JobState.SUCCEEDED, Outcome(Ending.SUCCEEDED, result=kept, run_s=run_s))

    async def has_measured(self, job: StoredJob, result: EvaluateResult) -> None:
        "An evaluation is done."
        kept = self.artifacts.put("evaluate.json", result.to_json().encode(), "application/json")
        outcome = Outcome(Ending.SUCCEEDED, result=kept, verdict=result.verdict.value)
        await self.ends(job, JobState.SUCCEEDED, outcome)

    async def shows(self, job: StoredJob) -> CheckRun:
        "The one check run of a job, once the board has looked."
        await self.board.show_all()
        (run,) = [r for r in self.repo.check_runs(self.pull.head_sha) if r.external_id == f"job:{job.id}"]
        return run


@pytest.fixture
async def exhibition(database_url: str, tmp_path: Path) -> AsyncIterator[Exhibition]:
    async with Exhibition(database_url, tmp_path) as opened:
        yield opened


async def test_a_job_is_one_check_run_from_the_queue_to_its_end(exhibition: Exhibition) -> None:
    "Place and time while it waits, progress and the log while it runs, then the result with links."
    await exhibition.is_done(await exhibition.a_job())
    exhibition.present = {"worker-1"}
    job = await exhibition.a_job()
    at = exhibition.clock.now() + timedelta(minutes=10)
    run = await exhibition.shows(job)
    assert run.status == "queued"
    assert (run.title or "").startswith("Next in the queue, done about ")
    await exhibition.begins(job)
    await exhibition.clock.advance(minutes=5)
    await exhibition.tells(job, 0.5, "asking the model")
    run = await exhibition.shows(job)
    assert run.status == "in_progress"
    assert (run.title or "").startswith("50%: asking the model, done about ")
    assert "log.txt" in (run.summary or "")
    assert exhibition.clock.now() < at
    await exhibition.is_done(job)
    run = await exhibition.shows(job)
    assert (run.status, run.conclusion) == ("completed", "success")
    assert run.title == "The model knows most of this already: it answers 1 of 1 seed questions"
    assert "[`precheck.json`](https://bot.example/artifacts/" in (run.summary or "")
    assert "These links work until" in (run.summary or "")


async def test_what_ended_in_silence_is_told_once_the_pull_request_wakes(exhibition: Exhibition) -> None:
    "Else its check run would be in progress for ever."
    job, adoption = await exhibition.a_job(), exhibition.adoption
    await exhibition.begins(job)
    assert (await exhibition.shows(job)).status == "in_progress"
    await adoption.observe(exhibition.repo.id, exhibition.clock.now(), "olga")
    await exhibition.is_done(job)
    assert (await exhibition.shows(job)).status == "in_progress"
    heads = {exhibition.pull.number: Sha(exhibition.pull.head_sha)}
    await adoption.adopt(exhibition.repo.id, exhibition.pull.number, heads, exhibition.clock.now(), "olga")
    assert (await exhibition.shows(job)).status == "in_progress", "it sleeps"
    await adoption.wake(exhibition.repo.id, exhibition.pull.number, exhibition.clock.now())
    run = await exhibition.shows(job)
    assert (run.status, run.conclusion) == ("completed", "success")


async def test_a_result_in_the_words_of_an_older_worker_is_done_all_the_same(exhibition: Exhibition) -> None:
    "Its file is linked; nothing is made up from what cannot be read."
    job = await exhibition.a_job()
    await exhibition.begins(job)
    old = (
        b'{"contract": 1, "kind": "precheck-result", "head_sha": "c0ffee", "model": "m", "method": "x", "rows": []}'
    )
    kept = exhibition.artifacts.put("precheck.json", old, "application/json")
    await exhibition.ends(job, JobState.SUCCEEDED, Outcome(Ending.SUCCEEDED, result=kept))
    run = await exhibition.shows(job)
    assert (run.conclusion, run.title) == ("success", "Done")
    assert "precheck.json" in (run.summary or "")


async def test_the_living_comment_is_renewed_at_each_step_and_not_for_progress(exhibition: Exhibition) -> None:
    "Queued, begun, done: three times; how far it is stands on the check run."
    job = await exhibition.a_job()
    await exhibition.shows(job)
    await exhibition.begins(job)
    await exhibition.shows(job)
    for share in (0.2, 0.4, 0.6):
        await exhibition.tells(job, share, "asking the model")
        await exhibition.shows(job)
    await exhibition.is_done(job)
    await exhibition.shows(job)
    assert exhibition.refreshed == [exhibition.pull.number] * 3


async def test_who_waits_sees_the_line_move(exhibition: Exhibition) -> None:
    "Although nothing about the second job itself has changed; and nothing is written where nothing moved."
    first, second = await exhibition.a_job(), await exhibition.a_job()
    assert (await exhibition.shows(second)).title == "2nd in the queue, held up for now"
    await exhibition.begins(first)
    exhibition.present = {"worker-1"}
    await exhibition.clock.advance(minutes=2)
    assert (await exhibition.shows(second)).title == "Next in the queue"
    mark = exhibition.github.mark
    await exhibition.clock.advance(minutes=2)
    await exhibition.shows(second)
    assert not [line for line in exhibition.github.calls_since(mark) if line.is_write]


async def test_a_worker_that_serves_two_queues_is_counted_once(exhibition: Exhibition) -> None:
    "Two workers, one busy: the next job waits for nobody; both busy: for the one that is free first."
    for _ in range(3):
        await exhibition.is_done(await exhibition.a_job())
    views = JobViews(exhibition.store, exhibition.clock, Budget(), lambda _: exhibition.present, exhibition.links)
    running, other, waiting = [await exhibition.a_job() for _ in range(3)]
    exhibition.present = {"worker-1", "worker-2"}
    await exhibition.begins(running, "worker-1")
    await exhibition.clock.advance(minutes=4)
    assert (await views.of(other)).prospects.done_in == timedelta(minutes=10)
    await exhibition.begins(other, "worker-2")
    await exhibition.clock.advance(minutes=1)
    seen = await views.of(waiting)
    assert (seen.position, seen.prospects.done_in) == (1, timedelta(minutes=15))
    running_now = await exhibition.store.get(running.id)
    assert running_now is not None
    assert (await views.of(running_now)).prospects.done_in == timedelta(minutes=5)


async def test_the_log_is_handed_out_whole_and_harmless(exhibition: Exhibition) -> None:
    "Also while the job runs; plain text to be saved, without effects on a terminal, attempt by attempt."
    job = await exhibition.a_job()
    await exhibition.begins(job)
    now = exhibition.clock.now()
    for sequence in range(1, 501):
        await exhibition.store.logs.add(job.id, LogPart(1, sequence, now, f"line {sequence}"))
    await exhibition.store.logs.add(job.id, LogPart(2, 1, now, "<script>\x1b[31mred\x1b[0m \u202eback\nnext"))
    link = exhibition.links.log_link(job.id, now).removeprefix("https://bot.example")
    async with TestClient(TestServer(exhibition.door)) as client:
        async with client.get(link) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert answer.headers["Content-Disposition"] == f'attachment; filename="job-{job.id}-log.txt"'
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Security-Policy"] == "sandbox"
            lines = (await answer.text()).splitlines()
        assert [line.partition("Z  ")[2] for line in lines if " line " in f" {line} "][:500] == [
            f"line {n}" for n in range(1, 501)
        ]
        assert [line.partition("Z  ")[2] for line in lines[-4:-2]] == ["<script>red <U+202E>back", "next"]
        assert lines.count("== attempt 1 ==") == lines.count("== attempt 2 ==") == 1
        assert lines[-1] == "== so far: the job is running =="
        await exhibition.clock.advance(days=9)
        async with client.get(link) as answer:
            assert answer.status == 403
            assert "`/status`" in await answer.text()


async def test_a_log_that_is_no_longer_kept_says_so(exhibition: Exhibition) -> None:
    "Some days after the end; a link that opens, but to words about how long and what to do."
    job = await exhibition.a_job()
    await exhibition.store.logs.add(job.id, LogPart(1, 1, exhibition.clock.now(), "asked"))
    await exhibition.is_done(job)
    async with TestClient(TestServer(exhibition.door)) as client:
        for days, status, words in ((29, 200, "asked"), (2, 404, "for 30 days after a job is over")):
            await exhibition.clock.advance(days=days)
            link = exhibition.links.log_link(job.id, exhibition.clock.now()).removeprefix("https://bot.example")
            async with client.get(link) as answer:
                assert (answer.status, words in await answer.text()) == (status, True)


async def test_nobody_gets_a_log_without_its_link(exhibition: Exhibition) -> None:
    "A link for one log opens no other, nor a file; one that exists and one that does not look the same."
    job = await exhibition.a_job()
    now = exhibition.clock.now()
    link = exhibition.links.log_link(job.id, now).removeprefix("https://bot.example")
    file = exhibition.links.link("ab" * 32, "log.txt", now)
    async with TestClient(TestServer(exhibition.door)) as client:
        for forged in (
            link.replace(f"/logs/{job.id}/", "/logs/2/"),
            link.replace(f"/logs/{job.id}/", "/logs/0/"),
            link.replace(f"/logs/{job.id}/", f"/logs/0{job.id}/"),
            link.replace(f"/logs/{job.id}/", "/logs/99999999999999999999/"),
            link.partition("?")[0],
            f"/logs/{job.id}/log.txt?{file.partition('?')[2]}",
        ):
            async with client.get(forged) as answer:
                assert (answer.status, "not made by this bot" in await answer.text()) == (403, True)
        gone = exhibition.links.log_link(77, now).removeprefix("https://bot.example")
        async with client.get(gone) as answer:
            assert answer.status == 404


async def test_the_author_reads_one_comment_of_what_was_measured(exhibition: Exhibition) -> None:
    "With a chart; the next evaluation takes its place, and looking again writes nothing."
    first = await exhibition.a_job(JobKind.EVALUATE)
    await exhibition.has_measured(first, RESULT)
    run = await exhibition.shows(first)
    assert run.title == "Improved: 20% → 85%"
    (comment,) = exhibition.pull.comments
    assert "it answers 34 of 40 questions about it right, before 8" in comment.body
    assert exhibition.links.chart_link(first.id) in comment.body
    second = await exhibition.a_job(JobKind.EVALUATE)
    await exhibition.has_measured(second, replace(RESULT, rows=(EVEN,)))
    await exhibition.shows(second)
    (comment,) = exhibition.pull.comments
    assert "No change that could be told from chance" in comment.body
    mark = exhibition.github.mark
    await exhibition.store.show_again(second.id)
    await exhibition.shows(second)
    writes = [line for line in exhibition.github.calls_since(mark) if line.is_write]
    assert [line.method for line in writes] == ["PATCH"]  # the check run alone


async def test_a_chart_is_shown_by_our_own_links_only(exhibition: Exhibition) -> None:
    "An image without script; another job's number, a cut signature and a job without a chart show nothing."
    job = await exhibition.a_job(JobKind.EVALUATE)
    await exhibition.has_measured(job, RESULT)
    precheck = await exhibition.a_job()
    await exhibition.is_done(precheck)
    link = exhibition.links.chart_link(job.id).removeprefix("https://bot.example")
    async with TestClient(TestServer(exhibition.door)) as client:
        async with client.get(link) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
            assert "script" not in answer.headers["Content-Security-Policy"]
            root = ElementTree.fromstring(await answer.text())
            assert "PR-mmlu: 20% to 85%" in "".join(root.itertext())
        for wrong in (
            link[:-1],
            link.replace(f"/{job.id}/", f"/{job.id + 1}/"),
            link.split("?")[0],
            "/charts/x/chart.svg",
        ):
            async with client.get(wrong) as answer:
                assert answer.status == 403
        other = exhibition.links.chart_link(precheck.id).removeprefix("https://bot.example")
        async with client.get(other) as answer:
            assert answer.status == 404


def test_a_chart_draws_what_is_hostile_as_text() -> None:
    "Names from a worker close no tag, and numbers beyond the scale stay inside."
    wild = replace(
        RESULT.rows[0], name="</text><script>x</script>\x00\u202e", base=-4.0, tuned=9e9, low=-1e9, high=1e9
    )
    root = ElementTree.fromstring(evaluation_chart(replace(RESULT, rows=(wild,))))
    assert not [each for each in root.iter() if each.tag.endswith("script")]
    drawn = [float(each.get(name)) for each in root.iter() for name in ("cx", "x1", "x2", "x") if each.get(name)]
    assert all(0 <= x <= 720 for x in drawn)
