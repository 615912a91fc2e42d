"""The history of one pull request: what happened, in words, newest first, by the commit it happened at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import RowMapping

from bot.dashboard.pull_words import STATES
from bot.jobs import JobState
from bot.store.approvals import ApprovalKind
from bot.store.board_history import PullRows, Rows
from bot.store.desk_log import BEGUN
from bot.store.pardons import PardonKind
from bot.workflow import State

_APPROVALS = {
    ApprovalKind.TRIAGE.value: "signed off triage",
    ApprovalKind.APPROVE.value: "approved it",
    ApprovalKind.LGTM.value: "approved the other files",
}
_FALLEN = {
    ApprovalKind.TRIAGE.value: "sign-off of triage",
    ApprovalKind.APPROVE.value: "approval",
    ApprovalKind.LGTM.value: "approval of the other files",
}
_ENDS = {
    JobState.SUCCEEDED.value: "is done",
    JobState.FAILED_BY_CONTRIBUTION.value: "could make nothing of the contribution",
    JobState.INFRA_ERROR.value: "broke down: our fault",
    JobState.TIMED_OUT.value: "took too long",
    JobState.CANCELLED.value: "was cancelled",
    JobState.SUPERSEDED.value: "was given up for a newer commit",
}
_TOLD_ELSEWHERE = "approvals fell"  # each of them tells it
_BUILDS = {"running": "is being built with it", "succeeded": "was built with it"}


class Tone(StrEnum):
    """How an entry is marked."""

    PLAIN = ""
    GOOD = "good"
    BAD = "bad"
    WAIT = "wait"
    ACCENT = "accent"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `kind` is a word for it, `words` are somebody's own, if there are any."""

    at: datetime
    kind: str
    text: str
    actor: str = ""  # empty: the bot
    words: str = ""
    tone: Tone = Tone.PLAIN
    number: int = 0  # tells two of the same moment apart


@dataclass(frozen=True, slots=True)
class AtCommit:
    """What happened while a commit was the newest. `sha` is empty for what came before the first one known."""

    sha: str
    since: datetime | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class PullHistory:
    """Some of the history. `older` is the moment to go on from; empty at the beginning of it."""

    commits: tuple[AtCommit, ...]
    older: str = ""


def history_of(rows: PullRows, most: int, limit: int) -> PullHistory:
    """Return the newest entries, `most` or few more: what happened at the same moment stays together.

    `limit` is how many rows of each kind were asked for: what is older than the oldest of a kind that has more
    may be missing, so it is left for the next page.
    """
    entries = sorted(_entries(rows), key=lambda each: (each.at, each.number), reverse=True)
    whole_since = max((kind[-1]["at"] for kind in _kinds(rows) if len(kind) == limit), default=None)
    shown = [each for at, each in enumerate(entries) if at < most or each.at == entries[most - 1].at]
    if whole_since is not None:
        shown = [each for each in shown if each.at > whole_since] or shown
    has_more = len(shown) < len(entries) or whole_since is not None
    older = shown[-1].at.isoformat() if shown and has_more else ""
    return PullHistory(tuple(_by_commit(shown, rows.heads)), older)


def moment_of(text: str) -> datetime | None:
    """Return the moment that an address goes on from; None for none, or for nonsense."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo is not None and at.year > 1 and at.year < 9999 else None


def _kinds(rows: PullRows) -> tuple[Rows, ...]:
    return (
        rows.moves,
        rows.deeds,
        rows.approvals,
        rows.fallen,
        rows.pardons,
        rows.queued,
        rows.finished,
        rows.merges,
        rows.builds,
    )


def _by_commit(entries: list[Entry], heads: Rows) -> Iterator[AtCommit]:
    """Yield the entries by the commit that was the newest when they happened, the newest first."""
    left = entries
    for head in heads:
        here = [each for each in left if each.at >= head["at"]]
        left = left[len(here) :]
        if here:
            yield AtCommit(head["sha"], head["at"], tuple(here))
    if left:
        yield AtCommit("", None, tuple(left))


def _entries(rows: PullRows) -> Iterator[Entry]:
    yield from map(_move, rows.moves)
    yield from (_deed(row) for row in rows.deeds if row["act"] != _TOLD_ELSEWHERE)
    yield from map(_approval, rows.approvals)
    yield from map(_fallen, rows.fallen)
    yield from map(_pardon, rows.pardons)
    yield from map(_finished, rows.finished)  # of the same moment, what comes first here counts as newer
    yield from map(_queued, rows.queued)
    for row in rows.merges:
        yield Entry(row["at"], "merge", f"asked for the merge of {row['sha'][:8]}", row["actor"], tone=Tone.WAIT)
    for row in rows.builds:
        text = f"The build {row['night']}.{row['attempt']} {_BUILDS.get(row['state'], 'took it in')}."
        yield Entry(row["at"], "build", text, number=row["id"], tone=Tone.ACCENT)


def _state(stored: str) -> str:
    """Return a state in words; one of another version as it stands there."""
    return STATES[State(stored)] if stored in set(State) else stored


def _move(row: RowMapping) -> Entry:
    before, after = _state(row["source"]), _state(row["target"])
    is_command = row["trigger"].startswith("/")
    because = f"by {row['trigger']}" if is_command else f"because {row['trigger']}"
    text = (
        f"“{before}” became “{after}”, {because}." if before != after else f"It stays “{after}”: {row['trigger']}."
    )
    return Entry(row["at"], "state", text, row["actor"], tone=Tone.ACCENT, number=row["id"])


def _deed(row: RowMapping) -> Entry:
    refused, begun = row["result"] == "refused", row["result"] == BEGUN
    ending = ": refused" if refused else ": not finished yet" if begun else ""
    role = f" ({row['role']})" if row["role"] else ""
    tone = Tone.BAD if refused else Tone.PLAIN
    text = f"{row['act']}{ending}{role}"
    return Entry(
        row["at"],
        "command" if row["act"].startswith("/") else "act",
        text,
        row["actor"],
        row["arguments"],
        tone,
        row["id"],
    )


def _approval(row: RowMapping) -> Entry:
    text = f"{_APPROVALS.get(row['kind'], row['kind'])}, as of {row['sha'][:8]}"
    return Entry(row["at"], "approval", text, row["actor"], tone=Tone.GOOD, number=row["id"])


def _fallen(row: RowMapping) -> Entry:
    text = f"The {_FALLEN.get(row['kind'], row['kind'])} of {row['actor']} no longer counts."
    return Entry(row["at"], "approval", text, words=row["fell_because"], tone=Tone.BAD, number=row["id"])


def _pardon(row: RowMapping) -> Entry:
    what = "called a finding wrong" if row["kind"] == PardonKind.WRONG.value else "set a finding aside"
    return Entry(row["at"], "finding", f"{what}: {row['rule']}", row["actor"], row["reason"], number=row["id"])


def _queued(row: RowMapping) -> Entry:
    text = f"asked for a job: {row['kind']} #{row['id']}, for {row['head_sha'][:8]}"
    return Entry(row["at"], "job", text, row["asked_by"], tone=Tone.WAIT, number=row["id"])


def _finished(row: RowMapping) -> Entry:
    text = f"The job {row['kind']} #{row['id']} {_ENDS.get(row['state'], row['state'])}."
    tone = Tone.GOOD if row["state"] == JobState.SUCCEEDED.value else Tone.BAD
    return Entry(row["at"], "job", text, words=row["message"], tone=tone, number=row["id"])
