"""Labels set by hand: an order like a command where the setter may; else put right, and the reason said once."""

from __future__ import annotations

import structlog

from bot.actions import Reply
from bot.apply import Writer
from bot.clock import Clock
from bot.command_desk import CommandDesk
from bot.comments.escape import code
from bot.comments.markers import MarkerSigner
from bot.events import Labelled
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError
from bot.github.pulls import PullReader
from bot.labels import COMMAND_OF_LABEL, KIND_LABELS, STATE_LABELS
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.pull_requests import PullRequestStore

log = structlog.get_logger()


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

        Labels that we set ourselves come here too; they always say what we remember.
        """
        memory = await self._memories.get(event.origin.repository_id, event.number)
        if memory is None or event.label in KIND_LABELS:
            return None  # the first look takes the labels over
        if (event.label in memory.status.labels) is event.on:
            return None
        after = await self._commands.handle_label(event)
        if after is not None:
            return True
        client = self._app.installation(event.origin.installation_id)
        try:
            pull = await PullReader(client, event.origin.full_name).pull(event.number)
        except NotFoundError:
            return None
        if not pull.is_open or (event.label in pull.labels) is not event.on:
            return None  # it is right again already
        if not event.on and event.label in STATE_LABELS and pull.labels & STATE_LABELS:
            return None  # another took its place: the event of that one says what comes of it
        reason = await self._commands.refusal_of_label(event)
        await self._write_down(event, pull.head_sha)
        marker = self._signer.reply_marker(f"label:{event.label}", event.origin.repository_id, event.number)
        await Writer(client, pull, self._clock).apply([Reply(_explained(event, reason), marker)])
        return False

    async def _write_down(self, event: Labelled, sha: str) -> None:
        sign = "+" if event.on else "-"
        await self._log.add(
            AuditEntry(
                repository_id=event.origin.repository_id,
                number=event.number,
                at=self._clock.now(),
                actor_id=event.actor.id,
                actor=event.actor.login,
                role="unknown" if event.actor.is_bot else "not enough",
                act=f"label {sign}{event.label}",
                arguments="",
                sha=sha,
                result="put right",
                source=f"put-right:{sign}{event.label}:{int(event.at.timestamp())}"[:64],
            )
        )
        log.info("label.put_right", number=event.number, label=event.label, on=event.on, actor=event.actor.id)


def _explained(event: Labelled, reason: str) -> str:
    done = "set" if event.on else "taken off"
    why = f" {reason}" if reason else ""
    return (
        f"The label {code(event.label)} was {done} by hand, by {code(event.actor.login)}; "
        f"I have put that right.{why} To get there: {COMMAND_OF_LABEL[event.label]}"
    )
