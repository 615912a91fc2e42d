"""Rules run in worker processes off the event loop; one over its time limit is killed and replaced."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from pebble import ProcessExpired, ProcessPool

from checks.contribution import ChangedFile, Commit, Refusal, read_contribution
from checks.findings import Check, Crash, Finding, RuleId, Verdict
from checks.policy import Policy

log = structlog.get_logger()

_MEMORY_LIMIT_BYTES = 3 * 1024**3
_WHOLE_RUN_FACTOR = 2  # all rules together get this many times the limit of one
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
    commits: tuple[Commit, ...]
    author: str
    author_is_maintainer: bool
    tree: frozenset[str]
    policy: Policy
    refusals: tuple[Refusal, ...] = ()


class RuleWorkers:
    """A pool of processes that judge contributions."""

    def __init__(self, workers: int, rule_time_limit_s: float, prepare: Callable[[], None] | None = None) -> None:
        """`prepare` (picklable) runs first in every new process, e.g. to add a community's own rules."""
        self._limit_s = rule_time_limit_s
        self._workers = workers
        self._pool = ProcessPool(
            max_workers=workers,
            initializer=_prepare,
            initargs=(prepare,),
            context=multiprocessing.get_context("spawn"),
        )

    async def warm_up(self) -> None:
        """Return when the first processes are ready; a process takes work only once it has loaded the rules."""
        await asyncio.gather(*(self._schedule(_is_ready, (), 120.0) for _ in range(self._workers)))

    async def judge(self, request: JudgeRequest) -> Verdict:
        """Judge; a rule that hangs or takes its process down becomes a Crash and hides no other rule."""
        try:
            verdict: Verdict = await self._schedule(_judge, (request,), self._limit_s * _WHOLE_RUN_FACTOR)
        except (TimeoutError, ProcessExpired) as error:
            log.warning("rules.run_broke", reason=type(error).__name__)
            return await self._judge_one_by_one(request)
        return verdict

    async def _judge_one_by_one(self, request: JudgeRequest) -> Verdict:
        from checks.registry import all_rules
        from checks.run import assemble

        findings: list[Finding] = []
        crashes: list[Crash] = []
        for rule in all_rules().values():
            try:
                verdict = await self._schedule(_judge, (request, rule.id), self._limit_s)
            except (TimeoutError, ProcessExpired) as error:
                log.error("rules.rule_broke", rule=rule.id, reason=type(error).__name__)
                crashes.append(Crash(rule.id, rule.check, type(error).__name__))
            else:
                findings += verdict.findings
                crashes += verdict.crashes
        return assemble(findings, crashes)

    async def _schedule(self, function: Any, args: Sequence[Any], timeout_s: float) -> Any:
        future = self._pool.schedule(function, args=args, timeout=timeout_s)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Stop the processes."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


def cannot_judge(detail: str) -> Verdict:
    """Return the verdict for a contribution that could not be read for a reason of ours, not its author's."""
    return Verdict((), tuple(Crash(RuleId("intake"), check, detail) for check in Check))


def _prepare(further: Callable[[], None] | None) -> None:
    """Make a new process ready, also one that replaces a killed one: nobody's pull request pays for the loading."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
    files = [
        ChangedFile(f"knowledge/science/birds/{name}", content=text.encode(), size=len(text))
        for name, text in _WARM_UP_TEXTS.items()
    ]
    _judge(JudgeRequest(tuple(files), (), "nobody", False, frozenset(), Policy()))
    if further is not None:
        further()


def _is_ready() -> bool:
    return True


def _judge(request: JudgeRequest, rule_id: str = "") -> Verdict:
    from checks.registry import get_rule
    from checks.run import judge

    contribution = read_contribution(
        request.files,
        commits=request.commits,
        author=request.author,
        author_is_maintainer=request.author_is_maintainer,
        tree=request.tree,
        refusals=request.refusals,
    )
    return judge(contribution, request.policy, [get_rule(rule_id)] if rule_id else None)
