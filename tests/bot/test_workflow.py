"""What a verdict means for the review, who may move it, and how the labels on GitHub come to say so."""

from __future__ import annotations

import pytest

from bot.labels import Label, kind_labels
from bot.roles import Role
from bot.workflow import (
    TABLE,
    NoTransitionError,
    State,
    Status,
    Trigger,
    Turn,
    adopted,
    label_changes,
    step,
    triggers_of,
    turn_after,
)
from checks.findings import Outcome
from tests.bot.situations import a_status

SKILL = ["compositional_skills/writing/freeform/haiku/qna.yaml"]


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        pytest.param(SKILL, {"skill"}, id="a skill"),
        pytest.param(["knowledge/history/rome/qna.yaml"], {"knowledge"}, id="knowledge"),
        pytest.param(
            [*SKILL, "knowledge/a/b/qna.yaml"], {"skill", "knowledge"}, id="a skill and knowledge together"
        ),
        pytest.param([".github/workflows/ci.yml"], {"ci"}, id="a workflow"),
        pytest.param(["docs/guide.md", "README.md"], {"documentation"}, id="documentation"),
        pytest.param(["LICENSE"], set(), id="something else"),
    ],
)
def test_kind_labels_say_what_is_touched(paths: list[str], labels: set[str]) -> None:
    "A pull request with skill and knowledge files is both, never knowledge only."
    assert kind_labels(paths) == labels


def after(status: Status, *triggers: Trigger, by: Role | None = None) -> Status:
    "The status once these triggers have been pulled, one after the other."
    for trigger in triggers:
        status = step(status, trigger, by).after(status)
    return status


def meaning(
    outcome: Outcome, before: Outcome | None, *, is_new_content: bool, is_draft: bool = False
) -> tuple[Trigger, ...]:
    "What a verdict means after another one."
    was_failing = before is Outcome.FAILED
    return triggers_of(outcome, before, was_failing=was_failing, is_new_content=is_new_content, is_draft=is_draft)


def test_a_failure_is_remembered_while_we_cannot_look() -> None:
    "Checks that failed, could not be run, and pass on the same content have recovered."
    triggers = triggers_of(
        Outcome.PASSED, Outcome.UNVERIFIED, was_failing=True, is_new_content=False, is_draft=False
    )
    assert triggers == (Trigger.RECOVERED,)


def test_only_what_waits_for_its_author_stays_stale() -> None:
    "Every row that passes the turn on takes the label off, and no row leads there elsewhere."
    gone_quiet = {row.source for row in TABLE if Label.STALE in row.adds}
    assert gone_quiet == {State.NOT_READY, State.CHANGES_REQUESTED}
    leaving = [row for row in TABLE if row.source in gone_quiet and row.target not in gone_quiet]
    assert all(Label.STALE in row.drops for row in leaving)


@pytest.mark.parametrize(
    ("outcome", "before", "is_new_content", "source", "target"),
    [
        pytest.param(Outcome.PASSED, None, True, State.NEW, State.NEEDED, id="opened, and passes"),
        pytest.param(Outcome.FAILED, None, True, State.NEW, State.NOT_READY, id="opened, and fails"),
        pytest.param(Outcome.UNVERIFIED, None, True, State.NEW, State.NEW, id="opened, and we could not check it"),
        pytest.param(Outcome.FAILED, Outcome.PASSED, True, State.NEEDED, State.NOT_READY, id="now fails"),
        pytest.param(Outcome.PASSED, Outcome.FAILED, True, State.NOT_READY, State.NEEDED, id="fixed"),
        pytest.param(
            Outcome.UNVERIFIED, Outcome.PASSED, True, State.NEEDED, State.NEW, id="our crash is no green light"
        ),
        pytest.param(
            Outcome.UNVERIFIED,
            Outcome.FAILED,
            False,
            State.CHANGES_REQUESTED,
            State.CHANGES_REQUESTED,
            id="our crash takes back no request",
        ),
        pytest.param(
            Outcome.UNVERIFIED,
            Outcome.PASSED,
            True,
            State.CHANGES_REQUESTED,
            State.FOLLOW_UP,
            id="a push that we could not check has answered a request all the same",
        ),
        pytest.param(
            Outcome.FAILED,
            Outcome.FAILED,
            False,
            State.UNCERTAIN,
            State.UNCERTAIN,
            id="the same failure again does not undo what a triager says of it",
        ),
        pytest.param(
            Outcome.PASSED,
            Outcome.PASSED,
            True,
            State.APPROVED,
            State.FOLLOW_UP,
            id="a sign-off is void when the content changes",
        ),
        pytest.param(
            Outcome.PASSED,
            Outcome.PASSED,
            False,
            State.APPROVED,
            State.APPROVED,
            id="a sign-off stays while the content stays",
        ),
        pytest.param(
            Outcome.FAILED,
            Outcome.PASSED,
            False,
            State.APPROVED,
            State.CHANGES_REQUESTED,
            id="a sign-off is void when the checks fail",
        ),
        pytest.param(
            Outcome.PASSED,
            Outcome.PASSED,
            False,
            State.CHANGES_REQUESTED,
            State.CHANGES_REQUESTED,
            id="a green verdict does not answer what a triager asked for",
        ),
        pytest.param(
            Outcome.PASSED,
            Outcome.PASSED,
            True,
            State.CHANGES_REQUESTED,
            State.FOLLOW_UP,
            id="a push does, and the triager looks again",
        ),
        pytest.param(
            Outcome.PASSED,
            Outcome.FAILED,
            False,
            State.CHANGES_REQUESTED,
            State.FOLLOW_UP,
            id="what failed after a triager had looked passes again",
        ),
        pytest.param(
            Outcome.PASSED,
            Outcome.PASSED,
            True,
            State.REJECTED,
            State.REJECTED,
            id="a push does not undo a rejection",
        ),
    ],
)
def test_the_state_follows_the_verdict(
    outcome: Outcome, before: Outcome | None, is_new_content: bool, source: State, target: State
) -> None:
    "What the checks say moves a pull request exactly as far as nobody has decided otherwise."
    triggers = meaning(outcome, before, is_new_content=is_new_content)
    assert after(a_status(source), *triggers).state is target


