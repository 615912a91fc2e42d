"""What the steps of a nightly build find out: versioned JSON between workers and bot, standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pipeline.build_orders import Phase
from pipeline.contract import Message
from pipeline.evaluation_results import BenchmarkRow, GateRow, ModelIdentity, SideBySide


@dataclass(frozen=True, slots=True)
class MixedData:
    """One file that is trained on, or held back: how many samples, of how many tokens' worth of bytes."""

    name: str
    sha256: str
    samples: int


@dataclass(frozen=True, slots=True)
class MixResult(Message):
    """What there is to train on. `phases` names the training file of each phase that has data.

    `empty_leaves` gave nothing to train on, with the reason; `questions` counts those to measure with.
    """

    KIND: ClassVar[str] = "mix-result"

    phases: dict[str, MixedData]
    questions: int
    empty_leaves: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainedCheckpoint:
    """What was learnt up to the end of an epoch. Its files are artifacts named `<name>.<file>` (`in_folder`)."""

    name: str
    epoch: int
    dev_loss: float | None = None


@dataclass(frozen=True, slots=True)
class TrainResult(Message):
    """The checkpoints of a phase, oldest first. `base` is what it began from, `student` what the build did."""

    KIND: ClassVar[str] = "train-result"

    phase: Phase
    base: ModelIdentity
    checkpoints: tuple[TrainedCheckpoint, ...]
    settings: dict[str, str | int | float | bool] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    samples: int = 0
    tokens: int = 0
    took_s: float = 0.0
    remarks: tuple[str, ...] = ()
    student: ModelIdentity | None = None
    is_adapter: bool = False  # the checkpoints are adapters of `base`
    dev_samples: int = 0  # that training was watched by


@dataclass(frozen=True, slots=True)
class ScoreResult(Message):
    """How good a checkpoint is on questions that are kept for choosing. `score` is from 0 to 1.

    It is the share of right answers to `n` questions; where there are too few, the mean probability of a token in
    `n` samples to watch training by, `is_by_loss`. With `n` 0 nothing could be measured.
    """

    KIND: ClassVar[str] = "score-result"

    phase: Phase
    checkpoint: str
    score: float
    n: int
    dev_loss: float | None = None
    is_by_loss: bool = False
    student: ModelIdentity | None = None


@dataclass(frozen=True, slots=True)
class SelectResult(Message):
    """Which checkpoint was selected, and why. The model's files are named `model.<file>` (`in_folder`)."""

    KIND: ClassVar[str] = "select-result"

    phase: Phase
    checkpoint: str
    scores: tuple[ScoreResult, ...]
    why: str
    model: ModelIdentity
    student: ModelIdentity | None = None


@dataclass(frozen=True, slots=True)
class ContributionRow:
    """What the build did to the questions of one pull request: the last good build against this one."""

    number: int
    leaves: tuple[str, ...]
    benchmark: BenchmarkRow


@dataclass(frozen=True, slots=True)
class Comparison:
    """The candidate against one reference, `against` by its name, such as a build's. Only `gates` decide."""

    against: str
    rows: tuple[BenchmarkRow, ...]
    gates: tuple[GateRow, ...]


@dataclass(frozen=True, slots=True)
class GateResult(Message):
    """Whether the candidate may be published.

    `noise` is the standard deviation between seeds by benchmark, this build's pooled with those of earlier ones,
    known with `noise_freedom` degrees of freedom: both go into the order of the next build.
    """

    KIND: ClassVar[str] = "gate-result"

    candidate: ModelIdentity
    comparisons: tuple[Comparison, ...]
    contributions: tuple[ContributionRow, ...] = ()
    noise: dict[str, float] = field(default_factory=dict)
    noise_seeds: int = 0  # trainings of this build that it was measured from
    noise_freedom: int = 0  # 0: not measured, neither here nor before
    gains: tuple[SideBySide, ...] = ()  # the largest first
    losses: tuple[SideBySide, ...] = ()
    stands_in: str = ""
    remarks: tuple[str, ...] = ()
    unmeasured: str = ""  # why nothing at all could be measured; what nobody measured does not pass

    @property
    def is_passed(self) -> bool:
        """True when something was held against something, and no gate failed, against whichever reference."""
        return any(each.gates for each in self.comparisons) and not self.failed and not self.unmeasured

    @property
    def why_unmeasured(self) -> str:
        """Why it did not pass though no gate failed, in a sentence."""
        return self.unmeasured or "It holds the build against nothing."

    @property
    def failed(self) -> tuple[tuple[str, GateRow], ...]:
        """The gates that failed, each with what it was measured against."""
        return tuple((each.against, gate) for each in self.comparisons for gate in each.gates if not gate.is_passed)


@dataclass(frozen=True, slots=True)
class LeafScore:
    """How a variant does on those questions of a benchmark that are about one leaf."""

    benchmark: str
    leaf: str
    score: float
    n: int


@dataclass(frozen=True, slots=True)
class VariantResult(Message):
    """How a variant does on every benchmark of the gate: its score, and how many questions that is the mean of.

    `leaves` tells the same leaf by leaf where a benchmark's questions are about leaves: what a variant did not
    learn it is not to be blamed for.
    """

    KIND: ClassVar[str] = "variant-result"

    seed: int
    without: tuple[str, ...]
    scores: dict[str, float]
    counts: dict[str, int]
    leaves: tuple[LeafScore, ...] = ()


@dataclass(frozen=True, slots=True)
class PackageResult(Message):
    """A build that stands in the store of models, whole; nothing points at it yet."""

    KIND: ClassVar[str] = "package-result"

    name: str
    manifest_sha256: str
    size: int  # of all its files, in bytes
    files: int
