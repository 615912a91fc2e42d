"""What the page of a build tells, made from its view: the call, scores, contributions, what was left out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from bot.comments.escape import short
from bot.dashboard.build_standing import BuildStanding, standing_of
from bot.nightly.build_view import BuildView
from bot.nightly.judgement import Call, judgement
from bot.nightly.leaves import LeafChange
from bot.nightly.measures import change, interval, margin, score_interval, value
from bot.nightly.report_scores import best_of
from pipeline.build_results import Comparison, ContributionRow
from pipeline.evaluation_results import BenchmarkRow, GateRow, Scale, SideBySide, Verdict

MOST_ROWS = 300  # of a list; the report as JSON has them all
_LONGEST, _LONGEST_ANSWER = 500, 1_500
_Row = TypeVar("_Row")
_KINDS = {Call.SHIP: "good", Call.DO_NOT_SHIP: "bad", Call.YOUR_CALL: "wait", Call.UNFINISHED: ""}
_COLOURS = {Verdict.IMPROVED: "good", Verdict.REGRESSED: "bad", Verdict.UNCHANGED: "", Verdict.TOO_FEW: ""}


@dataclass(frozen=True, slots=True)
class Listing(Generic[_Row]):
    """A list that may have been cut: `more` is what is not shown."""

    rows: tuple[_Row, ...]
    more: int = 0

    @property
    def count(self) -> int:
        """How many there are in all."""
        return len(self.rows) + self.more


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A benchmark against one reference. Figures are in words already; empty where nobody measured."""

    name: str
    questions: int
    now: str
    now_interval: str
    before: str
    change: str
    change_interval: str
    allowed: str
    by_chance: str
    best: str
    verdict: str
    kind: str
    note: str


@dataclass(frozen=True, slots=True)
class Scores:
    """What a build came to against one reference."""

    against: str
    rows: tuple[ScoreRow, ...]


@dataclass(frozen=True, slots=True)
class ContributionLine:
    """What the build did to the questions of one pull request; `change` is empty where it was not measured."""

    number: int
    author: str
    leaves: tuple[str, ...]
    before: str
    after: str
    change: str
    change_interval: str
    verdict: str
    kind: str
    suspected: str


@dataclass(frozen=True, slots=True)
class SuspectLine:
    """Leaves that a fall is traced back to, and what says so."""

    leaves: tuple[str, ...]
    more_leaves: int
    pulls: tuple[int, ...]
    words: str
    is_held: bool


@dataclass(frozen=True, slots=True)
class LeftOutLine:
    """A leaf or a pull request that is not in the build, and why."""

    name: str
    pulls: tuple[int, ...]
    reason: str
    failed_here: bool


@dataclass(frozen=True, slots=True)
class LeafLine:
    """A leaf that is other than in the last good build."""

    change: str
    path: str
    pulls: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StageLine:
    """A stage; `share` is its part of the longest one's time."""

    name: str
    steps: str
    took_s: float
    gpu_h: float
    share: float
    kind: str


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """A question with the answers before and after."""

    question: str
    expected: str
    before: str
    after: str
    before_score: float
    after_score: float


@dataclass(frozen=True, slots=True)
class BuildTold:
    """All that the page tells besides jobs and files."""

    id: int
    name: str
    night: str
    attempt: int
    commit: str
    standing: BuildStanding
    call: str
    call_kind: str
    reason: str
    also: tuple[str, ...]
    command: str
    effect: str
    stands_in: str
    planned_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    eta: datetime | None
    took_s: float | None
    gpu_h: float
    samples: int
    unchanged: int
    changes: tuple[tuple[str, int], ...]
    pull_count: int
    failed_step: str
    failed_job: int
    failed_message: str
    blame: str
    suspects: tuple[SuspectLine, ...]
    scores: tuple[Scores, ...]
    contributions: Listing[ContributionLine]
    counts: tuple[tuple[str, int], ...]
    left_out: Listing[LeftOutLine]
    leaves: Listing[LeafLine]
    stages: tuple[StageLine, ...]
    remarks: Listing[str]
    gains: tuple[AnswerPair, ...]
    losses: tuple[AnswerPair, ...]


