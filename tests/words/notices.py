"""What the bot says unasked, beside the living comment: labels put right, approvals that fell, care, the digest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from bot.care import closing_word, help_call, reminder_word, stale_word
from bot.comments.notices import approvals_fell, label_put_right, thanks
from bot.digest import digest, title_of
from bot.labels import WORKFLOW_LABELS
from bot.readiness import Readiness, readiness
from bot.store.pardons import Precision
from bot.store.reminders import Reminder
from checks.policy import Policy
from tests.bot.situations import IDS, NOW, REPOSITORY_ID, a_case

BUILD = datetime(2026, 3, 3, 2, 30, tzinfo=UTC)
TEAMS = Policy().teams.model_copy(update={"triagers": ("triage", "night-shift")})
REMINDER = Reminder.after(3, REPOSITORY_ID, 1, "tess", "ask for the source again", NOW, f"comment:{IDS['tess']}:1")


def words() -> Iterator[tuple[str, str]]:
    "Yield each notice's name and text."
    yield "notices/label-set-by-hand", _put_right(was_set=True)
    yield "notices/label-taken-off-by-hand", _put_right(was_set=False)
    yield (
        "notices/label-set-without-the-right-to",
        label_put_right("triage-approved", "mallory", "Only a triager may do this.", was_set=True),
    )
    yield "notices/approval-fell-with-edited-words", approvals_fell(["apo"], "edited", "mallory")
    yield "notices/approvals-fell-with-deleted-words", approvals_fell(["tess", "apo"], "deleted", "max")
    yield "notices/thanks-for-a-contribution", thanks("ana", BUILD)
    yield "notices/thanks-for-something-else", thanks("ana", None)
    yield from ((f"care/{name}", text) for name, text in _care())
    yield from ((f"digest/{name}", text) for name, text in _digests())


def _put_right(*, was_set: bool) -> str:
    return "\n\n".join(label_put_right(label, "mallory", was_set=was_set) for label in sorted(WORKFLOW_LABELS))


def _care() -> Iterator[tuple[str, str]]:
    care, nobody = Policy().care, Policy().teams
    waiting = readiness(a_case())
    yield "help-for-an-author", help_call("ana", 3, "instruct", nobody)
    yield "help-for-an-author-from-teams", help_call("ana", 3, "instruct", TEAMS)
    yield "quiet-for-long", stale_word("ana", care)
    yield "quiet-for-a-day", stale_word("ana", care.model_copy(update={"stale_days": 1, "close_days": 1}))
    yield "closed-for-now", closing_word("ana")
    yield "reminder", reminder_word([REMINDER], waiting, "instruct", nobody)
    yield "reminder-of-teams", reminder_word([REMINDER], waiting, "instruct", TEAMS)
    yield "reminder-of-nothing-missing", reminder_word([REMINDER], Readiness(), "instruct", nobody)


def _digests() -> Iterator[tuple[str, str]]:
    policy = Policy()
    often_wrong, fixed = Precision("limits", 20, 9), Precision("hostile", 10, 4)
    yield "title", title_of(NOW)
    yield "rules-often-wrong", digest((often_wrong, fixed, Precision("pii", 30, 1)), policy)
