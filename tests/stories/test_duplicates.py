"""What is taught already: the tree's index is made while nobody waits, and only the later of two is told."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.app import PARTS
from bot.neighbourhood import Neighbourhood
from bot.rule_workers import RuleWorkers
from bot.simulator.server import RequestRecord, ResponseRecord
from bot.tree_indexes import TreeIndexes
from tests.checks.contributions import attribution
from tests.checks.test_duplicates import PUFFIN, WREN, skill_of
from tests.fidelity.check import FidelityCheck
from tests.world import PullRequest, World
from tests.world.people import Files

IN_TREE = "The taxonomy has this already"
IN_PULL = "An older pull request brings this already"
SEA_BIRDS = "compositional_skills/writing/freeform/birds/sea/qna.yaml"
CLIFF_BIRDS = "compositional_skills/writing/freeform/birds/cliffs/qna.yaml"
GARDEN_BIRDS = "compositional_skills/writing/freeform/birds/garden/qna.yaml"
HILL_BIRDS = "compositional_skills/writing/freeform/birds/hills/qna.yaml"
THRUSH = ("Why does the thrush use a stone?", "It breaks the shells of snails on it, always on the same one.")
OTHERS = (
    ("Which coat does a stoat wear in winter?", "A stoat turns white in winter, but for the tip of its tail."),
    ("Where do swifts sleep on their way south?", "Swifts sleep in the air while they glide."),
    ("How does the dipper feed?", "The dipper walks under water along the bed of a brook."),
    ("Who builds the nest of the fieldfare?", "Only the hen builds it, of grass and mud."),
)


def a_leaf(path: str, *pairs: tuple[str, str], author: str = "ana") -> Files:
    "A skill with enough examples of which the first are these."
    text = skill_of(*(*pairs, *((f"{q} ({path})", f"{a} {path}") for q, a in OTHERS))).replace("ana", author, 1)
    return {path: text, f"{path.rpartition('/')[0]}/attribution.txt": attribution()}


def neighbourhood(world: World) -> Neighbourhood:
    assert world._runner is not None
    found = world._runner.app[PARTS].neighbourhood
    assert found is not None
    return found


async def at_rest(world: World) -> None:
    "Wait until the indexes are made, and what follows from them is done."
    await world.settled()
    await neighbourhood(world).settled()
    await world.settled()


def says(pr: PullRequest) -> str:
    pr.has_been_read()
    return pr.living_comment.body


@pytest.fixture
async def world(
    database_url: str, rule_workers: RuleWorkers, fidelity: FidelityCheck | None
) -> AsyncIterator[World]:
    "A world in which leaves are compared; every byte is held against GitHub."
    world = World(database_url, rule_workers, check_duplicates=True)
    if fidelity is not None:
        fidelity.watch(world.github)
    async with world:
        yield world


async def test_the_first_verdict_waits_for_no_index(world: World) -> None:
    "A copy of a leaf of the tree: the first report comes at once, and says more when the index is there."
    await world.github.push_to_default(world.repo, a_leaf(SEA_BIRDS, PUFFIN))
    pr = await world.ana.opens_pr(a_leaf(CLIFF_BIRDS, PUFFIN))
    await at_rest(world)
    assert IN_TREE in says(pr)
    assert any(SEA_BIRDS in a.message for a in pr.check("Contribution").annotations)
    assert pr.check("Contribution").conclusion == "success"
    assert f"/blob/HEAD/{SEA_BIRDS}?plain=1#L5" in says(pr)


async def test_what_is_new_hears_nothing(world: World) -> None:
    "The index becomes ready, the verdict stays the same: nothing is posted a second time."
    pr = await world.ana.opens_pr(a_leaf(CLIFF_BIRDS, WREN))
    await pr.next_comment()
    runs = len(pr.checks())
    await at_rest(world)
    assert len(pr.checks()) == runs
    assert "already" not in says(pr)


async def test_only_the_later_one_is_told_until_the_earlier_is_closed(world: World) -> None:
    "Two authors bring the same pair; once the first gives up, the second has nothing to answer for."
    first = await world.ana.opens_pr(a_leaf(SEA_BIRDS, PUFFIN))
    await at_rest(world)
    second = await world.ben.opens_pr(a_leaf(CLIFF_BIRDS, PUFFIN, author="ben"))
    await at_rest(world)
    assert IN_PULL not in says(first)
    assert IN_PULL in says(second)
    assert f"/pull/{first.number}/files" in says(second)
    assert len(await world.rows("SELECT number FROM passages")) == 2
    await world.github.close_pull(first.pull, by="ana")
    await at_rest(world)
    assert IN_PULL not in says(second)
    assert await world.rows("SELECT number FROM passages") == [(second.number,)]


async def test_once_the_older_one_is_merged_the_tree_has_it(world: World) -> None:
    "The first pull request is merged: the second one repeats the taxonomy from then on, and says so."
    first = await world.ana.opens_pr(a_leaf(SEA_BIRDS, PUFFIN))
    await at_rest(world)
    second = await world.ben.opens_pr(a_leaf(CLIFF_BIRDS, PUFFIN, author="ben"))
    await at_rest(world)
    assert IN_PULL in says(second)
    await world.github.merge_pull(first.pull, by="max")
    await at_rest(world)
    first.has_been_read()
    assert IN_PULL not in says(second)
    assert IN_TREE in says(second)


async def test_a_merge_while_the_index_is_made_is_in_it_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    "The index is being made of a commit when the next one is merged: whoever repeats that one is told of the tree."
    first = await world.ana.opens_pr(a_leaf(SEA_BIRDS, PUFFIN))
    other = await world.ana.opens_pr(a_leaf(GARDEN_BIRDS, WREN))
    later = await world.ben.opens_pr(a_leaf(CLIFF_BIRDS, PUFFIN, WREN, author="ben"))
    await at_rest(world)
    assert IN_PULL in says(later)
    is_making, may_go_on, made = asyncio.Event(), asyncio.Event(), TreeIndexes.bring_up_to

    async def slowly(*args: Any) -> None:
        is_making.set()
        await may_go_on.wait()
        await made(*args)

    monkeypatch.setattr(TreeIndexes, "bring_up_to", slowly)
    await world.github.merge_pull(first.pull, by="max")
    await is_making.wait()
    await world.github.merge_pull(other.pull, by="max")
    await world.settled()
    may_go_on.set()
    await at_rest(world)
    first.has_been_read()
    other.has_been_read()
    assert IN_PULL not in says(later)
    assert all(path in says(later) for path in (SEA_BIRDS, GARDEN_BIRDS))


async def test_an_older_one_that_drops_it_frees_the_later_one(world: World) -> None:
    "The first author takes the pair out again: the second one's warning goes by itself."
    first = await world.ana.opens_pr(a_leaf(SEA_BIRDS, PUFFIN))
    await at_rest(world)
    second = await world.ben.opens_pr(a_leaf(CLIFF_BIRDS, PUFFIN, author="ben"))
    await at_rest(world)
    assert IN_PULL in says(second)
    await world.ana.pushes(first, a_leaf(SEA_BIRDS, WREN))
    await at_rest(world)
    first.has_been_read()
    assert IN_PULL not in says(second)


async def test_an_edit_is_no_duplicate_of_what_it_edits(world: World) -> None:
    "Changing an answer of a leaf of the tree is not held against what stood there."
    await world.github.push_to_default(world.repo, a_leaf(SEA_BIRDS, PUFFIN))
    pr = await world.ana.opens_pr(a_leaf(SEA_BIRDS, (PUFFIN[0], PUFFIN[1] + " Both parents dig.")))
    await at_rest(world)
    assert IN_TREE not in says(pr)


async def test_an_index_is_brought_up_to_date_by_what_is_new(world: World) -> None:
    "The branch moves on: of all leaves only the new one is read, and a copy of it is told."
    await world.github.push_to_default(world.repo, a_leaf(SEA_BIRDS, PUFFIN))
    asked = blobs_asked_for(world)
    first = await world.ana.opens_pr(a_leaf(CLIFF_BIRDS, WREN))
    await at_rest(world)
    first.has_been_read()
    assert len(asked) == 2  # the leaf that the world begins with, and this one
    await world.github.push_to_default(world.repo, a_leaf(GARDEN_BIRDS, THRUSH))
    await at_rest(world)
    await world.ana.pushes(first, {f"{CLIFF_BIRDS.rpartition('/')[0]}/attribution.txt": attribution() + "\n"})
    await at_rest(world)
    first.has_been_read()
    assert len(asked) == 3
    second = await world.ben.opens_pr(a_leaf(HILL_BIRDS, THRUSH, author="ben"))
    await at_rest(world)
    assert IN_TREE in says(second)
    assert len(asked) == 3


def blobs_asked_for(world: World) -> list[str]:
    "The blobs that are asked for from now on, by GraphQL."
    found: list[str] = []

    def note(request: RequestRecord, _: ResponseRecord) -> None:
        found.extend(re.findall(rb'oid: *\\"([0-9a-f]{40})', request.body))

    world.github.observers.append(note)
    return found


async def test_a_restart_keeps_the_index(world: World) -> None:
    "What was made once is on the disk: after a restart nothing is read again."
    await world.github.push_to_default(world.repo, a_leaf(SEA_BIRDS, PUFFIN))
    first = await world.ana.opens_pr(a_leaf(GARDEN_BIRDS, WREN))
    await at_rest(world)
    first.has_been_read()
    await world.stop_bot()
    await world.start_bot()
    second = await world.ben.opens_pr(a_leaf(CLIFF_BIRDS, PUFFIN, author="ben"))
    assert IN_TREE in await second.next_comment()
    await at_rest(world)


async def test_trouble_with_github_only_delays(world: World) -> None:
    "GitHub answers no query: pull requests are judged all the same, and told when it does again."
    await world.github.push_to_default(world.repo, a_leaf(SEA_BIRDS, PUFFIN))
    world.github.fail_next_field("repository", kind="FORBIDDEN")
    pr = await world.ana.opens_pr(a_leaf(CLIFF_BIRDS, PUFFIN))
    await at_rest(world)
    assert IN_TREE not in says(pr)
    await world.clock.advance(minutes=30)
    await world.ana.pushes(
        pr, {"compositional_skills/writing/freeform/birds/cliffs/attribution.txt": attribution() + "\n"}
    )
    await at_rest(world)
    assert IN_TREE in says(pr)


async def test_no_room_on_the_disk_holds_up_no_verdict(world: World) -> None:
    "Indexes cannot be written: pull requests are judged without them."
    first = await world.ana.opens_pr(a_leaf(SEA_BIRDS, PUFFIN))
    await at_rest(world)
    folder = world.settings.indexes_folder
    shutil.rmtree(folder)
    folder.write_text("no folder")
    second = await world.ben.opens_pr(a_leaf(CLIFF_BIRDS, PUFFIN, author="ben"))
    await at_rest(world)
    assert "All checks passed" in says(second)
    assert IN_PULL not in says(second)
    first.has_been_read()


async def test_pull_requests_with_far_too_much_text_are_not_compared_with(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Somebody fills the index of open pull requests: all others are judged, and compared, as before."
    monkeypatch.setattr("bot.pull_indexes._MOST_CHARACTERS_OF_ONE", 20_000)
    monkeypatch.setattr("checks.likeness.index.MOST_TEXT_BYTES", 40_000)
    long = tuple((f"What is said of bird {n}?", f"Word {n} " * 900) for n in range(10))
    flood = await world.mallory.opens_pr(a_leaf(GARDEN_BIRDS, *long, author="mallory"))
    first = await world.ana.opens_pr(a_leaf(SEA_BIRDS, PUFFIN))
    await at_rest(world)
    second = await world.ben.opens_pr(a_leaf(CLIFF_BIRDS, PUFFIN, author="ben"))
    await at_rest(world)
    assert IN_PULL in says(second)
    flood.has_been_read()
    first.has_been_read()


async def test_a_tree_with_far_too_much_text_is_tried_less_and_less_often(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Pull requests are judged all the same; once the tree is smaller, it is compared with again."
    monkeypatch.setattr("checks.likeness.index.MOST_TEXT_BYTES", 100)
    await world.github.push_to_default(world.repo, a_leaf(SEA_BIRDS, PUFFIN))
    pr = await world.ana.opens_pr(a_leaf(CLIFF_BIRDS, PUFFIN))

    async def tries_after(**passed: float) -> int:
        await world.clock.advance(**passed)
        await world.github.push_to_default(world.repo, {"README.md": f"# {passed}\n"})  # tells that it has moved
        await world.ana.comments(pr, "/check")
        await at_rest(world)
        return neighbourhood(world)._full[world.repo.id][0]

    assert await tries_after(seconds=1) == 1
    assert await tries_after(minutes=11) == 2
    assert await tries_after(minutes=11) == 2
    assert await tries_after(minutes=11) == 3
    assert await tries_after(minutes=30) == 3
    assert await tries_after(days=2) == 4
    assert "All checks passed" in says(pr)
    assert IN_TREE not in says(pr)

    monkeypatch.setattr("checks.likeness.index.MOST_TEXT_BYTES", 1_000_000)
    await world.clock.advance(hours=2)
    await world.ana.comments(pr, "/check")
    await at_rest(world)
    assert IN_TREE in says(pr)
    assert not neighbourhood(world)._full


async def test_what_a_killed_bot_left_half_written_is_removed(world: World) -> None:
    "Only what nobody can be writing any more: another replica may be at it."
    folder = world.settings.indexes_folder / str(world.repo.id)
    for name, hours_ago in ((".tree-abc-dead", 7), (".late-abc-dead", 30), (".pulls-abc-live", 1)):
        (folder / name).mkdir(parents=True)
        (folder / name / "text").write_bytes(b"half")
        long_ago = time.time() - hours_ago * 3600
        os.utime(folder / name / "text", (long_ago, long_ago))
        os.utime(folder / name, (time.time() - 40 * 3600,) * 2)
    await world.stop_bot()
    await world.start_bot()
    await at_rest(world)
    assert [place.name for place in folder.iterdir() if place.name.startswith(".")] == [".pulls-abc-live"]
