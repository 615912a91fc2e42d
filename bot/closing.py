"""When a pull request is closed: what waited on it ends, and whoever contributed is thanked."""

from __future__ import annotations

from dataclasses import replace

from bot.actions import EditComment, RemoveLabel
from bot.apply import Writer
from bot.clock import Clock
from bot.comments.jobs import nothing_computed
from bot.comments.markers import Marker, MarkerSigner
from bot.comments.notices import thanks
from bot.events import PullClosed
from bot.github.client import GitHubApp
from bot.github.pulls import Pull, PullReader
from bot.jobs import JobState
from bot.labels import Label, is_contribution
from bot.nightly.schedule import Schedule
from bot.plan import digest_of
from bot.records import Records
from bot.store.approvals import ApprovalKind
from bot.store.pull_requests import CLOSED, MERGED, PullMemory
from bot.workflow import Turn


class Closing:
    """Ends what belongs to a pull request that is closed."""

    def __init__(
        self, app: GitHubApp, records: Records, signer: MarkerSigner, clock: Clock, *, builds_at: Schedule | None
    ) -> None:
        """`builds_at` says when the nightly builds are due; None where there are none."""
        self._app = app
        self._records = records
        self._signer = signer
        self._clock = clock
        self._builds_at = builds_at

    async def close(self, event: PullClosed) -> bool:
        """End them, and say thank you for what was merged. Return True when it is open again by now."""
        repository_id, number = event.origin.repository_id, event.number
        records, now = self._records, self._clock.now()
        memory = await records.memories.get(repository_id, number)
        if memory is None:
            return False
        client = self._app.installation(event.origin.installation_id)
        reader = PullReader(client, event.origin.full_name)
        pull = await reader.pull(event.number)
        await records.jobs.end(repository_id, number, JobState.SUPERSEDED)
        await records.merges.drop(repository_id, number)
        if not event.is_merged:  # opened again, it is decided again
            for kind in (ApprovalKind.APPROVE, ApprovalKind.LGTM):
                await records.approvals.let_fall(repository_id, number, "it was closed", now, kind=kind)
        status = replace(memory.status, flags=memory.status.flags - {Label.READY_TO_MERGE, Label.STALE})
        closed_as = MERGED if event.is_merged else CLOSED
        closed_by_id = memory.closed_by_id if event.actor.is_bot else event.actor.id
        if pull.is_open:  # we are told late
            await records.memories.save(memory.with_status(status, now), now)
            return True
        after = replace(
            memory.with_status(status, now), is_open=False, closed_by_id=closed_by_id, closed_as=closed_as
        )
        writer = Writer(client, pull, self._clock)
        await records.memories.save(await self._write(event, after, pull, reader, writer), now)
        return False

    async def _write(
        self, event: PullClosed, memory: PullMemory, pull: Pull, reader: PullReader, writer: Writer
    ) -> PullMemory:
        """Write it on GitHub. Return what is remembered of the comment then."""
        over = sorted({Label.READY_TO_MERGE, Label.STALE} & pull.labels)
        await writer.apply([RemoveLabel(label) for label in over])
        if memory.comment_id is None:
            return memory
        if not event.is_merged:
            return await self._nothing_is_computed(memory, reader, writer)
        is_built = pull.targets_default_branch and any(is_contribution(path) for path in memory.changed_paths)
        following = self._builds_at.next_after(self._clock.now()) if is_built and self._builds_at else None
        text = thanks(memory.author, following)
        mark = Marker(Turn.TRIAGER, memory.comment_posted_for, memory.status, memory.content_digest)
        body = f"{self._signer.sign(mark, memory.repository_id, memory.number)}\n{text}"
        if digest_of(body) != memory.comment_digest:
            await writer.apply([EditComment(memory.comment_id, body)])
        return memory

    async def _nothing_is_computed(self, memory: PullMemory, reader: PullReader, writer: Writer) -> PullMemory:
        """Take the line from the living comment that says what is being computed: it would stand there for ever."""
        if not await self._records.jobs.of_pull(memory.repository_id, memory.number):
            return memory
        for comment in await reader.own_comments(memory.number, self._app.app_id):
            body = nothing_computed(comment.body)
            if comment.id == memory.comment_id and body != comment.body:
                await writer.apply([EditComment(comment.id, body)])
                return replace(memory, comment_digest=digest_of(body))
        return memory
