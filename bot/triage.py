"""Triage: pull request -> facts -> verdict -> actions. Gathering and applying touch GitHub, deciding does not."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace

import structlog

from bot.actions import Action, AddLabels, EditComment, PostComment, RemoveLabel
from bot.apply import LivingComment, Writer
from bot.clock import Clock
from bot.comments.causes import Links
from bot.comments.check_report import check_report
from bot.comments.living import Audience, living_comment
from bot.comments.markers import Marker, MarkerSigner
from bot.comments.sign_off import sign_off_recipe
from bot.events import Origin, external_id
from bot.facts import Facts, Posted, gather
from bot.github.client import CallCount, GitHubApp
from bot.github.errors import NotFoundError
from bot.github.pulls import Pull, PullReader
from bot.policies import Policies
from bot.rule_workers import JudgeRequest, RuleWorkers, cannot_judge
from bot.store.pull_requests import PullMemory, PullRequestStore
from bot.workflow import Turn, label_changes, turn_after
from checks.contribution import Sha
from checks.findings import Check, Verdict

log = structlog.get_logger()

_NEWCOMER = frozenset({"FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR", "NONE"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, and what will be true of our report once it is done (but for the comment's ids)."""

    actions: tuple[Action, ...]
    memory: PullMemory


@dataclass(frozen=True, slots=True)
class Triaged:
    """What a triage came to, for logs, the demo and tests."""

    verdict: Verdict
    turn: Turn
    calls: CallCount


