"""Triage: pull request -> facts -> verdict -> actions. Gathering and applying touch GitHub, deciding does not."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import structlog

from bot.appearance import appearance
from bot.apply import LivingComment, OpenWriter, Writer, Writes
from bot.clock import Clock
from bot.comments.check_report import apology
from bot.comments.markers import MarkerSigner
from bot.comments.readiness import readiness_report
from bot.dossier import CHOSEN, Dossiers, leaves_of
from bot.effects import EffectDesk, changes
from bot.events import Origin, external_id
from bot.fixing import place_of_push
from bot.github.client import CallCount, GitHubApp, counted_calls
from bot.github.errors import NotFoundError, RefusedError
from bot.github.pulls import OwnComment, Pull, PullReader
from bot.hand_labels import HandLabels
from bot.labels import Label
from bot.look import Look, Looks, pardoned
from bot.plan import Again, Plan, Planner, Posted, Seen, digest_of, recalled
from bot.readiness import Obstacle, Readiness, Who
from bot.reading_desk import ReadingDesk
from bot.records import Records
from bot.same_leaf import Said, said_of
from bot.store.desk_log import DeskLog
from bot.store.history import StateChange
from bot.store.pull_requests import PullMemory
from bot.workflow import Transition, Turn, turn_after
from checks.findings import Check, Severity, Verdict

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Triaged:
    """What a triage came to, for whoever acts on it, logs, the demo and tests."""

    verdict: Verdict
    turn: Turn
    calls: CallCount
    readiness: Readiness = Readiness()
    said: Said = field(default_factory=Said)  # of the other pull requests for the same leaf
    rows: tuple[Transition, ...] = ()  # of the workflow that it went through, in order


class Triage:
    """Judges pull requests and reports on them; at most one triage per pull request runs at a time."""

    def __init__(
        self,
        app: GitHubApp,
        looks: Looks,
        planner: Planner,
        dossiers: Dossiers,
        effects: EffectDesk,
        records: Records,
        desk_log: DeskLog,
        signer: MarkerSigner,
        clock: Clock,
        writer: OpenWriter = Writer,
        readings: ReadingDesk | None = None,
        labels: HandLabels | None = None,
    ) -> None:
        """`writer` opens what carries out actions on GitHub; `readings` keeps what was judged for the pages.

        `labels` takes what people have set without our being told; without it nothing is carried out for them.
        """
        self._readings = readings
        self._labels = labels
        self._app = app
        self._open_writer = writer
        self._looks = looks
        self._planner = planner
        self._dossiers = dossiers
        self._effects = effects
        self._memories = records.memories
        self._jobs = records.jobs
        self._pardons = records.pardons
        self._leaves = records.leaves
        self._history = records.history
        self._log = desk_log
        self._signer = signer
        self._clock = clock
        self._choosing = asyncio.Lock()

    async def run(self, origin: Origin, number: int, again: Again | None = None) -> Triaged | None:
        """Judge one pull request as it is now and bring our report up to date.

        `again` names checks that somebody asked for anew: they are posted even if nothing changed. Returns
        None for a pull request that is closed or gone, or whose head vanished meanwhile. Running it twice posts
        nothing twice. Raises TransientError when GitHub could not be reached: try again later.
        """
        with counted_calls() as used:
            return await self._run(origin, number, again, used)

    async def _run(self, origin: Origin, number: int, again: Again | None, used: CallCount) -> Triaged | None:
        client = self._app.installation(origin.installation_id)
        reader = PullReader(client, origin.full_name)
        memory, pull = await asyncio.gather(
            self._memories.get(origin.repository_id, number), self._open_pull(reader, number)
        )
        if pull is None:
            return None
        memory = memory or PullMemory(origin.repository_id, number)
        if self._labels is not None and await self._labels.hear(origin, memory, pull):
            memory = await self._memories.get(origin.repository_id, number) or memory
            pull = await self._open_pull(reader, number)
            if pull is None:
                return None
        posted, look, _ = await asyncio.gather(
            self._posted(reader, memory, pull, again),
            self._looks.at(reader, origin.repository_id, pull, anew=again is not None),
            self._log.note_head(origin.repository_id, number, pull.head_sha, self._clock.now()),
        )
        memory = recalled(memory, posted, pull, look.facts, self._signer)
        if content := look.facts.content_digest:  # before anything is decided from where the jobs are
            await self._jobs.follow(origin.repository_id, number, pull.head_sha, content)
        async with self._choosing if look.facts.policy.care.reviewers else nullcontext():
            seen = await self._seen(look, memory, posted, again)
            plan = self._plan(seen)
            await self._note_choice(plan.memory, memory)
        try:
            await self._carry_out(plan, seen, self._open_writer(client, pull, self._clock))
        except RefusedError:
            if (now := await self._open_pull(reader, number)) is not None and now.head_sha == pull.head_sha:
                raise
            log.info("triage.overtaken", number=number)  # a force-push took the commit away; its own event follows
            return None
        verdict = pardoned(look.judgement.verdict, seen.dossier.pardons)
        if self._readings is not None:
            await self._readings.keep(origin.repository_id, look, verdict.findings)
        said = said_of(seen.dossier.rivals, pull.author)
        return Triaged(verdict, turn_after(verdict.overall), used, plan.readiness, said, plan.rows)

    async def _open_pull(self, reader: PullReader, number: int) -> Pull | None:
        try:
            pull = await reader.pull(number)
        except NotFoundError:
            return None
        return pull if pull.is_open else None

    async def _posted(self, reader: PullReader, memory: PullMemory, pull: Pull, again: Again | None) -> Posted:
        """Ask GitHub what we posted, only where we cannot know: no memory, a report half done, a run asked for."""
        is_whole = memory.is_known and memory.judged_sha == memory.head_sha
        if is_whole and again is None:
            return Posted()
        comments, runs = await asyncio.gather(
            self._own_comments(reader, pull), reader.own_check_runs(pull.head_sha, self._app.app_id)
        )
        return Posted(
            tuple(comments),
            {f"{run['name']}:{run['external_id']}": run["output"]["annotations_count"] for run in runs},
        )

    async def _own_comments(self, reader: PullReader, pull: Pull) -> list[OwnComment]:
        if not pull.comments:
            return []  # nobody has said anything yet, neither have we
        return await reader.own_comments(pull.number, self._app.app_id)

    async def _seen(self, look: Look, memory: PullMemory, posted: Posted, again: Again | None) -> Seen:
        """Put together what is decided from; paths that could not be read are those of the last time."""
        digest = look.facts.content_digest or memory.content_digest
        paths = look.facts.paths or memory.changed_paths
        met = paths if look.facts.pull.targets_default_branch else ()
        dossier = await self._dossiers.of(memory.repository_id, memory.number, digest, met)
        if look.facts.policy.care.reviewers and not memory.reviewer:
            dossier = replace(dossier, loads=await self._dossiers.loads(memory.repository_id))
        is_own = await self._is_own_push(look, memory)
        return Seen(look, memory, dossier, posted, self._clock.now(), again, is_own)

    async def _is_own_push(self, look: Look, memory: PullMemory) -> bool:
        """Say whether the head is a commit of ours right on top of the one that we remember."""
        head, commits = look.facts.pull.head_sha, look.facts.commits
        if memory.head_sha == head or not commits or commits[-1].sha != head:
            return False
        if commits[-1].parents != (memory.head_sha,):
            return False
        return bool(await self._log.result_of(memory.repository_id, place_of_push(head)))

    async def _note_choice(self, after: PullMemory, before: PullMemory) -> None:
        """Remember at once whom the rotation has chosen: the next one is chosen by that."""
        if after.reviewer and after.reviewer != before.reviewer:
            chore = CHOSEN + after.reviewer.casefold()
            await self._history.note_done(after.repository_id, chore, self._clock.now())

    def _plan(self, seen: Seen) -> Plan:
        """Decide; should that break down, apologise in the check runs rather than leave people without a word."""
        try:
            return self._planner.decide(seen)
        except Exception:
            trace_id = uuid.uuid4().hex[:12]
            pull = seen.look.facts.pull
            log.exception("triage.decision_crashed", number=pull.number, trace_id=trace_id)
            reports = tuple(apology(check, pull.head_sha, trace_id) for check in Check)
            digest = digest_of(*(check.value for check in Check), "apology")
            identifier = external_id(pull.number, pull.head_sha, digest)
            withheld = Readiness((Obstacle(f"The bot broke down on this commit: {trace_id}.", Who.US),))
            flags = " ".join(set(seen.memory.flags.split()) - {Label.READY_TO_MERGE})
            after = replace(
                seen.memory,
                head_sha=pull.head_sha,
                judged_sha=pull.head_sha,
                ruled_at=seen.look.ruled_at,
                verdict_digest=digest,
                outcome="",
                flags=flags,
                swept=appearance(pull.head_sha, pull.base_ref, pull.labels, is_draft=pull.is_draft),
            )
            posts = (*reports, readiness_report(withheld, pull.head_sha))
            return Plan(tuple(replace(post, external_id=identifier) for post in posts), after, (), withheld)

    async def _carry_out(self, plan: Plan, seen: Seen, writer: Writes) -> None:
        """Let fall what falls, remember what we begin, write, remember what was done.

        A crash in between is found and mended: everything may be done once more.
        """
        memory = seen.memory
        for row in plan.rows:
            await self._effects.act(memory, row)
        await self._note(plan, seen)
        if not plan.actions:
            if plan.memory != memory:
                await self._finish(plan.memory, plan, memory)
            return
        if memory.is_known:  # else having no memory says the same
            await self._memories.save(replace(memory, judged_sha=""), self._clock.now())
        comment: LivingComment | None = await writer.apply(plan.actions)
        after = plan.memory
        if comment is not None:
            after = replace(after, comment_id=comment.id, comment_node_id=comment.node_id)
        await self._finish(after, plan, memory)

    async def _finish(self, after: PullMemory, plan: Plan, before: PullMemory) -> None:
        """Remember the report, and the moves that led to it."""
        await self._memories.save(after, self._clock.now())
        moves: list[StateChange] = []
        state = before
        for row in plan.rows:
            now = state.with_status(row.after(state.status), self._clock.now())
            moves += changes(state, now, row, "", self._clock.now())
            state = now
        await self._history.add(moves)

    async def _note(self, plan: Plan, seen: Seen) -> None:
        """Count what the rules found, and remember which leaves are touched."""
        memory, verdict = plan.memory, seen.look.judgement.verdict
        found = {f.rule for f in verdict.findings if f.severity is not Severity.NOTICE}
        if memory.content_digest and memory.content_digest != seen.memory.content_digest:
            await self._pardons.count_hits(
                memory.repository_id, memory.number, memory.content_digest, found, self._clock.now()
            )
        pull = seen.look.facts.pull
        leaves = leaves_of(memory.changed_paths) if pull.targets_default_branch else ()
        await self._leaves.note(memory.repository_id, memory.number, leaves)
