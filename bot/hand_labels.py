"""Labels set by hand: an order like a command where the setter may; else put right, and the reason said once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import structlog

from bot.actions import RemoveLabel, Reply
from bot.appearance import appearance
from bot.apply import Writer
from bot.clock import Clock
from bot.command_desk import CommandDesk
from bot.commands.registry import commands_of_labels
from bot.commands.situation import Say
from bot.comments.markers import MarkerSigner
from bot.comments.notices import label_put_right
from bot.events import Labelled, Origin
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError
from bot.github.listings import BY_HISTORY, Listings
from bot.github.pulls import Pull, PullReader
from bot.labels import KIND_LABELS, RESTRAINTS, STATE_LABELS, WORKFLOW_LABELS, Label
from bot.orders import act_of_label, same_matter
from bot.plan import digest_of
from bot.store.desk_log import BEGUN, AuditEntry, DeskLog
from bot.store.pull_requests import PullMemory, PullRequestStore

log = structlog.get_logger()

_MAY_CHANGE_ONES_MIND = timedelta(minutes=10)  # so long after a label we look whether it was taken back unheard
_PUT_RIGHT = "put right"
_ENDS = frozenset({"done", _PUT_RIGHT})


class HandLabels:
    """Takes labels that were set by hand."""

    def __init__(
        self,
        app: GitHubApp,
        commands: CommandDesk,
        memories: PullRequestStore,
        desk_log: DeskLog,
        signer: MarkerSigner,
        clock: Clock,
    ) -> None:
        self._app = app
        self._commands = commands
        self._memories = memories
        self._log = desk_log
        self._signer = signer
        self._clock = clock

    async def take(self, event: Labelled) -> bool | None:
        """Act on one label. Return whether it counted, None when there is nothing to do about it.

        The label may be gone again: our triage may have taken it off because it did not know of this event yet.
        So what counts is who set it, not whether it is still there.
        """
        repository_id = event.origin.repository_id
        memory = await self._memories.get(repository_id, event.number)
        if memory is None or event.label in KIND_LABELS:
            return None  # the first look takes the labels over
        earlier = await self._log.result_of(repository_id, event.source)
        if _says(memory, event) and earlier not in ("done", BEGUN):  # else an earlier try got this far
            return None
        if not earlier and await self._was_heard_before(event):
            return None
        if event.actor.is_bot and event.actor.login == await self._app.own_login():
            return None  # told late: what we have done since is what counts
        if await self._is_overtaken(event):
            return None
        handled = await self._commands.handle_label(event)
        if handled is not None and not handled.refusal:
            said = (effect.text for effect in handled.effects if isinstance(effect, Say))
            await self._say(event, said, event.source)
            return True
        pull = await self._pull(event)
        if pull is None or not pull.is_open or _is_exchanged(event, pull):
            return None
        reason = handled.refusal if handled else ""
        text = label_put_right(event.label, event.actor.login, reason, was_set=event.on)
        if event.on and event.label in RESTRAINTS & pull.labels:  # triage never takes these off
            client = self._app.installation(event.origin.installation_id)
            await Writer(client, pull, self._clock).apply([RemoveLabel(event.label)])
        await self._say(event, [text], f"label:{digest_of(text)}", pull)  # once, however often the label comes back
        await self._write_down(event, pull.head_sha)  # last: what was not done to its end is begun anew
        return False

    async def hear(self, origin: Origin, memory: PullMemory, pull: Pull) -> bool:
        """Act on labels that people have set or taken off without our being told. Return whether there were any.

        Else we would put back what somebody has just taken off, and nobody would ever know. GitHub is asked only
        where the labels are not as we have left them, or somebody has changed one that differs a moment ago.
        """
        if not (memory.is_known and memory.is_open):
            return False  # the first look takes the labels over
        differing = (pull.labels & WORKFLOW_LABELS) ^ memory.status.labels
        if not differing:
            return False
        done = await self._log.of_pull(origin.repository_id, pull.number)
        left = appearance(pull.head_sha, pull.base_ref, pull.labels, is_draft=pull.is_draft)
        since = self._clock.now() - _MAY_CHANGE_ONES_MIND
        of_these = {act_of_label(name, on=on) for name in differing for on in (True, False)}
        if memory.swept.startswith(left) and not any(e.act in of_these and e.at >= since for e in done):
            return False
        listings = Listings(self._app.installation(origin.installation_id), pull.repository, self._app.app_id)
        last = await listings.label_events(pull.number)
        unheard = [
            Labelled(origin, pull.number, event.actor, Label(name), event.on, event.at, pull.head_sha, event.guid)
            for name in differing
            if (event := last.get(name)) is not None and event.on is (name in pull.labels) and not event.is_ours
        ]
        unheard.sort(key=lambda event: (event.at, int(event.guid.removeprefix(BY_HISTORY))))
        heard = [await self.take(event) for event in unheard if not is_settled(event, done)]
        return any(counts is not None for counts in heard)

    async def _was_heard_before(self, event: Labelled) -> bool:
        """True when the history of the pull request has told of it, so that its webhook tells nothing new."""
        if event.guid.startswith(BY_HISTORY):
            return False
        told = act_of_label(event.label, on=event.on)
        by_history = f"{told.removeprefix('label ')}:{BY_HISTORY}"
        done = await self._log.of_pull(event.origin.repository_id, event.number)
        return any(
            entry.at >= event.at and entry.act == told and entry.result in _ENDS and by_history in entry.source
            for entry in done
        )

    async def _is_overtaken(self, event: Labelled) -> bool:
        """True when somebody has since done the opposite: its own event comes, or came before this one."""
        pull = await self._pull(event)
        if pull is None or (event.label in pull.labels) is event.on:
            return False
        listings = Listings(self._app.installation(event.origin.installation_id), pull.repository, self._app.app_id)
        last = (await listings.label_events(event.number)).get(event.label)
        return last is not None and not last.is_ours and last.on is not event.on and last.at >= event.at

    async def _pull(self, event: Labelled) -> Pull | None:
        client = self._app.installation(event.origin.installation_id)
        try:
            return await PullReader(client, event.origin.full_name).pull(event.number)
        except NotFoundError:
            return None

    async def _say(self, event: Labelled, texts: Iterable[str], place: str, pull: Pull | None = None) -> None:
        """Reply; at the same `place` something is said once."""
        client = self._app.installation(event.origin.installation_id)
        for text in texts:
            pull = pull or await PullReader(client, event.origin.full_name).pull(event.number)
            marker = self._signer.reply_marker(place, event.origin.repository_id, event.number)
            await Writer(client, pull, self._clock).apply([Reply(text, marker)])

    async def _write_down(self, event: Labelled, sha: str) -> None:
        await self._log.add(
            AuditEntry(
                repository_id=event.origin.repository_id,
                number=event.number,
                at=self._clock.now(),
                actor_id=event.actor.id,
                actor=event.actor.login,
                role="bot" if event.actor.is_bot else "not enough",
                act=act_of_label(event.label, on=event.on),
                arguments="",
                sha=sha,
                result=_PUT_RIGHT,
                source=event.source.replace("label", "right", 1),
            )
        )
        log.info("label.put_right", number=event.number, label=event.label, on=event.on, actor=event.actor.id)


def is_settled(event: Labelled, done: Iterable[AuditEntry]) -> bool:
    """True when a label says nothing new: we have acted on it, or on a comment about the same matter, since.

    What was refused, or only begun, settles nothing.
    """
    known = commands_of_labels().get((event.label, event.on))
    comments = {f"/{name}" for name in same_matter(known.name)} if known else set()
    acts = {act_of_label(event.label, on=event.on), *comments}
    return any(entry.at >= event.at and entry.act in acts and entry.result in _ENDS for entry in done)


def _is_exchanged(event: Labelled, pull: Pull) -> bool:
    """True when a state was taken off and another put in its place: the event of that one says what comes of it."""
    return not event.on and event.label in STATE_LABELS and bool(STATE_LABELS & pull.labels - {event.label})


def _says(memory: PullMemory, event: Labelled) -> bool:
    """True when what we remember already agrees with the label."""
    return (event.label in memory.status.labels) is event.on
