"""What evaluations find out, as bot and workers exchange it: versioned JSON, standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from pipeline.contract import Message

LEAST_QUESTIONS, LEAST_FACTS = 10, 8  # below either, nothing is said of a difference
SIGNIFICANT = 0.05
MOST_UNJUDGED = 0.1  # share of the questions without a judgement, above which nothing is said of the others


class Scale(StrEnum):
    """What a benchmark counts in."""

    ACCURACY = "accuracy"  # share of right answers, 0 to 1
    SCORE = "score"  # a judge's mean score, 1 to 10

    @property
    def span(self) -> float:
        """The largest difference that there can be."""
        return 1.0 if self is Scale.ACCURACY else 9.0

    @property
    def large(self) -> float:
        """A difference that nobody may have overlooked for "no significant change" to be said."""
        return 0.2 if self is Scale.ACCURACY else 1.5


class Verdict(StrEnum):
    """What may be said of a difference."""

    IMPROVED = "improved"
    UNCHANGED = "no significant change"
    REGRESSED = "regressed"
    TOO_FEW = "too few questions to tell"


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model: what it is called, and the SHA-256 over its files (empty where others serve it)."""

    name: str
    sha256: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """One benchmark, base against tuned on the same questions.

    `delta` is tuned less base, `low` and `high` its 95 % interval, `p` that of no difference. `facts` are what was
    resampled. `note` says what a reader has to know, such as that there were fewer examples than shots.
    """

    name: str
    scale: Scale
    shots: int
    n: int
    facts: int
    base: float
    tuned: float
    delta: float
    low: float
    high: float
    p: float
    verdict: Verdict
    gained: int = 0
    lost: int = 0
    mcnemar_p: float = 1.0
    runs: int = 1  # trainings with other seeds
    note: str = ""


@dataclass(frozen=True, slots=True)
class JudgementCounts:
    """How judging went. What was asked again and then judged counts in `made`, too."""

    made: int = 0
    asked_again: int = 0
    unparsable: int = 0  # no score, or not where it was asked for
    contradictory: int = 0  # two scores in one reply, or another preference when the order was swapped
    unanswered: int = 0  # by the judge
    questions_left_out: int = 0  # of the comparison: one of the models gave no answer, or it was not judged

    @property
    def failed(self) -> int:
        """How many judgements were asked for in vain."""
        return self.unparsable + self.contradictory + self.unanswered

    def __add__(self, other: JudgementCounts) -> JudgementCounts:
        return JudgementCounts(
            self.made + other.made,
            self.asked_again + other.asked_again,
            self.unparsable + other.unparsable,
            self.contradictory + other.contradictory,
            self.unanswered + other.unanswered,
            self.questions_left_out + other.questions_left_out,
        )


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which answer the judge preferred in both orders, by number of questions."""

    tuned: int = 0
    base: int = 0
    neither: int = 0
    contradictory: int = 0  # the judge preferred another when the order was swapped
    failed: int = 0


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One question with its reference and both answers. Scores by the scale of the benchmark."""

    id: str
    question: str
    reference: str
    base: str
    tuned: str
    base_score: float
    tuned_score: float
    context: str = ""


@dataclass(frozen=True, slots=True)
class GateRow:
    """One regression gate. It fails by a significant fall of more than `margin`; `p` counts all gates together."""

    name: str
    scale: Scale
    delta: float
    low: float
    high: float
    p: float
    margin: float
    is_passed: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class EvaluateResult(Message):
    """What a contribution changed. `data` names each data set's SHA-256, `durations_s` each stage's seconds."""

    KIND: ClassVar[str] = "evaluate-result"

    head_sha: str
    base: ModelIdentity
    adapter: ModelIdentity
    rows: tuple[BenchmarkRow, ...]
    judge: ModelIdentity | None = None
    data: dict[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()  # of the trainings
    versions: dict[str, str] = field(default_factory=dict)
    judgements: JudgementCounts = field(default_factory=JudgementCounts)
    preferences: Preferences | None = None
    gates: tuple[GateRow, ...] = ()
    side_by_side: tuple[SideBySide, ...] = ()
    durations_s: dict[str, float] = field(default_factory=dict)
    gpu_minutes: float = 0.0
    stands_in: str = ""  # what stood in for a large model, in words to be shown with every number

    @property
    def verdict(self) -> Verdict:
        """What may be said of all benchmarks together: a fall counts most, then a rise."""
        said = {row.verdict for row in self.rows}
        if self.is_regressed:
            return Verdict.REGRESSED
        order = (Verdict.IMPROVED, Verdict.UNCHANGED)
        return next((verdict for verdict in order if verdict in said), Verdict.TOO_FEW)

    @property
    def is_regressed(self) -> bool:
        """True when any benchmark fell, or a gate did not pass."""
        return any(row.verdict is Verdict.REGRESSED for row in self.rows) or not all(
            gate.is_passed for gate in self.gates
        )


@dataclass(frozen=True, slots=True)
class SeedCheckRow:
    """One seed question and how well each model answers it, 0 to 1. Before there is an adapter, `tuned` is None."""

    question: str
    reference: str
    base: str
    base_score: float
    tuned: str | None = None
    tuned_score: float | None = None
    context: str = ""


@dataclass(frozen=True, slots=True)
class SeedCheckResult(Message):
    """Whether the seed questions are answered already, or now. `method` names how answers were scored."""

    KIND: ClassVar[str] = "seed-check-result"

    head_sha: str
    base: ModelIdentity
    method: str
    rows: tuple[SeedCheckRow, ...]
    answered_from: float  # a score that counts as answered
    known_from: float  # the share of answered questions from which the model "already knows"
    adapter: ModelIdentity | None = None
    unanswered: int = 0  # questions that a model gave no answer to
    judgements: JudgementCounts = field(default_factory=JudgementCounts)
    judge: ModelIdentity | None = None
    versions: dict[str, str] = field(default_factory=dict)
    stands_in: str = ""  # what stood in for a large model, in words to be shown with every number

    @property
    def base_share(self) -> float:
        """Which share of the questions the base model answers."""
        return self._share([row.base_score for row in self.rows])

    @property
    def tuned_share(self) -> float | None:
        """Which share the tuned model answers; None where there is none."""
        scores = [row.tuned_score for row in self.rows if row.tuned_score is not None]
        return self._share(scores) if scores else None

    @property
    def already_knows(self) -> bool:
        """True when the base model answers so much that there is little to teach."""
        return bool(self.rows) and self.base_share >= self.known_from

    def _share(self, scores: list[float]) -> float:
        return sum(score >= self.answered_from for score in scores) / len(scores) if scores else 0.0
