"""Triage: pull request -> facts -> verdict -> actions. Gathering and applying touch GitHub, deciding does not."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import structlog

from bot.actions import Action, AddLabels, EditComment, PostComment, RemoveLabel, ReportCheck
from bot.apply import LivingComment, Writer
from bot.clock import Clock
from bot.comments.causes import Links
from bot.comments.check_report import apology, check_report
from bot.comments.living import Audience, living_comment
from bot.comments.markers import Marker, MarkerSigner
from bot.comments.sign_off import sign_off_recipe
from bot.events import Origin, external_id
from bot.facts import Facts, Posted, gather
from bot.github.client import CallCount, GitHubApp
from bot.github.errors import NotFoundError, RefusedError
from bot.github.pulls import Pull, PullReader
from bot.policies import Policies
from bot.rule_workers import Judgement, JudgeRequest, RuleWorkers
from bot.store.desk_log import DeskLog
from bot.store.pull_requests import PullMemory, PullRequestStore
from bot.workflow import Turn, label_changes, own_labels_of, turn_after
from checks.contribution import Sha
from checks.findings import Check, Verdict

log = structlog.get_logger()

_NEWCOMER = frozenset({"FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR"})


@dataclass(frozen=True, slots=True)
class Again:
    """Checks that somebody asked to run anew, and the delivery that asked for it."""

    checks: frozenset[Check]
    request: str


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
        desk_log: DeskLog,
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
        self._log = desk_log
        self._signer = signer
        self._clock = clock
        self._web_url = web_url.rstrip("/")
        self._most_commits = most_commits

    async def run(self, origin: Origin, number: int, again: Again | None = None) -> Triaged | None:
        """Judge one pull request as it is now and bring our report up to date.

        `again` names checks that somebody asked for anew: they are posted even if nothing changed. Returns
        None for a pull request that is closed or gone, or whose head vanished meanwhile. Running it twice posts
        nothing twice. Raises TransientError when GitHub could not be reached: try again later.
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
        posted, facts, _ = await asyncio.gather(
            self._posted(reader, memory, pull.head_sha, again),
            self._facts(reader, origin.repository_id, pull),
            self._log.note_head(origin.repository_id, number, pull.head_sha, self._clock.now()),
        )
        memory = self._recalled(memory, posted)
        judgement = await self._judge(facts)
        plan = self._plan(facts, judgement, memory, posted, again)
        try:
            await self._carry_out(plan, memory, Writer(client, pull, self._clock), pull.head_sha)
        except RefusedError:
            if (now := await self._open_pull(reader, number)) is not None and now.head_sha == pull.head_sha:
                raise
            log.info("triage.overtaken", number=number)  # a force-push took the commit away; its own event follows
            return None
        used = CallCount(client.calls.reads - before.reads, client.calls.writes - before.writes)
        return Triaged(judgement.verdict, turn_after(judgement.verdict.overall), used)

    async def _open_pull(self, reader: PullReader, number: int) -> Pull | None:
        try:
            pull = await reader.pull(number)
        except NotFoundError:
            return None
        return pull if pull.is_open else None

    async def _facts(self, reader: PullReader, repository_id: int, pull: Pull) -> Facts:
        policy = await self._policies.of(reader, repository_id, pull)
        return await gather(reader, pull, policy, most_commits=self._most_commits)

    async def _posted(self, reader: PullReader, memory: PullMemory, head_sha: Sha, again: Again | None) -> Posted:
        """Ask GitHub what we posted, only where we cannot know: no memory, a report half done, a run asked for."""
        is_whole = bool(memory.head_sha) and memory.judged_sha == memory.head_sha
        if is_whole and again is None:
            return Posted()
        comments, runs = await asyncio.gather(
            reader.own_comments(memory.number, self._app.app_id), reader.own_check_runs(head_sha, self._app.app_id)
        )
        return Posted(
            tuple(comments),
            {f"{run['name']}:{run['external_id']}": run["output"]["annotations_count"] for run in runs},
        )

    def _recalled(self, memory: PullMemory, posted: Posted) -> PullMemory:
        """Fill in from GitHub the living comment that we have no memory of: the newest one that we signed."""
        for comment in reversed(posted.comments):
            marker = self._signer.read(comment.body, memory.repository_id, memory.number)
            if marker is None:
                continue
            if comment.id == memory.comment_id:
                return memory
            return replace(
                memory,
                comment_id=comment.id,
                comment_node_id=comment.node_id,
                comment_digest=_digest(comment.body),
                comment_turn=marker.turn.value,
                comment_posted_for=marker.posted_for,
                own_labels=" ".join(sorted({*own_labels_of(marker.turn), *memory.own_labels.split()})),
            )
        return memory

    async def _judge(self, facts: Facts) -> Judgement:
        if facts.unreadable:
            log.warning("triage.unreadable", number=facts.pull.number, reason=facts.unreadable)
            return Judgement(Verdict((), not_judged=frozenset(Check)))
        request = JudgeRequest(
            facts.files,
            facts.commits,
            facts.pull.author,
            facts.author_is_maintainer,
            facts.tree,
            facts.policy,
            facts.refusals,
        )
        judgement = await self._workers.judge(request)
        for crash in judgement.verdict.crashes:
            log.error("triage.rule_crashed", number=facts.pull.number, rule=crash.rule, detail=crash.detail)
        return judgement

    def _plan(
        self, facts: Facts, judgement: Judgement, memory: PullMemory, posted: Posted, again: Again | None
    ) -> Plan:
        """Decide; should that break down, apologise in the check runs rather than leave people without a word."""
        try:
            return self.decide(facts, judgement, memory, posted, again)
        except Exception:
            trace_id = uuid.uuid4().hex[:12]
            log.exception("triage.decision_crashed", number=facts.pull.number, trace_id=trace_id)
            head_sha = facts.pull.head_sha
            reports = tuple(apology(check, head_sha, trace_id) for check in Check)
            digest = _digest(*(check.value for check in Check), "apology")
            identifier = external_id(facts.pull.number, head_sha, digest)
            after = replace(memory, head_sha=head_sha, judged_sha=head_sha, verdict_digest=digest)
            return Plan(tuple(replace(report, external_id=identifier) for report in reports), after)

    def decide(
        self,
        facts: Facts,
        judgement: Judgement,
        memory: PullMemory,
        posted: Posted,
        again: Again | None = None,
    ) -> Plan:
        """Return the difference between what GitHub shows and what it should show. Pure."""
        pull, verdict = facts.pull, judgement.verdict
        links = Links(f"{self._web_url}/{pull.repository}", pull.head_sha, facts.policy.messages.rules_url)
        recipe = sign_off_recipe(judgement.sign_off_advice) if judgement.sign_off_advice else ""
        reports = [check_report(verdict, check, pull.head_sha, links, facts.policy, recipe) for check in Check]
        digest = _digest(*(repr(report) for report in reports))
        already = memory.judged_sha == pull.head_sha and memory.verdict_digest == digest
        actions: list[Action] = list(_news(reports, facts, digest, posted, again, already=already))
        labels = label_changes(
            verdict.overall,
            pull.labels,
            frozenset(memory.own_labels.split()),
            [file.path for file in facts.files],
            is_draft=pull.is_draft,
            is_new_content=memory.content_digest != facts.content_digest,
        )
        actions += [AddLabels(labels.add)] if labels.add else []
        actions += [RemoveLabel(name) for name in labels.remove]
        after_labels = (pull.labels | set(labels.add)) - set(labels.remove)
        comment, memory = self._comment(facts, verdict, memory, links, recipe, after_labels)
        actions += [comment] if comment else []
        after = replace(
            memory,
            head_sha=pull.head_sha,
            judged_sha=pull.head_sha,
            verdict_digest=digest,
            own_labels=" ".join(sorted(labels.own)),
            content_digest=facts.content_digest,
            outcome=verdict.overall.value,
        )
        return Plan(tuple(actions), after)

    def _comment(
        self,
        facts: Facts,
        verdict: Verdict,
        memory: PullMemory,
        links: Links,
        recipe: str,
        labels: frozenset[str],
    ) -> tuple[Action | None, PullMemory]:
        """Decide about the living comment: nothing, an edit, or a new one because the turn passed to the author."""
        pull = facts.pull
        turn = turn_after(verdict.overall)
        audience = Audience(
            pull.author,
            facts.policy.messages.welcome and pull.author_association in _NEWCOMER,
            pull.is_draft,
            pull.targets_default_branch,
            labels,
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
        if memory.head_sha:  # else having no memory says the same
            await self._memories.save(replace(memory, head_sha=head_sha, judged_sha=""), self._clock.now())
        comment: LivingComment | None = await writer.apply(plan.actions)
        after = plan.memory
        if comment is not None:
            after = replace(after, comment_id=comment.id, comment_node_id=comment.node_id)
        await self._memories.save(after, self._clock.now())


def _news(
    reports: Iterable[ReportCheck], facts: Facts, digest: str, posted: Posted, again: Again | None, *, already: bool
) -> Iterator[ReportCheck]:
    """Yield the check runs to post: those not yet reported in full, and those that somebody asked for anew."""
    for report in reports:
        is_asked_for = again is not None and report.check in again.checks
        if already and not is_asked_for:
            continue
        request = again.request if again is not None and is_asked_for else ""
        identifier = external_id(facts.pull.number, facts.pull.head_sha, digest, request)
        if posted.annotations.get(f"{report.check}:{identifier}", -1) < len(report.annotations):
            yield replace(report, external_id=identifier)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
