"""What a worker claims to have found out, and what becomes of a build then: it ends in plain words, or goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.jobs import JobState
from bot.nightly.builds import Build, BuildState
from bot.nightly.result_trouble import trouble_with
from bot.nightly.steps import variant_as_text
from pipeline.build_orders import GATE, MIX, PACKAGE, Phase, Variant
from pipeline.build_results import (
    Comparison,
    GateResult,
    LeafScore,
    MixedData,
    MixResult,
    PackageResult,
    TrainedCheckpoint,
    TrainResult,
    VariantResult,
)
from pipeline.contract import Ending, JobReport, Message, Outcome
from pipeline.evaluation_results import GateRow, ModelIdentity, Scale
from tests.nightly.site import Script, Site, site_of
from tests.nightly.test_foreman import now_of, planned
from tests.stories.test_nightly import merged
from tests.world import World
from tests.world.nights import Nights, nights_of

MODEL = ModelIdentity("student")
BUILD = "2026-01-06.1"
LEAVES = ("knowledge/otter",)
PASSES = GateRow("mmlu", Scale.ACCURACY, 0.0, -0.1, 0.1, 0.9, 0.02, is_passed=True)
ASKED = Variant(2, ("knowledge/otter",))
MEASURED = VariantResult(2, ("knowledge/otter",), {"mmlu": 0.5}, {"mmlu": 10})
PACKAGED = PackageResult(BUILD, "c" * 64, 1000, 3)


def trained(*names: str, phase: Phase = Phase.SKILLS) -> TrainResult:
    return TrainResult(phase, MODEL, tuple(TrainedCheckpoint(name, n) for n, name in enumerate(names)))


def gate(row: GateRow = PASSES, **told: Any) -> GateResult:
    return GateResult(MODEL, (Comparison("2026-01-05.1", (), (row,)),), **told)


def troubles(found: Message, step: str = "train/skills") -> str:
    return trouble_with(found, BUILD, step, variant_as_text(ASKED), LEAVES)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(MixResult({"skills": MixedData("s", "b" * 64, 10)}, 4, {LEAVES[0]: "empty"}), id="a mix"),
        pytest.param(trained("epoch-1", "epoch-2"), id="a training"),
        pytest.param(trained(), id="a training without checkpoints: the next step says so"),
        pytest.param(MEASURED, id="a variant"),
        pytest.param(gate(noise={"mmlu": 0.01}, noise_freedom=3), id="a gate"),
        pytest.param(PACKAGED, id="a package"),
    ],
)
def test_what_was_asked_for_is_believed(found: Message) -> None:
    "Nothing is wrong with it."
    assert troubles(found) == ""


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param(MixResult({"preferences": MixedData("s", "b" * 64, 1)}, 1), "a phase", id="unknown phase"),
        pytest.param(MixResult({}, 1, {"knowledge/cat": "x"}), "not in the build", id="a leaf of another build"),
        pytest.param(MixResult({"skills": MixedData("s", "b" * 64, -1)}, 1), "impossible", id="fewer than none"),
        pytest.param(trained("epoch-1", phase=Phase.KNOWLEDGE), "another phase", id="another phase's training"),
        pytest.param(trained("epoch-1", "epoch-1"), "two of one name", id="one checkpoint twice"),
        pytest.param(trained(*(f"epoch-{n}" for n in range(1001))), "too many", id="a checkpoint for every step"),
        pytest.param(trained("../../gate"), "no file", id="a path as checkpoint"),
        pytest.param(trained("a:result"), "no file", id="another file's role as checkpoint"),
        pytest.param(trained("x" * 10_000), "no file", id="a name without end"),
        pytest.param(replace(MEASURED, without=()), "another variant", id="another variant's leaves"),
        pytest.param(replace(MEASURED, seed=3), "another variant", id="another variant's seed"),
        pytest.param(replace(MEASURED, counts={"mmlu": 10**30}), "impossible numbers", id="too many questions"),
        pytest.param(replace(MEASURED, scores={"mmlu": 1e300}), "impossible scores", id="a score without measure"),
        pytest.param(
            replace(MEASURED, leaves=(LeafScore("mmlu", LEAVES[0], 0.5, -3),)), "impossible", id="minus questions"
        ),
        pytest.param(gate(replace(PASSES, delta=1e300)), "impossible scores", id="a fall without measure"),
        pytest.param(gate(replace(PASSES, p=-1)), "probability", id="less than impossible"),
        pytest.param(gate(noise={"mmlu": 1e200}), "impossible scores", id="noise without measure"),
        pytest.param(gate(noise={"mmlu": -0.1}), "impossible scores", id="noise below none"),
        pytest.param(gate(noise_freedom=-1), "trainings", id="fewer trainings than none"),
        pytest.param(replace(PACKAGED, name="2026-01-05.1"), "another build", id="another build's name"),
        pytest.param(replace(PACKAGED, name="../latest.json"), "another build", id="a path as name"),
        pytest.param(replace(PACKAGED, manifest_sha256="C" * 64), "no manifest", id="no hash"),
        pytest.param(replace(PACKAGED, size=2**63), "size", id="larger than any disk"),
        pytest.param(replace(PACKAGED, files=-1), "size", id="fewer files than none"),
    ],
)
def test_what_goes_beyond_that_is_not(found: Message, why: str) -> None:
    "It says why, and names nothing of it."
    assert why in troubles(found)


@pytest.fixture
async def nights(world: World) -> AsyncIterator[Nights]:
    "A first skill was merged, and a build is due."
    world.repo.permissions |= {"tess": "triage", "max": "maintain"}
    async with nights_of(world) as nights:
        await merged(world, "first")
        await world.clock.advance(hours=17)
        yield nights
    await world.settled()
    for pr in world._seen.values():
        pr.has_been_read()


@pytest.fixture
async def site(nights: Nights, tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(nights, tmp_path) as site:
        yield site


async def ends(nights: Nights, site: Site, build: Build) -> Build:
    "How a build ended."
    await site.builds_on()
    return await now_of(nights, build)


@pytest.mark.parametrize(
    ("says", "why"),
    [
        pytest.param({GATE: GateResult(MODEL, ())}, "against nothing", id="a gate that compared with nothing"),
        pytest.param({PACKAGE: replace(PACKAGED, name="2026-01-05.1")}, "another build", id="another's name"),
        pytest.param({"train/skills": trained("../x")}, "no file can have", id="a path as checkpoint"),
        pytest.param({MIX: MixResult({}, 0, {"knowledge/cat": "x"})}, "not in the build", id="an unknown leaf"),
        pytest.param({MIX: gate()}, "cannot be used", id="another step's result"),
    ],
)
async def test_a_worker_that_is_not_to_be_believed_publishes_nothing(
    nights: Nights, site: Site, says: dict[str, Message], why: str
) -> None:
    "The build ends, and says which step told what."
    build = await planned(nights)
    site.script = Script(says=says)
    ended = await ends(nights, site, build)
    assert ended.state is BuildState.FAILED
    assert why in ended.because
    assert await site.releases.all_of(build.repository_id) == []


async def test_a_package_that_is_nowhere_is_no_release(nights: Nights, site: Site) -> None:
    "The bot looks into the store of models itself."
    build = await planned(nights)
    site.script = Script(publishes=False)
    ended = await ends(nights, site, build)
    assert ended.state is BuildState.FAILED
    assert ended.because.startswith("package: 2026-01-06.1 is not in the store of models")
    assert await site.releases.all_of(build.repository_id) == []


async def test_a_step_that_tells_nothing_ends_the_build(nights: Nights, site: Site) -> None:
    "Nobody waits for a result that never comes."
    build = await planned(nights)
    await site.works_until(build, MIX)
    [mix] = await site.waiting()
    answer = await site.begins(mix)
    told = Outcome(Ending.SUCCEEDED, "done")
    await site.leases.receive(JobReport(mix.id, answer.attempt, "worker", 1, answer.secret, outcome=told))
    await site.looks()
    ended = await now_of(nights, build)
    assert (ended.state, ended.because) == (
        BuildState.FAILED,
        "mix: What it found out cannot be used. Its worker told no result.",
    )


async def test_what_the_bot_stumbles_over_is_said(
    nights: Nights, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    "A build is not held in silence, and goes on when it can be looked at again."
    build = await planned(nights)
    await site.works_until(build, MIX)
    with monkeypatch.context() as broken:
        broken.setattr("bot.nightly.outlook.next_steps", lambda *_: 1 / 0)
        await site.looks()
    held = await now_of(nights, build)
    assert "ZeroDivisionError" in held.held
    assert "nightly cancel" in held.held
    assert (await ends(nights, site, build)).state is BuildState.GOOD


async def test_a_cancelled_build_publishes_nothing_whatever_its_worker_still_tells(
    nights: Nights, site: Site
) -> None:
    "Its package was under way: the release never comes to be, and resumed the build ends with one."
    build = await planned(nights)
    await site.works_until(build, PACKAGE)
    [package] = await site.waiting()
    await site.does(package)
    assert (await site.states(build))[PACKAGE] == JobState.SUCCEEDED
    assert await nights.builds.end(build, BuildState.CANCELLED, nights.world.clock.now(), "max said so")
    await site.looks()
    assert await site.releases.all_of(build.repository_id) == []
    assert await nights.builds.resume(build, nights.world.clock.now())
    assert (await ends(nights, site, build)).state is BuildState.GOOD
    assert len(await site.releases.all_of(build.repository_id)) == 1
