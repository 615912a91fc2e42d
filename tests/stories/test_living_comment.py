"""One living comment: edited while the turn stays, posted anew when the turn passes to the author."""

from __future__ import annotations

from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import World
from tests.world.people import a_good_skill

TOO_FEW = {**a_good_skill(), SKILL_PATH: a_skill(seed_examples=3)}


async def test_a_fix_edits_the_comment_and_passes_the_turn_to_the_triagers(world: World) -> None:
    "After the fixing push there is still one comment; it now asks nothing of the author."
    pr = await world.ana.opens_pr(TOO_FEW)
    assert "Not ready yet: 1 thing to fix. Next: you" in await pr.next_comment()

    await world.ana.pushes(pr, {SKILL_PATH: a_skill()})

    assert "All checks passed" in await pr.edited_comment()
    assert pr.folded_comments == []
    assert pr.labels == {"skill", "triage-needed"}
    assert pr.check("Contribution").conclusion == "success"


async def test_a_push_that_breaks_something_notifies_the_author_with_a_new_comment(world: World) -> None:
    "An edit notifies nobody, so a new comment is posted and the old one folded away as outdated."
    pr = await world.ana.opens_pr()
    await pr.next_comment()

    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})

    assert "Not ready yet" in await pr.next_comment()
    assert "Not ready yet" in pr.living_comment.body
    assert [c.classifier for c in pr.folded_comments] == ["OUTDATED"]
    assert pr.labels == {"skill", "triage-requested-changes"}


async def test_while_the_turn_stays_with_the_author_the_comment_is_only_edited(world: World) -> None:
    "A second push that still fails, but otherwise, changes the text in place."
    pr = await world.ana.opens_pr(TOO_FEW)
    await pr.next_comment()

    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=4)})

    assert "Not ready yet" in await pr.edited_comment()
    assert len(pr.pull.comments) == 1


async def test_one_push_brings_at_most_one_new_comment(world: World) -> None:
    "Asking for the checks again at the same commit never posts a second comment."
    pr = await world.ana.opens_pr(TOO_FEW)
    await pr.next_comment()

    await world.github.rerequest_check_run(pr.check("Contribution").id)
    await world.github.edit_pull(pr.pull, title="Another title")

    await pr.settled()
    assert len(pr.pull.comments) == 1


async def test_newcomers_are_welcomed(world: World) -> None:
    "Somebody's first pull request is greeted; somebody known is not."
    newcomer = await world.ana.opens_pr(association="FIRST_TIME_CONTRIBUTOR")
    assert "Welcome, and thank you" in await newcomer.next_comment()

    regular = await world.bob.opens_pr(association="CONTRIBUTOR")
    assert "Welcome" not in await regular.next_comment()


async def test_a_comment_deleted_by_hand_is_written_again(world: World) -> None:
    "When our comment is gone, the next change of the verdict posts it anew instead of failing."
    pr = await world.ana.opens_pr(TOO_FEW)
    await pr.next_comment()
    world.deletes_the_bots_comments(pr)

    await world.ana.pushes(pr, {SKILL_PATH: a_skill()})

    assert "All checks passed" in await pr.next_comment()


async def test_a_forged_marker_does_not_make_a_strangers_comment_ours(world: World) -> None:
    "A user's comment that carries our marker is neither edited nor taken for the living comment."
    pr = await world.ana.opens_pr()
    genuine = await pr.next_comment()
    other = await world.bob.opens_pr(
        {**a_good_skill("bob"), SKILL_PATH: a_skill(created_by="bob", seed_examples=3)}
    )
    await other.next_comment()
    assert "#2 by `bob` is for the same leaf" in await pr.edited_comment()

    await world.mallory.comments(pr, genuine)
    await world.github.push(pr.pull, {SKILL_PATH: a_skill(seed_examples=4)})

    await pr.next_comment()
    assert "#1 by `ana` is for the same leaf" in await other.edited_comment()
    assert [c.body for c in pr.pull.comments if not c.by_app] == [genuine]
