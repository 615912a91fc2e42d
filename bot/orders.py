"""Orders: a command as somebody gave it, by comment, review, the pull request's text or a label set by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.commands.parsing import WrittenCommand
from bot.commands.registry import Command, nearest
from bot.commands.situation import Approve, Effect, Fire, SetAside, Situation
from bot.comments.escape import code
from bot.events import PAGE, Account, Origin
from bot.roles import Role

REFUSED_EARLIER = "This was refused when it was written. If it still holds, write it once more."
# commands that settle the same matter: whatever order they reach us in, the one written last counts
_MATTERS = (
    frozenset({"hold", "unhold"}),
    frozenset({"triage-approve", "request-changes", "uncertain", "reject", "topic"}),
    frozenset({"legal-hold"}),
    frozenset({"build-ready"}),
    frozenset({"close", "reopen"}),
    frozenset({"retitle"}),
)
_OWN_MATTERS = (frozenset({"approve"}), frozenset({"lgtm"}))  # each person's by itself
_COMMENT = re.compile(r"comment:(\d+):")
_MOST_CHARACTERS = 5_000  # each may be shown in eleven, and GitHub takes 65,536 in a comment
_SHA = re.compile(r"(?=[0-9a-fA-F]*\d)([0-9a-fA-F]{7,40})(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Order:
    """One command by one person. `seen` is the commit it is bound to, if what it was given with names one."""

    origin: Origin
    number: int
    actor: Account
    command: WrittenCommand
    source: str  # where it was given; the same source is carried out once
    at: datetime
    seen: str = ""
    label_set: bool | None = None  # the label that stands for the command was put on (True) or taken off


def is_overtaken(order: Order, carried_out: Iterable[tuple[str, int, str]]) -> bool:
    """True when a comment written after this one has settled the same matter already.

    `carried_out` are act, actor and place of what was done. GitHub numbers comments as they come.
    """
    written = _COMMENT.match(order.source)
    if written is None:
        return False
    same = same_matter(order.command.name)
    is_own = any(order.command.name in matter for matter in _OWN_MATTERS)
    return any(
        act.removeprefix("/") in same
        and (actor_id == order.actor.id or not is_own)
        and int(found[1]) > int(written[1])
        for act, actor_id, source in carried_out
        if (found := _COMMENT.match(source))
    )


def same_matter(name: str) -> frozenset[str]:
    """Return the commands that settle the same matter as one of them, itself among them; none if none do."""
    return frozenset[str]().union(*(matter for matter in (*_MATTERS, *_OWN_MATTERS) if name in matter))


def act_of_label(label: str, *, on: bool) -> str:
    """Return what the audit calls setting a label by hand, or taking it off."""
    return f"label {'+' if on else '-'}{label}"


def bound(order: Order, known: Command) -> tuple[str, str]:
    """Return the commit that an order names in its own words, if it does, and its arguments without it.

    Only commands that judge the content take one, as their first word: `/approve 1a2b3c4`. What was decided on a
    page names the commit beside its words.
    """
    arguments = order.command.arguments
    is_from_page = order.source.startswith(PAGE)
    match = _SHA.fullmatch(arguments) if known.about_content and not is_from_page else None
    if match is None:
        return "", arguments
    return match[1].lower(), (match[2] or "").strip()


def takes_back(order: Order, known: Command) -> bool:
    """True for what only takes something back: that never has to wait for a look at the newest commit."""
    return order.label_set is False or (known.cancels and _says_cancel(order))


def nothing_to_cancel(order: Order, known: Command) -> str:
    """Say that a command is not taken back by "cancel" behind it; empty when it is, or nobody said so."""
    if known.cancels or not _says_cancel(order):
        return ""
    return (
        f"`/{known.name} cancel` takes nothing back, so I did nothing. `/request-changes`, `/unhold` or `/cancel` "
        "may be what you mean."
    )


def _says_cancel(order: Order) -> bool:
    return order.command.arguments.lower().strip(" .!") == "cancel"


def moved(named: str, seen: str | None, head_sha: str) -> str:
    """Say that the branch is not where the order was given for; empty when it is."""
    now = code(head_sha[:7])
    if named:
        is_another = seen is not None and seen != head_sha and seen.startswith(named)  # made to begin alike
        if head_sha.startswith(named) and not is_another:
            return ""
        return f"You named {code(named[:7])}, but the branch is at {now} now. Look at that, then repeat it."
    if seen == head_sha:
        return ""
    return f"The branch moved while you were writing (it is at {now} now). Look again, then repeat it."


def not_allowed(known: Command, situation: Situation) -> str:
    """Say who may, if the one who gave the order may not."""
    if situation.role >= known.who or (known.author_too and situation.actor_is_author):
        return ""
    if situation.role is Role.OUTSIDER and known.author_too:
        return f"Only {known.who_may} may do this."
    return f"Only {known.who.noun} may do this."


def no_bot(known: Command) -> str:
    """Say that bots never command, not even by setting labels."""
    return f"Only {known.who.noun} may do this, and no bot."


def too_long(arguments: str) -> str:
    """Say that there are more words behind a command than an answer could repeat; empty when there are not."""
    if len(arguments) <= _MOST_CHARACTERS:
        return ""
    return f"I read at most {_MOST_CHARACTERS:,} characters behind a command."


def too_late(order: Order, known: Command, effects: Iterable[Effect], situation: Situation) -> str:
    """Say that a written command comes too late for a review that is over; empty when it does not.

    What was written before it was closed, and only reached us later, is in time, unless it judges the content.
    """
    if situation.is_open or order.label_set is not None:
        return ""
    is_in_time = situation.closed_at is not None and order.at < situation.closed_at
    if is_in_time and not known.about_content and not situation.is_merged:
        return ""
    return "This pull request is closed." if any(isinstance(e, Fire | Approve | SetAside) for e in effects) else ""


def github_refuses(words: str) -> str:
    """Say that GitHub does not do what a command asks for, in its own words."""
    return f"GitHub refuses this: {code(words)}."


def unknown(name: str) -> str:
    """Say that there is no such command, and which one may have been meant."""
    near = nearest(name)
    hint = f" Did you mean `/{near}`?" if near else ""
    return f"There is no such command.{hint} `/help` lists those that you may use."
