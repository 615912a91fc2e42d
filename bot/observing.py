"""Observing: pull requests are judged as always, and what would be said is kept for the pages, not said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from bot.appearance import appearance
from bot.apply import OpenWriter
from bot.clock import Clock
from bot.commands.parsing import commands_in
from bot.commands.registry import all_commands
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
    Written,
)
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError
from bot.github.pulls import PullReader
from bot.notebook import Notebook
from bot.records import Records
from bot.silence import Silence
from bot.store.adoption import ObservedPull, Standing
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.history import History, StateChange
from bot.store.pull_requests import PullMemory, PullRequestStore
from bot.triage import Triage, Triaged
from bot.would_say import would_say

log = structlog.get_logger()

ONLY_OBSERVED = (
    "The bot only observes this repository: it judges, and does nothing else. An operator lets it loose with "
    "`taxonomy-bot adopt`."
)
ASLEEP = "This pull request is older than the bot's work here: the bot speaks on it after its next push or command."
OBSERVED = "observed"  # what comes of a command while nobody answers
_MOST_COMMANDS = 20  # of one text that are written down

TriageWith = Callable[[Records, OpenWriter], Triage]


@dataclass(frozen=True, slots=True)
class Kept:
    """What an event leads to where we are silent: who is looked at, what the one who asked reads on a page.

    One that `wakes` a pull request is acted on as always after that.
    """

    look_at: int = 0
    told: str = ""
    wakes: int = 0
    why: str = ""


class ShadowMemories(PullRequestStore):
    """Keeps what a silent triage would have us remember, instead of storing it."""

    def __init__(self, memory: PullMemory | None) -> None:
        self._memory = memory

    async def get(self, repository_id: int, number: int) -> PullMemory | None:
        """Return what triage begins with: None as long as nothing was ever said."""
        return self._memory

    async def save(self, memory: PullMemory, at: object) -> None:
        """Keep it for `kept`."""
        self._memory = memory

    @property
    def kept(self) -> PullMemory | None:
        """What would be remembered now."""
        return self._memory


class SilentHistory(History):
    """Tells of the past; what is only thought moves nothing, and chooses nobody."""

    async def add(self, changes: list[StateChange]) -> None:
        """Leave them out."""

    async def note_done(self, repository_id: int, chore: str, at: object) -> None:
        """Leave it out."""


class Observer:
    """Looks on where we are silent, and knows what ends that."""

    def __init__(
        self,
        app: GitHubApp,
        silence: Silence,
        records: Records,
        silent_history: SilentHistory,
        triage_with: TriageWith,
        desk_log: DeskLog,
        clock: Clock,
    ) -> None:
        """`triage_with` makes a triage that remembers and writes as it is told to."""
        self._app = app
        self.silence = silence
        self._records = records
        self._silent_history = silent_history
        self._triage_with = triage_with
        self._log = desk_log
        self._clock = clock

    async def keep(self, event: Event) -> Kept | None:
        """Keep an event silent; None for one that is to be acted on as always."""
        if isinstance(event, Ignored | DefaultBranchMoved):  # nothing is merged for it where we are silent
            return None
        origin = event.origin
        standing = await self.silence.store.standing(origin.repository_id)
        if not standing.is_adopted:
            return await self._only_look(event)
        if isinstance(event, MergeGroupAsked | FixRequested):
            return Kept(wakes=event.number, why="its checks were asked for")
        if isinstance(event, ChecksRerequested | JobRerequested | OthersChecked | PullClosed):
            return None  # the desk finds out which pull request they are about
        if await self.silence.speaks(origin.repository_id, event.number):
            return None
        if isinstance(event, Written) and _wakes(event, standing):
            return Kept(wakes=event.number, why="a command")
        return await self._only_look(event)

    async def _only_look(self, event: Event) -> Kept | None:
        match event:
            case PullOpened(number=number, text=text):
                await self._write_down(text)
                return Kept(look_at=number)
            case PullChanged(number=number) | Labelled(number=number):
                return Kept(look_at=number)
            case Written():
                await self._write_down(event)
                standing = await self.silence.store.standing(event.origin.repository_id)
                told = (ASLEEP if standing.is_adopted else ONLY_OBSERVED) if event.is_from_page else ""
                return Kept(told=told)
            case PullClosed():
                return None
            case _:
                return Kept()

    async def is_silent(self, origin: Origin, number: int) -> bool:
        """True where we may not speak. A pull request that was pushed to since its repository was adopted wakes."""
        if await self.silence.speaks(origin.repository_id, number):
            return False
        known = await self.silence.store.get(origin.repository_id, number)
        if known is None or not known.head_sha:
            return True
        if not (await self.silence.store.standing(origin.repository_id)).is_adopted:
            return True
        reader = PullReader(self._app.installation(origin.installation_id), origin.full_name)
        try:
            pull = await reader.pull(number)
        except NotFoundError:
            return True
        if not pull.is_open or pull.head_sha == known.head_sha:
            return True
        return not await self.silence.wake(origin.repository_id, number, "a push")

    async def look(self, origin: Origin, number: int) -> Triaged | None:
        """Judge a pull request and keep what would be said; the caller holds its lock.

        One that never heard from us is remembered as if it had, for the pages, and marked as such: when it wakes,
        that is forgotten. One that did keeps what is remembered of it. Raises the errors of `bot.github.errors`.
        """
        store, repository_id = self.silence.store, origin.repository_id
        known = await store.get(repository_id, number)
        memory = await self._records.memories.get(repository_id, number)
        is_real = memory is not None and memory.is_known and not (known is not None and known.is_shadow)
        shadow, notebook = ShadowMemories(memory if is_real else None), Notebook()
        records = replace(self._records, memories=shadow, history=self._silent_history)
        triaged = await self._triage_with(records, notebook.open).run(origin, number)
        pull = notebook.pull
        if triaged is None or pull is None:
            return None
        looks = appearance(pull.head_sha, pull.base_ref, pull.labels, is_draft=pull.is_draft)
        await store.keep(
            ObservedPull(
                repository_id=repository_id,
                number=number,
                head_sha=pull.head_sha,
                appearance=looks,
                is_shadow=not is_real,
                would_say=would_say(notebook.actions).written(),
                seen_at=self._clock.now(),
            )
        )
        if shadow.kept is not None and not is_real:
            await self._records.memories.save(replace(shadow.kept, swept=looks), self._clock.now())
        log.info("observing.looked", number=number, would_write=len(notebook.actions))
        return triaged

    async def close(self, event: PullClosed) -> bool:
        """Take a pull request from the list of the open ones, silently. Return True when it is open by now."""
        repository_id, number = event.origin.repository_id, event.number
        reader = PullReader(self._app.installation(event.origin.installation_id), event.origin.full_name)
        if (await reader.pull(number)).is_open:
            return True
        await self.silence.store.end(repository_id, number)
        memory = await self._records.memories.get(repository_id, number)
        if memory is not None:
            await self._records.memories.save(replace(memory, is_open=False), self._clock.now())
        return False

    async def _write_down(self, written: Written) -> None:
        """Write down what people command meanwhile; it is not carried out, not even later."""
        if written.author.is_bot:
            return
        for command in commands_in(written.text)[:_MOST_COMMANDS]:
            await self._log.add(
                AuditEntry(
                    repository_id=written.origin.repository_id,
                    number=written.number,
                    at=self._clock.now(),
                    actor_id=written.author.id,
                    actor=written.author.login,
                    role="",
                    act=f"/{command.name}"[:64],
                    arguments=command.arguments[:1000],
                    sha=written.commit,
                    result=OBSERVED,
                    source=f"{written.source}:{command.line}",
                )
            )


def _wakes(written: Written, standing: Standing) -> bool:
    """True for a text with a command in it, written since the repository was adopted."""
    if written.author.is_bot or (standing.chosen_at is not None and written.written_at < standing.chosen_at):
        return False
    if written.is_from_page:
        return True
    return any(command.name in all_commands() for command in commands_in(written.text))
