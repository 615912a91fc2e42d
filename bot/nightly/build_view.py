"""A build as its report sees it: what went in, what was measured, what became of it. `viewing` gathers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bot.nightly.blame import Blame
from bot.nightly.builds import Build
from bot.nightly.plan import BuildPlan
from bot.nightly.releases import ReleaseState
from pipeline.build_results import GateResult, PackageResult


class Stage(StrEnum):
    """The stages of a build, in their order; a phase without data has none."""

    GENERATE = "generate"
    MIX = "mix"
    TRAIN_KNOWLEDGE = "train knowledge"
    SELECT_KNOWLEDGE = "select knowledge"
    TRAIN_SKILLS = "train skills"
    SELECT_SKILLS = "select skills"
    GATE = "gate"
    PACKAGE = "package"


def stage_of(step: str) -> Stage:
    """Return the stage that a step belongs to: scoring is part of selecting, other trainings part of the gate."""
    kind, _, rest = step.partition("/")
    is_knowledge = rest.partition("/")[0] == "knowledge"
    match kind:
        case "generate":
            return Stage.GENERATE
        case "mix":
            return Stage.MIX
        case "train":
            return Stage.TRAIN_KNOWLEDGE if is_knowledge else Stage.TRAIN_SKILLS
        case "score" | "select":
            return Stage.SELECT_KNOWLEDGE if is_knowledge else Stage.SELECT_SKILLS
        case "package":
            return Stage.PACKAGE
    return Stage.GATE


@dataclass(frozen=True, slots=True)
class StageView:
    """How a stage stands. `took_s` is from its first step to its last, `gpu_s` what its steps held GPUs for."""

    stage: Stage
    done: int = 0
    going: int = 0
    failed: int = 0
    took_s: float = 0.0
    gpu_s: float = 0.0

    @property
    def is_over(self) -> bool:
        """True when all of its steps that are known are over."""
        return self.going == 0 and self.done + self.failed > 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A leaf that is in the taxonomy and not in the build.

    `is_unforeseen` when it failed on the way; `was_in_last` when the last good build has it: it is unlearnt then.
    """

    path: str
    reason: str
    pulls: tuple[int, ...] = ()
    is_unforeseen: bool = False
    was_in_last: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """The step that a build ended at. `message` is its worker's: to be shown shortened and escaped."""

    step: str
    message: str
    job_id: int = 0
    of_steps: int = 1  # that failed so


@dataclass(frozen=True, slots=True)
class PastScore:
    """What a build of before came to on a benchmark: only the same questions compare."""

    value: float
    n: int
    shots: int = 0


@dataclass(frozen=True, slots=True)
class PastBuild:
    """A build of before, for the trend, the history and the time that stages take."""

    name: str
    night: date
    state: str
    judgement: str = ""
    reason: str = ""
    release: ReleaseState | None = None  # None: it is not in the store of models
    scores: Mapping[str, PastScore] = field(default_factory=dict)
    stage_s: Mapping[Stage, float] = field(default_factory=dict)
    fresh_leaves: int = 0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where people find more; empty where we have no public address."""

    chart: str = ""
    page: str = ""


@dataclass(frozen=True, slots=True)
class BuildView:
    """One build, whole. `past` is newest first and holds neither this build nor one after it."""

    repository: str
    build: Build
    plan: BuildPlan
    now: datetime
    stages: tuple[StageView, ...] = ()
    gate: GateResult | None = None
    package: PackageResult | None = None
    left_out: tuple[LeftOut, ...] = ()
    from_cache: int = 0  # leaves whose data were there
    samples: int = 0  # trained on
    blame: Blame | None = None  # which leaves a failed gate is traced back to
    quarantined: frozenset[str] = frozenset()  # leaves that are kept out of builds now
    failure: Failure | None = None
    release: ReleaseState | None = None  # None: it is not in the store of models
    stands_in: str = ""  # what stood in for a large model
    remarks: tuple[str, ...] = ()
    past: tuple[PastBuild, ...] = ()
    addresses: Addresses = Addresses()
    eta: datetime | None = None
    all_stages: int = len(Stage)  # that this build has

    @property
    def name(self) -> str:
        """Its public name: the night and the attempt."""
        return self.build.name

    @property
    def included_pulls(self) -> tuple[int, ...]:
        """The pull requests of which something is in the model, oldest first."""
        out = {leaf.path for leaf in self.left_out}
        inside = {number for leaf in self.plan.leaves if leaf.path not in out for number in leaf.pulls}
        first = [pull.number for pull in self.plan.pulls if pull.number in inside]
        return (*first, *sorted(inside.difference(first)))  # the others were left out by an earlier build

    @property
    def suspected(self) -> frozenset[str]:
        """The leaves that a failed gate is traced back to."""
        return (
            frozenset(leaf for each in self.blame.suspects for leaf in each.leaves) if self.blame else frozenset()
        )

    @property
    def gpu_h(self) -> float:
        """GPU hours of all stages."""
        return sum(stage.gpu_s for stage in self.stages) / 3600

    @property
    def at_stage(self) -> int:
        """The stage that is under way, counted from 1."""
        over = sum(stage.is_over for stage in self.stages)
        return min(over + 1, self.all_stages)
