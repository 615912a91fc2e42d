"""Rules run in worker processes off the event loop.

A rule over its time limit (of processor time) ends itself; a process that does not come back is replaced.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import structlog
from pebble import ProcessExpired, ProcessPool

from bot.metrics.rules import judged
from checks.contribution import (
    KNOWLEDGE_ROOT,
    ChangedFile,
    Commit,
    Contribution,
    Refusal,
    is_leaf,
    read_contribution,
    read_leaf,
)
from checks.documents import DocumentReference, DocumentRefusal, FetchedDocuments
from checks.findings import Check, Crash, Finding, RuleId, Verdict
from checks.likeness.neighbours import Surroundings, neighbours_in
from checks.policy import Policy
from checks.repair import Repairs, repairs
from checks.run import crash_site
from checks.sign_off_advice import SignOffAdvice
from pipeline import tracing

if TYPE_CHECKING:
    from bot.readings import Reading
    from checks.likeness.sheets import Sheet

log = structlog.get_logger()

_DUPLICATES = "duplicates"
_MOST_SHEET_BYTES = 1024**2
_MEMORY_LIMIT_BYTES = 3 * 1024**3
_BROKE = (TimeoutError, ProcessExpired, RuntimeError, BrokenProcessPool)
_LOADING_S = 60.0
_PATIENCE = 2  # a process is killed after so many times the limit of a rule: the machine may be busy
_WHOLE_RUN_PATIENCE = 3  # all rules together get this many times the limit of one
_REPAIR_PATIENCE = 4  # what is put right is judged again, round after round
_LONG_TEXT_WITH_NUMBERS = "A bird sang to bird@example.com and +49 30 1234567. " * 100
_WARM_UP_TEXTS = {
    "qna.yaml": f"""\
version: 3
domain: birds
created_by: nobody
seed_examples:
  - context: {_LONG_TEXT_WITH_NUMBERS}
    questions_and_answers:
      - question: Which bird?
        answer: The wren.
document_outline: Birds.
document: {{repo: "https://github.com/nobody/birds", commit: {"0" * 40}, patterns: [bird.md]}}
""",
    "attribution.txt": "Title of work: Birds\nLicense of the work: CC-BY-SA-4.0\nCreator names: Nobody\n",
}


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """What a worker needs to judge: plain facts, nothing secret."""

    files: tuple[ChangedFile, ...]
    commits: tuple[Commit, ...] | None  # None: they could not be read
    author: str
    author_is_maintainer: bool
    tree: frozenset[str]
    policy: Policy
    refusals: tuple[Refusal, ...] = ()
    documents: Mapping[str, FetchedDocuments | DocumentRefusal] | None = None  # by the paths of leaves
    description: str | None = None
    templates: tuple[str, ...] | None = None
    surroundings: Surroundings | None = None  # where to look for what is taught already; None: nowhere


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and how to put missing sign-offs right, if some are missing."""

    verdict: Verdict
    sign_off_advice: SignOffAdvice | None = None
    sheets: bytes = b""  # the contribution's passages, packed; empty where it has none, or nobody asked
    told_of: frozenset[int] = frozenset()  # pull requests that it may repeat
    took_s: Mapping[str, float] = field(default_factory=dict)  # by rule


