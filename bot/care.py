"""Care, decided purely: who looks after a pull request, when a person is called, when silence has been too long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from bot.comments.escape import code
from bot.labels import Label
from bot.readiness import Readiness, Who
from bot.store.pull_requests import PullMemory
from bot.store.reminders import Reminder
from bot.workflow import State
from checks.findings import Outcome
from checks.policy import Care, Teams

WAITS_FOR_TRIAGE = frozenset({State.NEEDED, State.FOLLOW_UP})
_WAITS_FOR_AUTHOR = frozenset({State.NOT_READY, State.CHANGES_REQUESTED})
_HELD = frozenset({Label.HOLD, Label.LEGAL_HOLD})
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Load:
    """How many open pull requests we have given to a person, and when the last one."""

    login: str
    open_pulls: int = 0
    last_chosen_at: datetime | None = None


def chosen_reviewer(care: Care, paths: Iterable[str], author: str, today: date, loads: Iterable[Load]) -> str:
    """Return who looks after a change of these paths; empty when nobody is there for it.

    Those of the longest folder are asked first. Among them it is whoever has fewest, then whoever was chosen
    longest ago, then the name.
    """
    by_login = {load.login.casefold(): load for load in loads}
    away = {v.login.casefold() for v in care.vacations if v.first_day <= today <= v.last_day} | {author.casefold()}
    by_length: dict[int, set[str]] = {}
    for length, person in _matching(care, tuple(paths)):
        if person.casefold() not in away:
            by_length.setdefault(length, set()).add(person)
    if not by_length:
        return ""

    def burden(person: str) -> tuple[int, datetime, str]:
        load = by_login.get(person.casefold(), Load(person))
        return load.open_pulls, load.last_chosen_at or _LONG_AGO, person.casefold()

    return min(by_length[max(by_length)], key=burden)


def _matching(care: Care, paths: tuple[str, ...]) -> Iterable[tuple[int, str]]:
    """Yield each person with the length of the folder that a path lies in; 0 for those of everything."""
    for group in care.reviewers:
        folders = [folder.strip("/") for folder in group.paths] or [""]
        for folder in folders:
            if not folder or any(f"{path}/".startswith(f"{folder}/") for path in paths):
                yield from ((len(folder), person) for person in group.people)


def needs_reviewer(memory: PullMemory, assignees: Iterable[str], *, is_draft: bool) -> bool:
    """True when a pull request waits for triage and nobody looks after it."""
    return memory.status.state in WAITS_FOR_TRIAGE and not (is_draft or memory.reviewer or tuple(assignees))


def calls_for_help(before: PullMemory, after: PullMemory, care: Care) -> bool:
    """True when one failing push too many has just been made."""
    return before.failed_pushes < care.failing_pushes <= after.failed_pushes


def help_call(author: str, pushes: int, organisation: str, teams: Teams) -> str:
    """Return the words that call a person to somebody whose checks keep failing."""
    called = mention(Who.TRIAGER, organisation, teams)
    return (
        f"{called}: the checks of {code(author)} have failed {pushes} times in a row. Can one of you help?\n\n"
        f"{code(author)}, that happens to many, and you need not find it out alone. `/question TEXT` asks a "
        "person, `/explain RULE` tells more about a finding, `/fix` puts right what is mechanical."
    )


def mention(who: Who, organisation: str, teams: Teams) -> str:
    """Return how to call those who act next: their teams if there are any, else the role in plain words."""
    slugs = {
        Who.TRIAGER: teams.triagers,
        Who.BOTH: teams.triagers,
        Who.APPROVER: teams.approvers,
        Who.MAINTAINER: teams.maintainers,
    }.get(who, ())
    return " ".join(f"@{organisation}/{slug}" for slug in slugs) or f"{who[0].upper()}{who[1:]}"


def reminder_word(reminders: Sequence[Reminder], found: Readiness, organisation: str, teams: Teams) -> str:
    """Return the reminder that some people asked for: to whoever acts next, with what is missing."""
    who = mention(found.obstacles[0].who, organisation, teams) if found.obstacles else ""
    about = "".join(f"\n\n> {reminder.text}" for reminder in reminders if reminder.text)
    askers = " and ".join(code(reminder.actor) for reminder in reminders)
    asked = f"{askers} {'has' if len(reminders) == 1 else 'have'} asked"
    opening = f"{who}: a reminder" if who else "A reminder"
    return f"{opening}, for which {asked}. {found.why}{about}"


class Silence(StrEnum):
    """What the silence of an author calls for."""

    NOTHING = "nothing"
    GOES_STALE = "it goes stale"
    IS_OVER = "it may wait from now on"
    IS_TO_CLOSE = "it is closed"


def silence(memory: PullMemory, care: Care, now: datetime, *, is_draft: bool) -> Silence:
    """Return what is to be done about a silent author.

    Only what waits for its author goes stale: never a draft, what is held up, or what we could not check.
    """
    if memory.status.state not in _WAITS_FOR_AUTHOR:
        return Silence.NOTHING  # whatever led there has ended the silence
    is_stale = Label.STALE in memory.status.flags
    if not _may_go_stale(memory) or is_draft:
        return Silence.IS_OVER if is_stale else Silence.NOTHING
    if is_stale:
        since = memory.stale_at or now
        return Silence.IS_TO_CLOSE if now - since >= timedelta(days=care.close_days) else Silence.NOTHING
    heard_at = last_sign(memory)
    is_long = heard_at is not None and now - heard_at >= timedelta(days=care.stale_days)
    return Silence.GOES_STALE if is_long else Silence.NOTHING


def last_sign(memory: PullMemory) -> datetime | None:
    """Return since when the author has been silent: nobody has to answer before being asked."""
    moments = [moment for moment in (memory.author_seen_at, memory.state_since) if moment is not None]
    return max(moments, default=None)


def _may_go_stale(memory: PullMemory) -> bool:
    return memory.verdict in (Outcome.PASSED, Outcome.FAILED) and not memory.status.flags & _HELD


def stale_word(author: str, care: Care) -> str:
    """Return the friendly word to an author who has not been heard of."""
    return (
        f"{code(author)}, it has been quiet here for {_days(care.stale_days)}. Can we help? `/question TEXT` asks "
        "a person, `/explain RULE` tells more about a finding, `/fix` puts right what is mechanical.\n\n"
        f"A word or a push from you keeps this open. Otherwise I close it in {_days(care.close_days)}; "
        "nothing is lost then, it can be opened again at any time."
    )


def closing_word(author: str) -> str:
    """Return the kind word with which a pull request is closed."""
    return (
        f"I close this for now, because it has been quiet for long. That says nothing about your work, "
        f"{code(author)}: it is kept. To go on, write `/reopen` here whenever you like; your branch and all that "
        "was said are still there."
    )


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"
