"""The samples that were generated from a pull request: what was kept, what was dropped and why, and the files."""

from __future__ import annotations

from aiohttp import web

from bot.artifact_downloads import handed_out
from bot.dashboard.pull_frame import Frame, framed, shown_in
from bot.dashboard.pull_jobs import chosen, jobs_of, read_result, under_way, with_results
from bot.dashboard.pull_samples import LeafOfSamples, UnreadableSamplesError, leaves_of_job, samples_in
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.sample_reading import Pile, Sought
from bot.dashboard.visit import NotThereError, Shown, Visit
from bot.jobs import JobKind
from bot.store.artifacts import ArtifactRows
from checks.contribution import Sha
from pipeline.results import GenerateResult

_FOR_SOME = "Generated data is for the author of the pull request and for triagers, approvers and maintainers."
_ORIGINS = {"generated": "written by the teacher", "seed example": "the author's own examples"}
_PILES = {
    Pile.KEPT.value: "kept",
    Pile.DROPPED.value: "dropped, and why",
    Pile.QUESTIONS.value: "questions to measure with",
}
_FURTHEST = 10_000_000


@page(REPOSITORY + "/pulls/{number}/samples", "Samples", sees=Sees.JUDGED)
async def samples(visit: Visit) -> Shown:
    """Show some rows of one leaf, by what the reader looks for."""
    frame = await _framed(visit)
    jobs = await jobs_of(visit, frame.number)
    generated = with_results(jobs, JobKind.GENERATE)
    job = chosen(visit, generated)
    result = await read_result(visit, job) if job is not None else None
    leaves = leaves_of_job(job, result if isinstance(result, GenerateResult) else None) if job is not None else ()
    leaf = next(
        (each for each in leaves if each.key == visit.request.query.get("leaf")), leaves[0] if leaves else None
    )
    pile = Pile(visit.word("show", _PILES, Pile.KEPT.value))
    sought = _sought(visit, leaf, pile)
    facts = {
        "job": job,
        "is_current": job is not None
        and job.request.is_about(Sha(frame.memory.head_sha), frame.memory.content_digest),
        "under_way": under_way(jobs, JobKind.GENERATE),
        "leaves": leaves,
        "leaf": leaf,
        "pile": pile.value,
        "piles": _PILES,
        "origins": _ORIGINS,
        "steps": sorted({loss.step for loss in leaf.losses}) if leaf else [],
        "reasons": sorted({loss.reason for loss in leaf.losses}) if leaf else [],
        "sought": sought,
        "files": job.life.outcome.artifacts if job is not None and job.life.outcome else (),
        "others": [(each.id, each.finished_at) for each in generated if job is not None and each.id != job.id][:20],
    }
    rows, trouble = None, ""
    file = leaf.file_of(pile) if leaf else None
    if file is not None:
        try:
            rows = await samples_in(visit, file, pile, sought, _start(visit))
        except UnreadableSamplesError as error:
            trouble = str(error)
    return shown_in(frame, "/samples", "samples.html", facts | {"rows": rows, "trouble": trouble})


@page(REPOSITORY + "/pulls/{number}/files/{sha256}/{name}", "File", sees=Sees.JUDGED)
async def file(visit: Visit) -> web.StreamResponse:
    """Hand out a file of this very pull request."""
    frame = await _framed(visit)
    named = visit.request.match_info
    of_pull = await ArtifactRows(visit.house.reads).of_pull(visit.repository_id, frame.number)
    artifacts = [kept.artifact for kept in of_pull]
    for job in await jobs_of(visit, frame.number):  # what its end has not been shown of yet
        outcome = job.life.outcome
        artifacts += (*outcome.artifacts, *([outcome.result] if outcome.result else [])) if outcome else ()
    for artifact in artifacts:
        if (artifact.sha256, artifact.name) == (named["sha256"], named["name"]):
            return await handed_out(visit.request, artifact, visit.house.artifacts, visit.house.reading)
    raise NotThereError("This pull request has no such file, or it is no longer kept.")


async def _framed(visit: Visit) -> Frame:
    """Return the pull request for those who may see its data. Raises NotThereError or SignInError."""
    frame = await framed(visit)
    if not visit.access.reads_data(frame.memory.author_id):
        raise visit.refusal(_FOR_SOME)
    return frame


def _sought(visit: Visit, leaf: LeafOfSamples | None, pile: Pile) -> Sought:
    text = visit.text("q")
    if pile is Pile.KEPT:
        return Sought(origin=visit.word("origin", _ORIGINS), text=text)
    if pile is Pile.QUESTIONS or leaf is None:
        return Sought(text=text)
    steps, reasons = {loss.step: 1 for loss in leaf.losses}, {loss.reason: 1 for loss in leaf.losses}
    return Sought(visit.word("step", steps), visit.word("reason", reasons), text=text)


def _start(visit: Visit) -> int:
    given = visit.request.query.get("from", "")
    return min(int(given), _FURTHEST) if given.isascii() and given.isdecimal() and len(given) < 9 else 0