class RuleWorkers:
    """A pool of processes that judge contributions."""

    def __init__(self, workers: int, rule_time_limit_s: float, prepare: Callable[[], None] | None = None) -> None:
        """`prepare` (picklable) runs first in every new process, e.g. to add a community's own rules."""
        self._limit_s = rule_time_limit_s
        self._workers = workers
        self._further = prepare
        self._pool = self._new_pool()

    async def warm_up(self) -> None:
        """Return when the first processes are ready; a process takes work only once it has loaded the rules."""
        await asyncio.gather(*(self._schedule(_is_ready, (), 120.0) for _ in range(self._workers)))

    async def judge(self, request: JudgeRequest) -> Judgement:
        """Judge; a rule that hangs or takes its process down becomes a Crash and hides no other rule."""
        try:
            with tracing.span("rules", files=len(request.files)):
                whole: Judgement = await self._schedule(
                    _judge, (request, self._limit_s), self._limit_s * _WHOLE_RUN_PATIENCE
                )
        except _BROKE as error:
            log.warning("rules.run_broke", reason=type(error).__name__)
            whole = await self._judge_one_by_one(request)
        judged(whole.took_s, [crash.rule for crash in whole.verdict.crashes])
        return whole

    async def repairs(self, request: JudgeRequest) -> Repairs | None:
        """Return what can be put right mechanically; None where finding out takes too long."""
        patience_s = self._limit_s * _WHOLE_RUN_PATIENCE * _REPAIR_PATIENCE
        try:
            found: Repairs = await self._schedule(_repairs, (request,), patience_s)
        except _BROKE as error:
            log.warning("rules.repairs_broke", reason=type(error).__name__)
            return None
        return found

    async def references(self, files: Sequence[ChangedFile]) -> dict[str, DocumentReference]:
        """Return the documents that leaves name, by the leaves' paths; none where reading them is too hard."""
        named = tuple(file for file in files if is_leaf(file) and file.root == KNOWLEDGE_ROOT)
        if not named:
            return {}
        try:
            found: dict[str, DocumentReference] = await self._schedule(
                _references, (named,), self._limit_s * _PATIENCE
            )
        except _BROKE as error:
            log.warning("rules.references_broke", reason=type(error).__name__)
            return {}
        return found

    async def reading(
        self, request: JudgeRequest | None, head_sha: str, shown: Sequence[Finding], everything: Sequence[Finding]
    ) -> Reading | None:
        """Return what was judged as people read it; None where writing it down takes too long.

        Without a request, only the findings are written down.
        """
        patience_s = self._limit_s * _WHOLE_RUN_PATIENCE
        try:
            found: Reading = await self._schedule(_reading, (request, head_sha, shown, everything), patience_s)
        except _BROKE as error:
            log.warning("rules.reading_broke", reason=type(error).__name__)
            return None
        return found

    async def sheets(self, files: Sequence[ChangedFile]) -> dict[str, Sheet]:
        """Return the passages of leaves by path; a leaf that is too hard to read has none."""
        try:
            found: dict[str, Sheet] = await self._schedule(_sheets, (files,), self._limit_s * _PATIENCE)
        except _BROKE as error:
            if len(files) > 1:
                return {path: sheet for file in files for path, sheet in (await self.sheets([file])).items()}
            log.warning("rules.sheets_broke", reason=type(error).__name__)
            return {}
        return found

    async def _judge_one_by_one(self, request: JudgeRequest) -> Judgement:
        from checks.registry import all_rules
        from checks.run import assemble

        findings: list[Finding] = []
        crashes: list[Crash] = []
        took_s: dict[str, float] = {}
        advice: SignOffAdvice | None = None
        for rule in all_rules().values():
            try:
                part: Judgement = await self._schedule(
                    _judge, (request, self._limit_s, rule.id), self._limit_s * _PATIENCE
                )
            except _BROKE as error:
                log.error("rules.rule_broke", rule=rule.id, reason=type(error).__name__)
                crashes.append(Crash(rule.id, rule.check, type(error).__name__))
            else:
                findings += part.verdict.findings
                crashes += part.verdict.crashes
                took_s |= part.took_s
                advice = advice or part.sign_off_advice
        return Judgement(_with_unread(assemble(findings, crashes), request), advice, took_s=took_s)

    async def _schedule(self, function: Any, args: Sequence[Any], timeout_s: float) -> Any:
        try:
            return await self._run(function, args, timeout_s)
        except (RuntimeError, BrokenProcessPool):  # an idle process died, and the whole pool with it
            log.warning("rules.pool_replaced")
            return await self._run(function, args, timeout_s)

    async def _run(self, function: Any, args: Sequence[Any], timeout_s: float) -> Any:
        if not self._pool.active:
            self._pool = self._new_pool()
        return await asyncio.wrap_future(self._pool.schedule(function, args=args, timeout=timeout_s))

    def _new_pool(self) -> ProcessPool:
        spawn = multiprocessing.get_context("spawn")
        return ProcessPool(self._workers, initializer=_prepare, initargs=(self._further,), context=spawn)

    def close(self) -> None:
        """Stop the processes."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


def _prepare(further: Callable[[], None] | None) -> None:
    """Make a new process ready, also one that replaces a killed one: nobody's pull request pays for the loading."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _MEMORY_LIMIT_BYTES if hard == resource.RLIM_INFINITY else min(_MEMORY_LIMIT_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    files = [
        ChangedFile(f"knowledge/science/birds/{name}", content=text.encode(), size=len(text))
        for name, text in _WARM_UP_TEXTS.items()
    ]
    _judge(JudgeRequest(tuple(files), (), "nobody", False, frozenset(), Policy()), _LOADING_S)
    if further is not None:
        further()