class Triage:
    """Judges pull requests and reports on them; at most one triage per pull request runs at a time."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        workers: RuleWorkers,
        memories: PullRequestStore,
        signer: MarkerSigner,
        clock: Clock,
        *,
        web_url: str,
        most_commits: int,
    ) -> None:
        self._app = app
        self._policies = policies
        self._workers = workers
        self._memories = memories
        self._signer = signer
        self._clock = clock
        self._web_url = web_url.rstrip("/")
        self._most_commits = most_commits

    async def run(self, origin: Origin, number: int, again: Collection[Check] = ()) -> Triaged | None:
        """Judge one pull request as it is now and bring our report up to date.

        `again` names checks that somebody asked for anew: they are posted even if nothing changed. Returns
        None for a pull request that is closed or gone. Running it twice posts nothing twice. Raises
        TransientError when GitHub could not be reached: try again later.
        """
        client = self._app.installation(origin.installation_id)
        before = replace(client.calls)
        reader = PullReader(client, origin.full_name)
        memory, pull = await asyncio.gather(
            self._memories.get(origin.repository_id, number), self._open_pull(reader, number)
        )
        if pull is None:
            return None
        memory = memory or PullMemory(origin.repository_id, number)
        posted, facts = await asyncio.gather(
            self._posted(reader, memory, pull.head_sha), self._facts(reader, origin.repository_id, pull)
        )
        memory = self._recalled(memory, posted)
        verdict = await self._judge(facts)
        plan = self.decide(facts, verdict, memory, posted, again)
        await self._carry_out(plan, memory, Writer(client, pull, self._clock), pull.head_sha)
        used = CallCount(client.calls.reads - before.reads, client.calls.writes - before.writes)
        return Triaged(verdict, turn_after(verdict.overall), used)

    async def _open_pull(self, reader: PullReader, number: int) -> Pull | None:
        try:
            pull = await reader.pull(number)
        except NotFoundError:
            return None
        return pull if pull.is_open else None

    async def _facts(self, reader: PullReader, repository_id: int, pull: Pull) -> Facts:
        policy = await self._policies.of(reader, repository_id, pull)
        return await gather(reader, pull, policy, most_commits=self._most_commits)

    async def _posted(self, reader: PullReader, memory: PullMemory, head_sha: Sha) -> Posted:
        """Ask GitHub what we posted, only where we do not know: no memory, or a report left half done."""
        half_done = memory.head_sha == head_sha and memory.judged_sha != head_sha
        if memory.head_sha and not half_done:
            return Posted()
        comments, runs = await asyncio.gather(
            reader.own_comments(memory.number, self._app.app_id), reader.own_check_runs(head_sha, self._app.app_id)
        )
        return Posted(tuple(comments), frozenset(f"{run['name']}:{run['external_id']}" for run in runs))

    def _recalled(self, memory: PullMemory, posted: Posted) -> PullMemory:
        """Fill in from GitHub the living comment that we have no memory of."""
        for comment in reversed(posted.comments):
            marker = self._signer.read(comment.body, memory.repository_id, memory.number)
            if marker is not None and comment.id != memory.comment_id:
                return replace(
                    memory,
                    comment_id=comment.id,
                    comment_node_id=comment.node_id,
                    comment_digest=_digest(comment.body),
                    comment_turn=marker.turn.value,
                    comment_posted_for=marker.posted_for,
                )
        return memory

    async def _judge(self, facts: Facts) -> Verdict:
        if facts.unreadable:
            log.warning("triage.unreadable", number=facts.pull.number, reason=facts.unreadable)
            return cannot_judge(facts.unreadable)
        request = JudgeRequest(
            facts.files,
            facts.commits,
            facts.pull.author,
            facts.author_is_maintainer,
            facts.tree,
            facts.policy,
            facts.refusals,
        )
        verdict = await self._workers.judge(request)
        for crash in verdict.crashes:
            log.error("triage.rule_crashed", number=facts.pull.number, rule=crash.rule, detail=crash.detail)
        return verdict

    def decide(
        self, facts: Facts, verdict: Verdict, memory: PullMemory, posted: Posted, again: Collection[Check] = ()
    ) -> Plan:
        """Return the difference between what GitHub shows and what it should show. Pure."""
        pull = facts.pull
        links = Links(f"{self._web_url}/{pull.repository}", pull.head_sha, facts.policy.messages.rules_url)
        recipe = sign_off_recipe(facts.commits, facts.policy)
        reports = [
            check_report(verdict, check, pull.head_sha, links, recipe if check is Check.SIGN_OFF else "")
            for check in Check
        ]
        digest = _digest(*(repr(report) for report in reports))
        identifier = external_id(pull.number, pull.head_sha, digest)
        already = memory.judged_sha == pull.head_sha and memory.verdict_digest == digest
        actions: list[Action] = [
            replace(report, external_id=identifier)
            for report in reports
            if report.check in again or not (already or f"{report.check}:{identifier}" in posted.external_ids)
        ]
        paths = [file.path for file in facts.files]
        add, remove = label_changes(verdict.overall, pull.labels, paths, is_draft=pull.is_draft)
        actions += [AddLabels(add)] if add else []
        actions += [RemoveLabel(name) for name in remove]
        comment, memory = self._comment(facts, verdict, memory, links, recipe)
        actions += [comment] if comment else []
        after = replace(memory, head_sha=pull.head_sha, judged_sha=pull.head_sha, verdict_digest=digest)
        return Plan(tuple(actions), after)

    def _comment(
        self, facts: Facts, verdict: Verdict, memory: PullMemory, links: Links, recipe: str
    ) -> tuple[Action | None, PullMemory]:
        """Decide about the living comment: nothing, an edit, or a new one because the turn passed to the author."""
        pull = facts.pull
        turn = turn_after(verdict.overall)
        audience = Audience(
            pull.author, pull.author_association in _NEWCOMER, pull.is_draft, pull.targets_default_branch
        )
        text = living_comment(verdict, turn, audience, links, recipe)
        passed_to_author = turn is Turn.AUTHOR and memory.comment_turn != Turn.AUTHOR
        is_new = memory.comment_id is None or (passed_to_author and memory.comment_posted_for != pull.head_sha)
        posted_for = pull.head_sha if is_new else memory.comment_posted_for
        marker = self._signer.sign(Marker(turn, posted_for), memory.repository_id, memory.number)
        body = f"{marker}\n{text}"
        after = replace(
            memory, comment_digest=_digest(body), comment_turn=turn.value, comment_posted_for=posted_for
        )
        if is_new:
            return PostComment(body, memory.comment_node_id), after
        if after.comment_digest == memory.comment_digest or memory.comment_id is None:
            return None, after
        return EditComment(memory.comment_id, body), after

    async def _carry_out(self, plan: Plan, memory: PullMemory, writer: Writer, head_sha: Sha) -> None:
        """Remember what we begin, write, remember what was done: a crash in between is found and mended."""
        if not plan.actions:
            if plan.memory != memory:
                await self._memories.save(plan.memory, self._clock.now())
            return
        await self._memories.save(replace(memory, head_sha=head_sha, judged_sha=""), self._clock.now())
        comment: LivingComment | None = await writer.apply(plan.actions)
        after = plan.memory
        if comment is not None:
            after = replace(after, comment_id=comment.id, comment_node_id=comment.node_id)
        await self._memories.save(after, self._clock.now())


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
