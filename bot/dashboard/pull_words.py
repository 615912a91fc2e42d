"""How a pull request stands, in the words that people know from its comments and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.comments.living import NEXT_IN_TRIAGE
from bot.labels import MEANING, Label, kind_labels
from bot.readiness import Case, Who, readiness
from bot.roles import Role
from bot.store.board_pulls import PullRow, Turns
from bot.store.pull_requests import CLOSED, MERGED
from bot.workflow import LABEL_OF_STATE, State, Status
from checks.findings import Outcome
from checks.policy import Merging

STATES: Mapping[State, str] = {
    State.NEW: "new",
    State.NOT_READY: "not ready yet",
    State.NEEDED: "triage needed",
    State.CHANGES_REQUESTED: "changes requested",
    State.FOLLOW_UP: "follow-up",
    State.UNCERTAIN: "uncertain",
    State.APPROVED: "triage approved",
    State.REJECTED: "rejected",
}
_COLOURS = {
    State.NOT_READY: "bad",
    State.CHANGES_REQUESTED: "bad",
    State.REJECTED: "bad",
    State.NEEDED: "wait",
    State.FOLLOW_UP: "wait",
    State.UNCERTAIN: "wait",
    State.APPROVED: "good",
}
_CLOSED_COLOURS = {MERGED: "good"}
_CLOSED_IN_WORDS: Mapping[str, str] = {
    MERGED: "It is merged.",
    CLOSED: "It was closed without being merged.",
}
ACTORS: Mapping[str, Who] = {
    "author": Who.AUTHOR,
    "triager": Who.TRIAGER,
    "approver": Who.APPROVER,
    "maintainer": Who.MAINTAINER,
    "bot": Who.US,
    "holder": Who.HOLDER,
    "both": Who.BOTH,
    "others": Who.OTHERS,
}
_TELLING = (Label.LEGAL_HOLD, Label.HOLD, Label.STALE, Label.READY_TO_MERGE, Label.SDG_UNSUCCESSFUL)
_BY_ROLE = (
    (Role.TRIAGER, frozenset({Who.TRIAGER, Who.BOTH, Who.HOLDER})),
    (Role.APPROVER, frozenset({Who.APPROVER})),
    (Role.MAINTAINER, frozenset({Who.MAINTAINER})),
)


@dataclass(frozen=True, slots=True)
class StandingShown:
    """Where a pull request stands: in two words, in a sentence, who acts next and since when it is so."""

    state: str
    colour: str  # of the badge
    sentence: str
    who: str  # empty: nobody
    since: datetime | None
    things_to_fix: int  # 0 unless its checks fail
    kinds: tuple[str, ...]
    holds: tuple[str, ...]  # and other labels that matter to whoever looks


def standing_of(row: PullRow) -> StandingShown:
    """Return how a pull request stands."""
    holds = tuple(label.value for label in _TELLING if label in row.flags) if row.is_open else ()
    is_failing = row.is_open and row.outcome is Outcome.FAILED
    return StandingShown(
        state=STATES[row.state] if row.is_open else row.closed_as or CLOSED,
        colour=_COLOURS.get(row.state, "") if row.is_open else _CLOSED_COLOURS.get(row.closed_as, ""),
        sentence=_sentence(row),
        who=_who(row),
        since=row.state_since or row.updated_at,
        things_to_fix=row.things_to_fix if is_failing else 0,
        kinds=tuple(sorted(label.value for label in kind_labels(row.paths))),
        holds=holds,
    )


def why_over(closed_as: str) -> str:
    """Return why a pull request is no longer open; for one that was closed before that was noted, either."""
    return _CLOSED_IN_WORDS.get(closed_as, "It is no longer open: it was merged or closed.")


def turns_of(role: Role, user_id: int) -> Turns | None:
    """Return whose turn a reader is: what their role may do for others, and what is the author's for their own."""
    if not user_id:
        return None
    whose = frozenset(who for least, meant in _BY_ROLE if role >= least for who in meant)
    return Turns(whose, user_id)


def _who(row: PullRow) -> str:
    if row.who is Who.NOBODY:
        return ""
    return NEXT_IN_TRIAGE.get(row.state, row.who.value) if row.who is Who.TRIAGER else row.who.value


def _sentence(row: PullRow) -> str:
    if not row.is_open:
        return why_over(row.closed_as)
    label = LABEL_OF_STATE[row.state]
    if Label.READY_TO_MERGE in row.flags:
        return MEANING[Label.READY_TO_MERGE]
    if row.state is State.APPROVED and row.outcome is Outcome.PASSED and label is not None:
        return MEANING[label]
    case = Case(
        status=Status(row.state, row.flags),
        outcome=row.outcome,
        paths=row.paths,
        author_id=row.author_id,
        content_digest="",
        merging=Merging(),
        is_draft=row.state is State.NEW and row.outcome is Outcome.PASSED,
        things_to_fix=row.things_to_fix,
    )
    return readiness(case).obstacles[0].text
