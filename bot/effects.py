"""Carrying out what commands decide: our own records first, then what only GitHub can show."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.actions import Action, AddLabels, ChangeAssignee, ChangePull, RemoveLabel
from bot.clock import Clock
from bot.commands.situation import (
    Approve,
    AskMerge,
    Assign,
    Effect,
    EndJobs,
    Fire,
    QueueJob,
    Remind,
    Retitle,
    RetryJob,
    SetAside,
    SetLabel,
    SetOpen,
    Situation,
    Withdraw,
)
from bot.github.pulls import Pull
from bot.jobs import JobRequest, JobState, JobsUnavailableError
from bot.labels import Label
from bot.orders import Order
from bot.records import Records
from bot.roles import Role
from bot.source_hold import taken_over
from bot.store.approvals import Approval
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.history import StateChange
from bot.store.merge_requests import MergeRequest
from bot.store.pardons import Pardon
from bot.store.pull_requests import PullMemory
from bot.store.reminders import Reminder
from bot.workflow import Act, Transition, Trigger, step


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """The memory afterwards, and what remains to be written on GitHub."""

    memory: PullMemory
    actions: tuple[Action, ...] = field(default=())


class EffectDesk:
    """Carries out effects in our records. Doing the same twice changes nothing more."""

    def __init__(self, records: Records, desk_log: DeskLog, clock: Clock) -> None:
        self._records = records
        self._log = desk_log
        self._clock = clock

    async def carry_out(
        self,
        effects: Iterable[Effect],
        order: Order,
        least_role: Role,
        situation: Situation,
        memory: PullMemory,
        pull: Pull,
    ) -> CarriedOut:
        """Carry out what one order decided. Raises JobsUnavailableError, before anything else is done."""
        records, now, key = self._records, self._clock.now(), (memory.repository_id, memory.number)
        who, source = (order.actor.id, order.actor.login), order.source
        effects = sorted(effects, key=lambda effect: not isinstance(effect, QueueJob | RetryJob))
        kinds = [effect.kind for effect in effects if isinstance(effect, QueueJob)]
        content = memory.content_digest
        await self._queue([JobRequest(*key, kind, pull.head_sha, *who, source, content) for kind in kinds], now)
        for effect in effects:
            match effect:
                case RetryJob(job_id):
                    await records.jobs.retry(*key, job_id, now)
                case EndJobs(state, job_id):
                    await records.jobs.end(*key, state, job_id)
                case Fire(trigger):
                    role = max(situation.role, least_role)  # the command let its author through
                    memory = await self.fire(memory, trigger, role, order.actor.login)
                case Approve(kind):
                    approval = Approval(*key, kind, *who, pull.head_sha, content, now, source)
                    await records.approvals.add(approval)
                case Withdraw(kind):
                    because = f"taken back by {order.actor.login}"
                    await records.approvals.let_fall(*key, because, now, actor_id=order.actor.id, kind=kind)
                case SetAside(pardon_kind, rule, reason):
                    pardon = Pardon(*key, pardon_kind, rule, content, *who, reason, now, source)
                    await records.pardons.add(pardon)
                case AskMerge():
                    await records.merges.add(MergeRequest(*key, *who, pull.head_sha, now))
                case SetOpen(is_open=False):
                    memory = replace(memory, closed_by_id=order.actor.id)
                case Remind(days, text):
                    await records.reminders.add(Reminder.after(days, *key, who[1], text, now, source))
                case _:
                    pass  # written on GitHub, said in the reply, or left to the caller
        await records.memories.save(memory, now)
        return CarriedOut(memory, tuple(_actions(effects, pull)))

    async def _queue(self, requests: Sequence[JobRequest], now: datetime) -> None:
        """Queue all jobs that one order asks for, or none. Raises JobsUnavailableError."""
        jobs, queued = self._records.jobs, []
        try:
            for request in requests:
                queued.append(await jobs.submit(request, now))  # noqa: PERF401 - those before a refusal count
        except JobsUnavailableError:
            for job, request in zip(queued, requests, strict=False):
                if job.request.source == request.source:  # else somebody else wanted it, too
                    await jobs.end(request.repository_id, request.number, JobState.CANCELLED, job.id)
            raise

    async def fire(self, memory: PullMemory, trigger: Trigger, role: Role | None, actor: str = "") -> PullMemory:
        """Move a pull request through the workflow, with all that this brings about; the memory is not saved."""
        now = self._clock.now()
        row = step(memory.status, trigger, role)
        after = taken_over(memory.with_status(row.after(memory.status), now), trigger)
        await self.act(memory, row)
        await self._records.history.add(changes(memory, after, row, actor, now))
        return after

    async def act(self, memory: PullMemory, row: Transition) -> None:
        """Do what a transition brings about besides another status."""
        records, key = self._records, (memory.repository_id, memory.number)
        for act in row.acts:
            match act:
                case Act.VOID_APPROVALS:
                    if await self._write_down_fall(memory, row):
                        await records.approvals.let_fall(*key, str(row.trigger), self._clock.now())
                    await records.merges.drop(*key)
                case Act.SUPERSEDE_JOBS:
                    await records.jobs.end(*key, JobState.SUPERSEDED)
                case Act.CANCEL_JOBS:
                    await records.jobs.end(*key, JobState.CANCELLED)

    async def _write_down_fall(self, memory: PullMemory, row: Transition) -> bool:
        """Write down whose approvals are about to fall, if any, and why; done twice, it is written once."""
        falling = await self._records.approvals.standing(memory.repository_id, memory.number)
        if not falling:
            return False
        place = hashlib.sha256("\n".join(f"{a.source} {a.kind}" for a in falling).encode()).hexdigest()[:40]
        await self._log.add(
            AuditEntry(
                repository_id=memory.repository_id,
                number=memory.number,
                at=self._clock.now(),
                actor_id=0,
                actor="taxonomy-bot",
                role="bot",
                act="approvals fell",
                arguments=f"of {', '.join(sorted({a.actor for a in falling}))}: {row.trigger}",
                sha=falling[-1].sha,
                result="done",
                source=f"fell:{memory.number}:{place}",
            )
        )
        return True


def changes(before: PullMemory, after: PullMemory, row: Transition, actor: str, now: datetime) -> list[StateChange]:
    """Return the move that is to be written down; flags alone are none."""
    if before.state == after.state:
        return []
    return [
        StateChange(before.repository_id, before.number, now, before.state, after.state, row.trigger.value, actor)
    ]


def _actions(effects: Iterable[Effect], pull: Pull) -> Iterator[Action]:
    """Turn what a command brings about into writes, leaving out what is so already."""
    for effect in effects:
        match effect:
            case Fire(Trigger.UNHOLD) if Label.HOLD in pull.labels:
                yield RemoveLabel(Label.HOLD)
            case Fire(Trigger.LEGAL_CLEAR) if Label.LEGAL_HOLD in pull.labels:
                yield RemoveLabel(Label.LEGAL_HOLD)
            case SetLabel(name, on=True) if name not in pull.labels:
                yield AddLabels((name,))
            case SetLabel(name, on=False) if name in pull.labels:
                yield RemoveLabel(name)
            case Assign(login, on=on):
                yield ChangeAssignee(login, on)
            case Retitle(title):
                yield ChangePull(title=title)
            case SetOpen(is_open=is_open):
                yield ChangePull(state="open" if is_open else "closed")
            case _:
                pass
