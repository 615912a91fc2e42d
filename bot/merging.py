"""The merge queue: one pull request after the other, each judged on the newest base, merged by its SHA."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus

import structlog

from bot.actions import Merge
from bot.apply import Writer
from bot.clock import Clock
from bot.comments.escape import code, prose
from bot.dossier import Dossier, Dossiers, case_of
from bot.events import Origin
from bot.github.client import GitHubApp, GitHubClient
from bot.github.errors import RefusedError, TransientError
from bot.github.gate import SilentError
from bot.github.pulls import Pull, PullReader
from bot.labels import Label
from bot.locks import PullLocks
from bot.look import Look, Looks, pardoned
from bot.policies import Policies
from bot.readiness import Case, Obstacle, Who, readiness, refused
from bot.store.approvals import ApprovalKind
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.merge_requests import MergeRequestStore
from bot.store.pull_requests import MERGED, PullMemory, PullRequestStore
from checks.contribution import Commit
from checks.findings import Outcome, Severity, by_cause
from checks.policy import MergeMethod, Policy

log = structlog.get_logger()

_TRAILER = re.compile(r"^(signed-off-by|co-authored-by):[ \t]*(.*\S)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_SKIPS = re.compile(r"\[(skip ci|ci skip|no ci|skip actions|actions skip)\]", re.IGNORECASE)
_LONGEST_TITLE = 200
_MOVED_BASE = "Base branch was modified"
_RESTRAINTS = frozenset({Label.HOLD, Label.LEGAL_HOLD, Label.REJECTED, Label.CHANGES_REQUESTED})
_PAUSES_S = (0.0, 1.0, 2.0)  # GitHub takes moments to find out whether something can be merged

# who can do something about what GitHub says, by its words in lower case
_WHOSE = (
    ("out of date", Who.AUTHOR),
    ("not mergeable", Who.AUTHOR),
    ("conflict", Who.AUTHOR),
    ("status check", Who.OTHERS),
    ("review", Who.APPROVER),
    ("not allowed", Who.MAINTAINER),
)


@dataclass(frozen=True, slots=True)
class Candidate:
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


class _OvertakenError(Exception):
    """The branch or its base moved between judging and merging."""


class MergeDesk:
    """Merges what is ready, in order."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        looks: Looks,
        dossiers: Dossiers,
        memories: PullRequestStore,
        requests: MergeRequestStore,
        desk_log: DeskLog,
        clock: Clock,
        locks: PullLocks,
    ) -> None:
        self._app = app
        self._policies = policies
        self._looks = looks
        self._dossiers = dossiers
        self._memories = memories
        self._requests = requests
        self._log = desk_log
        self._clock = clock
        self._locks = locks

    async def run(self, origin: Origin, again: Collection[int] = ()) -> list[int]:
        """Merge what is ready, one after the other, those in `again` even if GitHub has refused them before.

        Return those whose merge came to nothing in a new way: their reports are to say why. Raises TransientError
        when GitHub could not be reached; asked again, it goes on where it stopped.
        """
        stopped = []
        async with self._locks.of_merges(origin):
            for number in await self._in_line(origin.repository_id, again):
                async with self._locks.of(origin, number):
                    if await self._merge(origin, number):
                        stopped.append(number)
        return stopped

    async def forget_refusals(self, origin: Origin) -> list[int]:
        """The base has moved: what stood against a merge onto it is found out anew. Return whom that concerns."""
        found = []
        for known in await self._memories.open_ones(origin.repository_id):
            if not known.merge_refusal or known.verdict is not Outcome.PASSED:
                continue  # nothing stands against it, or its own checks do
            async with self._locks.of(origin, known.number):
                memory = await self._memories.get(origin.repository_id, known.number)
                refusal = refused(memory.merge_refusal) if memory is not None else None
                if memory is not None and refusal is not None and not refusal.for_now:
                    await self._memories.save(replace(memory, merge_refusal=""), self._clock.now())
                    found.append(known.number)
        return found

    async def refused_at(self, origin: Origin, head_sha: str, naming: str = "") -> list[int]:
        """Return the pull requests of a commit that GitHub has refused to merge, in words with `naming` in them."""
        found = []
        for number in await self._memories.with_head(origin.repository_id, head_sha):
            memory = await self._memories.get(origin.repository_id, number)
            refusal = refused(memory.merge_refusal) if memory is not None and memory.is_open else None
            if refusal is not None and refusal.for_now and naming in refusal.text:
                found.append(number)
        return found

    async def _in_line(self, repository_id: int, again: Collection[int]) -> list[int]:
        """Return who is to be tried: what people asked for first, then what became ready, first come first."""
        ready = {
            memory.number: memory
            for memory in await self._memories.open_ones(repository_id)
            if Label.READY_TO_MERGE in memory.status.flags and (memory.number in again or not memory.merge_refusal)
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
        obstacle = on_the_newest_base(candidate)
        if obstacle is None:
            if not readiness(candidate.case()).is_ready:
                return True  # something has changed since it was called ready: the report is to say what
            if not (candidate.policy.merging.automatic or await self._asked_by(origin, candidate.pull)):
                return False
            try:
                obstacle = await self._put(client, reader, candidate)
            except _OvertakenError:
                return True
        memory, now = candidate.memory, self._clock.now()
        if obstacle is not None:
            log.info("merge.refused", number=number, reason=obstacle.text)
            place = hashlib.sha256(f"{candidate.pull.head_sha}\n{obstacle.text}".encode()).hexdigest()[:40]
            await self._write_down(candidate, obstacle.text, "refused", f"unmerged:{number}:{place}")
            await self._memories.save(replace(memory, merge_refusal=obstacle.written()), now)
            return obstacle.written() != memory.merge_refusal
        log.info("merge.done", number=number, sha=candidate.pull.head_sha)
        asked = await self._asked_by(origin, candidate.pull)
        await self._write_down(
            candidate, ", ".join(asked) or "automatic", "done", f"merge:{number}:{candidate.pull.head_sha}"
        )
        await self._requests.drop(origin.repository_id, number)
        await self._memories.save(replace(memory, is_open=False, closed_as=MERGED), now)
        return False

    async def _asked_by(self, origin: Origin, pull: Pull) -> list[str]:
        """Return who has asked for the merge of this very commit."""
        waiting = await self._requests.waiting(origin.repository_id)
        return [r.actor for r in waiting if r.number == pull.number and r.sha == pull.head_sha]

    async def _write_down(self, candidate: Candidate, reason: str, result: str, source: str) -> None:
        await self._log.add(
            AuditEntry(
                repository_id=candidate.memory.repository_id,
                number=candidate.pull.number,
                at=self._clock.now(),
                actor_id=0,
                actor="taxonomy-bot",
                role="bot",
                act="merge",
                arguments=reason,
                sha=candidate.pull.head_sha,
                result=result,
                source=source,
            )
        )

    async def _candidate(self, reader: PullReader, repository_id: int, number: int) -> Candidate | None:
        """Read everything live; None when it is closed, or no longer what was judged."""
        pull = await self._tried(reader, number)
        memory = await self._memories.get(repository_id, number)
        if memory is None or not pull.is_open or memory.judged_sha != pull.head_sha:
            return None
        if (pull.labels & _RESTRAINTS) - memory.status.labels:
            return None  # a label was just set by hand: whether it counts is found out first, and then we go on
        policy = await self._policies.of(reader, repository_id, pull)
        tip = await reader.tip(pull.base_ref)
        look = await self._looks.at(reader, repository_id, pull, onto=tip)
        dossier = await self._dossiers.of(repository_id, number, look.facts.content_digest, memory.changed_paths)
        return Candidate(pull, memory, policy, dossier, look)

    async def _tried(self, reader: PullReader, number: int) -> Pull:
        """Read a pull request until GitHub has found out whether it conflicts; reading sets it to work."""
        pull = await reader.pull(number)
        for pause_s in _PAUSES_S:
            if pull.is_mergeable is not None or not pull.is_open:
                break
            await self._clock.sleep(pause_s)
            pull = await reader.pull(number)
        return pull

    async def _put(self, client: GitHubClient, reader: PullReader, candidate: Candidate) -> Obstacle | None:
        """Ask GitHub to merge; return what it has against it.

        Raises TransientError when it is unknown what came of it and it is not merged, _OvertakenError when the
        branch or its base moved at the last moment.
        """
        try:
            await Writer(client, candidate.pull, self._clock).merge(merge_of(candidate))
        except SilentError:
            raise _OvertakenError from None  # it was just decided that we say nothing here
        except (RefusedError, TransientError) as error:
            if (await reader.pull(candidate.pull.number)).is_merged:
                return None  # only the answer was lost
            if isinstance(error, TransientError):
                raise
            words = str(error).partition(": ")[2] or str(error)
            if error.status == HTTPStatus.CONFLICT or _MOVED_BASE in words:
                raise _OvertakenError from None  # the webhook of that move has it judged and tried again
            return refusal_of(words, error.status)
        return None


def on_the_newest_base(candidate: Candidate) -> Obstacle | None:
    """Return what a merge onto the newest base would break, before GitHub is asked for it."""
    if candidate.look.facts.clashes:
        paths = ", ".join(code(path) for path in candidate.look.facts.clashes[:3])
        return Obstacle(
            f"Another change of {paths} was merged meanwhile: bring your branch up to date, and look at both.",
            Who.AUTHOR,
        )
    verdict = pardoned(candidate.look.judgement.verdict, candidate.dossier.pardons)
    if verdict.overall is Outcome.PASSED or candidate.memory.verdict is not Outcome.PASSED:
        return None
    if verdict.overall is Outcome.UNVERIFIED:
        text = "Together with what was merged meanwhile, the checks could not be run in full: that is our fault."
        return Obstacle(text, Who.US, for_now=True)
    causes = by_cause(verdict.with_severity(Severity.ERROR))
    what = f" ({prose(causes[0].cause.title)})" if causes else ""
    return Obstacle(
        f"Together with what was merged meanwhile, the checks do not pass{what}: bring your branch up to date.",
        Who.AUTHOR,
    )


def refusal_of(words: str, status: int) -> Obstacle:
    """Return GitHub's refusal to merge, in its own words, with who can do something about it."""
    who = Who.MAINTAINER if status == HTTPStatus.FORBIDDEN else Who.APPROVER
    for part, whose in _WHOSE:
        if part in words.lower():
            who = whose
            break
    return Obstacle(f"GitHub does not merge it: {code(words)}.", who, for_now=True)


def merge_of(candidate: Candidate) -> Merge:
    """Return the merge of exactly what was judged, by the method of the policy and in words that do no harm."""
    pull, method = candidate.pull, candidate.policy.merging.method
    if method is MergeMethod.REBASE:
        return Merge(pull.head_sha, method)  # the commits stay as their authors wrote them
    title = _one_line(pull.title)[:_LONGEST_TITLE] or "Pull request"
    judged = f"Judged at {pull.head_sha}."
    if method is MergeMethod.MERGE:
        said = "\n\n".join((title, judged, "\n".join(_decided(candidate)))).rstrip()
        return Merge(pull.head_sha, method, f"Merge pull request #{pull.number}", said)
    trailers = dict.fromkeys((*_decided(candidate), *_kept_trailers(candidate.look.facts.commits or ())))
    return Merge(pull.head_sha, method, f"{title} (#{pull.number})", "\n".join((judged, "", *trailers)))


def _decided(candidate: Candidate) -> Iterator[str]:
    """Yield who stands behind what is merged."""
    for approval in candidate.dossier.approvals:
        if approval.content_digest == candidate.memory.content_digest:
            yield f"{'Triaged' if approval.kind is ApprovalKind.TRIAGE else 'Approved'}-by: {approval.actor}"


def _kept_trailers(commits: Iterable[Commit]) -> Iterator[str]:
    """Yield the sign-offs and co-authors of the commits that a squash makes one of."""
    for commit in commits:
        for kind, name in _TRAILER.findall(commit.message):
            yield f"{kind.capitalize()}: {_one_line(name)}"


def _one_line(text: str) -> str:
    """Return a text of somebody's for a commit message: one line that calls nobody, closes and skips nothing."""
    printable = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _SKIPS.sub(r"\1", re.sub(r"(?<!\w)@(?=\w)|#(?=\d)", "", printable))
