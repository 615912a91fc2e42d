"""What evaluating a pull request has found: in words, as a chart, and in answers before and after."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from bot.dashboard.evaluation_facts import WHICH, SeedCheck, Which, evaluation_of, pairs_of, seed_check_of
from bot.dashboard.pull_frame import framed, shown_in
from bot.dashboard.pull_jobs import chosen, jobs_of, read_result, under_way, with_results
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import NotThereError, Shown, Visit
from bot.evaluation_chart import MEDIA_TYPE, evaluation_chart
from bot.jobs import JobKind
from bot.store.stored_jobs import StoredJob
from checks.contribution import Sha
from pipeline.evaluation_results import EvaluateResult, SeedCheckResult

_PATH = REPOSITORY + "/pulls/{number}/evaluation"
_CHART_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # its own styles, and nothing else


@page(_PATH, "Evaluation", sees=Sees.JUDGED)
async def evaluation(visit: Visit) -> Shown:
    """Show the newest evaluation, or the one that is asked for, and the newest checks with the seed questions."""
    frame = await framed(visit)
    sees_answers = visit.access.reads_data(frame.memory.author_id)
    jobs = await jobs_of(visit, frame.number)
    evaluated = with_results(jobs, JobKind.EVALUATE)
    job = chosen(visit, evaluated)
    result = await read_result(visit, job) if job is not None else None
    told = pairs = None
    which = Which(visit.word("answers", WHICH, Which.ALL.value))
    if job is not None and isinstance(result, EvaluateResult):
        told = evaluation_of(job, result)
        pairs = pairs_of(result, which, _offset(visit)) if sees_answers else None
    facts = {
        "evaluation": told,
        "pairs": pairs,
        "which": which.value,
        "choices": WHICH,
        "sees_answers": sees_answers,
        "is_unreadable": job is not None and told is None,
        "is_current": job is not None
        and job.request.is_about(Sha(frame.memory.head_sha), frame.memory.content_digest),
        "others": [(each.id, each.finished_at) for each in evaluated if job is not None and each.id != job.id][:20],
        "under_way": under_way(jobs, JobKind.EVALUATE),
        "checks": [
            check
            for kind in (JobKind.PRECHECK, JobKind.POSTCHECK)
            if (check := await _check(visit, jobs, kind, shows_answers=sees_answers)) is not None
        ],
    }
    return shown_in(frame, "/evaluation", "evaluation.html", facts)


@page(_PATH + "/{job}/chart.svg", "Chart", sees=Sees.JUDGED)
async def chart(visit: Visit) -> web.StreamResponse:
    """Return the chart of an evaluation of this very pull request."""
    frame = await framed(visit)
    wanted = visit.number("job")
    evaluated = with_results(await jobs_of(visit, frame.number), JobKind.EVALUATE)
    job = next((each for each in evaluated if each.id == wanted), None)
    result = await read_result(visit, job) if job is not None else None
    if not isinstance(result, EvaluateResult):
        raise NotThereError("There is no such chart here. The page in words says the same.")
    headers = {"Content-Type": f"{MEDIA_TYPE}; charset=utf-8", "Content-Security-Policy": _CHART_POLICY}
    return web.Response(status=HTTPStatus.OK, body=evaluation_chart(result).encode(), headers=headers)


async def _check(visit: Visit, jobs: list[StoredJob], kind: JobKind, *, shows_answers: bool) -> SeedCheck | None:
    newest = next(iter(with_results(jobs, kind)), None)
    result = await read_result(visit, newest) if newest is not None else None
    if newest is None or not isinstance(result, SeedCheckResult):
        return None
    return seed_check_of(newest, result, shows_answers=shows_answers)


def _offset(visit: Visit) -> int:
    given = visit.request.query.get("from", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 7 else 0
