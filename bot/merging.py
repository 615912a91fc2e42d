"""The merge queue: one pull request after the other, each judged on the newest base, merged by its SHA."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

import structlog

from bot.actions import Merge, ReportCheck
from bot.apply import Writer
from bot.clock import Clock
from bot.comments.escape import code
from bot.comments.readiness import NAME, readiness_report
from bot.dossier import Dossier, Dossiers, case_of
from bot.events import MergeGroupAsked, Origin, external_id
from bot.github.client import GitHubApp
from bot.github.errors import RefusedError
from bot.github.pulls import Pull, PullReader
from bot.labels import Label
from bot.look import Look, Looks, pardoned
from bot.policies import Policies
from bot.readiness import Case, Obstacle, Readiness, Who, readiness
from bot.store.approvals import ApprovalKind
from bot.store.merge_requests import MergeRequestStore
from bot.store.pull_requests import PullMemory, PullRequestStore
from checks.contribution import Commit, Sha
from checks.findings import Check, Outcome, Severity, by_cause
from checks.policy import MergeMethod, Policy

log = structlog.get_logger()

_SIGN_OFF = re.compile(r"^signed-off-by:[ \t]*(.*\S)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_CONFLICT_STATUS = 409
_LONGEST_TITLE = 200

LockOf = Callable[[Origin, int], AbstractAsyncContextManager[object]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One pull request at the moment of its merge."""

    pull: Pull
    memory: PullMemory
    policy: Policy
    dossier: Dossier
    look: Look

    def case(self) -> Case:
        """Return what its readiness is decided from, with the verdict as it would be once merged."""
        verdict = pardoned(self.look.judgement.verdict, self.dossier.pardons)
        memory = replace(self.memory, merge_refusal="")
        return case_of(memory, self.pull, self.dossier, self.policy, verdict.overall)


class MergeDesk:
    """Merges what is ready, in order, and answers GitHub's own merge queue."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        looks: Looks,
        dossiers: Dossiers,
        memories: PullRequestStore,
        requests: MergeRequestStore,
        clock: Clock,
        lock_of: LockOf,
    ) -> None:
        self._app = app
        self._policies = policies
        self._looks = looks
        self._dossiers = dossiers
        self._memories = memories
        self._requests = requests
        self._clock = clock
        self._lock_of = lock_of
        self._queues: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def run(self, origin: Origin) -> list[int]:
        """Merge what is ready, one after the other. Return those whose merge came to nothing: they say why now.

        Raises TransientError when GitHub could not be reached; asked again, it goes on where it stopped.
        """
        stopped = []
        async with self._queues.setdefault(origin.repository_id, asyncio.Lock()):
            for number in await self._in_line(origin.repository_id):
                async with self._lock_of(origin, number):
                    if await self._merge(origin, number):
                        stopped.append(number)
        return stopped

    async def _in_line(self, repository_id: int) -> list[int]:
        """Return who is to be tried: what people asked for first, then what became ready, first come first."""
        ready = {
            memory.number: memory
            for memory in await self._memories.open_ones(repository_id)
            if Label.READY_TO_MERGE in memory.status.flags and not memory.merge_refusal
        }
        asked = [r.number for r in await self._requests.waiting(repository_id) if r.number in ready]
        others = sorted(
            (m for m in ready.values() if m.number not in asked), key=lambda m: (str(m.state_since), m.number)
        )
        return asked + [memory.number for memory in others]

    async def _merge(self, origin: Origin, number: int) -> bool:
        """Merge one pull request. Return whether there is something new to say: why it was not merged."""
        client = self._app.installation(origin.installation_id)
        reader = PullReader(client, origin.full_name)
        candidate = await self._candidate(reader, origin.repository_id, number)
        if candidate is None:
            return False
        pull, memory, policy = candidate.pull, candidate.memory, candidate.policy
        is_asked_for = any(
            r.number == number and r.sha == pull.head_sha
            for r in await self._requests.waiting(origin.repository_id)
        )
        if not (policy.merging.automatic or is_asked_for):
            return False
        obstacle = _on_the_newest_base(candidate)
        if obstacle is None and not readiness(candidate.case()).is_ready:
            return True  # something has changed since it was called ready: the report is to say what
        if obstacle is None:
            obstacle = await self._put(Writer(client, pull, self._clock), candidate)
        if obstacle is not None:
            log.info("merge.refused", number=number, reason=obstacle.text)
            await self._memories.save(replace(memory, merge_refusal=obstacle.written()), self._clock.now())
            return True
        log.info("merge.done", number=number, sha=pull.head_sha)
        await self._requests.drop(origin.repository_id, number)
        await self._memories.save(replace(memory, is_open=False), self._clock.now())
        return False

    async def _candidate(self, reader: PullReader, repository_id: int, number: int) -> _Candidate | None:
        """Read everything live; None when it is closed, or no longer what was judged."""
        pull = await reader.pull(number)
        memory = await self._memories.get(repository_id, number)
        if memory is None or not pull.is_open or memory.judged_sha != pull.head_sha:
            return None
        policy = await self._policies.of(reader, repository_id, pull)
        tip = await reader.tip(pull.base_ref)
        look = await self._looks.at(reader, repository_id, pull, onto=tip)
        dossier = await self._dossiers.of(
            repository_id, number, look.facts.content_digest, memory.paths.splitlines()
        )
        return _Candidate(pull, memory, policy, dossier, look)

    async def _put(self, writer: Writer, candidate: _Candidate) -> Obstacle | None:
        """Ask GitHub to merge; return what it has against it."""
        try:
            await writer.merge(_merge_of(candidate))
        except RefusedError as error:
            if error.status == _CONFLICT_STATUS:
                return Obstacle("The branch moved at the last moment: it is judged again.", Who.US, for_now=True)
            return Obstacle(f"GitHub does not merge it: {_said(error)}", Who.APPROVER, for_now=True)
        return None

    async def answer_group(self, event: MergeGroupAsked) -> None:
        """Tell GitHub's own queue whether the last pull request of a group, with those before it, may be merged."""
        origin = event.origin
        client = self._app.installation(origin.installation_id)
        reader = PullReader(client, origin.full_name)
        pull = await reader.pull(event.number)
        memory = await self._memories.get(origin.repository_id, event.number)
        memory = memory or PullMemory(origin.repository_id, event.number)
        policy = await self._policies.of(reader, origin.repository_id, pull)
        together = replace(pull, head_sha=Sha(event.head_sha), base_sha=Sha(event.base_sha), changed_files=0)
        look = await self._looks.at(reader, origin.repository_id, together, anew=True)
        dossier = await self._dossiers.of(
            origin.repository_id, event.number, memory.content_digest, memory.paths.splitlines()
        )
        outcome = memory.verdict if memory.judged_sha == pull.head_sha else None
        found = readiness(case_of(replace(memory, merge_refusal=""), pull, dossier, policy, outcome))
        grouped = pardoned(look.judgement.verdict, dossier.pardons).outcome(Check.CONTRIBUTION)
        if found.is_ready and grouped is not Outcome.PASSED:
            text = "Together with what is merged before it, the checks do not pass."
            found = Readiness((Obstacle(text, Who.AUTHOR),))
        report: ReportCheck = readiness_report(found, together.head_sha)
        identifier = external_id(event.number, event.head_sha, "0" * 12)
        runs = await reader.own_check_runs(together.head_sha, self._app.app_id)
        if not any(run["name"] == NAME and run["external_id"] == identifier for run in runs):
            await Writer(client, pull, self._clock).apply([replace(report, external_id=identifier)])


