"""Generate jobs from the queue to their result: a real Redis, a worker and the offline teacher as processes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from bot.job_inputs import DOCUMENT, LEAST_SAMPLES, Material
from bot.jobs import JobKind, JobState
from bot.store.stored_jobs import StoredJob
from checks.document_bundle import MEDIA_TYPE, to_bundle
from checks.documents import DocumentFile, FetchedDocuments
from pipeline.results import GenerateResult
from pipeline.tiny import MODEL_ID
from pipeline.tiny.process import OfflineTeacherProcess
from tests.jobs.workshop import Workshop
from tests.sdg.leaves import FREEFORM, KNOWLEDGE, MARS

SKILL, MARS_LEAF = "compositional_skills/words/qna.yaml", "knowledge/mars/qna.yaml"


class Generating(Workshop):
    """A workshop whose jobs are given leaves, and the documents of a knowledge leaf."""

    files: dict[str, str] = {SKILL: FREEFORM}  # noqa: RUF012 - replaced as a whole
    least_samples = 10

    async def inputs(self, job: StoredJob) -> Material:
        "What a job is given."
        put = self.artifacts.put
        found = {"contribution": put("contribution.json", json.dumps(self.files).encode(), "application/json")}
        if MARS_LEAF in self.files:
            text = "# Mars\n\n" + "\n\n".join(MARS)
            content = text.encode()
            file = DocumentFile("mars.md", content, hashlib.sha256(content).hexdigest())
            bundle = to_bundle(FetchedDocuments("https://github.com/ana/mars", "c" * 40, (file,)))
            found[f"{DOCUMENT}{MARS_LEAF}"] = put("documents.json", bundle, MEDIA_TYPE)
        return Material(found, {LEAST_SAMPLES: self.least_samples})

    def result(self, job: StoredJob) -> GenerateResult:
        "What the job found out."
        assert job.life.outcome is not None
        assert job.life.outcome.result is not None
        return GenerateResult.from_json(self.artifacts.get(job.life.outcome.result))


async def test_leaves_become_data_sets(tmp_path: Path) -> None:
    "With yields, ten samples to look at, and every file in the store; a second job asks the teacher nothing anew."
    async with OfflineTeacherProcess() as teacher, Generating(tmp_path) as workshop:
        workshop.files = {SKILL: FREEFORM, MARS_LEAF: KNOWLEDGE}
        workshop.least_samples = 3
        workshop.starts_a_worker(TEACHER_URL=teacher.url, TEACHER_MODEL=MODEL_ID)
        over = await workshop.ends(await workshop.asks_for(JobKind.GENERATE))
        assert over.life.state is JobState.SUCCEEDED, over.life.message
        result = workshop.result(over)
        assert [leaf.path for leaf in result.leaves] == [SKILL, MARS_LEAF]
        assert all(leaf.kept >= 3 for leaf in result.leaves)
        assert len(result.samples) == 10
        assert over.life.outcome is not None
        names = {artifact.name for artifact in over.life.outcome.artifacts}
        assert "knowledge-mars.samples.jsonl" in names
        assert "compositional_skills-words.manifest.json" in names
        again = workshop.result(await workshop.ends(await workshop.asks_for(JobKind.GENERATE)))
        assert not result.is_old
        assert again.is_old
        assert [leaf.kept for leaf in again.leaves] == [leaf.kept for leaf in result.leaves]


async def test_a_leaf_that_gives_little_says_why(tmp_path: Path) -> None:
    "It is the contribution's failure, in plain words, and what was made is kept all the same."
    async with OfflineTeacherProcess("--fault", "rating:1:always") as teacher, Generating(tmp_path) as workshop:
        workshop.starts_a_worker(TEACHER_URL=teacher.url, TEACHER_MODEL=MODEL_ID)
        over = await workshop.ends(await workshop.asks_for(JobKind.GENERATE))
        assert over.life.state is JobState.FAILED_BY_CONTRIBUTION
        assert over.life.message.startswith(f"{SKILL} gave ")
        assert "and 10 are the least: " in over.life.message
        assert "were dropped because the judge gave" in over.life.message
        assert workshop.result(over).leaves[0].kept == 0


async def test_a_killed_worker_goes_on_where_it_stopped(tmp_path: Path) -> None:
    "The next attempt finds the answers of the first, and makes the same data set."
    async with (
        OfflineTeacherProcess("--delay-ms", "60", "--slots", "4") as teacher,
        Generating(tmp_path) as workshop,
    ):
        first = workshop.starts_a_worker(TEACHER_URL=teacher.url, TEACHER_MODEL=MODEL_ID)
        job = await workshop.asks_for(JobKind.GENERATE)
        await workshop.until(lambda each: each.life.progress is not None and each.life.progress.share > 0.3, job)
        first.kill()
        workshop.starts_a_worker(
            "second", TEACHER_URL=teacher.url, TEACHER_MODEL=MODEL_ID, WORK_DIR=str(tmp_path / "work-worker")
        )
        over = await workshop.ends(job)
        assert over.life.state is JobState.SUCCEEDED, over.life.message
        assert over.life.attempt > 1
        result = workshop.result(over)
        assert sum(block.from_cache for block in result.leaves[0].blocks) > 0
