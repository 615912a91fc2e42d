"""Same leaf, same decision: whoever works on one leaf hears of the others, and nobody is passed by in silence."""

from __future__ import annotations

import pytest

from bot.dossier import leaves_of
from bot.simulator.access import Limits
from tests.checks.contributions import SKILL_PATH, a_skill, attribution
from tests.world import PullRequest, World
from tests.world.people import a_good_skill

FOLDER = SKILL_PATH.rpartition("/")[0]
OTHER_PATH = "compositional_skills/writing/freeform/rewrite/lengthen/qna.yaml"
SAME_LEAF = "is for the same leaf"
MANY = 20


@pytest.fixture(autouse=True)
def _people(world: World) -> None:
    world.repo.permissions |= {"tess": "triage", "apo": "write", "max": "maintain"}


async def opened(
    world: World, author: str, files: dict[str, object] | None = None, **kwargs: object
) -> PullRequest:
    "A pull request to the leaf that everybody wants."
    pr = await getattr(world, author).opens_pr(files or a_good_skill(author, SKILL_PATH), **kwargs)
    await pr.settled()
    return pr


def says(pr: PullRequest) -> str:
    "What the living comment says now."
    pr.has_been_read()
    return pr.living_comment.body


async def is_approved(world: World, pr: PullRequest) -> None:
    "Triage signs off, an approver approves."
    await world.tess.comments(pr, "/triage-approve")
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    pr.has_been_read()


async def test_two_authors_hear_of_each_other(world: World) -> None:
    "Both propose the same new leaf: the second reads of the first at once, and the first is told as well."
    first = await opened(world, "ana")
    assert SAME_LEAF not in says(first)

    second = await opened(world, "bob")

    assert f"#1 by `ana` {SAME_LEAF} (`{FOLDER}`). Both are decided together" in says(second)
    assert "#2 by `bob`" in says(first)


async def test_an_existing_leaf_is_shared_too(world: World) -> None:
    "Two changes of a leaf that is there already meet like two new ones."
    await world.github.push_to_default(world.repo, a_good_skill())
    first = await opened(world, "ana", {SKILL_PATH: a_skill(seed_examples=6)})
    second = await opened(world, "bob", {SKILL_PATH: a_skill(seed_examples=7)})
    assert SAME_LEAF in says(first)
    assert SAME_LEAF in says(second)


async def test_opened_at_the_same_moment_they_still_meet(world: World) -> None:
    "Neither was there when the other was looked at; both are told in the end."
    prs = [await world.ana.opens_pr(a_good_skill("ana")), await world.bob.opens_pr(a_good_skill("bob"))]
    await world.settled()
    assert [SAME_LEAF in says(pr) for pr in prs] == [True, True]


async def test_an_own_earlier_pull_request_is_linked(world: World) -> None:
    "Who opens a second one for the same leaf is asked for the reason, whoever else is there."
    others = [await opened(world, author) for author in ("bob", "eve", "kim")]
    first = await opened(world, "ana")
    second = await opened(world, "ana")
    assert "You have another pull request for the same leaf" in says(second)
    assert f"#{first.number}. Close one, or say why both." in says(second)
    for pr in (*others, first):
        pr.has_been_read()


async def test_a_third_one_joins(world: World) -> None:
    "All three name the two others."
    prs = [await opened(world, author) for author in ("ana", "bob", "eve")]
    for pr in prs:
        assert says(pr).count(SAME_LEAF) == 2


async def test_who_leaves_the_leaf_is_no_longer_named(world: World) -> None:
    "A push moves the contribution to another leaf: nobody waits for it here any more."
    first, second = await opened(world, "ana"), await opened(world, "bob")
    assert SAME_LEAF in says(first)
    await world.bob.pushes(second, a_good_skill("bob", OTHER_PATH), force=True)
    await second.settled()
    assert SAME_LEAF not in says(second)
    assert SAME_LEAF not in says(first)


