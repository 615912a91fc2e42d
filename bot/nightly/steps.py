"""What comes next in a build: a pure function of its plan, of how its jobs stand, and of what they found out.

Whoever looks gets the same answer, so a step is queued once, by its name, and a killed build goes on where its jobs
stand. A leaf whose step fails is left out, with the reason; any other step that fails ends the build.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.jobs import JobKind, JobState
from bot.nightly.blame import Blame
from bot.nightly.builds import Build, BuildState
from pipeline.build_orders import (
    GATE,
    MIX,
    PACKAGE,
    Phase,
    Variant,
    generating,
    scoring,
    selecting,
    training,
    variant,
)
from pipeline.build_results import GateResult, MixResult, TrainResult, VariantResult
from pipeline.contract import Message

_MOST_SHOWN = 3  # leaves, or benchmarks, that a reason names
SEED = "seed-"  # begins the names of variants that differ by their seed only
_WITHOUT, _WITH_ALL = "without-", "with-all-"


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is to be queued."""

    name: str
    kind: JobKind
    variant: Variant | None = None


@dataclass(frozen=True, slots=True)
class StepJob:
    """The job of a step, as far as it decides what comes next. `message` is its worker's."""

    state: JobState
    message: str = ""
    variant: Variant | None = None

    @property
    def has_failed(self) -> bool:
        """True when it is over and came to nothing."""
        return self.state.is_over and self.state is not JobState.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Aim:
    """What a build is to do. `leaves` are those it takes in, `fresh` those of them that are not as before.

    `with_data` are leaves from which something is generated already; `seeds` are of the trainings that tell how
    much a score moves by chance.
    """

    leaves: tuple[str, ...]
    fresh: frozenset[str]
    with_data: frozenset[str] = frozenset()
    removes_some: bool = False
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Submit:
    """These steps may be queued now; none: something has to end first. `left_out` tells of leaves the reason."""

    steps: tuple[Step, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """The build is over. `step` is the one that it failed at; empty where it did not."""

    state: BuildState
    reason: str = ""
    step: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    blame: Blame | None = None


Jobs = Mapping[str, StepJob]  # by step
Results = Mapping[str, Message]  # of the steps that succeeded, by step
# of a gate, the variants that are done, and those that came to nothing
Blaming = Callable[[GateResult, Sequence[VariantResult], Sequence[Variant]], Blame]


def next_steps(aim: Aim, jobs: Jobs, results: Results, blaming: Blaming) -> Submit | Ended:
    """Return what may be queued now, or how the build ended."""
    if failure := _failure(jobs):
        return failure
    left_out = _failed_leaves(aim, jobs)
    missing = [leaf for leaf in aim.leaves if leaf not in aim.with_data and generating(leaf) not in jobs]
    if missing:
        return Submit(tuple(Step(generating(leaf), JobKind.GENERATE) for leaf in missing), left_out)
    if any(not _is_over(jobs, generating(leaf)) for leaf in aim.leaves if leaf not in aim.with_data):
        return Submit(left_out=left_out)
    if nothing := _nothing_left(aim, left_out):
        return nothing
    mix = results.get(MIX)
    if not isinstance(mix, MixResult):
        return _unless_there(jobs, Step(MIX, JobKind.MIX), left_out)
    left_out = dict(mix.empty_leaves) | left_out
    if nothing := _nothing_left(aim, left_out):
        return nothing
    phases = [phase for phase in Phase if phase in mix.phases]
    if not phases:
        return Ended(BuildState.FAILED, "No leaf gave anything to train on.", MIX, left_out)
    return _after_mix(aim, phases, jobs, results, left_out, blaming)


def _after_mix(
    aim: Aim,
    phases: Sequence[Phase],
    jobs: Jobs,
    results: Results,
    left_out: Mapping[str, str],
    blaming: Blaming,
) -> Submit | Ended:
    steps: list[Step] = []
    is_trained = True
    for phase in phases:
        if empty := _without_checkpoint(phase, results, left_out):
            return empty
        steps += _of_phase(phase, jobs, results)
        if not _has_succeeded(jobs, selecting(phase)):
            is_trained = False
            break
    # last: they take long, and only the gate waits for them
    steps += [Step(variant(f"{SEED}{n}"), JobKind.VARIANT, Variant(seed)) for n, seed in enumerate(aim.seeds, 1)]
    wanted = _not_there(jobs, steps)
    seeds_are_done = all(_has_succeeded(jobs, step.name) for step in steps if step.kind is JobKind.VARIANT)
    if wanted or not is_trained or not seeds_are_done:
        return Submit(wanted, left_out)
    gate = results.get(GATE)
    if not isinstance(gate, GateResult):
        return _unless_there(jobs, Step(GATE, JobKind.GATE), left_out)
    if not gate.is_passed:
        return _after_failed_gate(gate, jobs, results, left_out, blaming)
    if _has_succeeded(jobs, PACKAGE) and PACKAGE in results:
        return Ended(BuildState.GOOD, left_out=left_out)
    return _unless_there(jobs, Step(PACKAGE, JobKind.PACKAGE), left_out)


def _of_phase(phase: Phase, jobs: Jobs, results: Results) -> Iterator[Step]:
    """Yield the steps of a phase that may be queued, whether or not they are."""
    yield Step(training(phase), JobKind.TRAIN)
    trained = results.get(training(phase))
    if not isinstance(trained, TrainResult):
        return
    scores = [scoring(phase, checkpoint.name) for checkpoint in trained.checkpoints]
    yield from (Step(name, JobKind.SCORE) for name in scores)
    if all(_has_succeeded(jobs, name) for name in scores):
        yield Step(selecting(phase), JobKind.SELECT)


def _after_failed_gate(
    gate: GateResult, jobs: Jobs, results: Results, left_out: Mapping[str, str], blaming: Blaming
) -> Submit | Ended:
    """Go on looking for the leaves to blame; then the build has failed, for the gate's reason."""
    if not gate.failed:
        return Ended(BuildState.FAILED, _fallen(gate), GATE, left_out)
    done = [result for result in results.values() if isinstance(result, VariantResult)]
    tries = {name: job for name, job in jobs.items() if is_blame_step(name)}
    given_up = [job.variant for job in tries.values() if job.has_failed and job.variant is not None]
    blame = blaming(gate, done, given_up)
    known = [job.variant for job in jobs.values()]
    fresh = [each for each in blame.next if each not in known]
    is_stuck = not fresh and all(job.state.is_over for job in tries.values())
    if blame.is_over or is_stuck:
        return Ended(BuildState.FAILED, _fallen(gate), GATE, left_out, blame)
    return Submit(tuple(_blame_step(n, each) for n, each in enumerate(fresh, len(tries) + 1)), left_out)


def _blame_step(number: int, told: Variant) -> Step:
    begins = _WITHOUT if told.without else _WITH_ALL
    return Step(variant(f"{begins}{number}"), JobKind.VARIANT, told)


def source_of(build: Build, step: str) -> str:
    """Return where the job of a step is asked for: from there it is queued once."""
    return (
        f"build:{build.id}.{build.attempt}:{hashlib.sha256(step.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    )


def failed_leaves_of(states: Mapping[str, JobState]) -> frozenset[str]:
    """Return the leaves whose step came to nothing, from the states of all steps."""
    begins = generating("")
    return frozenset(
        step.removeprefix(begins)
        for step, state in states.items()
        if step.startswith(begins) and state.is_over and state is not JobState.SUCCEEDED
    )


def is_leaf_step(step: str) -> bool:
    """True for a step whose failure leaves a leaf out, instead of ending the build."""
    return step.startswith(generating(""))


def is_blame_step(step: str) -> bool:
    """True for a step that looks for the leaves to blame, after the build has failed its gate."""
    return step.startswith(variant("")) and not step.startswith(variant(SEED))


def variant_as_text(told: Variant) -> str:
    """Return a variant as the row of its job keeps it."""
    return json.dumps({"seed": told.seed, "without": list(told.without)}, ensure_ascii=False)


def variant_from_text(text: str) -> Variant | None:
    """Return the variant of a row, None for a step that does nothing otherwise."""
    if not text:
        return None
    told = json.loads(text)
    return Variant(int(told["seed"]), tuple(told["without"]))


def _failure(jobs: Jobs) -> Ended | None:
    """Return how the build ended if a step failed that it cannot do without: the one that was queued first."""
    for name, job in jobs.items():
        if job.has_failed and not is_leaf_step(name) and not is_blame_step(name):
            return Ended(BuildState.FAILED, f"{name}: {_why(job)}", name)
    return None


def _failed_leaves(aim: Aim, jobs: Jobs) -> dict[str, str]:
    return {
        leaf: f"nothing could be generated: {_why(job)}"
        for leaf in aim.leaves
        if leaf not in aim.with_data and (job := jobs.get(generating(leaf))) is not None and job.has_failed
    }


def _nothing_left(aim: Aim, left_out: Mapping[str, str]) -> Ended | None:
    """Return that the build has failed, where what is left is empty, or holds nothing new."""
    is_empty = all(leaf in left_out for leaf in aim.leaves)
    is_as_before = not aim.removes_some and all(leaf in left_out for leaf in aim.fresh)
    if not is_empty and not is_as_before:
        return None
    which = "Every leaf" if is_empty else "Every new or changed leaf"
    if not aim.leaves:
        return Ended(BuildState.FAILED, "No leaf is left in the taxonomy: there is nothing to train on.")
    shown = "; ".join(f"{leaf}: {reason}" for leaf, reason in list(left_out.items())[:_MOST_SHOWN])
    more = f"; and {len(left_out) - _MOST_SHOWN} more" if len(left_out) > _MOST_SHOWN else ""
    first = next(iter(left_out), "")
    return Ended(BuildState.FAILED, f"{which} had to be left out. {shown}{more}", generating(first), dict(left_out))


def _without_checkpoint(phase: Phase, results: Results, left_out: Mapping[str, str]) -> Ended | None:
    trained = results.get(training(phase))
    if not isinstance(trained, TrainResult) or trained.checkpoints:
        return None
    reason = f"{training(phase)}: the training ended without a checkpoint."
    return Ended(BuildState.FAILED, reason, training(phase), left_out)


def _fallen(gate: GateResult) -> str:
    if not gate.failed:
        return f"Its gate could not be measured: {gate.why_unmeasured}"
    fallen = list(dict.fromkeys(f"{row.name} against {against}" for against, row in gate.failed))
    more = f" and {len(fallen) - _MOST_SHOWN} more" if len(fallen) > _MOST_SHOWN else ""
    return f"It did not pass its gate: {', '.join(fallen[:_MOST_SHOWN])}{more}."


def _why(job: StepJob) -> str:
    return job.message or f"{job.state}."


def _unless_there(jobs: Jobs, step: Step, left_out: Mapping[str, str]) -> Submit:
    return Submit(_not_there(jobs, [step]), left_out)


def _not_there(jobs: Jobs, steps: Sequence[Step]) -> tuple[Step, ...]:
    return tuple(step for step in steps if step.name not in jobs)


def _is_over(jobs: Jobs, name: str) -> bool:
    return name in jobs and jobs[name].state.is_over


def _has_succeeded(jobs: Jobs, name: str) -> bool:
    return name in jobs and jobs[name].state is JobState.SUCCEEDED
