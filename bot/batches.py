"""Batches: one command for many pull requests, shown first, and carried out once its writer has confirmed it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from bot.actions import Reply
from bot.apply import Writer
from bot.clock import Clock
from bot.command_desk import CommandDesk, Handled
from bot.commands.parsing import WrittenCommand
from bot.commands.situation import AskMerge, JudgeAgain, PreviewBatch, Say
from bot.comments.batches import (
    NO_SUCH,
    BatchRow,
    foreseen,
    not_confirmed,
    preview_text,
    refused_by_github,
    results_text,
    standing_text,
    written_elsewhere,
)
from bot.comments.markers import MarkerSigner
from bot.events import Origin, Written
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError, RefusedError
from bot.github.pulls import Pull, PullReader
from bot.locks import PullLocks
from bot.orders import Order
from bot.plan import Again
from bot.silence import Silence
from bot.store.batches import Batch, BatchStore
from bot.store.pull_requests import PullMemory, PullRequestStore
from bot.triage import Triage
from checks.contribution import Sha
from checks.findings import Check

log = structlog.get_logger()

_LETTERS = "bcdfghjkmnpqrstvwxz23456789"  # none that is taken for another, and no words
_CODE_LENGTH = 6


@dataclass(frozen=True, slots=True)
class Changed:
    """A pull request whose report has to be brought up to date, with what was asked for beside that."""

    number: int
    again: Again | None = None
    asks_merge: bool = False


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What came of a confirmation: the answer, what has changed, and the code of the batch that is over with it."""

    text: str
    changed: tuple[Changed, ...] = ()
    code: str = ""


class Batches:
    """Shows batches and carries them out. Its caller holds no lock of a pull request."""

    def __init__(
        self,
        app: GitHubApp,
        commands: CommandDesk,
        triage: Triage,
        memories: PullRequestStore,
        store: BatchStore,
        signer: MarkerSigner,
        locks: PullLocks,
        clock: Clock,
        silence: Silence,
    ) -> None:
        self._silence = silence
        self._app = app
        self._commands = commands
        self._triage = triage
        self._memories = memories
        self._store = store
        self._signer = signer
        self._locks = locks
        self._clock = clock

    async def preview(self, written: Written, asked: PreviewBatch) -> str:
        """Return what would happen to each, and how to have it done. Raises TransientError."""
        rows, targets = [], []
        for number in asked.numbers:
            row, sha = await self._foresee(written, asked.command, number)
            rows.append(row)
            if not row.is_refused:
                targets.append((number, sha))
        confirmation = await self._write_down(written, asked.command, targets) if targets else ""
        return preview_text(asked.command, rows, confirmation)

    async def confirm(self, written: Written, confirmation: str) -> Confirmed:
        """Carry a batch out, each pull request under its own lock, and go on after refusals.

        Tried again, it goes on where it stopped and says all that came of it. Raises TransientError.
        """
        batch = await self._store.get(written.origin.repository_id, confirmation)
        refusal = not_confirmed(batch, written.author.id, written.number, written.written_at)
        if batch is None or refusal:
            return Confirmed(refusal)
        rows, changed = [], []
        for number, sha in batch.targets:
            try:
                async with self._locks.of(written.origin, number):
                    if await self._silence.wake(written.origin.repository_id, number, "a batch"):
                        await self._triage.run(written.origin, number)
                    handled = await self._carry_out(written, batch, number, sha)
            except NotFoundError:
                rows.append(BatchRow(number, "", NO_SUCH, is_refused=True))
                continue
            except RefusedError as error:
                rows.append(BatchRow(number, "", refused_by_github(error.status), is_refused=True))
                continue
            rows.append(BatchRow(number, "", handled.refusal or "done", is_refused=bool(handled.refusal)))
            if not handled.refusal:
                changed.append(_changed(number, handled))
        log.info("batch.carried_out", number=written.number, targets=len(rows), done=len(changed))
        return Confirmed(results_text(batch.command, rows), tuple(changed), confirmation)

    async def finish(self, written: Written, codes: Iterable[str]) -> None:
        """Remember that batches are carried out and answered: from now on, confirming does nothing."""
        for confirmation in codes:
            await self._store.finish(written.origin.repository_id, confirmation, self._clock.now())

    async def _foresee(self, written: Written, command: str, number: int) -> tuple[BatchRow, Sha]:
        """Return what would happen to one pull request, and the commit that this was seen at."""
        origin = written.origin
        client = self._app.installation(origin.installation_id)
        try:
            pull = await PullReader(client, origin.full_name).pull(number)
        except NotFoundError:
            return BatchRow(number, "", NO_SUCH, is_refused=True), Sha("")
        memory = await self._memory(origin, pull)
        handled = await self._commands.obey(self._order(written, command, number, pull.head_sha), dry_run=True)
        standing = standing_text(pull, memory.status)
        outcome = handled.refusal or foreseen(handled.effects, memory.status)
        return BatchRow(number, standing, outcome, is_refused=bool(handled.refusal)), pull.head_sha

    async def _memory(self, origin: Origin, pull: Pull) -> PullMemory:
        """Return what we remember of a pull request; one that is older than the bot is looked at first."""
        memory = await self._memories.get(origin.repository_id, pull.number)
        if memory is None and pull.is_open and await self._silence.speaks(origin.repository_id, pull.number):
            async with self._locks.of(origin, pull.number):
                await self._triage.run(origin, pull.number)
            memory = await self._memories.get(origin.repository_id, pull.number)
        return memory or PullMemory(origin.repository_id, pull.number)

    async def _write_down(self, written: Written, command: str, targets: list[tuple[int, Sha]]) -> str:
        """Keep a batch under a fresh code: every preview has its own, so that it is bound to what it shows."""
        while True:
            confirmation = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
            batch = Batch(
                repository_id=written.origin.repository_id,
                code=confirmation,
                number=written.number,
                actor_id=written.author.id,
                command=command,
                targets=tuple(targets),
                at=self._clock.now(),
            )
            if await self._store.add(batch):
                return confirmation

    async def _carry_out(self, written: Written, batch: Batch, number: int, sha: Sha) -> Handled:
        """Carry out the command on one pull request, with the words for its author."""
        source = f"batch:{batch.code}:{number}"
        handled = await self._commands.obey(self._order(written, batch.command, number, sha, source))
        said = [effect.text for effect in handled.effects if isinstance(effect, Say)]
        if said and not handled.refusal:
            client = self._app.installation(written.origin.installation_id)
            pull = await PullReader(client, written.origin.full_name).pull(number)
            origin = written_elsewhere(written.author.login, batch.number)
            marker = self._signer.reply_marker(source, batch.repository_id, number)
            await Writer(client, pull, self._clock).apply([Reply("\n\n".join((*said, origin)), marker)])
        return handled

    def _order(self, written: Written, command: str, number: int, seen: Sha, source: str = "") -> Order:
        name, _, arguments = command.partition(" ")
        as_written = WrittenCommand(name, arguments, 0)
        return Order(written.origin, number, written.author, as_written, source, self._clock.now(), seen)


def _changed(number: int, handled: Handled) -> Changed:
    """Return what follows from an order that was carried out."""
    judges = any(isinstance(effect, JudgeAgain) for effect in handled.effects)
    again = Again(frozenset(Check), handled.order.source) if judges else None
    return Changed(number, again, any(isinstance(effect, AskMerge) for effect in handled.effects))
