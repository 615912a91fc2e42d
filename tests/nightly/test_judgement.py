"""Ship it, or not, or a person decides: what leads to which word, and what is to be typed then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.nightly.build_view import BuildView, Failure, LeftOut
from bot.nightly.builds import BuildState
from bot.nightly.judgement import Call, judgement
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import PlannedLeaf
from bot.nightly.releases import ReleaseState
from pipeline.build_results import Comparison, ContributionRow
from tests.nightly.views import (
    BROKEN,
    FELL,
    FEW,
    GATE,
    HEALED,
    MMLU,
    OTTER,
    STANDS_IN,
    a_broken_build,
    a_build,
    a_failed_gate,
    a_plan,
    a_view,
)


def test_what_passed_without_a_doubt_is_shipped() -> None:
    "There is one command to type, which names the build; and nothing else to weigh."
    found = judgement(a_view())
    assert (found.call, found.also) == (Call.SHIP, ())
    assert found.command == "taxonomy-bot nightly promote 2026-03-03.1"
    assert found.needs_a_person


FAILED_LEAF = LeftOut(OTTER, "no document could be fetched", (11,), is_unforeseen=True)
MANY = a_plan(
    leaves=tuple(PlannedLeaf(f"knowledge/{n}", LeafChange.NEW, "1" * 40, "", (n,)) for n in range(1, 12)),
)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        pytest.param(a_view(stands_in=STANDS_IN), "stand-ins were measured", id="measured on stand-ins"),
        pytest.param(a_view(gate=None), "gate measured cannot be read", id="no gate at hand"),
        pytest.param(a_view(gate=replace(GATE, noise={})), "by chance was not measured", id="noise unmeasured"),
        pytest.param(
            a_view(gate=replace(GATE, comparisons=(Comparison("x", (FEW,), GATE.comparisons[0].gates),))),
            "too few questions to tell: PR-mmlu",
            id="too few questions",
        ),
        pytest.param(a_view(remarks=("one sample was cut",)), "1 remark of the workers", id="a remark"),
        pytest.param(
            a_view(left_out=(replace(FAILED_LEAF, was_in_last=True),), plan=MANY),
            "1 leaf of the last good build was left out",
            id="a leaf is unlearnt",
        ),
        pytest.param(
            a_view(left_out=(FAILED_LEAF,)), "1 of 3 leaves that are new", id="a tenth could not be taken in"
        ),
        pytest.param(
            a_view(gate=replace(GATE, contributions=(ContributionRow(12, (HEALED,), FELL),))),
            "got worse at what one contribution",
            id="a contribution fell",
        ),
    ],
)
def test_what_a_person_should_weigh_is_their_call(view: BuildView, said: str) -> None:
    "Each doubt by itself makes it theirs, and stands as the reason; promoting is still what is to be typed."
    found = judgement(view)
    assert found.call is Call.YOUR_CALL
    assert said in found.reason
    assert found.command == "taxonomy-bot nightly promote 2026-03-03.1"


def test_little_left_out_and_what_was_decided_before_is_no_doubt() -> None:
    "One of eleven leaves, and leaves in quarantine."
    assert judgement(a_view(left_out=(FAILED_LEAF,), plan=MANY)).call is Call.SHIP
    assert judgement(a_view(left_out=(LeftOut(OTTER, "quarantined", (11,), was_in_last=True),))).call is Call.SHIP


def test_a_failed_gate_is_not_shipped_whatever_else_is_so() -> None:
    "The reason is what fell furthest below what is allowed; the others are told, too."
    found = judgement(a_failed_gate(stands_in=STANDS_IN))
    assert found.call is Call.DO_NOT_SHIP
    assert found.reason == "measured on stand-ins, MMLU fell by 0.051 against 2026-03-02.1, 0.020 is allowed"
    little = replace(BROKEN, name="BBH", delta=-0.03)
    gate = replace(GATE, comparisons=(Comparison("last", (MMLU,), (little, BROKEN)),))
    found = judgement(a_failed_gate(gate=gate))
    assert found.reason.startswith("MMLU fell")
    assert found.also == ("BBH fell, too, against last",)


@pytest.mark.parametrize(
    ("view", "reason", "command"),
    [
        (a_failed_gate(), "MMLU fell", "taxonomy-bot nightly quarantine list"),
        (a_failed_gate(quarantined=frozenset()), "MMLU fell", "taxonomy-bot nightly run --night 2026-03-03 --anew"),
        (
            a_failed_gate(gate=replace(GATE, comparisons=(), unmeasured="There is no judge.")),
            "There is no judge",
            "taxonomy-bot nightly run --night 2026-03-03 --anew",
        ),
        (a_broken_build(), "the step train/skills failed", "taxonomy-bot nightly resume --night 2026-03-03"),
        (
            a_broken_build(failure=Failure("", "Every new or changed leaf had to be left out.")),
            "Every new or changed leaf had to be left out",
            "taxonomy-bot nightly resume --night 2026-03-03",
        ),
        (
            a_broken_build(build=a_build(BuildState.CANCELLED), failure=None),
            "it was cancelled",
            "taxonomy-bot nightly resume --night 2026-03-03",
        ),
        (a_broken_build(build=a_build(BuildState.PASSED_OVER), failure=None), "it never began", ""),
    ],
)
def test_what_came_to_nothing_names_the_way_on(view: BuildView, reason: str, command: str) -> None:
    "Each end has its own command."
    found = judgement(view)
    assert (found.call, found.command) == (Call.DO_NOT_SHIP, command)
    assert found.reason.startswith(reason)


@pytest.mark.parametrize("release", [ReleaseState.SERVED, ReleaseState.REPLACED, ReleaseState.WITHDRAWN])
def test_what_is_decided_asks_nobody(release: ReleaseState) -> None:
    "The call stays what it was; there is nothing to type, and of what is served the way back is named."
    found = judgement(a_view(release=release))
    assert (found.call, found.needs_a_person) == (Call.SHIP, False)
    assert ("rollback" in found.effect) is (release is ReleaseState.SERVED)


def test_what_goes_on_is_no_success() -> None:
    "Neither is a build that passed its gate and never reached the store of models."
    assert judgement(a_view(build=a_build(BuildState.RUNNING))).call is Call.UNFINISHED
    assert judgement(a_view(release=None)).call is Call.DO_NOT_SHIP
