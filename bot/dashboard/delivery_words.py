"""Deliveries in plain words: how each stands, what happens to it next, and why it could not be handled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.store.board_deliveries import COUNTED, DeliveryRow
from bot.store.deliveries import DeliveryState

STATES: Mapping[DeliveryState, str] = {
    DeliveryState.RECEIVED: "waits",
    DeliveryState.DONE: "handled",
    DeliveryState.FAILED: "given up",
}
COLOURS: Mapping[DeliveryState, str] = {
    DeliveryState.RECEIVED: "wait",
    DeliveryState.DONE: "good",
    DeliveryState.FAILED: "bad",
}
_OURS = re.compile(r"[A-Za-z_]{1,80}(Error|Exception|Interrupt)")


@dataclass(frozen=True, slots=True)
class DeliveryShown:
    """A delivery as people read it. What stood in it is never shown: it holds e-mail addresses."""

    guid: str
    event: str
    number: int  # of the pull request; 0: the repository itself
    state: str
    colour: str
    next: str  # what happens to it next, and through whom
    reason: str  # why a try failed; empty where none did
    attempts: int
    received_at: datetime
    finished_at: datetime | None
    may_replay: bool


@dataclass(frozen=True, slots=True)
class CountShown:
    """How many deliveries stand so, and where they are listed."""

    state: str
    words: str
    count: str
    colour: str


def delivery_shown(row: DeliveryRow, now: datetime) -> DeliveryShown:
    """Return a delivery as people read it."""
    is_handled = row.state is DeliveryState.DONE
    return DeliveryShown(
        guid=row.guid,
        event=row.event.replace("_", " "),
        number=row.number,
        state=STATES[row.state],
        colour=COLOURS[row.state],
        next=_next(row, now),
        reason="" if is_handled else reason_in_words(row.error),
        attempts=row.attempts,
        received_at=row.received_at,
        finished_at=row.finished_at,
        may_replay=row.state is DeliveryState.FAILED,
    )


def counts_shown(counts: Mapping[DeliveryState, int]) -> tuple[CountShown, ...]:
    """Return the counts in the order in which they matter."""
    order = (DeliveryState.FAILED, DeliveryState.RECEIVED, DeliveryState.DONE)
    return tuple(
        CountShown(state.value, STATES[state], _counted(counts[state]), _colour(state, counts[state]))
        for state in order
    )


def reason_in_words(error: str) -> str:
    """Return why a delivery could not be handled: GitHub's or our own words, or that a mistake of ours is to blame."""
    if _OURS.fullmatch(error):
        return f"Something of ours broke ({error}). The bot's log tells where, beside the delivery's GUID."
    return error


def _next(row: DeliveryRow, now: datetime) -> str:
    if row.state is DeliveryState.DONE:
        return "Nothing is left to do."
    if row.state is DeliveryState.FAILED:
        return "Nobody handles it until it is replayed. A sweep puts right what can be seen on GitHub all the same."
    if row.is_claimed:
        return "The bot is handling it."
    if row.not_before is not None and row.not_before > now:
        return "It failed, and is tried again by itself."
    return "It is handled when its turn comes: what came before it of the same pull request goes first."


def _counted(count: int) -> str:
    return f"{count:,}" if count <= COUNTED else f"more than {COUNTED:,}"


def _colour(state: DeliveryState, count: int) -> str:
    return COLOURS[state] if count and state is not DeliveryState.DONE else ""
