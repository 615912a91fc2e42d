"""What a build keeps to whatever happens around it: its terms, its leaves' data, its attributions, its release."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest

from bot.github.errors import NotFoundError, TransientError
from bot.github.pulls import PullReader
from bot.nightly.builds import BuildState
from bot.nightly.releases import Release
from bot.nightly.terms import RENEWED_EVERY, NightTerms
from bot.store.jobs import JobStore
from bot.store.repositories import KnownRepository
from bot.store.stored_jobs import StoredJob
from pipeline.attribution_bundle import ATTRIBUTIONS, from_bundle
from pipeline.build_orders import GATE, MIX, PACKAGE
from pipeline.build_results import Comparison, GateResult
from pipeline.contract import Ending
from pipeline.evaluation_results import BenchmarkRow, Scale, Verdict
from tests.nightly.site import Fails, Script, Site, site_of
from tests.nightly.test_foreman import NEXT_NIGHT, OTTER, generated, now_of, planned
from tests.nightly.test_mistrust import MODEL, PASSES
from tests.stories.test_nightly import merged
from tests.world import World
from tests.world.nights import Nights, leaf_named, nights_of

ROW = BenchmarkRow("mmlu", Scale.ACCURACY, 0, 50, 50, 0.5, 0.5, 0.0, -0.1, 0.1, 0.9, Verdict.TOO_FEW)


def gate_knowing(freedom: int, *known: str) -> GateResult:
    "A gate that passed, with how well the noise of some benchmarks is known after it."
    compared = Comparison("2026-01-05.1", (ROW,), (PASSES,))
    return GateResult(MODEL, (compared,), noise=dict.fromkeys(known, 0.01), noise_freedom=freedom)


@pytest.mark.parametrize(
    ("gate", "since", "seeds"),
    [
        pytest.param(None, 0, 2, id="no build before it"),
        pytest.param(gate_knowing(5, "mmlu"), 0, 2, id="not well enough known"),
        pytest.param(gate_knowing(6, "mmlu"), 0, 0, id="well known"),
        pytest.param(gate_knowing(6, "other"), 0, 2, id="a benchmark that is new"),
        pytest.param(gate_knowing(60, "mmlu"), RENEWED_EVERY - 1, 0, id="some builds ago"),
        pytest.param(gate_knowing(60, "mmlu"), RENEWED_EVERY, 2, id="too many builds ago"),
    ],
)
def test_seeds_are_trained_while_chance_is_hardly_known(gate: GateResult | None, since: int, seeds: int) -> None:
    "Then once in a while."
    assert NightTerms().knowing(gate, since).noise_seeds == seeds
    assert NightTerms(noise_freedom=0).knowing(gate, since).noise_seeds == 2


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


async def test_noise_that_is_well_known_is_not_measured_again(nights: Nights, site: Site) -> None:
    "The next build goes without trainings of seeds, and its gate is told what the others have found."
    site.script = Script(says={GATE: gate_knowing(8, "mmlu")})
    await planned(nights)
    await site.builds_on()
    assert "variant/seed-2" in site.worked
    await merged(nights.world, "haiku")
    site.worked.clear()
    await planned(nights, NEXT_NIGHT)
    await site.builds_on()
    assert (await site.build()).state is BuildState.GOOD
    assert not any(step.startswith("variant") for step in site.worked)
    assert (site.orders[GATE].noise, site.orders[GATE].noise_freedom) == ({"mmlu": 0.01}, 8)


async def test_settings_that_change_meanwhile_are_for_the_next_build(
    nights: Nights, site: Site, tmp_path: Path
) -> None:
    "What a build began with holds to its end: its manifest tells what it was really made with."
    build = await planned(nights)
    await site.works_until(build, "train/skills")
    nights.world._settings |= {
        "nightly_seed": 7,
        "nightly_data_version": "another teacher",
        "nightly_noise_seeds": 5,
        "nightly_replay_share": 0.25,
    }
    async with site_of(nights, tmp_path) as restarted:
        await restarted.builds_on()
        assert (await now_of(nights, build)).state is BuildState.GOOD
        assert not any(step.startswith("generate") for step in restarted.worked)
        assert "variant/seed-3" not in restarted.worked
        order = restarted.orders[PACKAGE]
        assert (order.seed, order.replay_share) == (0, 1.0)
        await merged(nights.world, "haiku")
        await planned(nights, NEXT_NIGHT)
        await restarted.builds_on()
        assert restarted.orders[PACKAGE].seed == 7
        assert set(generated("first", "haiku", OTTER)) <= set(restarted.worked)


async def test_data_that_were_lost_are_generated_again_and_no_others(nights: Nights, site: Site) -> None:
    "Somebody emptied a part of the artifact store: the mix waits for those leaves."
    await merged(nights.world, "haiku")
    await planned(nights)
    await site.builds_on()
    lost = next(file for role, file in site.orders[MIX].files.items() if f"{leaf_named('first')}:leaf.sam" in role)
    assert site.artifacts.delete(lost.sha256)
    await merged(nights.world, "limerick")
    site.worked.clear()
    await planned(nights, NEXT_NIGHT)
    await site.builds_on()
    assert (await site.build()).state is BuildState.GOOD
    assert sorted(s for s in site.worked if s.startswith("generate")) == sorted(generated("limerick", "first"))
    assert site.worked.index(MIX) == 2
    data = {leaf.path: leaf.data_of for leaf in site.orders[MIX].leaves}
    assert (data[leaf_named("first")], data[leaf_named("haiku")]) == ("", "2026-01-06.1")


async def test_data_of_its_own_that_are_lost_end_a_build_with_the_reason(nights: Nights, site: Site) -> None:
    "Most likely bot and workers have not the same store; built anew, they are generated again."
    build = await planned(nights)
    for _ in range(2):
        await site.looks()
        await site.does((await site.waiting())[0])
    files = (await site.store.of_build(build.id))[0].life.outcome
    assert files is not None
    assert site.artifacts.delete(files.artifacts[0].sha256)
    await site.builds_on()
    ended = await now_of(nights, build)
    assert ended.state is BuildState.FAILED
    assert "no longer in the artifact store" in ended.because
    await nights.desk.plan_night(await nights.known(), build.night, anew=True)
    await site.builds_on()
    assert (await now_of(nights, build)).state is BuildState.GOOD


async def test_a_package_that_is_made_again_gets_every_attribution(nights: Nights, site: Site) -> None:
    "At first only those that the last release does not carry: it may be damaged."
    await planned(nights)
    await site.builds_on()
    await merged(nights.world, "haiku", "ben")
    build = await planned(nights, NEXT_NIGHT)
    await site.works_until(build, PACKAGE)
    [package] = await site.waiting()
    first = await attributions(site, package.id)
    site.script.fails[PACKAGE] = Fails("the attribution of first did not come", Ending.INFRA_ERROR)
    await site.does(package)
    site.script.fails.clear()
    await nights.world.clock.advance(minutes=2)
    again = await attributions(site, package.id)
    assert first < again  # its own come with it in any case
    await site.builds_on()
    assert (await now_of(nights, build)).state is BuildState.GOOD


async def attributions(site: Site, job_id: int) -> set[str]:
    "The attribution files that a package step is sent now, by blob."
    job = await site.store.get(job_id)
    assert job is not None
    order = await site.order_of(job)
    return set(from_bundle(site.artifacts.get(order.files[ATTRIBUTIONS])))


async def test_an_attribution_that_github_has_forgotten_ends_the_build_in_words(
    nights: Nights, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    "The branch was rewritten, and its old files collected: nobody waits for them."
    build = await planned(nights)
    await site.works_until(build, PACKAGE)

    async def gone(reader: PullReader, shas: Iterable[str]) -> dict[str, bytes]:
        raise NotFoundError("no such blob")

    monkeypatch.setattr(PullReader, "blobs", gone)
    await site.builds_on()
    ended = await now_of(nights, build)
    assert ended.state is BuildState.FAILED
    assert "GitHub no longer has an attribution file" in ended.because
    assert "--anew" in ended.because


async def test_a_good_build_is_good_though_it_cannot_be_promoted_now(nights: Nights, site: Site) -> None:
    "It says what is still to be done, and whoever looks next does it, once."
    asked: list[str] = []

    async def promote(known: KnownRepository, release: Release) -> str:
        asked.append(release.name)
        if len(asked) == 1:
            raise TransientError("GitHub is away")
        return "the store was away"

    site.foreman._promote = promote
    build = await planned(nights)
    await site.works_until(build, PACKAGE)
    await site.does((await site.waiting())[0])
    await site.looks()
    good = await now_of(nights, build)
    assert (good.state, good.because) == (BuildState.GOOD, "")
    assert "GitHub is away" in good.held
    assert [release.name for release in await site.releases.all_of(build.repository_id)] == ["2026-01-06.1"]
    for _ in range(2):
        await site.looks()
    good = await now_of(nights, build)
    assert (good.because, good.held, len(asked)) == ("the store was away", "", 2)


async def test_a_look_reads_only_the_steps_that_have_changed(
    nights: Nights, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    "There may be ten thousand of them, and somebody looks every minute."
    build = await planned(nights)
    await site.works_until(build, GATE)
    await site.looks()
    read: list[int] = []
    some = JobStore.some

    async def watched(store: JobStore, job_ids: Sequence[int]) -> dict[int, StoredJob]:
        read.extend(job_ids)
        return await some(store, job_ids)

    monkeypatch.setattr(JobStore, "some", watched)
    await site.looks()
    assert read == []
    [gate] = await site.waiting()
    await site.begins(gate)
    await site.looks()
    assert read == [gate.id]