def facts_of(view: BuildView, *, with_answers: bool) -> BuildTold:
    """Return what the page tells. Answers are taken from people's questions, so only some may see them."""
    found, build, gate = judgement(view), view.build, view.gate
    took_s = (build.ended_at - build.began_at).total_seconds() if build.ended_at and build.began_at else None
    failure, blame = view.failure, view.blame
    rows = gate.contributions if gate else ()
    return BuildTold(
        build.id,
        view.name,
        build.night.isoformat(),
        build.attempt,
        build.commit,
        standing_of(build.state, view.release, build.held),
        found.call.value,
        _KINDS[found.call],
        found.reason,
        found.also,
        found.command,
        found.effect,
        short(view.stands_in, _LONGEST),
        build.planned_at,
        build.began_at,
        build.ended_at,
        view.eta,
        took_s,
        view.gpu_h,
        view.samples,
        view.plan.unchanged,
        tuple((kind.value, view.plan.count(kind)) for kind in LeafChange),
        len(view.included_pulls),
        failure.step if failure else "",
        failure.job_id if failure else 0,
        short(failure.message, _LONGEST) if failure else "",
        short(blame.why, _LONGEST) if blame else "",
        _suspects(view),
        tuple(_scores(view, each) for each in gate.comparisons) if gate else (),
        _contributions(view),
        tuple((each.value, count) for each in Verdict if (count := sum(r.benchmark.verdict is each for r in rows))),
        _left_out(view),
        _leaves(view),
        _stages(view),
        _cut([short(remark, _LONGEST) for remark in view.remarks]),
        _answers(gate.gains) if gate and with_answers else (),
        _answers(gate.losses) if gate and with_answers else (),
    )


def _cut(rows: Sequence[_Row]) -> Listing[_Row]:
    return Listing(tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS))


def _scores(view: BuildView, comparison: Comparison) -> Scores:
    gates = {gate.name: gate for gate in comparison.gates}
    noise = view.gate.noise if view.gate else {}
    rows = [_score(view, row, gates.pop(row.name, None), noise) for row in comparison.rows[:MOST_ROWS]]
    rows += [_gate_alone(gate) for gate in list(gates.values())[:MOST_ROWS]]
    return Scores(comparison.against, tuple(rows))


def _score(view: BuildView, row: BenchmarkRow, gate: GateRow | None, noise: Mapping[str, float]) -> ScoreRow:
    fell, best = gate is not None and not gate.is_passed, best_of(view, row)
    beaten = best is not None and best[1].value > row.tuned
    return ScoreRow(
        row.name,
        row.n,
        value(row.tuned, row.scale),
        score_interval(row.tuned, row.n) if row.scale is Scale.ACCURACY else "",
        value(row.base, row.scale),
        change(row.delta, 3),
        interval(row, 3),
        f"\N{MINUS SIGN}{margin(gate)}" if gate else "",
        f"± {2 * noise[row.name]:.3f}" if row.name in noise else "",
        f"{value(best[1].value, row.scale)} ({best[0]})" if best and beaten else "this one",
        "fell too far" if fell else row.verdict.value,
        "bad" if fell else _COLOURS[row.verdict],
        short(row.note, _LONGEST),
    )


def _gate_alone(gate: GateRow) -> ScoreRow:
    told, kind = ("held", "good") if gate.is_passed else ("fell too far", "bad")
    moved, allowed = change(gate.delta, 3), f"\N{MINUS SIGN}{margin(gate)}"
    return ScoreRow(gate.name, 0, "", "", "", moved, interval(gate, 3), allowed, "", "", told, kind, "")


