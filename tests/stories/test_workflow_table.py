"""Every row of the workflow's table is a story: the real bot, and pull requests that people bring there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

from bot.commands.registry import commands_of_labels
from bot.jobs import JobState
from bot.labels import WORKFLOW_LABELS, Label
from bot.roles import Role
from bot.rule_workers import RuleWorkers
from bot.workflow import LABEL_OF_STATE, TABLE, Act, State, Status, Transition, Trigger
from tests.world import World
from tests.world.journeys import HOLDER, Plan, dressed, is_dressed, plan_of, sets_label, words_of
from tests.world.telling import Told, Troupe
from tests.world.unbuilt import UNBUILT

# the stories share one world (tests/sharing_out.py), and whichever is asked for first tells them all
pytestmark = pytest.mark.timeout(300)

Stories = Mapping[str, tuple[Transition, Plan]]
Tell = Callable[[str], Told]

# what triage itself fires; everything else is fired before triage looks
_OF_TRIAGE = frozenset(
    {
        Trigger.PASSED,
        Trigger.PASSED_ANEW,
        Trigger.PASSED_AS_DRAFT,
        Trigger.RECOVERED,
        Trigger.FAILED,
        Trigger.FAILED_ANEW,
        Trigger.TIDIED,
        Trigger.PUT_RIGHT,
        Trigger.UNVERIFIED,
        Trigger.UNVERIFIED_ANEW,
        Trigger.SOURCE_DOUBTED,
        Trigger.SOURCES_SETTLED,
        Trigger.BECAME_READY,
        Trigger.BECAME_BLOCKED,
    }
)
# approvals are taken back there, not let fall by the row
_OF_APPROVALS = frozenset({Trigger.SIGN_OFF_VOID, Trigger.BECAME_BLOCKED})
_OF_PEOPLE = [row for row in TABLE if row.source is State.NEEDED and row.who is not None]
_ENDS = {Act.CANCEL_JOBS: JobState.CANCELLED, Act.SUPERSEDE_JOBS: JobState.SUPERSEDED}

_STRANGER, _FORK = "mallory", "github-actions[bot]"  # an outsider, and the workflow of a fork

# time stands still while the stories are told, so nothing may have to wait
_UNHURRIED = {"sweep_minutes": 0, "write_burst": 100_000, "writes_per_minute": 100_000, "writes_per_hour": 100_000}

# the trigger that a label set by hand pulls
TRIGGER_OF_LABEL = {
    (Label.CHANGES_REQUESTED, True): Trigger.REQUEST_CHANGES,
    (Label.UNCERTAIN, True): Trigger.CALL_UNCERTAIN,
    (Label.TRIAGE_APPROVED, True): Trigger.TRIAGE_APPROVE,
    (Label.REJECTED, True): Trigger.REJECT,
    (Label.TOPIC_FAILURE, True): Trigger.REFUSE_TOPIC,
    (Label.LEGAL_HOLD, True): Trigger.LEGAL_HOLD,
    (Label.LEGAL_HOLD, False): Trigger.LEGAL_CLEAR,
    (Label.GENERATE_READY, True): Trigger.LET_THROUGH,
    (Label.GENERATE_READY, False): Trigger.WITHDRAW,
    (Label.BUILD_READY, True): Trigger.BUILD_READY,
    (Label.BUILD_READY, False): Trigger.NOT_BUILD_READY,
    (Label.HOLD, True): Trigger.HOLD,
    (Label.HOLD, False): Trigger.UNHOLD,
}


def of_row(row: Transition) -> str:
    built = " (brought about by hand: nothing in the bot does yet)" if row.trigger in UNBUILT else ""
    return f"{row.source}: {row.trigger}{built}"


def of_refusal(row: Transition) -> str:
    return f"{one_below(row)} may not: {row.trigger}"


def of_label(label: Label, on: bool, by: str) -> str:
    return f"{by} {'puts on' if on else 'takes off'} {label}"


def one_below(row: Transition) -> str:
    "Who has the next lower role."
    assert row.who
    return HOLDER[Role(row.who - 1)]


def row_of(label: Label, on: bool) -> Transition:
    "The row that a label set by hand goes, on a pull request that waits for triage."
    return next(row for row in _OF_PEOPLE if row.trigger is TRIGGER_OF_LABEL[label, on])


def refused(row: Transition) -> Plan:
    if row.trigger is Trigger.WITHDRAW:
        return dressed(row, sets_label(Label.GENERATE_READY, on=False, by=one_below(row)))
    return dressed(row, words_of(row.trigger, by=one_below(row)))


@cache
def stories() -> Stories:
    "Every story of this file, by its name."
    told = {of_row(row): (row, plan_of(row)) for row in TABLE}
    told |= {of_refusal(row): (row, refused(row)) for row in _OF_PEOPLE}
    for label, on in TRIGGER_OF_LABEL:
        row = row_of(label, on)
        for by in (HOLDER[row.who or Role.OUTSIDER], _STRANGER, _FORK):
            told[of_label(label, on, by)] = (row, dressed(row, sets_label(label, on=on, by=by)))
    return told


@pytest.fixture(scope="module")
def tell(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, rule_workers: RuleWorkers
) -> Tell:
    "What came of a story. All that are asked for are told at once, in one world."
    asked = {
        item.callspec.params["story"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == Path(__file__) and hasattr(item, "callspec")
    }
    database_url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('table') / 'bot.sqlite'}"

    async def tell_all() -> Mapping[str, Told | BaseException]:
        async with World(database_url, rule_workers, **_UNHURRIED) as world:
            return await Troupe(world).tell({name: s for name, s in stories().items() if name in asked})

    told = asyncio.run(tell_all())

    def tell_one(name: str) -> Told:
        found = told[name]
        if isinstance(found, BaseException):
            raise found
        return found

    return tell_one


def test_every_row_has_a_story() -> None:
    "A row that nobody has said how to bring about raises KeyError here."
    assert {row for row, _ in stories().values()} == set(TABLE)


def test_every_label_that_is_a_command_has_a_story() -> None:
    "A label set by hand that stands for a command does what the table says."
    assert set(TRIGGER_OF_LABEL) == set(commands_of_labels())


@pytest.mark.parametrize("story", [of_row(row) for row in TABLE])
def test_a_row(tell: Tell, story: str) -> None:
    "The pull request stands as the row says: state, labels, approvals and jobs."
    row, plan = stories()[story]
    assert tell(story).before.status.state is plan.begins_in, tell(story).thread
    if any(step is is_dressed for _, step in plan.steps):
        had_what_the_row_takes(row, tell(story))
    went_as_it_says(row, tell(story))


@pytest.mark.parametrize("story", [of_refusal(row) for row in _OF_PEOPLE])
def test_a_role_too_low(tell: Tell, story: str) -> None:
    "One role below is told who may, and nothing changes."
    nothing_changed(tell(story))


@pytest.mark.parametrize(
    "story", [of_label(label, on, HOLDER[row_of(label, on).who or Role.OUTSIDER]) for label, on in TRIGGER_OF_LABEL]
)
def test_a_label_set_by_who_may(tell: Tell, story: str) -> None:
    "It does the same as its command."
    went_as_it_says(stories()[story][0], tell(story))


@pytest.mark.parametrize(
    "story",
    [*(of_label(*key, _STRANGER) for key in TRIGGER_OF_LABEL), of_label(Label.TRIAGE_APPROVED, True, _FORK)],
)
def test_a_label_set_by_who_may_not(tell: Tell, story: str) -> None:
    "It is put right, and the reason is said."
    seen = tell(story)
    nothing_changed(seen)
    assert any("put that right" in text for text in seen.said), seen.thread


def had_what_the_row_takes(row: Transition, seen: Told) -> None:
    "No story is told of nothing: where it can be, there was something to take away."
    can_be = {
        State.APPROVED: row.drops - {Label.TOPIC_FAILURE},
        State.REJECTED: row.drops & {Label.TOPIC_FAILURE},
        State.NOT_READY: row.drops & {Label.STALE, Label.HOLD, Label.LEGAL_HOLD},
        State.CHANGES_REQUESTED: row.drops & {Label.STALE, Label.HOLD, Label.LEGAL_HOLD},
    }
    assert can_be.get(row.source, frozenset()) <= seen.before.status.flags, seen.thread
    if row.source is State.APPROVED:
        assert seen.before.standing, seen.thread
        assert not any(act in _ENDS for act in row.acts) or seen.before.jobs, seen.thread


def went_as_it_says(row: Transition, seen: Told) -> None:
    before, after = seen.before, seen.after
    walked = seen.walked if row.trigger in _OF_TRIAGE else (row, *seen.walked)
    assert row in walked, seen.thread
    assert after.status == the_end_of(walked, before.status), seen.thread
    assert after.status.state is row.target, seen.thread
    assert row.adds <= after.status.flags, seen.thread
    assert not row.drops & after.status.flags, seen.thread
    assert workflow_labels(after.labels) == after.status.labels, seen.thread
    assert LABEL_OF_STATE[row.target] in {None, *after.labels}, seen.thread

    if Act.VOID_APPROVALS in row.acts:
        assert not after.standing & before.standing, seen.thread
    elif row.trigger not in _OF_APPROVALS:
        assert after.standing >= before.standing, seen.thread

    ended = {_ENDS[act] for act in row.acts if act in _ENDS}
    for was, became in zip(before.jobs, after.jobs, strict=False):
        assert became is (was if was.is_over or not ended else ended.pop()), seen.thread


def nothing_changed(seen: Told) -> None:
    assert seen.after == seen.before, seen.thread
    assert any("Only " in text for text in seen.said), seen.thread


def the_end_of(walked: tuple[Transition, ...], status: Status) -> Status:
    "Where the rows lead, one after the other."
    for row in walked:
        assert row.source is status.state
        status = row.after(status)
    return status


def workflow_labels(labels: frozenset[str]) -> frozenset[str]:
    return labels & WORKFLOW_LABELS