async def test_a_closed_one_is_no_longer_named_and_named_again_when_reopened(world: World) -> None:
    "What is closed stands in nobody's way."
    first, second = await opened(world, "ana"), await opened(world, "bob")
    await world.github.close_pull(second.pull)
    await second.settled()
    assert SAME_LEAF not in says(first)
    await world.github.reopen_pull(second.pull)
    await second.settled()
    assert "#2 by `bob`" in says(first)
    second.has_been_read()


async def test_an_approved_one_waits_until_the_other_is_decided(world: World) -> None:
    "`/why` says for which one; the decision on that releases it."
    first, second = await opened(world, "ana"), await opened(world, "bob")
    second.has_been_read()
    await is_approved(world, first)
    assert first.pull.state == "open"
    await world.mallory.comments(first, "/why")
    assert "#2 is for the same leaf and not decided yet" in await first.next_comment()
    assert first.check("Merge readiness").conclusion == "action_required"

    await world.tess.comments(second, "/reject it repeats the other one")

    assert "it repeats the other one" in await second.next_comment()
    assert first.pull.merged
    first.has_been_read()
    second.has_been_read()


@pytest.mark.parametrize(
    "command",
    ["/request-changes", "/hold", "/legal-hold", "/reject taken", "/topic maths", "/close"],
)
async def test_one_that_is_set_back_lets_the_other_go_on(world: World, command: str) -> None:
    "Asked for changes, held up, rejected or closed: the other says that it need not wait."
    first, second = await opened(world, "ana"), await opened(world, "bob")
    assert "Both are decided together" in says(first)
    await world.tess.comments(second, command)
    await second.settled()
    second.has_been_read()
    assert "Both are decided together" not in says(first)
    assert ("It holds this one up no longer" in says(first)) is (command != "/close")
    await is_approved(world, first)
    assert first.pull.merged
    second.has_been_read()


async def test_an_answered_request_is_waited_for_again(world: World) -> None:
    "The author of the other one has pushed what was asked for: both are up for decision again."
    first, second = await opened(world, "ana"), await opened(world, "bob")
    await world.tess.comments(second, "/request-changes")
    await second.settled()
    assert "It holds this one up no longer" in says(first)
    await world.bob.pushes(second, {SKILL_PATH: a_skill(created_by="bob", seed_examples=6)})
    await second.settled()
    assert "Both are decided together" in says(first)
    second.has_been_read()


async def test_two_approved_ones_are_merged_one_after_the_other(world: World) -> None:
    "The one approved last waits for nobody; what then meets the merged leaf is told so."
    first, second = await opened(world, "ana"), await opened(world, "bob")
    await is_approved(world, first)
    assert not first.pull.merged
    await is_approved(world, second)
    assert first.pull.merged is not second.pull.merged
    first.has_been_read()
    left = second if first.pull.merged else first
    assert "Not merged yet" in says(left)


async def test_a_failing_one_holds_up_nobody(world: World) -> None:
    "Its author has to act first."
    first = await opened(world, "ana")
    broken = {**a_good_skill("bob"), SKILL_PATH: a_skill(created_by="bob", seed_examples=2)}
    second = await opened(world, "bob", broken)
    second.has_been_read()
    assert "It holds this one up no longer" in says(first)
    await is_approved(world, first)
    assert first.pull.merged
    second.has_been_read()


async def test_what_is_for_another_branch_meets_nobody(world: World) -> None:
    "It is never merged into what models are built from, so nobody waits for it."
    world.repo.branches["old"] = world.repo.head_sha
    first = await opened(world, "ana")
    second = await opened(world, "bob", base="old")
    assert SAME_LEAF not in says(first)
    assert SAME_LEAF not in says(second)


