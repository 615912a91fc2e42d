"""What is said of nightly builds: the report, the call for a decision, and the word to each contributor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from bot.comments.released import released
from bot.nightly.blame import Blame
from bot.nightly.build_view import BuildView, LeftOut, Stage
from bot.nightly.builds import BuildState
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import PlannedLeaf
from bot.nightly.releases import ReleaseState
from bot.nightly.report import alarm, decision, in_chat, report, report_title
from pipeline.build_results import Comparison, ContributionRow
from tests.nightly.views import (
    BEGAN,
    BLAMED,
    BROKEN_GATE,
    EVEN,
    FELL,
    FEW,
    GAINED,
    GATE,
    HEALED,
    NIGHT,
    OTTER,
    ROSE,
    STANDS_IN,
    SUSPECT,
    a_broken_build,
    a_build,
    a_failed_gate,
    a_plan,
    a_pull,
    a_view,
    past_builds,
    stages,
)

VIEW = a_view()
BOTH_FELL = replace(
    BROKEN_GATE, comparisons=(*BROKEN_GATE.comparisons, replace(BROKEN_GATE.comparisons[0], against="2026-02-01.1"))
)


def words() -> Iterator[tuple[str, str]]:
    "Yield each situation's name and what is said in it."
    for name, view in _builds():
        yield f"building/{name}", f"{report_title(view)}\n\n---\n\n{report(view)}"
    told = report(many()).splitlines()
    yield "building/many", "\n".join([line for line in told if "more" in line] + told[-1:])
    yield "building/decision-ship", decision(a_view(), "@instruct/maintainers")
    yield "building/decision-do-not-ship", decision(a_failed_gate(stands_in=STANDS_IN), "a maintainer")
    yield "building/late", alarm("The build due at 2026-03-03 02:00 UTC was not planned.", "@instruct/maintainers")
    yield "building/chat", in_chat(a_view(stands_in=STANDS_IN), "instruct/taxonomy")
    for name, row in (("improved", ROSE), ("unchanged", EVEN), ("fell", FELL), ("too-few", FEW), ("nothing", None)):
        yield f"released/{name}", released("ana", "2026-03-03.1", NIGHT, row)
    one = replace(FEW, n=1, facts=1)
    yield "released/one-question-to-a-stand-in", released("ana", "2026-03-03.1", NIGHT, one, stands_in=STANDS_IN)
    later = released("ana", "2026-03-03.1", NIGHT, ROSE, measured_in="2026-03-01.1")
    yield "released/measured-earlier", later
    yield "released/taken-out", released("ana", "2026-03-03.1", NIGHT, None, is_removal=True)


def _builds() -> Iterator[tuple[str, BuildView]]:
    yield "ship", a_view()
    yield "served", a_view(release=ReleaseState.SERVED)
    yield "with-an-unreadable-gate", a_view(gate=None)
    seen = replace(GATE, noise_seeds=0, contributions=(), gains=(), losses=())
    yield "with-a-page", a_view(addresses=replace(VIEW.addresses, page="https://bot.example/builds/7"), gate=seen)
    yield "withdrawn", a_view(release=ReleaseState.WITHDRAWN)
    yield "replaced", a_view(release=ReleaseState.REPLACED)
    yield "by-stand-ins", a_view(stands_in=STANDS_IN, remarks=("12 samples were longer than the model reads",))
    yield "gate-failed", a_failed_gate()
    yield "gate-failed-nobody-blamed", a_failed_gate(blame=None, quarantined=frozenset(), stands_in=STANDS_IN)
    nothing = replace(GATE, comparisons=(), unmeasured="There is nobody to judge the answers.")
    yield "unmeasured", a_failed_gate(gate=nothing, blame=None, quarantined=frozenset())
    unsure = replace(SUSPECT, leaves=(HEALED, OTTER), pulls=(), is_sure=False)
    yield "gate-failed-unsure", a_failed_gate(blame=replace(BLAMED, suspects=(unsure,)), gate=BOTH_FELL)
    looking = Blame(why="4 trainings without some of the leaves are to tell.", runs=4)
    yield "looking-for-whom-to-blame", a_failed_gate(build=a_build(BuildState.RUNNING), blame=looking)
    yield "passed-over", a_view(build=a_build(BuildState.PASSED_OVER), gate=None, stages=(), release=None)
    yield "planned", a_view(build=a_build(BuildState.PLANNED), gate=None, stages=(), release=None)
    yield "broke-down", a_broken_build()
    yield "cancelled", a_view(build=a_build(BuildState.CANCELLED), gate=None, release=None)
    now = BEGAN + timedelta(hours=6)
    going = a_view(
        build=a_build(BuildState.RUNNING),
        gate=None,
        release=None,
        now=now,
        stages=stages(Stage.SELECT_KNOWLEDGE),
        eta=now + timedelta(minutes=100),
    )
    yield "unfinished", going
    yield "unfinished-first", replace(going, eta=None, past=())
    lost = LeftOut(OTTER, "no document could be fetched", (11,), is_unforeseen=True, was_in_last=True)
    few = replace(GATE, comparisons=(Comparison("2026-03-02.1", (FEW,), GATE.comparisons[0].gates),), noise={})
    worse = replace(few, contributions=(ContributionRow(12, (HEALED,), FELL),), noise_freedom=0, noise_seeds=0)
    yield "doubts", a_view(left_out=(lost,), gate=worse)
    yield "one-in-ten-left-out", a_view(left_out=(replace(lost, was_in_last=False),))
    yield "compared-with-nothing", a_failed_gate(gate=replace(GATE, comparisons=()), blame=None, past=())


def many() -> BuildView:
    "Four hundred leaves of as many pull requests, with long paths, half of them left out, and thirty benchmarks."
    paths = [f"knowledge/{'deep/' * 20}{number:03}" for number in range(400)]
    leaves = tuple(
        PlannedLeaf(path, LeafChange.NEW, "1" * 40, "", (number,), ("ana",)) for number, path in enumerate(paths, 1)
    )
    pulls = tuple(a_pull(number, f"somebody-with-a-long-name-{number:03}") for number in range(1, 401))
    out = tuple(
        LeftOut(path, "the teacher wrote nothing that could be used. " * 5, (number,), is_unforeseen=True)
        for number, path in enumerate(paths[200:], 201)
    )
    rows = tuple(replace(ROSE, name=f"benchmark {number}") for number in range(30))
    found = tuple(ContributionRow(number, (paths[number - 1],), ROSE) for number in range(1, 401))
    long = replace(GAINED, question="Why? " * 200, base="x" * 5000, tuned="y" * 5000)
    gate = replace(
        GATE,
        comparisons=(Comparison("2026-03-02.1", rows, GATE.comparisons[0].gates),),
        contributions=found,
        gains=(long,) * 9,
        losses=(long,) * 9,
    )
    return a_view(
        plan=a_plan(leaves=leaves, pulls=pulls),
        left_out=out,
        gate=gate,
        addresses=replace(VIEW.addresses, page="https://bot.example/builds/7"),
        remarks=("a remark " * 60,) * 90,
        past=past_builds(40),
    )