def _is_ready() -> bool:
    return True


def _references(files: Sequence[ChangedFile]) -> dict[str, DocumentReference]:
    from checks.leaf_documents import references_of

    return references_of(read_leaf(file) for file in files)


def _reading(
    request: JudgeRequest | None, head_sha: str, shown: Sequence[Finding], everything: Sequence[Finding]
) -> Reading:
    from bot.transcript import transcribe

    contribution = _contribution(request) if request is not None else Contribution(())
    return transcribe(head_sha, contribution, request.policy if request else Policy(), shown, everything)


def _repairs(request: JudgeRequest) -> Repairs:
    return repairs(_contribution(request), request.policy)


def _judge(request: JudgeRequest, rule_limit_s: float, rule_id: str = "") -> Judgement:
    from checks.registry import get_rule
    from checks.rules.dco import advice
    from checks.run import judge

    contribution = _contribution(request)
    crash = None
    if request.surroundings is not None and rule_id in ("", _DUPLICATES):
        contribution, crash = _with_neighbours(contribution, request.surroundings)
    took_s: dict[str, float] = {}
    chosen = [get_rule(rule_id)] if rule_id else None
    verdict = judge(contribution, request.policy, chosen, rule_limit_s, took_s.__setitem__)
    verdict = _with_unread(replace(verdict, crashes=(*verdict.crashes, *((crash,) if crash else ()))), request)
    asks_for_sign_off = any(finding.rule == "dco" for finding in verdict.findings)
    advised = advice(contribution, request.policy) if asks_for_sign_off else None
    judgement = Judgement(verdict, advised, took_s=took_s)
    return judgement if request.surroundings is None or rule_id else _with_passages(judgement, contribution)


def _with_neighbours(contribution: Contribution, surroundings: Surroundings) -> tuple[Contribution, Crash | None]:
    """Return the contribution with its neighbours; should looking for them break down, with a crash of the rule."""
    try:
        found = neighbours_in(surroundings, contribution.leaves, contribution.files)
    except Exception as error:
        return contribution, Crash(RuleId(_DUPLICATES), Check.CONTRIBUTION, crash_site(error))
    return replace(contribution, neighbours=found), None


def _with_passages(judgement: Judgement, contribution: Contribution) -> Judgement:
    """Return the judgement with what later pull requests are compared with."""
    from checks.likeness.sheets import packed, sheets_of
    from checks.likeness.signing import new_permutations

    sheets = packed(sheets_of(contribution.leaves, new_permutations())) if contribution.leaves else b""
    told_of = frozenset(near.number for near in contribution.neighbours or () if near.number)
    return replace(judgement, sheets=sheets if len(sheets) <= _MOST_SHEET_BYTES else b"", told_of=told_of)


def _sheets(files: Sequence[ChangedFile]) -> dict[str, Sheet]:
    from checks.likeness.sheets import sheets_of
    from checks.likeness.signing import new_permutations

    return sheets_of(read_contribution(files).leaves, new_permutations())


def _contribution(request: JudgeRequest) -> Contribution:
    return read_contribution(
        request.files,
        commits=request.commits,
        author=request.author,
        author_is_maintainer=request.author_is_maintainer,
        tree=request.tree,
        refusals=request.refusals,
        documents=request.documents,
        description=request.description,
        templates=request.templates,
    )


def _with_unread(verdict: Verdict, request: JudgeRequest) -> Verdict:
    """Commits that nobody read are never called signed off."""
    unread = frozenset({Check.SIGN_OFF}) if request.commits is None else frozenset()
    return replace(verdict, not_judged=unread)
