"""What is said unasked, once: a label put right, an approval that fell, thanks for what was merged."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.comments.escape import code
from bot.labels import COMMAND_OF_LABEL, END_OF_LABEL


def label_put_right(label: str, login: str, reason: str = "", *, was_set: bool) -> str:
    """Return what is said about a label that somebody set, or took off, without being able to."""
    done, ways = ("set", COMMAND_OF_LABEL) if was_set else ("taken off", END_OF_LABEL)
    return (
        f"The label {code(label)} was {done} by hand, by {code(login)}; I have put that right."
        f"{f' {reason}' if reason else ''} {ways[label][0].upper()}{ways[label][1:]}"
    )


def approvals_fell(approvers: Iterable[str], what: str, login: str) -> str:
    """Return what is said when approvals fall with their words, which somebody has `what`: edited or deleted."""
    names = sorted(set(approvers))
    whose = " and ".join(code(name) for name in names)
    if len(names) == 1:
        falls = f"The approval of {whose} no longer counts: the words it was given with were "
    else:
        falls = f"The approvals of {whose} no longer count: the words they were given with were "
    return f"{falls}{what} by {code(login)}. Whoever still approves says so again."


def thanks(author: str, build: datetime | None) -> str:
    """Return the living comment of what is merged. `build` is when the build that will hold it begins, in UTC."""
    heading = f"### 🎉 Merged. Thank you, {code(author)}!\n"
    if build is None:
        return heading
    return (
        f"{heading}\nYour contribution will be in the build of {build.day} {build:%B %Y}, which begins at "
        f"{build:%H:%M} UTC. I tell you here what it did to the model.\n"
    )


def not_run_again(login: str, job_id: int, reason: str) -> str:
    """Say kindly why a job is not run again although somebody pressed the button beside it."""
    return f'{code(login)}, thank you for the look at job {job_id}. "Re-run" did not start it again: {reason}'