def _contributions(view: BuildView) -> Listing[ContributionLine]:
    """Return every pull request that is in the build, the largest changes first, then those not measured."""
    authors = {pull.number: pull.author for pull in view.plan.pulls}
    suspects = _suspected_pulls(view)
    rows = sorted(
        view.gate.contributions if view.gate else (), key=lambda row: (-abs(row.benchmark.delta), row.number)
    )
    measured = {row.number for row in rows}
    leaves = {
        number: tuple(leaf.path for leaf in view.plan.leaves if number in leaf.pulls)
        for number in view.included_pulls[:MOST_ROWS]
        if number not in measured
    }
    lines = [_contribution(row, authors, suspects) for row in rows]
    lines += [
        ContributionLine(
            number, authors.get(number, ""), leaves.get(number, ()), *_UNMEASURED, suspects.get(number, "")
        )
        for number in view.included_pulls
        if number not in measured
    ]
    return _cut(lines)


_UNMEASURED = ("", "", "", "", "not measured", "")


def _contribution(
    row: ContributionRow, authors: Mapping[int, str], suspects: Mapping[int, str]
) -> ContributionLine:
    measured = row.benchmark
    return ContributionLine(
        row.number,
        authors.get(row.number, ""),
        row.leaves,
        value(measured.base, measured.scale),
        value(measured.tuned, measured.scale),
        change(measured.delta),
        interval(measured),
        measured.verdict.value,
        _COLOURS[measured.verdict],
        suspects.get(row.number, ""),
    )


def _suspected_pulls(view: BuildView) -> dict[int, str]:
    found = view.blame.suspects if view.blame else ()
    return {
        number: "suspected" if each.is_sure and len(each.pulls) == 1 else "among the suspected"
        for each in found
        for number in each.pulls
    }


def _suspects(view: BuildView) -> tuple[SuspectLine, ...]:
    found = view.blame.suspects if view.blame else ()
    return tuple(
        SuspectLine(
            each.leaves[:5],
            max(0, len(each.leaves) - 5),
            each.pulls[:10],
            f"Without it {each.benchmark} comes to {each.score_without:.3f}, with it to {each.score_with:.3f} "
            f"({change(each.recovery, 3)}; by chance ± {2 * each.noise:.3f})."
            + ("" if each.is_sure else " It is one of these, or several."),
            not view.quarantined.isdisjoint(each.leaves),
        )
        for each in found
    )


def _left_out(view: BuildView) -> Listing[LeftOutLine]:
    leaves = sorted(view.left_out, key=lambda leaf: (not leaf.is_unforeseen, leaf.path))
    lines = [
        LeftOutLine(leaf.path, leaf.pulls[:10], short(leaf.reason, _LONGEST), leaf.is_unforeseen) for leaf in leaves
    ]
    lines += [
        LeftOutLine("", (pull.number,), short(pull.reason, _LONGEST), failed_here=False)
        for pull in view.plan.left_out_pulls
    ]
    return _cut(lines)


def _leaves(view: BuildView) -> Listing[LeafLine]:
    out = {leaf.path for leaf in view.left_out}
    return _cut(
        [
            LeafLine(leaf.change.value, leaf.path, leaf.pulls[:10])
            for leaf in view.plan.leaves
            if leaf.path not in out
        ]
    )


def _stages(view: BuildView) -> tuple[StageLine, ...]:
    longest = max((stage.took_s for stage in view.stages), default=0.0) or 1.0
    return tuple(
        StageLine(
            stage.stage.value,
            ", ".join(
                f"{count:,} {word}"
                for count, word in ((stage.done, "done"), (stage.going, "to come"), (stage.failed, "failed"))
                if count
            ),
            stage.took_s,
            stage.gpu_s / 3600,
            stage.took_s / longest,
            "bad" if stage.failed else "accent" if stage.going else "",
        )
        for stage in view.stages
    )


def _answers(shown: Sequence[SideBySide]) -> tuple[AnswerPair, ...]:
    return tuple(
        AnswerPair(
            short(f"{each.context} {each.question}" if each.context else each.question, _LONGEST_ANSWER),
            short(each.reference, _LONGEST_ANSWER),
            short(each.base, _LONGEST_ANSWER),
            short(each.tuned, _LONGEST_ANSWER),
            each.base_score,
            each.tuned_score,
        )
        for each in shown[:5]
    )
