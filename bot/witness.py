"""Witness to words: approvals whose words are no longer their author's fall; silence that ends is noted."""

from __future__ import annotations

from dataclasses import replace

from bot.actions import Reply
from bot.apply import Writer
from bot.clock import Clock
from bot.comments.escape import code
from bot.comments.markers import MarkerSigner
from bot.effects import EffectDesk
from bot.events import WordsChanged, Written
from bot.github.client import GitHubApp
from bot.github.pulls import PullReader
from bot.labels import Label
from bot.records import Records
from bot.store.approvals import ApprovalKind
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
        was_stale = Label.STALE in memory.status.flags
        if was_stale:
            memory = await self._effects.fire(memory, Trigger.AUTHOR_ANSWERED, None)
        await self._records.memories.save(replace(memory, author_seen_at=written.written_at), self._clock.now())
        return was_stale

    async def words_changed(self, event: WordsChanged) -> bool:
        """Let the approvals fall that rest on changed words. Return whether any did."""
        repository_id, now = event.origin.repository_id, self._clock.now()
        standing = [
            approval
            for approval in await self._records.approvals.standing(repository_id, event.number)
            if approval.source.startswith(event.source + ":")
        ]
        if not standing:
            return False
        because = f"the words it was given with were {event.what} by {event.actor.login}"
        await self._records.approvals.let_fall(repository_id, event.number, because, now, source=event.source)
        memory = await self._records.memories.get(repository_id, event.number)
        if memory is not None:
            triage_fell = any(approval.kind is ApprovalKind.TRIAGE for approval in standing)
            if triage_fell and memory.status.state is State.APPROVED:
                memory = await self._effects.fire(memory, Trigger.SIGN_OFF_VOID, None)
                await self._records.memories.save(memory, now)
        await self._log.add(
            AuditEntry(
                repository_id=repository_id,
                number=event.number,
                at=now,
                actor_id=event.actor.id,
                actor=event.actor.login,
                role="",
                act=f"words {event.what}",
                arguments=f"approvals fell: {', '.join(sorted({a.actor for a in standing}))}",
                sha=standing[0].sha,
                result="done",
                source=f"{event.source}:{event.what}:{event.guid}"[:64],
            )
        )
        client = self._app.installation(event.origin.installation_id)
        pull = await PullReader(client, event.origin.full_name).pull(event.number)
        whose = " and ".join(code(login) for login in sorted({a.actor for a in standing}))
        text = (
            f"The approval of {whose} no longer counts: the words it was given with were {event.what} by "
            f"{code(event.actor.login)}. Whoever still approves says so again."
        )
        marker = self._signer.reply_marker(f"{event.source}:{event.what}", repository_id, event.number)
        await Writer(client, pull, self._clock).apply([Reply(text, marker)])
        return True
