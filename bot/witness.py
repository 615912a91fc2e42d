"""Witness to words: approvals whose words are no longer their author's fall; silence that ends is noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.actions import Reply
from bot.apply import Writer
from bot.clock import Clock
from bot.comments.markers import MarkerSigner
from bot.comments.notices import approvals_fell
from bot.effects import EffectDesk
from bot.events import WordsChanged, Written
from bot.github.client import GitHubApp
from bot.github.pulls import PullReader
from bot.labels import Label
from bot.records import Records
from bot.store.approvals import Approval, ApprovalKind
from bot.store.desk_log import AuditEntry, DeskLog
from bot.workflow import State, Trigger


class Witness:
    """Watches over the words that approvals rest on, and over who is heard of."""

    def __init__(
        self,
        app: GitHubApp,
        records: Records,
        effects: EffectDesk,
        desk_log: DeskLog,
        signer: MarkerSigner,
        clock: Clock,
    ) -> None:
        self._app = app
        self._records = records
        self._effects = effects
        self._log = desk_log
        self._signer = signer
        self._clock = clock

    async def note_author(self, written: Written) -> bool:
        """Note that the author is heard of. Return whether the pull request was stale and no longer is."""
        memory = await self._records.memories.get(written.origin.repository_id, written.number)
        if memory is None or written.author.id != memory.author_id:
            return False
        if memory.author_seen_at is not None and written.written_at <= memory.author_seen_at:
            return False  # told late, or twice
        was_stale = Label.STALE in memory.status.flags
        if was_stale:
            memory = await self._effects.fire(memory, Trigger.AUTHOR_ANSWERED, None)
        await self._records.memories.save(replace(memory, author_seen_at=written.written_at), self._clock.now())
        return was_stale

    async def words_changed(self, event: WordsChanged) -> bool:
        """Let the approvals fall that rest on changed words. Return whether any did."""
        repository_id = event.origin.repository_id
        because = f"the words it was given with were {event.what} by {event.actor.login}"
        place = f"{event.source}:{event.what}:{event.guid}"[:64]
        was_begun = bool(await self._log.result_of(repository_id, place))
        standing = [
            approval
            for approval in await self._records.approvals.all_of(repository_id, event.number)
            if approval.source.startswith(event.source + ":")
            and (not approval.fell_because or (was_begun and approval.fell_because == because))
        ]
        if not standing:
            return False
        await self._write_down(event, place, standing)
        await self._records.approvals.let_fall(
            repository_id, event.number, because, self._clock.now(), source=event.source
        )
        if any(approval.kind is ApprovalKind.TRIAGE for approval in standing):
            await self._void_sign_off(repository_id, event.number)
        client = self._app.installation(event.origin.installation_id)
        pull = await PullReader(client, event.origin.full_name).pull(event.number)
        if not pull.is_open:
            return True
        text = approvals_fell((a.actor for a in standing), event.what, event.actor.login)
        marker = self._signer.reply_marker(f"{event.source}:{event.what}", repository_id, event.number)
        await Writer(client, pull, self._clock).apply([Reply(text, marker)])
        return True

    async def _write_down(self, event: WordsChanged, place: str, fallen: Sequence[Approval]) -> None:
        """Write the act down before anything falls: should we crash, the next try knows that it was begun."""
        await self._log.add(
            AuditEntry(
                repository_id=event.origin.repository_id,
                number=event.number,
                at=self._clock.now(),
                actor_id=event.actor.id,
                actor=event.actor.login,
                role="",
                act=f"words {event.what}",
                arguments=f"approvals fell: {', '.join(sorted({a.actor for a in fallen}))}",
                sha=fallen[0].sha,
                result="done",
                source=place,
            )
        )

    async def _void_sign_off(self, repository_id: int, number: int) -> None:
        """Take the sign-off of triage back, unless somebody else's stands for the same content."""
        memory = await self._records.memories.get(repository_id, number)
        if memory is None or memory.status.state is not State.APPROVED:
            return
        approvals = await self._records.approvals.standing(repository_id, number)
        if any(a.kind is ApprovalKind.TRIAGE and a.content_digest == memory.content_digest for a in approvals):
            return
        memory = await self._effects.fire(memory, Trigger.SIGN_OFF_VOID, None)
        await self._records.memories.save(memory, self._clock.now())
