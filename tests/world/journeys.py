"""How a pull request comes into each state of the review, and how people or the world pull each trigger.

A journey is a list of steps, each in some weather (what the community's policy and GitHub are like then); the
last step pulls the trigger.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

from bot.labels import Label
from bot.roles import Role
from bot.workflow import State, Transition, Trigger
from tests.checks.contributions import a_knowledge, a_skill, attribution
from tests.world.job_failure import a_job_fails
from tests.world.people import Files, Person, PullRequest
from tests.world.unbuilt import UNBUILT, comes_about, is_looked_at_again
from tests.world.world import World

# the one of each role who has exactly that role
HOLDER = {Role.OUTSIDER: "mallory", Role.TRIAGER: "tess", Role.APPROVER: "apo", Role.MAINTAINER: "max"}


class Weather(Enum):
    """What the world is like during a step."""

    CLEAR = auto()
    DOUBTFUL = auto()  # the community approves of other sources than a good leaf of ours has
    STRICT = auto()  # the community asks for more seed examples than a good skill of ours has
    UNREADABLE = auto()  # GitHub lists fewer files than it counts
    SILENT = auto()  # three weeks go by, and the bot sweeps
    FORGOTTEN = auto()  # the bot has lost its database, and the community asks for fewer seed examples by now


class Journey:
    """One pull request of ana's on its way through the review."""

    def __init__(self, world: World, row: Transition, number: int) -> None:
        self.world = world
        self.row = row
        self.path = f"compositional_skills/writing/freeform/journey_{number}/qna.yaml"
        self.is_docs = False
        self.is_knowledge = row.trigger in (Trigger.SOURCE_DOUBTED, Trigger.SOURCES_SETTLED)
        if self.is_knowledge:
            self.path = f"knowledge/science/birds/journey_{number}/qna.yaml"
        self.is_crooked = row.trigger in (Trigger.TIDIED, Trigger.PUT_RIGHT)  # mechanically: what is bad is, too
        self._versions = 0
        self._pr: PullRequest | None = None

    @property
    def pr(self) -> PullRequest:
        "The pull request, once it is open."
        assert self._pr is not None
        return self._pr

    async def opens(self, *, bad: bool = False, draft: bool = False, docs: bool = False) -> None:
        "Open it: with a skill, or with documentation."
        self.is_docs = docs
        self._pr = await self.world.ana.opens_pr(self._files(bad), draft=draft)
        await self.pr.settled()

    async def pushes(self, *, bad: bool = False) -> None:
        "Push other content."
        await self.world.ana.pushes(self.pr, self._files(bad))
        await self.pr.settled()

    async def says(self, login: str, text: str) -> None:
        "Somebody writes a comment."
        await Person(self.world, login).comments(self.pr, text)
        await self.pr.settled()

    async def happens(self, trigger: Trigger) -> None:
        "Something comes about that is no event of GitHub."
        if trigger is Trigger.SDG_FAILED:
            await a_job_fails(self.world, self.pr)
        else:
            await comes_about(self.world, self.pr, trigger)
        await is_looked_at_again(self.world, self.pr)
        await self.pr.settled()

    def _files(self, bad: bool) -> Files:
        self._versions += 1
        if self.is_docs:
            return {f"docs/{self.path.split('/')[-2]}.md": f"# Version {self._versions}\n"}
        seeds = 3 if bad else 5
        beside = {self.path.replace("qna.yaml", "attribution.txt"): attribution()}
        if self.is_knowledge:
            outline = f"What birds eat, variant {self._versions}."
            return {self.path: a_knowledge(contexts=seeds, document_outline=outline), **beside}
        if self.is_crooked:
            seeds = 5
            beside = {path: text.replace("CC-BY-SA-4.0", "CC BY-SA 4.0") for path, text in beside.items()}
        text = a_skill(seed_examples=seeds, task_description=f"Shorten a sentence, variant {self._versions}.")
        if self.is_crooked and bad:
            text = text.replace("version: 3\n", "version: 3  \n")
        return {self.path: text, **beside}


