"""Builds from their beginning to their end: the real foreman and a played worker, on both kinds of database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.budgets import Budget
from bot.jobs import JobState
from bot.nightly.builds import Build, BuildState
from bot.nightly.desk import Decision
from pipeline.build_orders import MIX, PACKAGE, Phase
from pipeline.contract import Ending
from tests.nightly.site import Fails, Script, Site, site_of
from tests.stories.test_nightly import merged
from tests.world import World
from tests.world.nights import NIGHT, Nights, leaf_named, nights_of, skill

NEXT_NIGHT = date(2026, 1, 7)
OTTER = "knowledge/science/animals/mammals/otter"
_ONE_PHASE = [
    "mix",
    "train/skills",
    "variant/seed-1",
    "variant/seed-2",
    "score/skills/epoch-1",
    "score/skills/epoch-2",
    "select/skills",
    "gate",
    "package",
]


@pytest.fixture
async def nights(world: World) -> AsyncIterator[Nights]:
    "The taxonomy has an otter and a first skill that was merged; tess is a triager, max a maintainer."
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


async def planned(nights: Nights, night: date = NIGHT) -> Build:
    "The build of a night, planned."
    found = await nights.desk.plan_night(await nights.known(), night)
    assert found.build is not None, found.decision
    return found.build


async def now_of(nights: Nights, build: Build) -> Build:
    "A build as it stands now."
    found = await nights.builds.get(build.id)
    assert found is not None
    return found


def generated(*names: str) -> list[str]:
    return [f"generate/{name if '/' in name else leaf_named(name)}" for name in names]


async def test_a_build_goes_from_its_leaves_to_the_store_of_models(nights: Nights, site: Site) -> None:
    "Each step once and in its turn; good only when the package stands; its order says what went before."
    build = await planned(nights)
    await site.builds_on()
    assert sorted(site.worked[:2]) == sorted(generated("first", OTTER))
    assert site.worked[2:] == _ONE_PHASE
    ended = await now_of(nights, build)
    assert (ended.state, ended.because, ended.held) == (BuildState.GOOD, "", "")
    [release] = await site.releases.all_of(build.repository_id)
    assert (release.name, release.build_id) == ("2026-01-06.1", build.id)

    mix, gate = site.orders[MIX], site.orders["gate"]
    assert [leaf.path for leaf in mix.leaves] == sorted([leaf_named("first"), OTTER])
    assert {f"{step}:leaf.samples.jsonl" for step in generated("first", OTTER)} <= mix.files.keys()
    assert site.orders["score/skills/epoch-2"].checkpoint == "epoch-2"
    assert site.orders["variant/seed-2"].variant is not None
    assert {"mix:result", "variant/seed-1:result", "select/skills:result"} <= gate.files.keys()
    assert gate.commit == build.commit


async def test_a_phase_without_data_is_left_out_and_the_second_waits_for_the_first(
    nights: Nights, site: Site
) -> None:
    "With both phases the skills begin from the selected knowledge."
    site.script = Script(phases=(Phase.KNOWLEDGE, Phase.SKILLS), checkpoints=("epoch-1",))
    await planned(nights)
    await site.builds_on()
    steps = [step for step in site.worked if step.startswith(("train", "select"))]
    assert steps == ["train/knowledge", "select/knowledge", "train/skills", "select/skills"]
    assert "select/knowledge:result" in site.orders["train/skills"].files


async def test_the_next_build_generates_only_what_changed(nights: Nights, site: Site) -> None:
    "The data of unchanged leaves come from the build that generated them, and the noise from its gate."
    await planned(nights)
    await site.builds_on()
    pr = await merged(nights.world, "haiku", "ben")
    site.worked.clear()
    await planned(nights, NEXT_NIGHT)
    await site.builds_on()
    assert [step for step in site.worked if step.startswith("generate")] == generated("haiku")
    order = site.orders[MIX]
    data = {leaf.path.rpartition("/")[2]: (leaf.data_of, leaf.is_fresh, leaf.pulls) for leaf in order.leaves}
    assert data["first"] == data["otter"] == ("2026-01-06.1", False, ())
    assert data["haiku"] == ("", True, (pr.number,))
    assert {leaf.path: leaf.authors for leaf in order.leaves}[leaf_named("first")] == ("ana",)
    gate = site.orders["gate"]
    assert gate.last is not None
    assert (gate.last.name, gate.noise) == ("2026-01-06.1", {"mmlu": 0.01})


async def test_a_leaf_that_gives_nothing_is_left_out(nights: Nights, site: Site) -> None:
    "The build goes on without it, its pull request says so, and the next build takes it up once it is mended."
    pr = await merged(nights.world, "haiku", "ben")
    build = await planned(nights)
    site.script.fails[generated("haiku")[0]] = Fails("haiku gave 3 samples, and 10 are the least.")
    await site.works_until(build, MIX)
    await nights.world.settled()
    assert {"sdg-unsuccessful", "cmb-running"} <= pr.labels
    await site.builds_on()
    assert (await now_of(nights, build)).state is BuildState.GOOD
    assert leaf_named("haiku") not in {leaf.path for leaf in site.orders[MIX].leaves}
    assert "3 samples" in site.orders[PACKAGE].left_out[leaf_named("haiku")]
    left_out = (await nights.builds.plan_of(build)).left_out_leaves
    assert [(leaf.path, leaf.pulls) for leaf in left_out] == [(leaf_named("haiku"), (pr.number,))]
    await nights.world.settled()
    assert "cmb-running" not in pr.labels

    unchanged = await nights.desk.plan_night(await nights.known(), NEXT_NIGHT)
    assert unchanged.decision is Decision.NOTHING_NEW
    mended = await nights.world.ben.opens_pr(
        {
            f"{leaf_named('haiku')}/qna.yaml": skill("epic", "ben")[f"{leaf_named('epic')}/qna.yaml"].replace(
                "five", "six"
            )
            + "\n# mended\n"
        }
    )
    await mended.settled()
    await nights.world.github.merge_pull(mended.pull, by="max")
    await mended.settled()
    site.script.fails.clear()
    again = await planned(nights, NEXT_NIGHT)
    assert set((await nights.builds.plan_of(again)).leaves[0].pulls) == {pr.number, mended.number}
    await site.builds_on()
    await nights.world.settled()
    assert "sdg-unsuccessful" not in pr.labels


async def test_a_step_that_fails_ends_the_build(nights: Nights, site: Site) -> None:
    "After the retries that infrastructure errors get; the reason names the step, and what else waits is cancelled."
    build = await planned(nights)
    site.script.fails["train/skills"] = Fails("no GPU", Ending.INFRA_ERROR)
    await site.builds_on()
    ended = await now_of(nights, build)
    assert (ended.state, ended.because) == (BuildState.FAILED, "train/skills: no GPU")
    assert site.worked.count("train/skills") == 3
    assert all(JobState(state).is_over for state in (await site.states(build)).values())
    assert await site.releases.all_of(build.repository_id) == []


async def test_when_every_leaf_fails_so_does_the_build(nights: Nights, site: Site) -> None:
    "There is nothing to train on."
    build = await planned(nights)
    site.script.fails |= {step: Fails("gave nothing") for step in generated("first", OTTER)}
    await site.builds_on()
    ended = await now_of(nights, build)
    assert ended.state is BuildState.FAILED
    assert "Every leaf had to be left out" in ended.because
    assert MIX not in site.worked


async def test_a_publication_that_breaks_off_is_tried_again(nights: Nights, site: Site) -> None:
    "Until the package stands, the build is not good."
    build = await planned(nights)
    site.script.fails[PACKAGE] = Fails("the store of models broke off", Ending.INFRA_ERROR)
    await site.works_until(build, PACKAGE)
    [job] = await site.waiting()
    await site.does(job)
    await site.looks()
    assert (await now_of(nights, build)).state is BuildState.RUNNING
    assert await site.releases.all_of(build.repository_id) == []
    site.script.fails.clear()
    await site.builds_on()
    assert (await now_of(nights, build)).state is BuildState.GOOD
    assert len(await site.releases.all_of(build.repository_id)) == 1


async def test_a_failed_gate_is_traced_to_its_leaf(nights: Nights, site: Site) -> None:
    "Nothing is published; variants without leaves name the one, and builds leave it out from then on."
    for name in ("haiku", "limerick", "sonnet"):
        await merged(nights.world, name, "ben")
    site.script = Script(gate_fails=True, poisoned=leaf_named("limerick"))
    build = await planned(nights)
    await site.builds_on()
    ended = await now_of(nights, build)
    assert ended.state is BuildState.FAILED
    assert "did not pass its gate: mmlu against the last good build" in ended.because
    assert PACKAGE not in site.worked
    assert any(step.startswith("variant/without-") for step in site.worked)
    assert set(await nights.quarantine.standing(build.repository_id)) == {leaf_named("limerick")}


async def test_two_bots_build_each_step_once(nights: Nights, site: Site, tmp_path: Path) -> None:
    "Both look at every moment, and both end it."
    async with nights_of(nights.world) as others, site_of(others, tmp_path) as other:
        await planned(nights)
        for _ in range(100):
            await asyncio.gather(
                site.foreman.look(), other.foreman.look(), site.foreman.show(), other.foreman.show()
            )
            waiting = await site.waiting()
            if not waiting:
                break
            await site.does(waiting[0])
        build = await site.build()
        assert build.state is BuildState.GOOD
        assert len(site.worked) == len(set(site.worked)) == 2 + len(_ONE_PHASE)
        assert len(await site.releases.all_of(build.repository_id)) == 1


async def test_a_killed_bot_goes_on_where_the_jobs_stand(nights: Nights, site: Site, tmp_path: Path) -> None:
    "Killed at every step: the next process knows all from the database."
    await planned(nights)
    for _ in range(100):
        async with site_of(nights, tmp_path) as reborn:
            await reborn.looks()
            waiting = await reborn.waiting()
            if not waiting:
                break
            await reborn.does(waiting[0])
            site.worked += reborn.worked
    assert (await site.build()).state is BuildState.GOOD
    assert len(site.worked) == len(set(site.worked)) == 2 + len(_ONE_PHASE)


async def test_a_cancelled_build_ends_what_runs_and_can_be_resumed(nights: Nights, site: Site) -> None:
    "A worker asks in vain, labels go; resumed, what had succeeded is kept."
    pr = await merged(nights.world, "haiku", "ben")
    build = await planned(nights)
    await site.works_until(build, "select/skills")
    await nights.world.settled()
    assert "cmb-running" in pr.labels
    [select] = [job for job in await site.waiting() if job.request.step == "select/skills"]
    assert await nights.builds.end(build, BuildState.CANCELLED, nights.world.clock.now(), "max said so")
    assert not (await site.begins(select)).is_granted
    await site.looks()
    await nights.world.settled()
    assert (await site.states(build))["select/skills"] == "cancelled"
    assert "cmb-running" not in pr.labels

    done = list(site.worked)
    assert await nights.builds.resume(build, nights.world.clock.now())
    await site.builds_on()
    assert (await now_of(nights, build)).state is BuildState.GOOD
    assert site.worked[len(done) :] == ["select/skills", "gate", "package"]


async def test_a_failed_build_is_resumed_with_its_failed_steps_anew(nights: Nights, site: Site) -> None:
    "What had succeeded is kept; a report of the earlier attempt no longer counts."
    build = await planned(nights)
    site.script.fails["mix"] = Fails("the disk is full", Ending.TIMED_OUT)
    await site.builds_on()
    assert (await now_of(nights, build)).because == "mix: the disk is full"
    site.script.fails.clear()
    assert await nights.builds.resume(build, nights.world.clock.now())
    assert not await nights.builds.resume(build, nights.world.clock.now())
    await site.builds_on()
    assert (await now_of(nights, build)).state is BuildState.GOOD
    assert sum(step.startswith("generate") for step in site.worked) == 2
    assert site.worked.count("mix") == 2


async def test_planned_anew_it_is_built_from_the_beginning_with_what_was_generated(
    nights: Nights, site: Site
) -> None:
    "Steps of the earlier attempt end; the data of its leaves stay."
    build = await planned(nights)
    await site.works_until(build, "train/skills")
    assert await nights.builds.end(build, BuildState.CANCELLED, nights.world.clock.now())
    again = await nights.desk.plan_night(await nights.known(), NIGHT, anew=True)
    assert again.build is not None
    assert again.build.name == "2026-01-06.2"
    site.worked.clear()
    await site.builds_on()
    assert (await now_of(nights, build)).state is BuildState.GOOD
    assert site.worked == _ONE_PHASE
    assert [release.name for release in await site.releases.all_of(build.repository_id)] == ["2026-01-06.2"]


async def test_what_is_merged_during_a_build_goes_to_the_next(nights: Nights, site: Site) -> None:
    "And a night that is due meanwhile is passed over."
    build = await planned(nights)
    await site.works_until(build, MIX)
    late = await merged(nights.world, "late")
    assert (await nights.desk.plan_night(await nights.known(), NEXT_NIGHT)).decision is Decision.STILL_RUNNING
    await site.builds_on()
    assert leaf_named("late") not in {leaf.path for leaf in site.orders[MIX].leaves}
    following = await planned(nights, NEXT_NIGHT)
    assert [pull.number for pull in (await nights.builds.plan_of(following)).pulls] == [late.number]
    await site.builds_on()
    assert leaf_named("late") in {leaf.path for leaf in site.orders[MIX].leaves}


async def test_what_is_reverted_leaves_the_mix(nights: Nights, site: Site) -> None:
    "Its data are no longer handed out, though they are still there."
    await merged(nights.world, "haiku")
    await planned(nights)
    await site.builds_on()
    assert leaf_named("haiku") in {leaf.path for leaf in site.orders[MIX].leaves}
    revert = await nights.world.tess.opens_pr(dict.fromkeys(skill("haiku"), None), title="Revert the haiku")
    await revert.settled()
    await nights.world.github.merge_pull(revert.pull, by="max")
    await revert.settled()
    site.worked.clear()
    await planned(nights, NEXT_NIGHT)
    await site.builds_on()
    assert leaf_named("haiku") not in {leaf.path for leaf in site.orders[MIX].leaves}
    assert not any("haiku" in role for role in site.orders[MIX].files)
    assert site.orders[MIX].removed == (leaf_named("haiku"),)
    assert not any(step.startswith("generate") for step in site.worked)


async def test_a_forced_push_in_the_middle_changes_nothing(nights: Nights, site: Site) -> None:
    "The build takes the blobs of its plan, wherever the branch is."
    build = await planned(nights)
    root = next(sha for sha, commit in nights.world.repo.store.commits.items() if not commit.parents)
    await nights.world.github.force_push_to_default(nights.world.repo, root, skill("epic"), author="max")
    await site.builds_on()
    assert (await now_of(nights, build)).state is BuildState.GOOD
    assert sorted(leaf.path for leaf in site.orders[MIX].leaves) == sorted([leaf_named("first"), OTTER])


async def test_a_build_goes_over_midnight_and_the_hour_that_summer_takes(nights: Nights, site: Site) -> None:
    "It stays the build of its night, and the night after has its own."
    world = nights.world
    late = datetime(2026, 3, 28, 23, 55, tzinfo=UTC)
    await world.clock.advance(seconds=(late - world.clock.now()).total_seconds())
    build = await planned(nights, late.date())
    await site.works_until(build, MIX)
    await world.clock.advance(hours=3)
    await site.builds_on()
    ended = await now_of(nights, build)
    assert (ended.name, ended.state) == ("2026-03-28.1", BuildState.GOOD)
    assert ended.ended_at is not None
    assert ended.ended_at.date() == date(2026, 3, 29)


async def test_a_step_beyond_the_nights_hours_waits_and_says_so(nights: Nights, tmp_path: Path) -> None:
    "It is queued when there are hours again."
    async with site_of(nights, tmp_path, Budget(nightly_gpu_h=0.6)) as site:
        build = await planned(nights)
        await site.looks()
        assert len(await site.waiting()) == 1
        held = (await now_of(nights, build)).held
        assert "One step waits" in held
        assert "this night's 0.6" in held
        await site.does((await site.waiting())[0])
        await site.looks()
        for _ in range(30):
            await nights.world.clock.advance(hours=24)
            await site.builds_on()
        assert (await now_of(nights, build)).state is BuildState.GOOD


async def test_nothing_new_is_no_build(nights: Nights, site: Site) -> None:
    "The foreman has nothing to do."
    await planned(nights)
    await site.builds_on()
    site.worked.clear()
    assert (await nights.desk.plan_night(await nights.known(), NEXT_NIGHT)).decision is Decision.NOTHING_NEW
    await site.builds_on()
    assert site.worked == []
