"""What the pages of one pull request tell: its examples, the verdict, what happened, and what its jobs found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from bot.dashboard import places
from bot.dashboard.evaluation_facts import (
    Evaluation,
    Pairs,
    SeedCheck,
    Which,
    evaluation_of,
    pairs_of,
    seed_check_of,
)
from bot.dashboard.pull_decisions import WhyNot, panel_of
from bot.dashboard.pull_frame import framed
from bot.dashboard.pull_history import AtCommit, history_of
from bot.dashboard.pull_jobs import jobs_of, read_result, with_results
from bot.dashboard.pull_samples import Loss, UnreadableSamplesError, leaves_of_job, samples_in
from bot.dashboard.pull_verdict import VerdictShown, verdict_of
from bot.dashboard.reading_view import ReadingShown, shown
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import REPOSITORY, CursorWord, Listed, resource
from bot.dashboard.sample_reading import Pile, SampleRow, Sought
from bot.dashboard.visit import NotThereError, Visit
from bot.jobs import JobKind
from bot.store.board_history import BoardHistory
from bot.store.readings import ReadingStore
from bot.store.stored_jobs import StoredJob
from checks.findings import Outcome
from pipeline.evaluation_results import EvaluateResult, SeedCheckResult
from pipeline.results import GenerateResult

_PATH = f"{REPOSITORY}/pulls/{{number}}"
_HISTORY, _SAMPLES = "history", "samples"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_MOMENT = (datetime.max.replace(tzinfo=UTC) - timedelta(days=400) - _BEGINNING) // _MICROSECOND
_MOST_ENTRIES, _MOST_READ = 60, 100
_FURTHEST = 10_000_000
_NOT_READ = "Nothing of this pull request was read yet, or not of that commit."
_FOR_SOME = "Generated data is for the author of the pull request and for triagers, approvers and maintainers."
_Job = Annotated[int, Field(ge=0, le=10**18 - 1, description="Of this job; 0: of the newest.")]
_Start = Annotated[int, Field(ge=0, le=_FURTHEST, description="How many to pass over.")]


@dataclass(frozen=True, slots=True)
class ReadingQuery:
    """What a reading is compared with."""

    since: Annotated[
        str, Field(pattern="^([0-9a-f]{40})?$", description="Mark what is new since this commit; empty: nothing.")
    ] = ""


@dataclass(frozen=True, slots=True)
class ReadingFacts:
    """What a pull request holds, as it was read at `head_sha`, and the other commits that were read."""

    head_sha: str
    since: str
    others: tuple[str, ...]
    reading: ReadingShown


@dataclass(frozen=True, slots=True)
class VerdictFacts:
    """The verdict on a commit; None while nobody knows it."""

    judged_sha: str
    is_of_head: bool
    outcome: Outcome | None
    verdict: VerdictShown | None


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """From where on the history is told."""

    cursor: CursorWord = ""


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """What is missing for the merge, and what you may decide: on the pages, or by these commands."""

    why_not: WhyNot
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvaluationQuery:
    """Which evaluation is told, and which answers of it."""

    job: _Job = 0
    answers: Annotated[Which, Field(description="All answers, or those that became better or worse.")] = Which.ALL
    start: _Start = 0


@dataclass(frozen=True, slots=True)
class EvaluationFacts:
    """What measuring has found. `pairs` holds answers before and after, for those who may see them."""

    evaluation: Evaluation | None
    pairs: Pairs | None
    checks: tuple[SeedCheck, ...]


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """Which generated rows are looked for; what is left out does not narrow it."""

    job: _Job = 0
    leaf: Annotated[str, Field(max_length=500, description="Of this leaf, by its `key`; empty: of the first.")] = ""
    show: Annotated[Pile, Field(description="What was kept, dropped, or is measured with.")] = Pile.KEPT
    step: Annotated[str, Field(max_length=120, description="Dropped by this step.")] = ""
    reason: Annotated[str, Field(max_length=400, description="Dropped for this reason.")] = ""
    q: Annotated[str, Field(max_length=100, description="With these words in them.")] = ""
    cursor: CursorWord = ""


@dataclass(frozen=True, slots=True)
class LeafYieldFacts:
    """What was generated from one leaf."""

    key: str
    path: str
    kept: int
    candidates: int
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """Some rows of one leaf. `count` is how many fit; `trouble` says why none can be shown."""

    job: int
    leaf: str
    leaves: tuple[LeafYieldFacts, ...]
    items: tuple[SampleRow, ...]
    count: int
    unreadable: int
    trouble: str
    next: str


@resource(f"{_PATH}/reading", "What a pull request holds, example by example", sees=Sees.JUDGED)
async def reading(visit: Visit, query: ReadingQuery) -> ReadingFacts:
    """Return the newest reading."""
    frame, store = await framed(visit), ReadingStore(visit.house.reads)
    heads = [one.sha for one in await store.heads(visit.repository_id, frame.number)]
    head = frame.memory.head_sha if frame.memory.head_sha in heads else heads[0] if heads else ""
    found = await store.get(visit.repository_id, frame.number, head) if head else None
    before = await store.get(visit.repository_id, frame.number, query.since) if query.since in heads else None
    if found is None or (query.since and before is None):
        raise NotThereError(_NOT_READ)
    sees_guesses = visit.access.reads_guesses(frame.memory.author_id)
    others = tuple(sha for sha in heads if sha != head)
    return ReadingFacts(head, query.since, others, shown(found, before, is_for_triagers=sees_guesses))


@resource(f"{_PATH}/verdict", "The verdict on a pull request, rule by rule", sees=Sees.JUDGED)
async def verdict(visit: Visit) -> VerdictFacts:
    """Return what the rules say of the newest commit that was judged."""
    memory = (await framed(visit)).memory
    found = await ReadingStore(visit.house.reads).get(visit.repository_id, memory.number, memory.judged_sha)
    blobs = f"{visit.house.settings.github_web_url}/{visit.origin.full_name}/blob/{memory.judged_sha}/"
    sees_guesses = visit.access.reads_guesses(memory.author_id)
    told = verdict_of(found, blobs, is_for_triagers=sees_guesses) if found is not None else None
    return VerdictFacts(memory.judged_sha, memory.judged_sha == memory.head_sha, memory.verdict, told)


@resource(f"{_PATH}/history", "What happened to a pull request, the newest first", sees=Sees.JUDGED)
async def history(visit: Visit, query: HistoryQuery) -> Listed[AtCommit]:
    """Return some of it, by the commit that was the newest then."""
    frame = await framed(visit)
    (moment,) = places.read(_HISTORY, query.cursor)
    before = _BEGINNING + min(moment, _LAST_MOMENT) * _MICROSECOND if query.cursor else None
    rows = await BoardHistory(visit.house.reads).of_pull(visit.repository_id, frame.number, before, _MOST_READ)
    found = history_of(rows, _MOST_ENTRIES, _MOST_READ)
    older = (datetime.fromisoformat(found.older) - _BEGINNING) // _MICROSECOND if found.older else 0
    return Listed(found.commits, places.written(_HISTORY, older) if found.older else "")


@resource(f"{_PATH}/decisions", "What a pull request still needs, and what you may decide", sees=Sees.JUDGED)
async def decisions(visit: Visit) -> DecisionFacts:
    """Return it."""
    why_not, panel = await panel_of(visit, await framed(visit))
    offered = (decision for _, group in panel.groups for decision in group)
    return DecisionFacts(why_not, tuple(f"/{each.command} {each.arguments}".strip() for each in offered))


@resource(f"{_PATH}/evaluation", "What evaluating a pull request has found", sees=Sees.JUDGED)
async def evaluation(visit: Visit, query: EvaluationQuery) -> EvaluationFacts:
    """Return the newest evaluation, or one of a job, and the newest checks with the seed questions."""
    frame = await framed(visit)
    sees_answers = visit.access.reads_data(frame.memory.author_id)
    jobs = await jobs_of(visit, frame.number)
    job = _of_job(with_results(jobs, JobKind.EVALUATE), query.job)
    result = await read_result(visit, job) if job is not None else None
    told = pairs = None
    if job is not None and isinstance(result, EvaluateResult):
        told = evaluation_of(job, result)
        pairs = pairs_of(result, query.answers, query.start) if sees_answers else None
    checks = []
    for kind in (JobKind.PRECHECK, JobKind.POSTCHECK):
        newest = _of_job(with_results(jobs, kind), 0)
        found = await read_result(visit, newest) if newest is not None else None
        if newest is not None and isinstance(found, SeedCheckResult):
            checks.append(seed_check_of(newest, found, shows_answers=sees_answers))
    return EvaluationFacts(told, pairs, tuple(checks))


@resource(f"{_PATH}/samples", "What was generated from a pull request", sees=Sees.JUDGED)
async def samples(visit: Visit, query: SampleQuery) -> SampleFacts:
    """Return some rows of one leaf, by what is looked for."""
    frame = await framed(visit)
    if not visit.access.reads_data(frame.memory.author_id):
        raise visit.refusal(_FOR_SOME)
    job = _of_job(with_results(await jobs_of(visit, frame.number), JobKind.GENERATE), query.job)
    result = await read_result(visit, job) if job is not None else None
    leaves = leaves_of_job(job, result if isinstance(result, GenerateResult) else None) if job is not None else ()
    leaf = next((each for each in leaves if query.leaf in ("", each.key)), None)
    file = leaf.file_of(query.show) if leaf is not None else None
    yields = tuple(LeafYieldFacts(each.key, each.path, each.kept, each.candidates, each.losses) for each in leaves)
    about = (job.id if job is not None else 0, leaf.key if leaf is not None else "", yields)
    (start,) = places.read(_SAMPLES, query.cursor)
    if file is None:
        return SampleFacts(*about, (), 0, 0, "", "")
    sought = Sought(query.step, query.reason, text=" ".join(query.q.split()))
    try:
        rows = await samples_in(visit, file, query.show, sought, min(start, _FURTHEST))
    except UnreadableSamplesError as error:
        return SampleFacts(*about, (), 0, 0, str(error), "")
    following = places.written(_SAMPLES, rows.following) if rows.following is not None else ""
    return SampleFacts(*about, rows.rows, rows.count, rows.unreadable, "", following)


def _of_job(jobs: list[StoredJob], wanted: int) -> StoredJob | None:
    """Return the job of a number, or for 0 the newest."""
    return next((job for job in jobs if wanted in (0, job.id)), None)
