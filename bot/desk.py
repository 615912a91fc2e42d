"""The desk: which part of the bot acts on which event, and what follows from it for other pull requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass

import structlog

from bot.answers import Answers
from bot.closing import Closing
from bot.command_desk import AfterOrders, CommandDesk
from bot.events import (
    ChecksRerequested,
    DefaultBranchMoved,
    Event,
    FixRequested,
    Ignored,
    JobRerequested,
    Labelled,
    MergeGroupAsked,
    Origin,
    OthersChecked,
    PullChanged,
    PullClosed,
    PullOpened,
    WordsChanged,
    Written,
)
from bot.fixing import Fixer
from bot.github.client import GitHubApp
from bot.github.pulls import PullReader
from bot.hand_labels import HandLabels
from bot.job_ends import JobEnds
from bot.locks import PullLocks
from bot.merge_groups import MergeGroups
from bot.merging import MergeDesk
from bot.metrics.deliveries import verdict_reached
from bot.neighbourhood import Neighbourhood
from bot.observing import Observer
from bot.plan import Again
from bot.policies import Policies
from bot.records import Records
from bot.reruns import Reruns
from bot.same_leaf import Said, SameLeaf
from bot.store.stored_jobs import StoredJob
from bot.triage import Triage, Triaged
from bot.witness import Witness
from checks.contribution import Sha
from checks.findings import Check
from pipeline import tracing

log = structlog.get_logger()

OnTriaged = Callable[[Origin, int, Triaged], None]


@dataclass(frozen=True, slots=True)
class Rooms:
    """The parts of the desk, each with its own purpose."""

    triage: Triage
    commands: CommandDesk
    answers: Answers
    labels: HandLabels
    witness: Witness
    merging: MergeDesk
    groups: MergeGroups
    closing: Closing
    reruns: Reruns
    ends: JobEnds
    fixer: Fixer
    observer: Observer


class Desk:
    """Handles events; work on one pull request never overlaps."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        records: Records,
        rooms: Rooms,
        locks: PullLocks,
        same_leaf: SameLeaf,
        on_triaged: OnTriaged | None = None,
        neighbourhood: Neighbourhood | None = None,
    ) -> None:
        self._app = app
        self._policies = policies
        self._records = records
        self._rooms = rooms
        self._locks = locks
        self._same_leaf = same_leaf
        self._said: dict[tuple[int, int], Said] = {}  # what each open pull request says of others, since we run
        self._on_triaged = on_triaged
        self._neighbourhood = neighbourhood

    async def handle(self, event: Event) -> str | None:
        """Act on one event; return why an order given on a page was refused, if it was.

        Raises TransientError when it should be handled again later.
        """
        if not isinstance(event, Ignored):
            await self._records.repositories.note(event.origin)
            kept = await self._rooms.observer.keep(event)
            if kept is not None and kept.wakes:
                await self._wake(event.origin, kept.wakes, kept.why)
            elif kept is not None:
                if kept.look_at:
                    await self.refresh(event.origin, kept.look_at)
                return kept.told or None
        match event:
            case PullOpened(origin, number, text):
                await self.refresh(origin, number)
                if "/" in text.text:
                    await self._obey(text)
            case PullChanged(origin, number):
                await self.refresh(origin, number)
            case PullClosed():
                await self._close(event)
            case Written():
                return await self._obey(event)
            case Labelled():
                await self._take_label(event)
            case WordsChanged():
                await self._bear_witness(event)
            case ChecksRerequested():
                await self._judge_again(event)
            case JobRerequested():
                await self._rerun(event)
            case FixRequested():
                async with self._locks.of(event.origin, event.number):
                    await self._rooms.fixer.press(event)
            case OthersChecked(origin, head_sha, name):
                if refused := await self._rooms.merging.refused_at(origin, head_sha, name):
                    await self._merge(origin, refused)
            case MergeGroupAsked():
                await self._rooms.groups.answer(event)
            case DefaultBranchMoved(origin):
                self._policies.forget(origin.repository_id)
                if self._neighbourhood is not None:
                    self._neighbourhood.branch_moved(origin.repository_id)
                for number in await self._rooms.merging.forget_refusals(origin):
                    await self.refresh(origin, number)
                await self._merge(origin)
            case Ignored():
                pass
        return None

    async def refresh(self, origin: Origin, number: int, again: Again | None = None) -> None:
        """Bring our report up to date, and do what follows: tell others of the same leaf, merge what is ready."""
        before = await self._same_leaf.around(origin.repository_id, [number])
        triaged = await self._judge(origin, number, again)
        if triaged is not None:
            after = await self._same_leaf.around(origin.repository_id, [number])
            met = before.keys() | after.keys()
            known = after if met == {number} else None  # it meets nobody: what was just read is all there is
            await self._follow(origin, met, is_ready=triaged.readiness.is_ready, around=known)

    async def _follow(
        self,
        origin: Origin,
        numbers: Set[int],
        *,
        is_ready: bool = False,
        around: Mapping[int, Said] | None = None,
    ) -> None:
        """Have those report anew that have to say something else of each other by now; merge what is ready."""
        if around is None:
            around = await self._same_leaf.around(origin.repository_id, numbers)
        if self._locks.has_company:  # others may have said something else since
            self._said.clear()
        for number in sorted(numbers):
            async with self._locks.of(origin, number):  # whoever is being judged has said it afterwards
                has_said = self._said.get((origin.repository_id, number)) == around[number]
            if not has_said and (triaged := await self._judge(origin, number)) is not None:
                is_ready = is_ready or triaged.readiness.is_ready
        if is_ready:
            await self._merge(origin)

    async def _merge(self, origin: Origin, again: Collection[int] = ()) -> None:
        """Merge what is ready, also those in `again` that GitHub refused before; let the others say why not."""
        if not await self._rooms.observer.silence.speaks(origin.repository_id):
            return
        for number in await self._rooms.merging.run(origin, again):
            await self._judge(origin, number)

    async def _obey(self, written: Written) -> str | None:
        """Carry out what somebody commands, and bring the report up to date with it.

        Returns why not, where the one who asked is to read that on a page.
        """
        origin, number = written.origin, written.number
        if await self._records.memories.get(origin.repository_id, number) is None:
            await self._judge(origin, number)  # older than the bot: first see what there is
        async with self._locks.of(origin, number):
            has_returned = await self._rooms.witness.note_author(written)
            left = await self._rooms.commands.handle(written, lambda: self._judge_alone(origin, number))
        if written.approves or left.asks_merge:  # first of all, else the report would flicker if it is refused anew
            await self._merge(origin, [number])
        again = Again(frozenset(Check), written.source) if left.judge_again else None
        if again or left.refresh or has_returned:
            await self.refresh(origin, number, again)
        await self._answer(written, left)
        return "\n\n".join(h.refusal for h in left.handled if h.refusal) if written.is_from_page else None

    async def _answer(self, written: Written, left: AfterOrders) -> None:
        """Say what takes a look at more than this pull request's own records."""
        if left.to_answer:
            given = await self._rooms.answers.give(written, left)
            if asking := [changed.number for changed in given.changed if changed.asks_merge]:
                await self._merge(written.origin, asking)
            for changed in given.changed:
                await self.refresh(written.origin, changed.number, changed.again)
            async with self._locks.of(written.origin, written.number):
                await self._rooms.answers.say(written, given)

    async def _take_label(self, event: Labelled) -> None:
        async with self._locks.of(event.origin, event.number):
            counts = await self._rooms.labels.take(event)
        if counts is None:
            return
        await self.refresh(event.origin, event.number)

    async def take_job(self, origin: Origin, job: StoredJob) -> None:
        """Take what a job came to into the review, and bring the report up to date."""
        async with self._locks.of(origin, job.request.number):
            await self._rooms.ends.take(job)
        await self.refresh(origin, job.request.number)

    async def gather_jobs(self, origin: Origin, number: int) -> bool:
        """Have jobs follow the content to the judged commit, should any not have. Return whether one did."""
        async with self._locks.of(origin, number):
            memory = await self._records.memories.get(origin.repository_id, number)
            if memory is None or not memory.content_digest or memory.judged_sha != memory.head_sha:
                return False
            head = Sha(memory.head_sha)
            jobs = self._records.jobs
            return await jobs.follow(origin.repository_id, number, head, memory.content_digest) > 0

    async def _rerun(self, event: JobRerequested) -> None:
        number = await self._rooms.reruns.pull_of(event)
        if number is None:
            return
        await self._wake(event.origin, number, "a job was asked for")
        async with self._locks.of(event.origin, number):
            is_queued = await self._rooms.reruns.take(event, number)
        if is_queued:
            await self.refresh(event.origin, number)

    async def _bear_witness(self, event: WordsChanged) -> None:
        async with self._locks.of(event.origin, event.number):
            something_fell = await self._rooms.witness.words_changed(event)
        if something_fell:
            await self.refresh(event.origin, event.number)

    async def _close(self, event: PullClosed) -> None:
        met = await self._same_leaf.around(event.origin.repository_id, [event.number])
        async with self._locks.of(event.origin, event.number):
            if await self._rooms.observer.silence.speaks(event.origin.repository_id, event.number):
                is_open_again = await self._rooms.closing.close(event)
            else:
                is_open_again = await self._rooms.observer.close(event)
            self._said.pop((event.origin.repository_id, event.number), None)
        if is_open_again:
            await self.refresh(event.origin, event.number)
            return
        if self._neighbourhood is not None:
            await self._neighbourhood.forget(event.origin.repository_id, event.number, is_merged=event.is_merged)
        await self._follow(event.origin, met.keys() - {event.number})

    async def _judge_again(self, event: ChecksRerequested) -> None:
        again = Again(frozenset({event.check} if event.check else Check), event.request)
        numbers = [event.number] if event.number else await self._numbers_with(event.origin, event.head_sha)
        for number in numbers:
            await self._wake(event.origin, number, "its checks were asked for")
            await self.refresh(event.origin, number, again)

    async def _numbers_with(self, origin: Origin, head_sha: str) -> list[int]:
        """Find the pull requests of a commit: remembered, else asked for (GitHub names none for forks)."""
        remembered = await self._records.memories.with_head(origin.repository_id, head_sha)
        if remembered:
            return remembered
        reader = PullReader(self._app.installation(origin.installation_id), origin.full_name)
        return await reader.pulls_with_head(head_sha)

    async def _wake(self, origin: Origin, number: int, why: str) -> None:
        """Let a pull request hear from us, should it have been silent."""
        async with self._locks.of(origin, number):
            await self._rooms.observer.silence.wake(origin.repository_id, number, why)

    async def _judge(self, origin: Origin, number: int, again: Again | None = None) -> Triaged | None:
        async with self._locks.of(origin, number):
            return await self._judge_alone(origin, number, again)

    async def _judge_alone(self, origin: Origin, number: int, again: Again | None = None) -> Triaged | None:
        """Bring our report up to date, or only look where we are silent; the caller holds the lock."""
        rooms = self._rooms
        with tracing.span("verdict", number=number):
            if await rooms.observer.is_silent(origin, number):
                triaged = await rooms.observer.look(origin, number)
            else:
                triaged = await rooms.triage.run(origin, number, again)
            if triaged is not None:
                tracing.note(outcome=triaged.verdict.overall.value, findings=len(triaged.verdict.findings))
        if triaged is None:
            log.info("triage.skipped", number=number, reason="closed or gone")
            return None
        log.info(
            "triage.done",
            number=number,
            outcome=triaged.verdict.overall.value,
            findings=len(triaged.verdict.findings),
            triggers=[row.trigger.value for row in triaged.rows],
            reads=triaged.calls.reads,
            writes=triaged.calls.writes,
        )
        verdict_reached(triaged.verdict.overall.value)
        self._said[origin.repository_id, number] = triaged.said
        if self._on_triaged:
            self._on_triaged(origin, number, triaged)
        return triaged
