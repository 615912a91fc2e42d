"""The review as one table: (state, trigger, role) -> (state, flags, acts). Nothing else moves a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from bot.labels import FLAG_LABELS, RESTRAINTS, STATE_LABELS, Label
from bot.roles import Role
from checks.findings import Outcome


class Turn(StrEnum):
    """Whom our comment addresses."""

    AUTHOR = "author"
    TRIAGER = "triager"
    US = "us"  # the bot or its operators: something of ours went wrong


class State(StrEnum):
    """Where the review of a pull request stands."""

    NEW = "new"  # not judged yet, or not ready to be looked at: a draft, or we could not check it
    NOT_READY = "not-ready"  # the checks fail; no person has looked at it yet
    NEEDED = "needed"
    CHANGES_REQUESTED = "changes-requested"  # by a triager, or by failing checks after one has looked
    FOLLOW_UP = "follow-up"
    UNCERTAIN = "uncertain"
    APPROVED = "approved"
    REJECTED = "rejected"


LABEL_OF_STATE: Mapping[State, Label | None] = MappingProxyType(
    {
        State.NEW: None,
        State.NOT_READY: Label.CHANGES_REQUESTED,
        State.NEEDED: Label.TRIAGE_NEEDED,
        State.CHANGES_REQUESTED: Label.CHANGES_REQUESTED,
        State.FOLLOW_UP: Label.FOLLOW_UP,
        State.UNCERTAIN: Label.UNCERTAIN,
        State.APPROVED: Label.TRIAGE_APPROVED,
        State.REJECTED: Label.REJECTED,
    }
)


class Trigger(StrEnum):
    """What moves a pull request. The second part of the table says who may pull each."""

    PASSED = "the checks pass"
    PASSED_ANEW = "the checks pass on new content"
    PASSED_AS_DRAFT = "the checks pass on a draft"
    RECOVERED = "the checks pass again, content unchanged"
    TIDIED = "the bot puts right what passed already"
    PUT_RIGHT = "the checks pass on what the bot put right"
    FAILED = "the checks fail"
    FAILED_ANEW = "the checks fail on new content"
    UNVERIFIED = "the checks could not be run in full"
    UNVERIFIED_ANEW = "the checks could not be run in full on new content"
    SIGN_OFF_VOID = "the sign-off of triage no longer counts"
    BECAME_READY = "nothing is missing for a merge"
    BECAME_BLOCKED = "something is missing for a merge"
    WENT_STALE = "the author has been silent for long"
    AUTHOR_ANSWERED = "the author is heard of again"
    SOURCE_DOUBTED = "a source is not on the list of approved sources"
    SOURCES_SETTLED = "no source is in doubt any more, and the bot had put the label on"
    SDG_FAILED = "no data could be generated"
    BUILD_BEGAN = "a build that includes it begins"
    BUILD_ENDED = "the build that includes it ends"
    RELEASED = "the first published build with it is served"
    TRIAGE_APPROVE = "/triage-approve"
    REQUEST_CHANGES = "/request-changes"
    CALL_UNCERTAIN = "/uncertain"
    REJECT = "/reject"
    REFUSE_TOPIC = "/topic"
    HOLD = "/hold"
    UNHOLD = "/unhold"
    LEGAL_HOLD = "/legal-hold"
    LEGAL_CLEAR = "/legal-hold cancel"
    LET_THROUGH = "/generate"
    WITHDRAW = "the label precheck-generate-ready is taken off"
    BUILD_READY = "/build-ready"
    NOT_BUILD_READY = "/build-ready cancel"


class Act(StrEnum):
    """What else a transition brings about."""

    VOID_APPROVALS = "approvals fall"
    SUPERSEDE_JOBS = "running jobs are superseded"
    CANCEL_JOBS = "jobs are cancelled"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a pull request with its flags."""

    state: State = State.NEW
    flags: frozenset[Label] = frozenset()

    @property
    def labels(self) -> frozenset[Label]:
        """The workflow labels that say so on GitHub."""
        label = LABEL_OF_STATE[self.state]
        return self.flags | ({label} if label else set())


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table. `who` is the least role that may; None: the bot alone."""

    source: State
    trigger: Trigger
    who: Role | None
    target: State
    adds: frozenset[Label] = frozenset()
    drops: frozenset[Label] = frozenset()
    acts: tuple[Act, ...] = ()

    def after(self, status: Status) -> Status:
        """Return the status after this transition."""
        return Status(self.target, (status.flags - self.drops) | self.adds)


class NoTransitionError(Exception):
    """The table has no row for this trigger in this state and role."""


# what was decided or made for content that is no longer there
_OF_CONTENT = frozenset({Label.GENERATE_READY, Label.SDG_UNSUCCESSFUL, Label.BUILD_READY, Label.READY_TO_MERGE})
# what is over once it is in a published build: nothing is waited for any more
RELEASED_DROPS = frozenset({Label.GENERATE_READY, Label.SDG_UNSUCCESSFUL, Label.BUILD_READY, Label.BUILD_RUNNING})
_NEW_CONTENT = (Act.VOID_APPROVALS, Act.SUPERSEDE_JOBS)
# where the author acts next, and only there goes stale
_AUTHORS = (State.NOT_READY, State.CHANGES_REQUESTED)


def _rows(
    trigger: Trigger,
    who: Role | None,
    moves: Mapping[State, State] | None = None,
    *,
    sources: Iterable[State] = tuple(State),
    adds: Iterable[Label] = (),
    drops: Iterable[Label] = (),
    acts: tuple[Act, ...] = (),
) -> tuple[Transition, ...]:
    """Return a row for each of `sources`: where `moves` names none, the state stays.

    A row that leads to where others than the author act next ends the author's silence, too.
    """
    rows = []
    for source in sources:
        target = (moves or {}).get(source, source)
        ends_silence = source in _AUTHORS and target not in _AUTHORS
        dropped = frozenset(drops) | ({Label.STALE} if ends_silence else set())
        rows.append(Transition(source, trigger, who, target, frozenset(adds), dropped, acts))
    return tuple(rows)


def _to(target: State, *sources: State) -> dict[State, State]:
    return dict.fromkeys(sources or State, target)


_BEGINNING = (State.NEW, State.NOT_READY)
_LOOKED_AT = (State.FOLLOW_UP, State.UNCERTAIN, State.APPROVED)
# where the last checks may have passed: failing ones lead to NOT_READY, and passing ones away from it
_PASSING = tuple(state for state in State if state is not State.NOT_READY)
# where failing checks leave a pull request, or a triager takes it meanwhile
_FAILING = (State.NOT_READY, State.CHANGES_REQUESTED, State.UNCERTAIN, State.REJECTED)
# where nothing may be missing: everything else has an obstacle of its own
_MERGEABLE = (State.NEEDED, *_LOOKED_AT)

TABLE: tuple[Transition, ...] = (
    *_rows(Trigger.PASSED, None, _to(State.NEEDED, *_BEGINNING)),
    *_rows(
        Trigger.PASSED_ANEW,
        None,
        _to(State.NEEDED, *_BEGINNING) | _to(State.FOLLOW_UP, State.CHANGES_REQUESTED, *_LOOKED_AT),
        drops=_OF_CONTENT,
        acts=_NEW_CONTENT,
    ),
    *_rows(Trigger.PASSED_AS_DRAFT, None, _to(State.NEW, State.NOT_READY, State.NEEDED)),
    *_rows(
        Trigger.RECOVERED,
        None,
        _to(State.NEEDED, State.NOT_READY) | _to(State.FOLLOW_UP, State.CHANGES_REQUESTED),
        sources=_FAILING,
    ),
    # the bot answers nobody's question: what a triager has asked for, or the team, is still open
    *_rows(
        Trigger.TIDIED,
        None,
        _to(State.NEEDED, State.NEW, State.APPROVED),
        sources=_PASSING,
        drops=_OF_CONTENT,
        acts=_NEW_CONTENT,
    ),
    *_rows(
        Trigger.PUT_RIGHT,
        None,
        _to(State.NEEDED, State.NOT_READY, State.CHANGES_REQUESTED),
        sources=_FAILING,
        drops=_OF_CONTENT,
        acts=_NEW_CONTENT,
    ),
    *_rows(
        Trigger.FAILED,
        None,
        _to(State.NOT_READY, State.NEW, State.NEEDED) | _to(State.CHANGES_REQUESTED, *_LOOKED_AT),
        drops=_OF_CONTENT,
        acts=(Act.VOID_APPROVALS, Act.CANCEL_JOBS),
    ),
    *_rows(
        Trigger.FAILED_ANEW,
        None,
        _to(State.NOT_READY, State.NEW, State.NEEDED) | _to(State.CHANGES_REQUESTED, *_LOOKED_AT),
        drops=_OF_CONTENT,
        acts=_NEW_CONTENT,
    ),
    *_rows(Trigger.UNVERIFIED, None, _to(State.NEW, State.NEEDED), drops=(Label.READY_TO_MERGE,)),
    *_rows(
        Trigger.UNVERIFIED_ANEW,
        None,
        _to(State.NEW, State.NOT_READY, State.NEEDED) | _to(State.FOLLOW_UP, State.CHANGES_REQUESTED, *_LOOKED_AT),
        drops=_OF_CONTENT,
        acts=_NEW_CONTENT,
    ),
    *_rows(
        Trigger.SIGN_OFF_VOID,
        None,
        _to(State.FOLLOW_UP),
        sources=(State.APPROVED,),
        drops=(Label.READY_TO_MERGE,),
    ),
    *_rows(Trigger.BECAME_READY, None, sources=_MERGEABLE, adds=(Label.READY_TO_MERGE,)),
    # it may have become a draft, and so NEW, that very moment
    *_rows(Trigger.BECAME_BLOCKED, None, sources=(State.NEW, *_MERGEABLE), drops=(Label.READY_TO_MERGE,)),
    *_rows(Trigger.WENT_STALE, None, sources=_AUTHORS, adds=(Label.STALE,)),
    *_rows(Trigger.AUTHOR_ANSWERED, None, sources=_AUTHORS, drops=(Label.STALE,)),
    *_rows(Trigger.SOURCE_DOUBTED, None, adds=(Label.LEGAL_HOLD,), drops=(Label.READY_TO_MERGE,)),
    *_rows(Trigger.SOURCES_SETTLED, None, sources=_PASSING, drops=(Label.LEGAL_HOLD,)),
    *_rows(Trigger.SDG_FAILED, None, sources=_PASSING, adds=(Label.SDG_UNSUCCESSFUL,), drops=(Label.BUILD_READY,)),
    *_rows(Trigger.BUILD_BEGAN, None, adds=(Label.BUILD_RUNNING,)),
    *_rows(Trigger.BUILD_ENDED, None, drops=(Label.BUILD_RUNNING,)),
    *_rows(Trigger.RELEASED, None, drops=RELEASED_DROPS),
    *_rows(
        Trigger.TRIAGE_APPROVE,
        Role.TRIAGER,
        _to(State.APPROVED),
        sources=_PASSING,
        drops=(Label.TOPIC_FAILURE,),
    ),
    *_rows(
        Trigger.REQUEST_CHANGES,
        Role.TRIAGER,
        _to(State.CHANGES_REQUESTED),
        drops=(Label.TOPIC_FAILURE, Label.READY_TO_MERGE, Label.BUILD_READY),
        acts=(Act.VOID_APPROVALS,),
    ),
    *_rows(
        Trigger.CALL_UNCERTAIN,
        Role.TRIAGER,
        _to(State.UNCERTAIN),
        drops=(Label.TOPIC_FAILURE, Label.READY_TO_MERGE, Label.BUILD_READY),
        acts=(Act.VOID_APPROVALS,),
    ),
    *_rows(
        Trigger.REJECT,
        Role.TRIAGER,
        _to(State.REJECTED),
        drops=_OF_CONTENT,
        acts=(Act.VOID_APPROVALS, Act.CANCEL_JOBS),
    ),
    *_rows(
        Trigger.REFUSE_TOPIC,
        Role.TRIAGER,
        _to(State.REJECTED),
        adds=(Label.TOPIC_FAILURE,),
        drops=_OF_CONTENT,
        acts=(Act.VOID_APPROVALS, Act.CANCEL_JOBS),
    ),
    *_rows(Trigger.HOLD, Role.TRIAGER, adds=(Label.HOLD,), drops=(Label.READY_TO_MERGE,)),
    *_rows(Trigger.UNHOLD, Role.TRIAGER, drops=(Label.HOLD,)),
    *_rows(Trigger.LEGAL_HOLD, Role.TRIAGER, adds=(Label.LEGAL_HOLD,), drops=(Label.READY_TO_MERGE,)),
    *_rows(Trigger.LEGAL_CLEAR, Role.MAINTAINER, drops=(Label.LEGAL_HOLD,)),
    *_rows(
        Trigger.LET_THROUGH,
        Role.TRIAGER,
        sources=_PASSING,
        adds=(Label.GENERATE_READY,),
        drops=(Label.SDG_UNSUCCESSFUL,),
    ),
    *_rows(
        Trigger.WITHDRAW, Role.TRIAGER, sources=_PASSING, drops=(Label.GENERATE_READY,), acts=(Act.CANCEL_JOBS,)
    ),
    *_rows(Trigger.BUILD_READY, Role.APPROVER, sources=_PASSING, adds=(Label.BUILD_READY,)),
    *_rows(Trigger.NOT_BUILD_READY, Role.APPROVER, drops=(Label.BUILD_READY,)),
)

_BY_KEY = {(row.source, row.trigger): row for row in TABLE}


def step(status: Status, trigger: Trigger, role: Role | None) -> Transition:
    """Return the row for a trigger in a state; `role` is None for the bot itself.

    Raises NoTransitionError where the role may not (people never pull the bot's triggers, nor the reverse), and
    for what cannot happen in that state.
    """
    row = _BY_KEY.get((status.state, trigger))
    if row is None:
        raise NoTransitionError(f"{trigger} in the state {status.state}")
    if (row.who is None) != (role is None) or (row.who is not None and role is not None and role < row.who):
        raise NoTransitionError(f"{trigger} by {role.noun if role else 'the bot'}")
    return row


def triggers_of(
    outcome: Outcome,
    before: Outcome | None,
    *,
    was_failing: bool,
    is_new_content: bool,
    is_draft: bool,
    is_own_push: bool = False,
) -> tuple[Trigger, ...]:
    """Return what a verdict means for the review, in order: a bad one that says nothing new means nothing.

    `before` is the outcome of the last one, if any; `was_failing` says whether the last one that was complete had
    found something to fix, and `is_own_push` whether the bot itself has pushed since.
    """
    if outcome is Outcome.FAILED:
        if is_new_content:
            return (Trigger.FAILED_ANEW,)
        return () if before is Outcome.FAILED else (Trigger.FAILED,)
    if outcome is Outcome.UNVERIFIED:
        if is_new_content:
            return (Trigger.UNVERIFIED_ANEW,)
        return () if before is Outcome.UNVERIFIED else (Trigger.UNVERIFIED,)
    drafted = (Trigger.PASSED_AS_DRAFT,) if is_draft else ()
    if is_new_content and is_own_push:
        return (Trigger.PUT_RIGHT if was_failing else Trigger.TIDIED, *drafted)
    if is_new_content:
        return (Trigger.PASSED_ANEW, *drafted)
    if was_failing:
        return (Trigger.RECOVERED, *drafted)
    return drafted or (Trigger.PASSED,)


def turn_after(outcome: Outcome) -> Turn:
    """Say whom our comment addresses after a verdict."""
    return {Outcome.FAILED: Turn.AUTHOR, Outcome.PASSED: Turn.TRIAGER, Outcome.UNVERIFIED: Turn.US}[outcome]


def adopted(labels: frozenset[str]) -> Status:
    """Return the status of a pull request that we know nothing of but its labels, such as one older than the bot.

    Who set them is unknown, so what restrains is taken over, and what grants something is asked for again.
    """
    restrains = {Label.HOLD, Label.LEGAL_HOLD, Label.TOPIC_FAILURE}
    flags = frozenset(label for label in FLAG_LABELS & restrains if label in labels)
    for label, state in (
        (Label.REJECTED, State.REJECTED),
        (Label.CHANGES_REQUESTED, State.CHANGES_REQUESTED),
        (Label.UNCERTAIN, State.UNCERTAIN),
        (Label.TRIAGE_APPROVED, State.FOLLOW_UP),
        (Label.FOLLOW_UP, State.FOLLOW_UP),
    ):
        if label in labels:
            return Status(state, flags)
    return Status(State.NEW, flags)


@dataclass(frozen=True, slots=True)
class LabelChanges:
    """What to add and to remove, each sorted, and which kind labels are the bot's own afterwards."""

    add: tuple[str, ...]
    remove: tuple[str, ...]
    own: frozenset[str]


def label_changes(
    status: Status, present: frozenset[str], own: frozenset[str], kinds: frozenset[Label]
) -> LabelChanges:
    """Return how the labels on GitHub must change to say `status`. Labels that have no meaning here stay.

    `own` are the kind labels that the bot has set itself; one that a person has set stays. A restraint that we do
    not know of stays as well: whoever set it a moment ago is looked up when we are told.
    """
    wanted = status.labels | kinds
    managed = STATE_LABELS | FLAG_LABELS | (own - STATE_LABELS)
    remove = (present & managed) - wanted - RESTRAINTS
    add = wanted - present
    still_own = frozenset((own | (kinds & add)) & kinds)
    return LabelChanges(tuple(sorted(add)), tuple(sorted(remove)), still_own)
