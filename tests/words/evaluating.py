"""What evaluations and postchecks say: on their check runs, and in the comment for the author."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.comments.job_report import evaluation_comment, job_report
from bot.jobs import Job, JobKind, JobState
from pipeline.evaluation_results import (
    BenchmarkRow,
    EvaluateResult,
    GateRow,
    JudgementCounts,
    ModelIdentity,
    Preferences,
    Scale,
    SeedCheckResult,
    SeedCheckRow,
    SideBySide,
    Verdict,
)
from tests.bot.situations import SHA, a_job

ROSE = BenchmarkRow("PR-mmlu", Scale.ACCURACY, 0, 40, 12, 0.2, 0.85, 0.65, 0.5, 0.78, 1e-4, Verdict.IMPROVED)
JUDGED = BenchmarkRow("PR-bench", Scale.SCORE, 0, 18, 9, 4.2, 7.9, 3.7, 2.1, 5.2, 1e-3, Verdict.IMPROVED)
EVEN = BenchmarkRow("PR-mmlu", Scale.ACCURACY, 5, 40, 12, 0.4, 0.43, 0.03, -0.08, 0.14, 0.6, Verdict.UNCHANGED)
FELL = replace(JUDGED, tuned=3.0, delta=-1.2, low=-2.0, high=-0.4, verdict=Verdict.REGRESSED)
FEW = BenchmarkRow(
    "PR-mmlu", Scale.ACCURACY, 2, 6, 3, 0.5, 0.67, 0.17, -0.3, 0.6, 0.7, Verdict.TOO_FEW, note="2 examples, not 5"
)
HELD = GateRow("sample, not MMLU", Scale.ACCURACY, -0.01, -0.03, 0.01, 0.4, 0.02, is_passed=True)
BROKEN = GateRow("sample, not MMLU", Scale.ACCURACY, -0.2, -0.3, -0.1, 1e-5, 0.02, is_passed=False, note="60 of 60")
SHOWN = SideBySide(
    "1a", "Who wrote <b>R.U.R.</b>? @everyone", "Karel Čapek", "I do not know.\n```\n# no", "Čapek", 1, 9
)
RESULT = EvaluateResult(
    SHA,
    ModelIdentity("granite-7b-lab", "ab" * 32),
    ModelIdentity("granite-7b-lab+57", "cd" * 32),
    rows=(ROSE, JUDGED),
    judge=ModelIdentity("a-judge", revision="main"),
    data={"questions.jsonl": "ef" * 32},
    seeds=(42,),
    versions={"transformers": "5.19.0"},
    judgements=JudgementCounts(36, 2, 1, 0, 0, 1),
    preferences=Preferences(14, 2, 1, 1, 0),
    side_by_side=(SHOWN,),
    durations_s={"training": 310.0, "measuring": 95.0},
    gpu_minutes=6.75,
)
CHECK = SeedCheckResult(
    SHA,
    ModelIdentity("granite-7b-lab"),
    "token F1",
    rows=(
        SeedCheckRow("Who wrote R.U.R.?", "Karel Čapek", "I do not know.", 0.0, "Karel Čapek did.", 0.8, "A play."),
        SeedCheckRow("When?", "1920", "In 1920.", 0.7, "In 1920.", 0.7),
    ),
    answered_from=0.6,
    known_from=0.8,
    adapter=ModelIdentity("granite-7b-lab+57"),
)


def words() -> Iterator[tuple[str, str]]:
    "Yield each situation's name and what is said in it."
    done = replace(
        a_job(3, JobKind.EVALUATE, JobState.SUCCEEDED), chart_url="https://bot.example/charts/3/chart.svg"
    )
    for name, result in (
        ("improved", RESULT),
        ("several-trainings", replace(RESULT, seeds=(42, 43, 44))),
        ("unchanged", replace(RESULT, rows=(EVEN,))),
        ("regressed", replace(RESULT, rows=(ROSE, FELL), gates=(HELD,))),
        ("gate-fell", replace(RESULT, gates=(HELD, BROKEN))),
        ("too-few", replace(RESULT, rows=(FEW,), judgements=JudgementCounts(), preferences=None)),
        ("nothing", replace(RESULT, rows=(), side_by_side=())),
        ("stand-in", replace(RESULT, stands_in="tiny student: made here from rule-based text")),
        ("many-rows", replace(RESULT, rows=(ROSE,) * 25)),
    ):
        yield f"evaluating/{name}", _shown(done, result)
    yield "evaluating/comment", evaluation_comment(done, RESULT)
    page = "https://bot.example/r/instruct/taxonomy/jobs/3"
    yield "evaluating/comment-with-a-page", evaluation_comment(done, RESULT, page)
    check = replace(done, request=replace(done.request, kind=JobKind.POSTCHECK), chart_url="")
    known = replace(
        CHECK,
        adapter=None,
        rows=tuple(replace(r, base_score=0.9, tuned=None, tuned_score=None) for r in CHECK.rows),
    )
    for name, found in (
        ("postcheck", CHECK),
        ("postcheck-known-before", replace(CHECK, rows=tuple(replace(r, base_score=0.9) for r in CHECK.rows))),
        ("postcheck-failed-judgements", replace(CHECK, unanswered=1, judgements=JudgementCounts(2, 0, 1))),
        (
            "postcheck-many",
            replace(CHECK, rows=tuple(replace(CHECK.rows[0], question="Why? " * 60) for _ in range(200))),
        ),
    ):
        yield f"evaluating/{name}", _shown(check, found)
    first = replace(done, request=replace(done.request, kind=JobKind.PRECHECK), chart_url="")
    for name, found in (
        ("known-already", known),
        ("known-little", replace(known, rows=(known.rows[0], replace(known.rows[1], base_score=0.1)))),
        (
            "known-already-by-a-stand-in",
            replace(
                known, judge=ModelIdentity("a-judge"), stands_in="tiny student: made here from rule-based text"
            ),
        ),
    ):
        yield f"evaluating/{name}", _shown(first, found)


def _shown(job: Job, result: EvaluateResult | SeedCheckResult) -> str:
    report = job_report(job, result)
    return f"{report.name}: {report.conclusion}\n\n# {report.title}\n\n{report.summary}"
