"""The check runs of generate jobs: what came of each leaf, some samples, and every step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.comments.job_report import job_report
from bot.jobs import JobKind, JobState
from pipeline.results import BlockYield, GenerateResult, LeafYield, ShownSample, why_so_few
from tests.bot.situations import SHA, a_job

UNSUPPORTED = "the judge found the answer not supported by the document"
SKILL = LeafYield(
    "compositional_skills/words/qna.yaml",
    kept=44,
    questions=0,
    seeds=5,
    held_back=2,
    blocks=(
        BlockYield("freeform", "questions", 5, 60, {}, 1, 20, 0, 5400, 12.0),
        BlockYield("freeform", "distinct", 60, 50, {"the question nearly repeats another": 10}),
        BlockYield("freeform", "good answers", 50, 44, {"the judge gave no rating": 6}, 6, 56, 0, 9000, 40.0),
    ),
)
KNOWLEDGE = LeafYield(
    "knowledge/mars/qna.yaml",
    kept=4,
    questions=12,
    seeds=5,
    held_back=2,
    blocks=(BlockYield("knowledge", "supported", 14, 4, {UNSUPPORTED: 10}, 0, 14, 0, 2000, 9.0),),
    measuring=(BlockYield("mmlu", "questions", 2, 12, {}, 0, 2, 0, 800, 3.0),),
)
RESULT = GenerateResult(
    SHA,
    "a-teacher-of-47b",
    least_samples=10,
    leaves=(SKILL,),
    samples=(ShownSample(SKILL.path, "Where does <b>robot</b> come from? @everyone", "From Czech.\n```\n# no"),),
)
FEW = replace(RESULT, leaves=(SKILL, KNOWLEDGE))


def words() -> Iterator[tuple[str, str]]:
    "Yield each situation's name and what its check run shows."
    done = a_job(3, JobKind.GENERATE, JobState.SUCCEEDED)
    failed = replace(done, state=JobState.FAILED_BY_CONTRIBUTION, message=why_so_few(KNOWLEDGE, 10))
    many = replace(RESULT, leaves=tuple(replace(SKILL, path=f"knowledge/n{i}/qna.yaml") for i in range(60)))
    reasons = {f"the judge found fault number {i}": 20 - i for i in range(9)}
    choosy = replace(SKILL, blocks=(BlockYield("freeform", "good answers", 200, 44, reasons),))
    for name, report in (
        ("done", job_report(done, RESULT)),
        ("nothing-anew", job_report(done, replace(RESULT, is_old=True, samples=RESULT.samples * 2))),
        ("too-few", job_report(failed, FEW)),
        ("many-leaves", job_report(done, many)),
        ("many-reasons", job_report(done, replace(RESULT, leaves=(choosy,)))),
    ):
        yield f"generating/{name}", f"{report.name}: {report.conclusion}\n\n# {report.title}\n\n{report.summary}"
    yield "generating/why-nothing", why_so_few(replace(KNOWLEDGE, kept=0, blocks=()), 10)
