"""Reconciling one repository: what GitHub lists against what we remember; lost webhooks only delay."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.caretaker import Caretaker
from bot.clock import Clock
from bot.commands.parsing import commands_in
from bot.commands.registry import all_commands
from bot.desk import Desk
from bot.events import Account, Origin, PullClosed, PullOpened, Written
from bot.github.client import GitHubApp
from bot.github.errors import GitHubError, NotFoundError, NotInstalledError, RefusedError, TransientError
from bot.github.listings import ListedComment, ListedPull, Listings, Place, place_of
from bot.github.pulls import PullReader
from bot.labels import Label
from bot.linked_documents import LinkedDocuments
from bot.policies import Policies
from bot.records import Records
from bot.silence import Hush, Silence
from bot.store.desk_log import DeskLog
from bot.store.pull_requests import PullMemory
from bot.store.reminders import Reminder
from bot.store.repositories import KnownRepository
from checks.contribution import Login
from checks.findings import Outcome
from checks.policy import Policy

log = structlog.get_logger()

GRACE = timedelta(minutes=2)  # what is younger may still be on its way to us
_TRY_AGAIN = timedelta(hours=1)  # what could not be checked in full
_MOST_TRIED = 5000  # beyond that, what was tried long ago is forgotten
SWEPT = "sweep"  # the chore of looking at all open pull requests
_COMMENTS = "comments"  # the chore of reading them: done up to a moment
_MOST_IN_VAIN = 3  # pull requests in a row for which GitHub could not be reached
_NOBODY = Account(Login(""), 0)


@dataclass
class Found:
    """What a sweep of one repository came to."""

    listed: int = 0
    refreshed: int = 0
    closed: int = 0
    heard: int = 0
    failed: int = 0
    in_vain: int = 0  # in a row


class Reconciler:
    """Sweeps repositories, one at a time. Sweeping twice does nothing twice."""

    def __init__(
        self,
        app: GitHubApp,
        desk: Desk,
        policies: Policies,
        records: Records,
        desk_log: DeskLog,
        caretaker: Caretaker,
        clock: Clock,
        silence: Silence,
        documents: LinkedDocuments | None = None,
    ) -> None:
        self._app = app
        self._desk = desk
        self._policies = policies
        self._records = records
        self._log = desk_log
        self._caretaker = caretaker
        self._clock = clock
        self._silence = silence
        self._documents = documents
        self._tried: dict[tuple[int, int], datetime] = {}

    async def sweep(self, known: KnownRepository) -> Found:
        """Bring everything of one repository up to date. Raises TransientError when GitHub cannot be reached."""
        found = Found()
        installation_id, place = await self._find(known.origin)
        client = self._app.installation(installation_id)
        origin = replace(known.origin, full_name=place.full_name, installation_id=installation_id)
        known = replace(known, origin=origin)
        await self._records.repositories.note(origin)
        policy = await self._policy(origin, place)
        listings = Listings(client, origin.full_name, self._app.app_id)
        await self._hear(listings, known, origin, found)
        listed = {pull.number: pull async for pull in listings.open_pulls()}
        found.listed = len(listed)
        memories = {m.number: m for m in await self._records.memories.open_ones(origin.repository_id)}
        hush = await self._silence.in_repository(origin.repository_id)
        for pull in listed.values():
            if hush.is_on(pull.number):
                await self._try(origin, self._look_on(origin, pull, hush, found), found)
                continue
            await self._try(
                origin, self._look(origin, known, pull, memories.get(pull.number), policy, found), found
            )
        for number in sorted(memories.keys() - listed.keys()):
            await self._try(origin, self._end(origin, number, found), found)
        due: dict[int, list[Reminder]] = {}
        for reminder in await self._records.reminders.due(origin.repository_id, self._clock.now()):
            if not hush.is_on(reminder.number):
                due.setdefault(reminder.number, []).append(reminder)
        for number, reminders in due.items():
            await self._try(origin, self._caretaker.remind(origin, number, reminders, policy), found)
        if hush.is_adopted:
            await self._try(origin, self._caretaker.write_digest(origin, policy), found)
        await self._records.history.note_done(origin.repository_id, SWEPT, self._clock.now())
        return found

    async def _find(self, origin: Origin) -> tuple[int, Place]:
        """Return the installation that covers a repository, and what that is called; both may have changed.

        Raises TransientError when GitHub cannot be reached, and NotInstalledError when we are not wanted there.
        """
        try:
            return origin.installation_id, await place_of(
                self._app.installation(origin.installation_id), origin.repository_id
            )
        except GitHubError:
            now = await self._app.installation_of(origin.full_name)
            if now is None:
                raise _not_installed(origin) from None
            if now == origin.installation_id:
                raise
        place = await place_of(self._app.installation(now), origin.repository_id)
        log.info("sweep.installed_anew", repository_id=origin.repository_id, installation=now)
        return now, place

    async def _policy(self, origin: Origin, place: Place) -> Policy:
        reader = PullReader(self._app.installation(origin.installation_id), origin.full_name)
        return await self._policies.of_branch(reader, origin.repository_id, place.default_branch)

    async def _try(self, origin: Origin, work: Awaitable[None], found: Found) -> None:
        """Do a piece of work; what fails is logged, and the next goes on, unless GitHub is out of reach.

        Raises NotInstalledError when it fails because we were removed: a public repository can still be read then.
        """
        try:
            await work
            found.in_vain = 0
        except TransientError:
            found.failed += 1
            found.in_vain += 1
            if found.in_vain >= _MOST_IN_VAIN:
                raise
            log.warning("sweep.put_off", exc_info=True)
        except Exception as error:
            if isinstance(error, RefusedError) and await self._app.installation_of(origin.full_name) is None:
                raise _not_installed(origin) from None
            found.failed += 1
            log.exception("sweep.failed")

    async def _look(
        self,
        origin: Origin,
        known: KnownRepository,
        pull: ListedPull,
        memory: PullMemory | None,
        policy: Policy,
        found: Found,
    ) -> None:
        """Bring one pull request up to date, if it is not."""
        now = self._clock.now()
        if pull.updated_at > now - GRACE:
            return
        if memory is None or not memory.swept.startswith(pull.appearance) or memory.judged_sha != pull.head_sha:
            found.refreshed += 1
            await self._catch_up(origin, known, pull)
        elif await self._desk.gather_jobs(origin, pull.number) or self._is_to_be_tried_again(memory, now):
            found.refreshed += 1
            await self._desk.refresh(origin, pull.number)
        elif self._caretaker.has_work(memory, pull, policy):
            found.refreshed += 1
            if await self._caretaker.break_silence(origin, pull, policy):
                await self._desk.refresh(origin, pull.number)
        elif Label.READY_TO_MERGE in memory.status.flags:
            await self._merge(origin, memory, policy, found)

    async def _look_on(self, origin: Origin, pull: ListedPull, hush: Hush, found: Found) -> None:
        """Judge one that hears nothing, if it is not as it was when we last looked."""
        is_young = pull.updated_at > self._clock.now() - GRACE
        if not is_young and not hush.has_seen(pull.number, pull.head_sha, pull.appearance):
            found.refreshed += 1
            await self._desk.refresh(origin, pull.number)

    def _is_to_be_tried_again(self, memory: PullMemory, now: datetime) -> bool:
        """True, now and then, for what could not be checked in full."""
        if self._documents is not None and self._documents.is_due(memory.repository_id, memory.number):
            return True
        if memory.verdict is not Outcome.UNVERIFIED:
            return False
        key = (memory.repository_id, memory.number)
        if now - self._tried.get(key, now - _TRY_AGAIN) < _TRY_AGAIN:
            return False
        if len(self._tried) >= _MOST_TRIED:
            self._tried = {k: at for k, at in self._tried.items() if now - at < _TRY_AGAIN}
        self._tried[key] = now
        return True

    async def _catch_up(self, origin: Origin, known: KnownRepository, pull: ListedPull) -> None:
        """Do what the webhooks that we never got would have led to."""
        memory = await self._records.memories.get(origin.repository_id, pull.number)
        is_untouched = pull.created_at == pull.updated_at  # so its text is what it was opened with
        if memory is None and is_untouched and pull.created_at >= known.first_seen_at:
            await self._desk.handle(PullOpened(origin, pull.number, _opening(origin, pull)))
            return
        await self._desk.refresh(origin, pull.number)

    async def _end(self, origin: Origin, number: int, found: Found) -> None:
        """Do what a pull request leads to that is no longer open, once GitHub has confirmed that."""
        reader = PullReader(self._app.installation(origin.installation_id), origin.full_name)
        try:
            pull = await reader.pull(number)
        except NotFoundError:  # moved to another repository, or deleted
            memory = await self._records.memories.get(origin.repository_id, number)
            if memory is not None:
                await self._records.memories.save(replace(memory, is_open=False), self._clock.now())
            return
        if not pull.is_open:
            found.closed += 1
            await self._desk.handle(PullClosed(origin, number, pull.is_merged, _NOBODY))

    async def _merge(self, origin: Origin, memory: PullMemory, policy: Policy, found: Found) -> None:
        """Try a merge that nobody has tried yet, or that was refused before GitHub found the way clear."""
        if not memory.merge_refusal:
            if policy.merging.automatic:
                found.refreshed += 1
                await self._desk.refresh(origin, memory.number)
            return
        reader = PullReader(self._app.installation(origin.installation_id), origin.full_name)
        pull = await reader.pull(memory.number)
        looked, _, before = memory.swept.partition(":")
        if pull.mergeable_state == before:
            return
        is_clear = pull.mergeable_state == "clean"
        refusal = "" if is_clear else memory.merge_refusal
        after = replace(memory, swept=f"{looked}:{pull.mergeable_state}"[:64], merge_refusal=refusal)
        await self._records.memories.save(after, self._clock.now())
        if is_clear:
            found.refreshed += 1
            await self._desk.refresh(origin, memory.number)

    async def _hear(self, listings: Listings, known: KnownRepository, origin: Origin, found: Found) -> None:
        """Act on comments that we were never told of, as if we had been."""
        done_up_to = await self._records.history.last_done(origin.repository_id, _COMMENTS) or known.first_seen_at
        heard_up_to = done_up_to
        async for comment in listings.comments_since(done_up_to):
            if comment.updated_at > self._clock.now() - GRACE:
                break
            await self._try(origin, self._listen(origin, comment, found), found)
            if found.in_vain:
                break  # the next sweep begins with this one
            heard_up_to = comment.updated_at
        if heard_up_to != done_up_to:
            await self._records.history.note_done(origin.repository_id, _COMMENTS, heard_up_to)

    async def _listen(self, origin: Origin, comment: ListedComment, found: Found) -> None:
        if comment.author.is_bot or not comment.is_on_pull or comment.created_at != comment.updated_at:
            return  # nobody knows what an edited one said
        memory = await self._records.memories.get(origin.repository_id, comment.number)
        source = f"comment:{comment.id}"
        names = [command.name for command in commands_in(comment.text)]
        is_answered = comment.is_doubted and not any(name in all_commands() for name in names)
        is_new_order = bool(names) and not is_answered and not await self._log.knows(origin.repository_id, source)
        author_id = memory.author_id if memory else 0
        if not is_new_order and comment.author.id != author_id:
            return
        found.heard += is_new_order
        text = comment.text if is_new_order else ""  # else only a sign of life
        written = Written(
            origin,
            comment.number,
            comment.author,
            text,
            comment.created_at,
            source,
            comment.id,
            about_author_id=author_id,
        )
        await self._desk.handle(written)


def _not_installed(origin: Origin) -> NotInstalledError:
    return NotInstalledError(f"the App is not installed on {origin.full_name}")


def _opening(origin: Origin, pull: ListedPull) -> Written:
    """Return the text of a pull request as its opening would have told it."""
    return Written(
        origin=origin,
        number=pull.number,
        author=pull.author,
        text=pull.text,
        written_at=pull.created_at,
        source=f"body:{pull.number}",
        comment_id=None,
        commit=pull.head_sha,
        about_author_id=pull.author.id,
    )
