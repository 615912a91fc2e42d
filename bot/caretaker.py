"""The caretaker: says a word where silence has been long, reminds people, and writes the weekly digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from bot.actions import Action, ChangePull, PutIssue, Reply
from bot.apply import IssueWriter, Writer
from bot.care import Silence, closing_word, last_sign, reminder_word, silence, stale_word
from bot.clock import Clock
from bot.comments.markers import MarkerSigner
from bot.digest import MEASURED, digest, is_same_week, title_of
from bot.dossier import Dossiers, case_of
from bot.effects import EffectDesk
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError
from bot.github.listings import ListedPull, Listings
from bot.github.pulls import Pull, PullReader
from bot.locks import PullLocks
from bot.readiness import readiness
from bot.records import Records
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.pull_requests import PullMemory
from bot.store.reminders import Reminder
from bot.workflow import Trigger
from checks.policy import Policy

log = structlog.get_logger()

_DIGEST = "digest"


class Caretaker:
    """Carries out what `bot.care` decides. Doing it twice says nothing twice."""

    def __init__(
        self,
        app: GitHubApp,
        records: Records,
        dossiers: Dossiers,
        effects: EffectDesk,
        desk_log: DeskLog,
        signer: MarkerSigner,
        clock: Clock,
        locks: PullLocks,
    ) -> None:
        self._app = app
        self._records = records
        self._dossiers = dossiers
        self._effects = effects
        self._log = desk_log
        self._signer = signer
        self._clock = clock
        self._locks = locks

    def has_work(self, memory: PullMemory, listed: ListedPull, policy: Policy) -> bool:
        """True when the silence of an author calls for something; asks nobody."""
        return self._silence(memory, listed, policy) is not Silence.NOTHING

    async def break_silence(self, origin: Origin, listed: ListedPull, policy: Policy) -> bool:
        """Do what the silence of an author calls for. Return whether the report has to be brought up to date."""
        async with self._locks.of(origin, listed.number):
            memory = await self._records.memories.get(origin.repository_id, listed.number)
            if memory is None or not memory.is_open:
                return False
            match self._silence(memory, listed, policy):
                case Silence.GOES_STALE:
                    marker = f"stale:{last_sign(memory):%Y%m%dT%H%M%S}"
                    await self._say(origin, memory, marker, stale_word(memory.author, policy.care))
                    await self._fire(memory, Trigger.WENT_STALE)
                case Silence.IS_OVER:
                    await self._fire(memory, Trigger.AUTHOR_ANSWERED)
                case Silence.IS_TO_CLOSE:
                    return await self._close(origin, memory)
                case Silence.NOTHING:
                    return False
        return True

    def _silence(self, memory: PullMemory, listed: ListedPull, policy: Policy) -> Silence:
        return silence(memory, policy.care, self._clock.now(), is_draft=listed.is_draft)

    async def _fire(self, memory: PullMemory, trigger: Trigger) -> None:
        after = await self._effects.fire(memory, trigger, None)
        await self._records.memories.save(after, self._clock.now())

    async def _close(self, origin: Origin, memory: PullMemory) -> bool:
        """Close a stale pull request, unless its author has just been heard of after all."""
        since = memory.stale_at or self._clock.now()
        client = self._app.installation(origin.installation_id)
        listings = Listings(client, origin.full_name, self._app.app_id)
        if await listings.author_wrote_since(memory.number, memory.author_id, since):
            await self._fire(replace(memory, author_seen_at=self._clock.now()), Trigger.AUTHOR_ANSWERED)
            return True
        pull = await PullReader(client, origin.full_name).pull(memory.number)
        if not pull.is_open or pull.head_sha != memory.head_sha:
            return True
        marker = f"closed:{since:%Y%m%dT%H%M%S}"
        await self._say(origin, memory, marker, closing_word(memory.author), ChangePull(state="closed"))
        await self._log.add(_closed(memory, self._clock.now(), marker))
        log.info("care.closed", number=memory.number, stale_at=str(since))
        return False

    async def _say(self, origin: Origin, memory: PullMemory, source: str, text: str, *more: Action) -> Pull:
        """Write a comment of its own, once, then do what comes with it."""
        client = self._app.installation(origin.installation_id)
        pull = await PullReader(client, origin.full_name).pull(memory.number)
        marker = self._signer.reply_marker(source, origin.repository_id, memory.number)
        await Writer(client, pull, self._clock).apply([Reply(text, marker), *more])
        return pull

    async def remind(self, origin: Origin, number: int, reminders: Sequence[Reminder], policy: Policy) -> None:
        """Say, in one comment, what people wanted to be reminded of, unless the pull request has moved on since."""
        async with self._locks.of(origin, number):
            memory = await self._records.memories.get(origin.repository_id, number)
            timely = [r for r in reminders if memory is not None and not _has_moved_on(memory, r)]
            if memory is not None and timely:
                await self._remind(origin, timely, memory, policy)
        for reminder in reminders:
            await self._records.reminders.finish(reminder, self._clock.now())

    async def _remind(
        self, origin: Origin, reminders: Sequence[Reminder], memory: PullMemory, policy: Policy
    ) -> None:
        client = self._app.installation(origin.installation_id)
        try:
            pull = await PullReader(client, origin.full_name).pull(memory.number)
        except NotFoundError:
            return
        if not pull.is_open:
            return
        dossier = await self._dossiers.of(
            origin.repository_id, memory.number, memory.content_digest, memory.changed_paths
        )
        found = readiness(case_of(memory, pull, dossier, policy, memory.verdict))
        organisation = pull.repository.partition("/")[0]
        await self._say(
            origin,
            memory,
            f"remind:{reminders[0].source}",
            reminder_word(reminders, found, organisation, policy.teams),
        )

    async def write_digest(self, origin: Origin, policy: Policy) -> None:
        """Write the digest of this week, if it is due and there is something in it."""
        now, history = self._clock.now(), self._records.history
        if not policy.care.digest or is_same_week(await history.last_done(origin.repository_id, _DIGEST), now):
            return
        found = await self._records.pardons.precision(origin.repository_id, now - MEASURED)
        if text := digest(found, policy):
            monday = (
                (now - timedelta(days=now.weekday()))
                .astimezone(UTC)
                .replace(hour=0, minute=0, second=0, microsecond=0)
            )
            marker = self._signer.reply_marker(f"digest:{monday:%Y-%m-%d}", origin.repository_id, 0)
            client = self._app.installation(origin.installation_id)
            writer = IssueWriter(client, origin, self._app.app_id)
            number = await writer.put(PutIssue(title_of(now), text, marker, monday))
            log.info("care.digest", issue=number)
        await history.note_done(origin.repository_id, _DIGEST, now)


def _has_moved_on(memory: PullMemory, reminder: Reminder) -> bool:
    if not memory.is_open:
        return True
    asked_at, since = reminder.asked_at, memory.state_since
    return asked_at is not None and since is not None and since > asked_at


def _closed(memory: PullMemory, now: datetime, source: str) -> AuditEntry:
    return AuditEntry(
        repository_id=memory.repository_id,
        number=memory.number,
        at=now,
        actor_id=0,
        actor="taxonomy-bot",
        role="bot",
        act="closed as stale",
        arguments="",
        sha=memory.head_sha,
        result="done",
        source=f"{source}:{memory.number}"[:64],
    )
