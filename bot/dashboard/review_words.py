"""How the states of the review and its triggers are said on pages."""

from __future__ import annotations

from collections.abc import Mapping

from bot.workflow import State

STATE_WORDS: Mapping[State, str] = {
    State.NEW: "not judged yet, or not ready to be looked at",
    State.NOT_READY: "the checks fail",
    State.NEEDED: "waits for triage",
    State.CHANGES_REQUESTED: "the author has to change something",
    State.FOLLOW_UP: "triage looks again",
    State.UNCERTAIN: "the triage team talks it over",
    State.APPROVED: "triage is satisfied",
    State.REJECTED: "rejected",
}


def state_in_words(stored: str) -> str:
    """Return a stored state in words; one of another version as it stands there."""
    return STATE_WORDS[State(stored)] if stored in set(State) else stored
