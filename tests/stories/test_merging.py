"""Merging: exactly what was judged, in words that do no harm, and never against what stands in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from bot.rule_workers import RuleWorkers
from bot.simulator import CommitSpec
from bot.simulator.server import RequestRecord
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import Person, PullRequest, World
from tests.world.breaking import add_the_breaking_rule, remove_the_breaking_rule
from tests.world.people import a_good_skill
from tests.world.review import gives_powers, sets_policy, triaged, why

ATTRIBUTION_PATH = SKILL_PATH.replace("qna.yaml", "attribution.txt")
TITLE = "Ping @instruct/team\r\nSigned-off-by: Eve <eve@evil.example>\x1b[31m [skip ci] \u202e.@everyone"
OURS = 1234


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    "Triagers tess and tom, approvers apo and eve, maintainers max and mia."
    gives_powers(world)


async def approved(world: World, pr: PullRequest | None = None) -> PullRequest:
    "A pull request that apo has just approved."
    pr = pr or await triaged(world)
    await world.apo.comments(pr, "/approve")
    return pr


def merges(world: World) -> int:
    "How often GitHub was asked to merge."
    return sum(line.method == "PUT" and line.path.endswith("/merge") for line in world.github.requests)


async def agrees(world: World, pr: PullRequest, reason: str, following: str) -> None:
    "`/why`, the living comment and Merge readiness say the same, and nothing is merged."
    await pr.settled()
    gate = pr.check("Merge readiness")
    assert gate.conclusion == "action_required"
    assert reason.replace("`", "") in (gate.title or "") or reason in (gate.summary or "")
    assert f"Next: {following}." in (gate.summary or "")
    answer = await why(world, pr)
    assert reason in answer
    assert f"Next: {following}." in answer
    heading = next(c.body for c in pr.pull.comments if c.by_app and "living" in c.body).splitlines()[1]
    assert f"Next: {'you' if following == 'the author' else following}" in heading.replace("us", "the bot")
    assert not pr.pull.merged
    assert not merges(world)


async def test_a_squash_keeps_every_sign_off_once(world: World) -> None:
    "Also those of co-authors; the commit says what was judged, and who decided."
    ana, ben = "Ana Sol <ana@example.org>", "Ben Lux <ben@example.org>"
    world.github.create_user("ana", name="Ana Sol", email="ana@example.org")
    folder = SKILL_PATH.rpartition("/")[0]
    files = a_good_skill()
    commits = [
        CommitSpec(f"The skill\n\nSigned-off-by: {ana}", {SKILL_PATH: files[SKILL_PATH]}),
        CommitSpec(
            f"Its sources\n\nCo-authored-by: {ben}\nSigned-off-by: {ben}\nSigned-off-by: {ana}",
            {f"{folder}/attribution.txt": files[ATTRIBUTION_PATH]},
        ),
    ]
    pr = await triaged(world, commits=commits, sign_off=False, title="Shorten sentences")
    await approved(world, pr)
    await pr.settled()

    assert world.repo.head_commit.message == (
        f"Shorten sentences (#1)\n\nJudged at {pr.pull.head_sha}.\n\nTriaged-by: tess\nApproved-by: apo\n"
        f"Signed-off-by: {ana}\nCo-authored-by: {ben}\nSigned-off-by: {ben}"
    )
    assert world.repo.head_commit.author.name == "Ana Sol"
    pr.has_been_read()


async def test_a_hostile_title_does_no_harm(world: World) -> None:
    "It calls nobody, starts no line, skips no CI and hides nothing."
    commits = [CommitSpec("A skill", a_good_skill())]
    pr = await approved(world, await triaged(world, title=TITLE, commits=commits))
    await pr.settled()
    subject, _, body = world.repo.head_commit.message.partition("\n")
    expected = "Ping instruct/team Signed-off-by: Eve <eve@evil.example> [31m skip ci .everyone (#1)"
    assert subject == expected
    assert "eve@evil.example" not in body
    pr.has_been_read()


async def test_a_title_of_nothing_visible_gets_words(world: World) -> None:
    "Something has to stand there."
    pr = await approved(world, await triaged(world, title="\u200b\u202e"))
    await pr.settled()
    assert world.repo.head_commit.message.startswith("Pull request (#1)\n")
    pr.has_been_read()


@pytest.mark.parametrize("method", ["merge", "rebase"])
async def test_the_policy_may_want_another_method(world: World, method: str) -> None:
    "Merge commits say in our words what was judged; a rebase leaves the commits as they are."
    sets_policy(world, f"merging:\n  method: {method}\n")
    pr = await approved(world, await triaged(world, title="Ping @team"))
    await pr.settled()
    commit = world.repo.head_commit
    assert pr.pull.merged
    if method == "merge":
        judged = f"Judged at {pr.pull.head_sha}."
        decided = "Triaged-by: tess\nApproved-by: apo"
        assert commit.message == f"Merge pull request #1\n\nPing team\n\n{judged}\n\n{decided}"
        assert len(commit.parents) == 2
    else:
        assert commit.message.startswith("Ping @team\n\nSigned-off-by: ana")
    pr.has_been_read()


async def test_without_automatic_merging_an_approver_says_when(world: World) -> None:
    "Ready is said; `/merge` of an approver merges."
    sets_policy(world, "merging:\n  automatic: false\n")
    pr = await approved(world)
    comment = await pr.edited_comment()
    assert "everything is approved. Next: an approver" in comment
    assert "Nothing for you to do" in comment
    assert pr.labels == {"skill", "triage-approved", "ready-to-merge"}
    assert pr.check("Merge readiness").conclusion == "success"
    assert "It is merged when an approver asks for it: `/merge`. Next: an approver." in await why(world, pr)

    await world.tess.comments(pr, "/merge")
    assert "Only an approver may do this." in await pr.next_comment()
    assert not pr.pull.merged

    await world.eve.comments(pr, "/merge")
    assert "Merged. Thank you" in await pr.edited_comment()
    assert pr.pull.merged
    assert pr.labels == {"skill", "triage-approved"}


async def test_a_merge_asked_for_too_early_gets_the_shortest_true_answer(world: World) -> None:
    "What is missing and who acts, nothing else."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await world.apo.comments(pr, "/merge")
    assert "`/merge`: Not yet. Triage has not signed it off yet. Next: a triager." in await pr.next_comment()
    await world.apo.comments(pr, "/merge now")
    assert "Write `/merge` alone" in await pr.next_comment()
    assert not merges(world)


async def test_a_request_to_merge_does_not_outlive_a_push(world: World) -> None:
    "Somebody asked for one content; another is not merged by that word."
    sets_policy(world, "merging:\n  automatic: false\n")
    world.repo.required_checks = {("Build", None)}
    pr = await approved(world)
    await world.apo.comments(pr, "/merge")
    await pr.settled()
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.settled()
    await world.apo.comments(pr, "/triage-approve\n/approve")
    await world.github.other_check_run(pr.pull, "Build", conclusion="success")
    await pr.settled()
    assert not pr.pull.merged
    assert "ready-to-merge" in pr.labels
    pr.has_been_read()


@pytest.mark.parametrize(
    ("command", "reason", "following"),
    [
        pytest.param("/hold", "It is held up by hand (`hold`)", "whoever held it up, or a triager", id="hold"),
        pytest.param("/legal-hold", "(`legal-hold`)", "a maintainer", id="legal hold"),
        pytest.param("/reject no more of these", "Triage cannot accept it", "an approver", id="rejected"),
        pytest.param(
            "/request-changes shorter", "A triager has asked for a change.", "the author", id="changes asked for"
        ),
        pytest.param("/uncertain", "The triage team talks it over.", "a triager", id="uncertain"),
    ],
)
async def test_what_a_triager_decides_stands_before_any_approval(
    world: World, command: str, reason: str, following: str
) -> None:
    "Approved afterwards or not: the reason is the same wherever one looks."
    pr = await triaged(world)
    await world.tess.comments(pr, command)
    await world.apo.comments(pr, "/approve")
    if command == "/uncertain":
        following_in_comment = "the triage team, who talk it over"
        await pr.settled()
        assert following_in_comment in pr.pull.comments[0].body
        pr.has_been_read()
        assert reason in await why(world, pr)
        assert pr.check("Merge readiness").conclusion == "action_required"
        assert not pr.pull.merged
        return
    await agrees(world, pr, reason, following)


async def test_lifting_a_hold_merges(world: World) -> None:
    "What was only held up goes on."
    pr = await triaged(world)
    await world.tess.comments(pr, "/hold")
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    assert not pr.pull.merged
    await world.tom.comments(pr, "/unhold")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_a_hold_set_by_hand_at_the_last_moment_counts(world: World) -> None:
    "The label comes between judging and merging, its webhook is still on the way: nothing is merged."
    pr = await triaged(world)
    labelling: list[asyncio.Task[None]] = []

    def label_when_ready(request: RequestRecord, _response: object) -> None:
        if request.path.endswith("/check-runs") and b"Ready to merge" in request.body:
            labelling.append(asyncio.ensure_future(world.github.label(pr.pull, "hold", by="tess")))

    world.github.observers.append(label_when_ready)
    await world.apo.comments(pr, "/approve")
    await pr.settled()

    assert labelling
    assert not pr.pull.merged
    assert not merges(world)
    assert "hold" in pr.labels
    pr.has_been_read()


async def test_a_hold_set_by_an_outsider_only_delays(world: World) -> None:
    "It is put right, and the merge goes on."
    pr = await triaged(world)
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.apo.comments(pr, "/approve")
    await world.github.label(pr.pull, "hold", by="github-actions[bot]")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_a_draft_is_not_merged(world: World) -> None:
    "Marked as ready, it is."
    pr = await triaged(world)
    await world.github.convert_to_draft(pr.pull)
    await pr.settled()
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    heading = pr.pull.comments[0].body
    assert "Next: you mark this draft as ready" in heading
    assert "It is a draft. Next: the author." in await why(world, pr)
    assert pr.check("Merge readiness").conclusion == "action_required"
    assert not merges(world)

    await world.github.mark_ready(pr.pull)
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_a_conflict_is_the_authors_to_resolve(world: World) -> None:
    "It is said once, before GitHub is asked."
    pr = await triaged(world)
    await world.github.push_to_default(world.repo, {SKILL_PATH: a_skill(created_by="max", seed_examples=7)})
    await pr.settled()
    await world.apo.comments(pr, "/approve")
    await agrees(world, pr, "It conflicts with the branch it is for", "the author")
    assert "Not merged yet. It conflicts with the branch it is for" in pr.pull.comments[0].body
    assert "Nothing for you to do" not in pr.pull.comments[0].body


async def test_another_base_branch_is_never_merged(world: World) -> None:
    "What the models are not built from is checked, and that is all."
    world.repo.branches["next"] = world.repo.head_sha
    pr = await triaged(world, base="next")
    await world.apo.comments(pr, "/approve")
    await agrees(world, pr, "It is not for the branch that models are built from", "the author")


async def test_failing_checks_are_the_authors(world: World) -> None:
    "Nobody can approve it away."
    pr = await world.ana.opens_pr({**a_good_skill(), SKILL_PATH: a_skill(seed_examples=3)})
    await agrees(world, pr, "The checks fail: 1 thing to fix.", "the author")


@pytest.fixture
def breaking_workers() -> Iterator[RuleWorkers]:
    """Worker processes with one more rule, which breaks down for some authors."""
    add_the_breaking_rule()
    workers = RuleWorkers(workers=1, rule_time_limit_s=1.5, prepare=add_the_breaking_rule)
    asyncio.run(workers.warm_up())
    yield workers
    workers.close()
    remove_the_breaking_rule()


async def test_a_rule_that_broke_down_withholds_readiness(
    world: World, database_url: str, breaking_workers: RuleWorkers
) -> None:
    "Unverified is not passed: no approval gets past it, neither ours nor that of GitHub's queue."
    await world.stop_bot()
    async with World(database_url, breaking_workers) as world:
        gives_powers(world)
        world.repo.required_checks = {("Merge readiness", OURS)}
        pr = await Person(world, "raise").opens_pr()
        await pr.settled()
        await world.apo.comments(pr, "/triage-approve\n/approve")
        await agrees(world, pr, "The checks could not be run in full: that is our fault", "the bot")

        group = await world.github.request_merge_group(pr.pull)
        await world.settled()
        assert [run.conclusion for run in world.repo.check_runs(group.head_sha)] == ["action_required"]
        assert not group.is_satisfied
        pr.has_been_read()


async def test_the_check_is_the_one_to_require(world: World) -> None:
    "Pinned to our App, at the head, it lets the merge pass; never neutral."
    world.repo.required_checks = {("Merge readiness", OURS), ("Contribution", OURS)}
    pr = await approved(world)
    await pr.settled()
    assert pr.pull.merged
    conclusions = [r.conclusion for r in pr.checks() if r.name == "Merge readiness"]
    assert conclusions[-1] == "success"
    assert set(conclusions) == {"action_required", "success"}
    pr.has_been_read()


async def test_another_apps_merge_readiness_is_not_ours(world: World) -> None:
    "A run of the same name by a fork's workflow neither satisfies the pinned check nor silences ours."
    world.repo.required_checks = {("Merge readiness", OURS)}
    pr = await world.ana.opens_pr()
    await world.github.other_check_run(pr.pull, "Merge readiness", conclusion="success")
    await pr.settled()
    ours = [r for r in pr.checks() if r.name == "Merge readiness" and r.app.id == OURS]
    assert [r.conclusion for r in ours] == ["action_required"]
    with pytest.raises(Exception, match="Merge readiness"):
        await world.github.merge_pull(pr.pull, by="max")
    pr.has_been_read()


async def test_mergeability_that_is_not_known_yet_is_waited_for(world: World) -> None:
    "GitHub works it out in the background: the merge goes on when it is known."
    pr = await triaged(world)
    await world.github.push_to_default(world.repo, {"README.md": "# Other words\n"})
    await pr.settled()
    assert not pr.pull.is_mergeability_known
    await approved(world, pr)
    await pr.settled()
    assert pr.pull.merged
    assert merges(world) == 1
    pr.has_been_read()


async def test_a_merge_by_hand_is_thanked_as_well(world: World) -> None:
    "A maintainer may merge without us; the build is named all the same."
    pr = await triaged(world)
    await world.github.merge_pull(pr.pull, by="max")
    assert "Merged. Thank you, `ana`!" in await pr.edited_comment()
    assert "It is merged." in await why(world, pr)


@pytest.mark.parametrize(
    ("cron", "at", "day"),
    [
        ("0 8 * * *", "08:00", "6 January 2026"),
        ("30 23 * * *", "23:30", "5 January 2026"),
        ("0 2 * * sun", "02:00", "11 January 2026"),
    ],
)
async def test_thanks_name_the_build_it_will_be_in(world: World, cron: str, at: str, day: str) -> None:
    "The next nightly build after the merge: it is nine in the morning of 5 January."
    await world.stop_bot()
    await world.start_bot(nightly=True, nightly_cron=cron)
    pr = await approved(world)
    assert f"in the build of {day}, which begins at {at} UTC" in await pr.edited_comment()


async def test_what_is_closed_unmerged_is_not_thanked(world: World) -> None:
    "Jobs end, the merge is off; opened again, it is approved again."
    pr = await triaged(world)
    await world.tess.comments(pr, "/hold\n/evaluate")
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    await world.github.close_pull(pr.pull, by="max")
    await pr.settled()
    assert "Thank you" not in pr.pull.comments[0].body
    assert "It is closed." in await why(world, pr)

    await world.github.reopen_pull(pr.pull)
    await pr.settled()
    pr.has_been_read()
    await world.tess.comments(pr, "/status")
    assert "superseded" in (await pr.next_comment()).lower()
    await world.tess.comments(pr, "/unhold")
    assert "approval of an approver" in await why(world, pr)
    await world.apo.comments(pr, "/approve")
    await pr.settled()
    assert pr.pull.merged
    pr.has_been_read()


async def test_a_hold_set_by_hand_holds_although_an_approval_is_handled_first(world: World) -> None:
    "The label is on before its event is read: the approval before it must neither take it off nor merge."
    pr = await triaged(world)
    await world.stop_bot()
    await world.start_bot(handling=False)
    await world.apo.comments(pr, "/approve")
    await world.github.label(pr.pull, "hold", by="tess")
    await world.github.settle()
    await world.stop_bot()
    await world.start_bot()
    await pr.settled()
    assert not pr.pull.merged
    assert "hold" in pr.labels
    pr.has_been_read()

    await world.tess.comments(pr, "/unhold")
    await pr.settled()
    assert pr.pull.merged
    assert "hold" not in pr.labels
    pr.has_been_read()


async def test_an_author_does_not_open_what_a_triager_closed(world: World) -> None:
    "Who closed it, or a triager, opens it again; the author may undo only the own closing."
    pr = await triaged(world)
    await world.tess.comments(pr, "/close")
    await pr.settled()
    await world.ana.comments(pr, "/reopen")
    assert "Somebody else closed it" in await pr.next_comment()
    assert pr.pull.state == "closed"
    await world.tess.comments(pr, "/reopen")
    await pr.settled()
    await world.ana.comments(pr, "/close")
    await pr.settled()
    await world.ana.comments(pr, "/reopen")
    await pr.settled()
    assert pr.pull.state == "open"
    pr.has_been_read()


async def test_an_approval_falls_when_a_file_it_never_saw_go_goes(world: World) -> None:
    "Deleting what a new file was copied from is a change of content, although GitHub lists it as a rename."
    await world.github.push_to_default(world.repo, {"scripts/guard.py": "GUARD = 1\n" * 20})
    gives_powers(world)
    pr = await world.ana.opens_pr({"scripts/copy.py": "GUARD = 1\n" * 20})
    await pr.settled()
    await world.max.comments(pr, "/lgtm")
    assert "one more maintainer" in await why(world, pr)
    await world.ana.pushes(pr, {"scripts/guard.py": None})
    assert "2 maintainers" in await why(world, pr)
    pr.has_been_read()
