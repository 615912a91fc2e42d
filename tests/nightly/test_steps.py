"""What comes next in a build, whatever order its steps end in: properties of the pure decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.jobs import JobState
from bot.nightly.blame import Blame
from bot.nightly.builds import BuildState
from bot.nightly.steps import (
    Aim,
    Ended,
    StepJob,
    Submit,
    is_blame_step,
    is_leaf_step,
    next_steps,
    variant_as_text,
    variant_from_text,
)
from pipeline.build_orders import (
    GATE,
    MIX,
    PACKAGE,
    Phase,
    Variant,
    generating,
    reads_files_of,
    selecting,
    training,
)
from pipeline.build_results import (
    Comparison,
    GateResult,
    MixedData,
    MixResult,
    PackageResult,
    TrainedCheckpoint,
    TrainResult,
    VariantResult,
)
from pipeline.contract import Message
from pipeline.evaluation_results import GateRow, ModelIdentity, Scale

LEAVES = ("knowledge/otter", "compositional_skills/haiku", "compositional_skills/epic")
MODEL = ModelIdentity("student")
FAILURES = (JobState.FAILED_BY_CONTRIBUTION, JobState.INFRA_ERROR, JobState.TIMED_OUT, JobState.CANCELLED)


@dataclass
class Course:
    """A build as it goes: which steps fail, what the others find out. `log`: who was queued when what was done."""

    aim: Aim
    phases: tuple[Phase, ...]
    checkpoints: int
    gate_passes: bool
    fails: dict[str, JobState]
    most_variants: int = 2
    jobs: dict[str, StepJob] = field(default_factory=dict)
    results: dict[str, Message] = field(default_factory=dict)
    log: list[tuple[str, frozenset[str]]] = field(default_factory=list)

    def looks(self) -> Ended | None:
        "Somebody looks, and queues what may be."
        match next_steps(self.aim, self.jobs, self.results, self.blaming):
            case Submit(steps):
                for step in steps:
                    assert step.name not in self.jobs, f"{step.name} is queued twice"
                    self.log.append((step.name, self.succeeded))
                    self.jobs[step.name] = StepJob(JobState.QUEUED, variant=step.variant)
                return None
            case ended:
                return ended

    def ends(self, name: str) -> None:
        "A worker is done with a step."
        state = self.fails.get(name, JobState.SUCCEEDED)
        self.jobs[name] = StepJob(state, f"{name} broke" if state in FAILURES else "", self.jobs[name].variant)
        if state is JobState.SUCCEEDED and (result := self.found(name)) is not None:
            self.results[name] = result

    @property
    def succeeded(self) -> frozenset[str]:
        return frozenset(name for name, job in self.jobs.items() if job.state is JobState.SUCCEEDED)

    @property
    def going(self) -> list[str]:
        return [name for name, job in self.jobs.items() if not job.state.is_over]

    def blaming(self, _gate: GateResult, done: Sequence[VariantResult], given_up: Sequence[Variant]) -> Blame:
        "Leaves one leaf out after the other, two at once."
        over = {each.without for each in done if each.without} | {each.without for each in given_up}
        wanted = [Variant(1, (leaf,)) for leaf in self.aim.leaves[: self.most_variants]]
        missing = tuple(each for each in wanted if each.without not in over)
        return Blame(missing[:2], is_over=not missing)

    def found(self, name: str) -> Message | None:
        "What a step finds out."
        kind, _, rest = name.partition("/")
        match kind:
            case "mix":
                return MixResult({str(phase): MixedData(phase, "a" * 64, 5) for phase in self.phases}, 3)
            case "train":
                made = tuple(TrainedCheckpoint(f"epoch-{n}", n) for n in range(1, self.checkpoints + 1))
                return TrainResult(Phase(rest), MODEL, made)
            case "variant":
                variant = self.jobs[name].variant or Variant(1)
                return VariantResult(variant.seed, variant.without, {}, {})
            case "gate":
                row = GateRow("mmlu", Scale.ACCURACY, -0.1, -0.2, 0.0, 0.01, 0.02, self.gate_passes)
                return GateResult(MODEL, (Comparison("the last", (), (row,)),))
            case "package":
                return PackageResult("2026-01-05.1", "b" * 64, 1, 1)
        return None


STEPS = [
    *(generating(leaf) for leaf in LEAVES),
    MIX,
    "variant/seed-1",
    *(training(phase) for phase in Phase),
    *(f"score/{phase}/epoch-1" for phase in Phase),
    *(selecting(phase) for phase in Phase),
    GATE,
    PACKAGE,
    "variant/without-1",
]


@st.composite
def courses(draw: st.DrawFn) -> Course:
    "Any build of three leaves."
    with_data = draw(st.frozensets(st.sampled_from(LEAVES)))
    fresh = draw(st.frozensets(st.sampled_from(LEAVES), min_size=1))
    seeds = tuple(range(1, draw(st.integers(0, 2)) + 1))
    phases = draw(st.sampled_from([(), (Phase.KNOWLEDGE,), (Phase.SKILLS,), tuple(Phase)]))
    fails = draw(st.dictionaries(st.sampled_from(STEPS), st.sampled_from(FAILURES), max_size=3))
    aim = Aim(LEAVES, fresh, with_data, draw(st.booleans()), seeds)
    return Course(aim, phases, draw(st.integers(0, 3)), draw(st.booleans()), fails)


def played(course: Course, data: st.DataObject) -> Ended:
    "Let the steps end in any order, somebody looking now and then, until the build is over."
    for _ in range(200):
        if ended := course.looks():
            return ended
        assert course.going, f"nothing goes on, and it is not over: {course.jobs}"
        for _ in range(data.draw(st.integers(1, 3))):
            if course.going:
                course.ends(data.draw(st.sampled_from(course.going)))
    raise AssertionError("it does not come to an end")


@settings(max_examples=100, deadline=None)
@given(courses(), st.data())
def test_every_build_ends_honestly(course: Course, data: st.DataObject) -> None:
    "Good only with a package behind a gate that passed; failed with the step, if one failed that it needs."
    ended = played(course, data)
    broken = [
        name
        for name, job in course.jobs.items()
        if job.has_failed and not is_leaf_step(name) and not is_blame_step(name)
    ]
    if ended.state is BuildState.GOOD:
        assert {PACKAGE, GATE, MIX} <= course.succeeded
        assert course.gate_passes
        assert not broken
        failed = {leaf for leaf in LEAVES if course.jobs.get(generating(leaf), StepJob(JobState.QUEUED)).has_failed}
        assert ended.left_out.keys() == failed
    else:
        assert ended.reason
        assert PACKAGE not in course.succeeded
    if broken:
        assert (ended.step, ended.reason) == (broken[0], f"{broken[0]}: {broken[0]} broke")


@settings(max_examples=100, deadline=None)
@given(courses(), st.data())
def test_a_step_is_queued_once_and_after_what_it_reads(course: Course, data: st.DataObject) -> None:
    "Every step whose files it reads is over; what fails among them is a leaf or a search for the blame."
    played(course, data)
    for name, done_then in course.log:
        for read in reads_files_of(name, [each for each in course.jobs if each != name]):
            # a variant reads of trainings that are over only which student they had
            is_optional = is_leaf_step(read) or is_blame_step(read) or (name.startswith("variant") and read != MIX)
            never_came = read not in {each for each, _ in course.log}
            assert read in done_then or is_optional or never_came, f"{name} was queued before {read} was done"
        if name == MIX:
            over = {leaf for leaf in LEAVES if generating(leaf) in done_then} | course.aim.with_data
            failed = {leaf for leaf in LEAVES if course.fails.get(generating(leaf))}
            assert over | failed == set(LEAVES)


@settings(max_examples=50, deadline=None)
@given(courses(), st.data())
def test_looking_again_changes_nothing(course: Course, data: st.DataObject) -> None:
    "The same facts give the same answer, and after it nothing more is to be queued."
    for _ in range(60):
        first = next_steps(course.aim, course.jobs, course.results, course.blaming)
        assert first == next_steps(course.aim, dict(course.jobs), dict(course.results), course.blaming)
        if course.looks() is not None:
            return
        again = next_steps(course.aim, course.jobs, course.results, course.blaming)
        assert isinstance(again, Submit)
        assert again.steps == ()
        course.ends(data.draw(st.sampled_from(course.going)))


@given(st.integers(0, 2**31 - 1), st.lists(st.text(), max_size=3))
def test_a_variant_is_kept_whole(seed: int, leaves: list[str]) -> None:
    "Whatever its leaves are called."
    variant = Variant(seed, tuple(leaves))
    assert variant_from_text(variant_as_text(variant)) == variant
    assert variant_from_text("") is None


def test_an_unmeasured_gate_blames_nobody() -> None:
    "There is nothing to trace back."
    course = Course(Aim(LEAVES, frozenset(LEAVES), frozenset(LEAVES)), (Phase.SKILLS,), 1, True, {})
    while course.looks() is None:
        name = course.going[0]
        course.ends(name)
        if name == GATE:
            course.results[GATE] = GateResult(MODEL, (), unmeasured="there are no questions")
            break
    ended = course.looks()
    assert isinstance(ended, Ended)
    assert (ended.state, ended.blame) == (BuildState.FAILED, None)
    assert "could not be measured: there are no questions" in ended.reason