def _on_the_newest_base(candidate: _Candidate) -> Obstacle | None:
    """Return what a merge onto the newest base would break, before GitHub is asked for it."""
    if candidate.look.facts.clashes:
        paths = ", ".join(code(path) for path in candidate.look.facts.clashes[:3])
        return Obstacle(
            f"Another change of {paths} was merged meanwhile: bring your branch up to date, and look at both.",
            Who.AUTHOR,
            for_now=True,
        )
    verdict = pardoned(candidate.look.judgement.verdict, candidate.dossier.pardons)
    if verdict.overall is Outcome.PASSED or candidate.memory.verdict is not Outcome.PASSED:
        return None
    causes = by_cause(verdict.with_severity(Severity.ERROR))
    what = f" ({causes[0].cause.title})" if causes else ""
    return Obstacle(
        f"Together with what was merged meanwhile, the checks do not pass{what}: bring your branch up to date.",
        Who.AUTHOR,
        for_now=True,
    )


def _merge_of(candidate: _Candidate) -> Merge:
    pull, method = candidate.pull, candidate.policy.merging.method
    if method is not MergeMethod.SQUASH:
        return Merge(pull.head_sha, method)
    title = f"{_one_line(pull.title)[:_LONGEST_TITLE]} (#{pull.number})"
    return Merge(pull.head_sha, method, title, squash_message(candidate.look.facts.commits or (), candidate))


def squash_message(commits: Iterable[Commit], candidate: _Candidate) -> str:
    """Return the body of the squashed commit: who decided, what was judged, every sign-off of its commits."""
    trailers = [
        f"{'Triaged' if approval.kind is ApprovalKind.TRIAGE else 'Approved'}-by: {approval.actor}"
        for approval in candidate.dossier.approvals
        if approval.content_digest == candidate.memory.content_digest
    ]
    trailers += [
        f"Signed-off-by: {_one_line(name)}" for commit in commits for name in _SIGN_OFF.findall(commit.message)
    ]
    return "\n".join((f"Judged at {candidate.pull.head_sha}.", "", *dict.fromkeys(trailers)))


def _one_line(text: str) -> str:
    """Return a text of somebody's for a commit message: printable, on one line, calling nobody."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return re.sub(r"(?<![\w.])@(?=\w)", "", " ".join(printable.split()))


def _said(error: RefusedError) -> str:
    """Return GitHub's words without their status."""
    return code(str(error).partition(": ")[2] or str(error))