def test_a_draft_is_not_sent_to_triagers() -> None:
    "A passing draft waits for its author to mark it ready; one that a triager has looked at stays with triage."
    triggers = meaning(Outcome.PASSED, None, is_new_content=True, is_draft=True)
    assert after(a_status(State.NEW), *triggers).state is State.NEW
    assert after(a_status(State.APPROVED), *triggers).state is State.FOLLOW_UP


def test_people_move_what_they_may_and_the_bot_what_is_its_own() -> None:
    "A triager signs off and no outsider does; nobody lets checks pass by hand, and the bot signs nothing off."
    waiting = a_status()
    assert after(waiting, Trigger.TRIAGE_APPROVE, by=Role.TRIAGER).state is State.APPROVED
    assert after(waiting, Trigger.TRIAGE_APPROVE, by=Role.MAINTAINER).state is State.APPROVED
    for trigger, role in (
        (Trigger.TRIAGE_APPROVE, Role.OUTSIDER),
        (Trigger.LEGAL_CLEAR, Role.APPROVER),
        (Trigger.BUILD_READY, Role.TRIAGER),
        (Trigger.PASSED, Role.MAINTAINER),
        (Trigger.TRIAGE_APPROVE, None),
    ):
        with pytest.raises(NoTransitionError):
            step(waiting, trigger, role)


def test_a_hold_stays_whatever_else_happens() -> None:
    "Neither a push nor a sign-off lifts what somebody holds up by hand."
    held = after(a_status(), Trigger.HOLD, by=Role.TRIAGER)
    assert held == a_status(State.NEEDED, Label.HOLD)
    pushed = after(held, *meaning(Outcome.PASSED, Outcome.PASSED, is_new_content=True))
    assert after(pushed, Trigger.TRIAGE_APPROVE, by=Role.TRIAGER) == a_status(State.APPROVED, Label.HOLD)
    assert after(pushed, Trigger.UNHOLD, by=Role.TRIAGER).flags == frozenset()


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        pytest.param(set(), a_status(State.NEW), id="none at all"),
        pytest.param({"triage-needed", "skill"}, a_status(State.NEW), id="what the checks will say anew"),
        pytest.param({"triage-requested-changes"}, a_status(State.CHANGES_REQUESTED), id="a request stays"),
        pytest.param({"triage-rejected", "topic-failure"}, a_status(State.REJECTED, Label.TOPIC_FAILURE), id="no"),
        pytest.param({"triage-approved"}, a_status(State.FOLLOW_UP), id="a sign-off is asked for again"),
        pytest.param({"hold", "legal-hold"}, a_status(State.NEW, Label.HOLD, Label.LEGAL_HOLD), id="holds stay"),
        pytest.param(
            {"ready-to-merge", "community-build-ready", "precheck-generate-ready"},
            a_status(State.NEW),
            id="what grants something is not believed",
        ),
        pytest.param({"triage-uncertain", "stale"}, a_status(State.UNCERTAIN), id="the team still talks it over"),
    ],
)
def test_labels_alone_are_believed_where_they_restrain(labels: set[str], status: Status) -> None:
    "Of a pull request older than the bot nobody knows who set its labels."
    assert adopted(frozenset(labels)) == status


KINDS = frozenset({Label.SKILL})
OWN = frozenset({"skill"})


def test_the_labels_come_to_say_the_status() -> None:
    "The state's label takes the place of the one before, and of any that somebody set beside it."
    present = frozenset({"skill", "triage-needed", "triage-approved", "stale"})
    changes = label_changes(a_status(State.FOLLOW_UP, Label.HOLD), present, OWN, KINDS)
    assert changes.add == ("hold", "triage-follow-up")
    assert changes.remove == ("stale", "triage-approved", "triage-needed")


def test_labels_without_a_meaning_here_stay() -> None:
    "What people invent for themselves is theirs."
    changes = label_changes(
        a_status(), frozenset({"skill", "triage-needed", "good-first-contribution"}), OWN, KINDS
    )
    assert (changes.add, changes.remove) == ((), ())


def test_a_kind_label_set_by_hand_stays() -> None:
    "What the bot has not set it does not remove; its own labels go when they no longer fit."
    present = frozenset({"knowledge", "triage-needed", "skill"})
    by_hand = label_changes(a_status(), present, OWN, KINDS)
    assert by_hand.remove == ()
    ours = label_changes(a_status(), present, OWN | {"knowledge"}, KINDS)
    assert ours.remove == ("knowledge",)
    assert ours.own == OWN


def test_a_kind_label_that_was_there_before_is_not_the_bots() -> None:
    "Only what the bot itself has put on is its own to take off later."
    assert label_changes(a_status(), frozenset({"skill"}), frozenset(), KINDS).own == frozenset()
    assert label_changes(a_status(), frozenset(), frozenset(), KINDS).own == OWN


def test_every_outcome_has_a_turn() -> None:
    "It is always clear who acts next."
    assert {turn_after(outcome) for outcome in Outcome} == set(Turn)