Step = Callable[[Journey], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a journey. `begins_in` is the state before the last step."""

    steps: tuple[tuple[Weather, Step], ...]
    begins_in: State


def says(login: str, text: str) -> Step:
    async def step(journey: Journey) -> None:
        await journey.says(login, text)

    return step


def opens(*, bad: bool = False, draft: bool = False, docs: bool = False) -> Step:
    async def step(journey: Journey) -> None:
        await journey.opens(bad=bad, draft=draft, docs=docs)

    return step


def pushes(*, bad: bool = False) -> Step:
    async def step(journey: Journey) -> None:
        await journey.pushes(bad=bad)

    return step


def happens(trigger: Trigger) -> Step:
    async def step(journey: Journey) -> None:
        await journey.happens(trigger)

    return step


def one_after_the_other(*steps: Step) -> Step:
    async def step(journey: Journey) -> None:
        for each in steps:
            await each(journey)

    return step


async def becomes_a_draft(journey: Journey) -> None:
    await journey.world.github.convert_to_draft(journey.pr.pull)
    await journey.pr.settled()


async def becomes_ready(journey: Journey) -> None:
    await journey.world.github.mark_ready(journey.pr.pull)
    await journey.pr.settled()


def sets_label(label: Label, *, on: bool, by: str) -> Step:
    async def step(journey: Journey) -> None:
        github, pull = journey.world.github, journey.pr.pull
        await (github.label if on else github.unlabel)(pull, label, by=by)
        await journey.pr.settled()

    return step


async def nobody_acts(journey: Journey) -> None:
    "What happens is the weather's doing."


async def the_sign_off_is_edited(journey: Journey) -> None:
    "A maintainer edits the comment in which tess has signed it off."
    given = [c for c in journey.pr.pull.comments if c.author == "tess" and "/triage-approve" in c.body]
    await journey.world.github.edit_comment(given[-1], "Well ...", by="max")
    await journey.pr.settled()


async def is_dressed(journey: Journey) -> None:
    "Give it what the row takes away or leaves: flags, an approval, a job."
    row = journey.row
    wanted = row.drops - row.adds
    is_passing = row.source is not State.NOT_READY and row.trigger not in (Trigger.RECOVERED, Trigger.PUT_RIGHT)
    is_told_of = bool(row.acts) or row.source in (State.NEEDED, State.APPROVED)  # what is lost, and what stays
    is_held_by_a_person = Label.LEGAL_HOLD in wanted and row.trigger is not Trigger.SOURCES_SETTLED
    commands = ["/hold"] * (Label.HOLD in wanted) + ["/legal-hold"] * is_held_by_a_person
    if is_passing:
        commands += ["/generate"] * (Label.GENERATE_READY in wanted or bool(row.acts))
        commands += ["/approve"] * is_told_of
    if commands:
        await journey.says("max", "\n".join(commands))
    if is_passing and Label.SDG_UNSUCCESSFUL in wanted:
        await journey.happens(Trigger.SDG_FAILED)
    more = ["/build-ready"] * (Label.BUILD_READY in wanted)
    more += ["/approve"] * (Label.READY_TO_MERGE in wanted and row.source is State.APPROVED)
    if is_passing and more:
        await journey.says("apo", "\n".join(more))
    if Label.STALE in wanted:
        await journey.happens(Trigger.WENT_STALE)
    if Label.BUILD_RUNNING in wanted:
        await journey.happens(Trigger.BUILD_BEGAN)


CHECK = says("ana", "/check")
FIX = says("ana", "/fix")
ASK = says("tess", "/request-changes please say where this is from")
DOUBT = says("tess", "/uncertain")
SIGN_OFF = says("tess", "/triage-approve")
REFUSE = says("tess", "/topic maths")
TWO_APPROVE = one_after_the_other(says("eve", "/approve"), says("apo", "/approve"))
LOOKS_GOOD = one_after_the_other(says("max", "/lgtm"), says("mia", "/lgtm"))

COMES_TO: dict[State, Step] = {
    State.NEW: opens(draft=True),
    State.NOT_READY: opens(bad=True),
    State.NEEDED: opens(),
    State.CHANGES_REQUESTED: one_after_the_other(opens(), ASK),
    State.FOLLOW_UP: one_after_the_other(opens(), ASK, pushes()),
    State.UNCERTAIN: one_after_the_other(opens(), DOUBT),
    State.APPROVED: one_after_the_other(opens(), SIGN_OFF),
    State.REJECTED: one_after_the_other(opens(), REFUSE),
}

# what is no contribution is merged without triage
DOCS_COME_TO: dict[State, Step] = {
    State.NEEDED: opens(docs=True),
    State.FOLLOW_UP: one_after_the_other(opens(docs=True), ASK, pushes()),
    State.UNCERTAIN: one_after_the_other(opens(docs=True), DOUBT),
}

# how it comes to a state while its checks fail
FAILING_COMES_TO: dict[State, Step] = {
    State.NOT_READY: opens(),
    State.CHANGES_REQUESTED: one_after_the_other(opens(), ASK),
    State.UNCERTAIN: one_after_the_other(opens(), DOUBT),
    State.REJECTED: one_after_the_other(opens(), REFUSE),
}

# the same, where what fails is mechanical
CROOKED_COMES_TO: dict[State, Step] = {
    State.NOT_READY: opens(bad=True),
    State.CHANGES_REQUESTED: one_after_the_other(opens(), ASK, pushes(bad=True)),
    State.UNCERTAIN: one_after_the_other(opens(bad=True), DOUBT),
    State.REJECTED: one_after_the_other(opens(bad=True), REFUSE),
}

PULLS: dict[Trigger, Step] = {
    Trigger.PASSED: CHECK,
    Trigger.PASSED_ANEW: pushes(),
    Trigger.PASSED_AS_DRAFT: becomes_a_draft,
    Trigger.RECOVERED: CHECK,
    Trigger.TIDIED: FIX,
    Trigger.PUT_RIGHT: FIX,
    Trigger.FAILED: CHECK,
    Trigger.FAILED_ANEW: pushes(bad=True),
    Trigger.UNVERIFIED: CHECK,
    Trigger.UNVERIFIED_ANEW: pushes(),
    Trigger.SOURCE_DOUBTED: CHECK,
    Trigger.SOURCES_SETTLED: CHECK,
    Trigger.SIGN_OFF_VOID: the_sign_off_is_edited,
    Trigger.BECAME_READY: LOOKS_GOOD,
    Trigger.BECAME_BLOCKED: says("max", "/lgtm cancel"),
    Trigger.WENT_STALE: nobody_acts,
    Trigger.AUTHOR_ANSWERED: says("ana", "I am still here."),
    **{trigger: happens(trigger) for trigger in (*UNBUILT, Trigger.SDG_FAILED)},
    Trigger.WITHDRAW: sets_label(Label.GENERATE_READY, on=False, by="tess"),
}

# what somebody of exactly the least role writes
WORDS: dict[Trigger, tuple[Role, str]] = {
    Trigger.TRIAGE_APPROVE: (Role.TRIAGER, "/triage-approve"),
    Trigger.REQUEST_CHANGES: (Role.TRIAGER, "/request-changes"),
    Trigger.CALL_UNCERTAIN: (Role.TRIAGER, "/uncertain"),
    Trigger.REJECT: (Role.TRIAGER, "/reject the model knows this"),
    Trigger.REFUSE_TOPIC: (Role.TRIAGER, "/topic maths"),
    Trigger.HOLD: (Role.TRIAGER, "/hold"),
    Trigger.UNHOLD: (Role.TRIAGER, "/unhold"),
    Trigger.LEGAL_HOLD: (Role.TRIAGER, "/legal-hold"),
    Trigger.LEGAL_CLEAR: (Role.MAINTAINER, "/legal-hold cancel"),
    Trigger.LET_THROUGH: (Role.TRIAGER, "/generate"),
    Trigger.BUILD_READY: (Role.APPROVER, "/build-ready"),
    Trigger.NOT_BUILD_READY: (Role.APPROVER, "/build-ready cancel"),
}

_WEATHER_OF_PULL = {
    Trigger.WENT_STALE: Weather.SILENT,
    Trigger.FAILED: Weather.STRICT,
    Trigger.SOURCE_DOUBTED: Weather.DOUBTFUL,
    Trigger.UNVERIFIED: Weather.UNREADABLE,
    Trigger.UNVERIFIED_ANEW: Weather.UNREADABLE,
}

_C, _U = Weather.CLEAR, Weather.UNREADABLE
# where the usual way leads elsewhere
_OF_ITS_OWN: dict[tuple[State, Trigger], Plan] = {
    (State.NEW, Trigger.PASSED): Plan(((_C, opens(draft=True)), (_C, is_dressed), (_C, becomes_ready)), State.NEW),
    (State.NEW, Trigger.PASSED_ANEW): Plan(((_U, opens()), (_C, pushes())), State.NEW),
    (State.NEW, Trigger.TIDIED): Plan(((_U, opens()), (_C, FIX)), State.NEW),
    (State.NEW, Trigger.PASSED_AS_DRAFT): Plan(((_C, opens(draft=True)), (_C, is_dressed), (_C, CHECK)), State.NEW),
    (State.NOT_READY, Trigger.FAILED): Plan(((_C, opens(bad=True)), (_U, CHECK), (_C, CHECK)), State.NOT_READY),
    # only what was forgotten can pass unchanged without having been seen to fail
    (State.NOT_READY, Trigger.PASSED): Plan(((_C, opens(bad=True)), (Weather.FORGOTTEN, CHECK)), State.NOT_READY),
    (State.NOT_READY, Trigger.PASSED_AS_DRAFT): Plan(
        ((_C, opens(bad=True, draft=True)), (Weather.FORGOTTEN, CHECK)), State.NOT_READY
    ),
    # it becomes a draft, and so new, that very moment
    (State.NEW, Trigger.BECAME_BLOCKED): Plan(
        ((_C, opens(docs=True)), (_C, LOOKS_GOOD), (_C, becomes_a_draft)), State.NEEDED
    ),
    (State.APPROVED, Trigger.BECAME_READY): Plan(
        ((_C, COMES_TO[State.APPROVED]), (_C, says("eve", "/approve")), (_C, says("apo", "/approve"))),
        State.APPROVED,
    ),
    (State.APPROVED, Trigger.BECAME_BLOCKED): Plan(
        ((_C, COMES_TO[State.APPROVED]), (_C, TWO_APPROVE), (_C, says("apo", "/approve cancel"))),
        State.APPROVED,
    ),
}


def words_of(trigger: Trigger, *, by: str = "") -> Step:
    """Return how a person pulls a trigger: somebody of exactly the least role, or somebody else."""
    role, text = WORDS[trigger]
    return says(by or HOLDER[role], text)


def dressed(row: Transition, last: Step) -> Plan:
    """Return the way to the source of a row, with all that the row takes away, and a last step."""
    return Plan(((_C, COMES_TO[row.source]), (_C, is_dressed), (_C, last)), row.source)


def plan_of(row: Transition) -> Plan:
    """Return how a row is told. Raises KeyError where nobody has written down how it comes about."""
    key = (row.source, row.trigger)
    if key in _OF_ITS_OWN:
        return _OF_ITS_OWN[key]
    pull = PULLS[row.trigger] if row.trigger in PULLS else words_of(row.trigger)
    if row.trigger is Trigger.RECOVERED:
        reach = FAILING_COMES_TO[row.source]
        return Plan(((Weather.STRICT, reach), (Weather.STRICT, is_dressed), (_C, pull)), row.source)
    if row.trigger is Trigger.PUT_RIGHT:
        return Plan(((_C, CROOKED_COMES_TO[row.source]), (_C, is_dressed), (_C, pull)), row.source)
    if row.trigger is Trigger.SOURCES_SETTLED:
        doubtful = ((Weather.DOUBTFUL, COMES_TO[row.source]), (Weather.DOUBTFUL, is_dressed))
        return Plan((*doubtful, (_C, pull)), row.source)
    if row.trigger is Trigger.BECAME_READY:
        return Plan(((_C, DOCS_COME_TO[row.source]), (_C, pull)), row.source)
    if row.trigger is Trigger.BECAME_BLOCKED:
        return Plan(((_C, DOCS_COME_TO[row.source]), (_C, LOOKS_GOOD), (_C, pull)), row.source)
    weather = _WEATHER_OF_PULL.get(row.trigger, _C)
    return Plan(((_C, COMES_TO[row.source]), (_C, is_dressed), (weather, pull)), row.source)