@pytest.mark.parametrize(
    ("files", "meets"),
    [
        pytest.param({f"{FOLDER}/attribution.txt": attribution(licence="MIT")}, True, id="its attribution"),
        pytest.param({f"{FOLDER}/notes.md": "Notes.\n"}, False, id="notes beside it"),
        pytest.param({f"{FOLDER}/deeper/qna.yaml": a_skill()}, False, id="a leaf below it"),
        pytest.param({SKILL_PATH.replace("shorten", "Shorten"): a_skill()}, False, id="another case"),
        pytest.param({SKILL_PATH.replace("shorten", "shorten "): a_skill()}, False, id="a trailing space"),
        pytest.param({SKILL_PATH.replace("shorten", "shorten\u200b"): a_skill()}, False, id="an unseen character"),
        pytest.param({SKILL_PATH: None}, True, id="taking it away"),
        pytest.param({SKILL_PATH: None, OTHER_PATH: a_skill()}, True, id="moving it away"),
    ],
)
async def test_which_changes_are_for_the_same_leaf(world: World, files: dict[str, object], *, meets: bool) -> None:
    "A leaf is one folder, letter by letter; what makes it up is its YAML file and its attribution."
    await world.github.push_to_default(world.repo, a_good_skill())
    first = await opened(world, "ana", {SKILL_PATH: a_skill(seed_examples=6)})
    second = await opened(world, "bob", files)
    assert (SAME_LEAF in says(first)) is meets
    second.has_been_read()


async def test_a_moved_leaf_counts_at_both_places(world: World) -> None:
    "Who changes the old place and who adds to the new one both meet the move."
    await world.github.push_to_default(world.repo, a_good_skill())
    move = {SKILL_PATH: None, f"{FOLDER}/attribution.txt": None} | a_good_skill("ana", OTHER_PATH)
    moved = await opened(world, "ana", move)
    old = await opened(world, "bob", {SKILL_PATH: a_skill(seed_examples=6)})
    new = await opened(world, "eve", a_good_skill("eve", OTHER_PATH))
    assert "#1 by `ana`" in says(old)
    assert "#1 by `ana`" in says(new)
    assert "#3" not in says(old)
    moved.has_been_read()


def test_a_leaf_is_a_folder_of_the_taxonomy() -> None:
    "Files elsewhere, and files in no folder, make none."
    assert leaves_of(["README.md", "docs/qna.yaml", "knowledge/qna.txt", "knowledge", ".github/a.yaml"]) == set()
    assert leaves_of(["knowledge/a/QNA.YAML", "knowledge/a/attribution.txt"]) == {"knowledge/a"}


async def test_two_paths_too_long_to_keep_are_still_two_leaves(world: World) -> None:
    "Only their ends differ, far behind what the database keeps of a path."
    deep = "knowledge/" + "/".join(["a" * 100] * 6)
    first = await opened(world, "ana", {f"{deep}/one/qna.yaml": a_skill()})
    second = await opened(world, "bob", {f"{deep}/two/qna.yaml": a_skill()})
    assert SAME_LEAF not in says(first)
    assert SAME_LEAF not in says(second)


async def test_many_on_one_leaf_stay_cheap_and_short(world: World) -> None:
    "Each new one costs its own triage and nothing more once the others name as many as they ever do."
    world.github.gate.limits = Limits(None, None, None)
    await world.stop_bot()
    await world.start_bot(write_burst=10_000, writes_per_minute=10_000, writes_per_hour=10_000)
    prs = [await opened(world, f"p{n}") for n in range(8)]
    costs = set()
    for n in range(8, MANY):
        mark = world.github.mark
        prs.append(await opened(world, f"p{n}"))
        costs.add(len(world.github.calls_since(mark)))
    assert max(costs) < 16
    assert all(len(says(pr)) < 3_000 for pr in prs)
    assert says(prs[-1]).count(SAME_LEAF) == 3
    assert "Still others are for the same leaf" in says(prs[-1])

    mark = world.github.mark
    await world.github.close_pull(prs[-2].pull)
    await world.settled()
    assert len(world.github.calls_since(mark)) <= 2


async def test_after_a_restart_they_are_looked_at_once_and_nothing_is_said_twice(world: World) -> None:
    "What was said before is not remembered by the process, but it is found to be so still."
    first, second = await opened(world, "ana"), await opened(world, "bob")
    first.has_been_read()
    second.has_been_read()
    await world.stop_bot()
    await world.start_bot()
    await world.github.edit_pull(first.pull, title="Another title")
    await world.settled()
    assert [len(pr.pull.comments) for pr in (first, second)] == [1, 1]
