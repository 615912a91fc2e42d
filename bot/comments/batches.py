"""Batches in words: what would happen to each pull request, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.commands.situation import (
    Approve,
    AskMerge,
    Assign,
    Effect,
    EndJobs,
    Fire,
    JudgeAgain,
    QueueJob,
    Remind,
    Retitle,
    RetryJob,
    Say,
    SetAside,
    SetLabel,
    SetOpen,
    Withdraw,
)
from bot.comments.escape import code
from bot.github.pulls import Pull
from bot.roles import Role
from bot.store.batches import Batch
from bot.workflow import Status, step

VALID = timedelta(hours=1)  # for so long a preview can be confirmed
_BARE_PIPE = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One pull request of a batch: how it stands, and what would happen or has happened, in Markdown."""

    number: int
    standing: str
    outcome: str
    is_refused: bool = False


def preview_text(command: str, rows: Sequence[BatchRow], confirmation: str) -> str:
    """Return the preview. `confirmation` is the code, empty where every pull request refuses."""
    able = sum(not row.is_refused for row in rows)
    head = f"{code('/' + command)} for {_count(len(rows))}. **Nothing is done yet.**"
    cells = [(f"#{row.number}", row.standing or "-", _outcome(row)) for row in rows]
    table = _table(("Pull request", "How it stands", "What would happen"), cells)
    if not confirmation:
        return f"{head}\n\n{table}\n\nNothing of this can be done, so there is nothing to confirm."
    for_how_many = "" if able == len(rows) else f" for the {_count(able)} that allow it"
    return (
        f"{head}\n\n{table}\n\nTo have it done{for_how_many}, at the commits shown, confirm within an hour with "
        f"`/batch confirm {confirmation}`. Only you can."
    )


NO_SUCH = "There is no such pull request."


def refused_by_github(status: int) -> str:
    """Return what is said of a pull request on which GitHub refuses the command."""
    return f"GitHub refuses this ({status})."


def written_elsewhere(login: str, number: int) -> str:
    """Return the line below words that were written once for several pull requests."""
    return f"<sub>Written by {code(login)} on #{number}, for several at once.</sub>"


def not_confirmed(batch: Batch | None, actor_id: int, number: int, at: datetime) -> str:
    """Return why the confirmation of a batch, by somebody somewhere, does not count; empty when it does."""
    if batch is None:
        return "I have shown no batch with this code. `/batch COMMAND #1 #2 ...` shows one."
    if batch.actor_id != actor_id:
        return "This batch was shown to somebody else. Write the command yourself: you get a code of your own."
    if batch.number != number:
        return f"This batch was shown on #{batch.number}: confirm it there."
    if batch.done_at is not None:
        return "This batch has been carried out already; nothing is done twice."
    if at > batch.at + VALID:
        return "This batch was shown more than an hour ago. Write the command again, and look at it anew."
    return ""


def results_text(command: str, rows: Sequence[BatchRow]) -> str:
    """Return what came of a batch."""
    done = sum(not row.is_refused for row in rows)
    head = f"{code('/' + command)}: done for {done} of {_count(len(rows))}."
    cells = [(f"#{row.number}", _outcome(row)) for row in rows]
    return f"{head}\n\n{_table(('Pull request', 'What came of it'), cells)}"


def standing_text(pull: Pull, status: Status) -> str:
    """Return how a pull request stands, in a few words and with its commit."""
    if not pull.is_open:
        return "merged" if pull.is_merged else "closed"
    labels = ", ".join(code(label) for label in sorted(status.labels)) or "no label of the review"
    return f"{'draft, ' if pull.is_draft else ''}{labels} at {code(pull.head_sha[:7])}"


def foreseen(effects: Iterable[Effect], status: Status) -> str:
    """Return what effects would do to a pull request that stands so."""
    return "; ".join(part for effect in effects for part in _parts(effect, status)) or "nothing changes"


def _parts(effect: Effect, status: Status) -> Iterator[str]:
    match effect:
        case Fire(trigger):
            after = step(status, trigger, Role.MAINTAINER).after(status)
            yield from (f"+{code(label)}" for label in sorted(after.labels - status.labels))
            yield from (f"-{code(label)}" for label in sorted(status.labels - after.labels))
        case Approve():
            yield "your approval counts"
        case Withdraw():
            yield "your approval is taken back"
        case SetAside(rule=rule):
            yield f"the finding {code(rule)} is set aside"
        case QueueJob(kind):
            yield f"{code(kind)} is queued"
        case EndJobs():
            yield "its jobs are ended"
        case RetryJob(job_id):
            yield f"job {job_id} is queued anew"
        case AskMerge():
            yield "it is queued for its merge"
        case SetLabel(name, on=on):
            yield f"{'+' if on else '-'}{code(name)}"
        case Say():
            yield "its author reads your words"
        case JudgeAgain():
            yield "the checks run again"
        case Remind(days=days):
            yield f"a reminder in {days} day{'' if days == 1 else 's'}"
        case Assign(login, on=on):
            yield f"{code(login)} is {'' if on else 'no longer '}assigned"
        case Retitle():
            yield "the new title"
        case SetOpen(is_open=is_open):
            yield "it is opened again" if is_open else "it is closed"
        case _:
            pass


def _outcome(row: BatchRow) -> str:
    return f"✋ {row.outcome}" if row.is_refused else row.outcome


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Return Markdown that stays in its cell of a table."""
    return _BARE_PIPE.sub(r"\\|", " ".join(text.split()))


def _count(number: int) -> str:
    return f"{number} pull request{'' if number == 1 else 's'}"
