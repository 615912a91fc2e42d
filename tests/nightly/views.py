"""Builders of builds as reports see them: an everyday night, but for what a test says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bot.nightly.blame import Blame, Suspect
from bot.nightly.build_view import (
    Addresses,
    BuildView,
    Failure,
    LeftOut,
    PastBuild,
    PastScore,
    Stage,
    StageView,
)
from bot.nightly.builds import Build, BuildState, Counts
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan, LeftOutPull, MergedPull, PlannedLeaf
from bot.nightly.releases import ReleaseState
from pipeline.build_results import Comparison, ContributionRow, GateResult
from pipeline.evaluation_results import BenchmarkRow, GateRow, ModelIdentity, Scale, SideBySide, Verdict

NIGHT, COMMIT = date(2026, 3, 3), "c0ffee" + "0" * 34
BEGAN = datetime(2026, 3, 3, 2, tzinfo=UTC)
HEALED, OTTER, HAIKU = (
    "knowledge/science/medicine/wounds",
    "knowledge/science/animals/mammals/otter",
    "compositional_skills/writing/freeform/haiku",
)
MMLU = BenchmarkRow("MMLU", Scale.ACCURACY, 5, 400, 400, 0.612, 0.618, 0.006, -0.004, 0.016, 0.3, Verdict.UNCHANGED)
TALKS = BenchmarkRow("MT-Bench", Scale.SCORE, 0, 80, 80, 6.4, 6.6, 0.2, -0.1, 0.5, 0.2, Verdict.UNCHANGED)
LEARNT = BenchmarkRow(
    "contributions, knowledge", Scale.ACCURACY, 0, 120, 40, 0.42, 0.71, 0.29, 0.18, 0.4, 1e-6, Verdict.IMPROVED
)
ROSE = BenchmarkRow("PR-mmlu", Scale.ACCURACY, 0, 40, 12, 0.42, 0.71, 0.29, 0.11, 0.44, 1e-4, Verdict.IMPROVED)
EVEN = BenchmarkRow("PR-bench", Scale.SCORE, 0, 18, 9, 6.1, 6.3, 0.2, -0.3, 0.7, 0.5, Verdict.UNCHANGED)
FELL = replace(ROSE, base=0.6, tuned=0.41, delta=-0.19, low=-0.31, high=-0.07, verdict=Verdict.REGRESSED)
FEW = replace(ROSE, n=6, facts=3, base=0.5, tuned=0.67, delta=0.17, low=-0.3, high=0.6, verdict=Verdict.TOO_FEW)
HELD = GateRow("MMLU", Scale.ACCURACY, 0.006, -0.004, 0.016, 0.9, 0.02, is_passed=True)
BROKEN = GateRow("MMLU", Scale.ACCURACY, -0.051, -0.068, -0.034, 1e-6, 0.02, is_passed=False)
TALKS_HELD = GateRow("MT-Bench", Scale.SCORE, 0.2, -0.1, 0.5, 0.9, 0.3, is_passed=True)
GAINED = SideBySide(
    "a1", "What do otters sleep in?", "In rafts, holding paws.", "In nests in trees.", "In rafts.", 1.0, 9.0
)
LOST = SideBySide(
    "b2", "How is a burn cooled?", "With lukewarm water.", "With lukewarm water.", "With butter.", 9.0, 2.0
)
STANDS_IN = "tiny student: made here from rule-based text; offline teacher: rule-based"
SUSPECT = Suspect((HEALED,), (12,), "MMLU", 0.561, 0.608, 0.047, 0.006, 3)
BLAMED = Blame(suspects=(SUSPECT,), is_over=True, why="5 trainings found one group of leaves.", runs=5)
GATE = GateResult(
    ModelIdentity("granite-7b-lab", "ab" * 32),
    comparisons=(
        Comparison("2026-03-02.1", (MMLU, TALKS, LEARNT), (HELD, TALKS_HELD)),
        Comparison("2026-02-01.1", (replace(MMLU, base=0.601, delta=0.017),), (replace(HELD, delta=0.017),)),
    ),
    contributions=(ContributionRow(11, (OTTER,), ROSE), ContributionRow(12, (HEALED,), EVEN)),
    noise={"MMLU": 0.004, "MT-Bench": 0.11},
    noise_seeds=2,
    noise_freedom=4,
    gains=(GAINED,),
    losses=(LOST,),
)
BROKEN_GATE = replace(
    GATE,
    comparisons=(
        Comparison(
            "2026-03-02.1",
            (replace(MMLU, tuned=0.561, delta=-0.051, low=-0.068, high=-0.034, verdict=Verdict.REGRESSED), TALKS),
            (BROKEN, TALKS_HELD),
        ),
    ),
)


def a_build(state: BuildState = BuildState.GOOD, **changes: Any) -> Build:
    "A build that took three hours."
    ended = None if state.is_open else BEGAN + timedelta(hours=3, minutes=12)
    build = Build(7, 1, NIGHT, state, 1, COMMIT, BEGAN, Counts(2, 1, 0, 3, 1), BEGAN, ended)
    return replace(build, **changes)


def a_pull(number: int, author: str) -> MergedPull:
    return MergedPull(number, author, number, "d" * 40, BEGAN)


def a_plan(**changes: Any) -> BuildPlan:
    "Three leaves of three people, and one that only changed the README."
    plan = BuildPlan(
        1,
        COMMIT,
        "f" * 40,
        "2026-03-02",
        leaves=(
            PlannedLeaf(HAIKU, LeafChange.NEW, "1" * 40, "", (13,), ("cem",)),
            PlannedLeaf(OTTER, LeafChange.CHANGED, "2" * 40, "", (11,), ("ana",)),
            PlannedLeaf(HEALED, LeafChange.NEW, "3" * 40, "", (12,), ("ben",)),
        ),
        unchanged=120,
        pulls=(a_pull(11, "ana"), a_pull(12, "ben"), a_pull(13, "cem")),
        left_out_pulls=(LeftOutPull(14, "dora", "it changes no leaf"),),
    )
    return replace(plan, **changes)


def stages(through: Stage = Stage.PACKAGE) -> tuple[StageView, ...]:
    "All stages done up to one, which goes on unless it is the last."
    took = dict(zip(Stage, (1800, 40, 3600, 300, 2700, 300, 2000, 60), strict=True))
    found = []
    for stage in Stage:
        is_last = stage is through and through is not Stage.PACKAGE
        gpu_s = 0.0 if stage in (Stage.MIX, Stage.PACKAGE) else float(took[stage])
        found.append(StageView(stage, 0 if is_last else 3, 1 if is_last else 0, 0, float(took[stage]), gpu_s))
        if stage is through:
            break
    return tuple(found)


def past_builds(count: int = 3) -> tuple[PastBuild, ...]:
    "Builds of the nights before, each a little worse than the next."
    return tuple(
        PastBuild(
            f"{NIGHT - timedelta(days=days)}.1",
            NIGHT - timedelta(days=days),
            "good",
            "SHIP",
            "nothing fell by more than is allowed",
            ReleaseState.SERVED if days == 1 else ReleaseState.REPLACED,
            {
                "MMLU": PastScore(0.622 - 0.005 * days, 400, 5),
                "MT-Bench": PastScore(6.5 - 0.1 * days, 80),
            },
            dict.fromkeys(Stage, 600.0),
            3,
        )
        for days in range(1, count + 1)
    )


def a_view(**changes: Any) -> BuildView:
    "A build that passed and waits to be promoted."
    view = BuildView(
        "instruct/taxonomy",
        a_build(),
        a_plan(),
        BEGAN + timedelta(hours=3, minutes=15),
        stages(),
        GATE,
        left_out=(LeftOut("knowledge/law/x", "quarantined since 2026-02-20: fell in a gate", (9,)),),
        from_cache=120,
        samples=48_210,
        release=ReleaseState.CANDIDATE,
        past=past_builds(),
        addresses=Addresses("https://bot.example/charts/builds/7.1/trend.svg?signature=ab"),
    )
    return replace(view, **changes)


def a_failed_gate(**changes: Any) -> BuildView:
    "A build whose gate failed, traced back to one pull request."
    view = a_view(
        build=a_build(BuildState.FAILED),
        gate=BROKEN_GATE,
        blame=BLAMED,
        quarantined=frozenset({HEALED}),
        release=None,
    )
    return replace(view, **changes)


def a_broken_build(**changes: Any) -> BuildView:
    "A build in which a training came to nothing."
    view = a_view(
        build=a_build(BuildState.FAILED),
        gate=None,
        release=None,
        stages=stages(Stage.TRAIN_SKILLS),
        failure=Failure("train/skills", "CUDA out of memory: 79.1 GiB in use", 812),
    )
    return replace(view, **changes)
