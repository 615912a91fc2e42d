"""What is mechanical is put right for its author: by `/fix`, by a button, or as changes to accept."""

from __future__ import annotations

import asyncio
import json

import pytest

from bot.simulator import CheckRun
from bot.simulator.server import RequestRecord, ResponseRecord
from tests.checks.contributions import SKILL_PATH, a_skill, attribution
from tests.world import PullRequest, World
from tests.world.people import Files, a_good_skill
from tests.world.review import gives_powers, triaged

FOLDER = SKILL_PATH.rpartition("/")[0]
SPOILT = a_skill().replace("version: 3\n", "version: 3   \n")
FORBIDDEN = json.dumps({"message": "Resource not accessible by integration", "documentation_url": "x"})


def spoilt(text: str = SPOILT) -> Files:
    return {**a_good_skill(), SKILL_PATH: text}


@pytest.fixture(autouse=True)
def _powers(world: World) -> None:
    gives_powers(world)


@pytest.fixture
async def failing(world: World) -> PullRequest:
    "A pull request of ana's whose only error is mechanical."
    pr = await world.ana.opens_pr(spoilt())
    await pr.next_comment()
    assert pr.labels == {"skill", "triage-requested-changes"}
    return pr


def content_of(pr: PullRequest, path: str = SKILL_PATH) -> str:
    store = pr.pull.repo.store
    return store.blobs[store.snapshot(pr.pull.head_sha)[path].sha].decode()


def button_of(pr: PullRequest) -> CheckRun:
    run = pr.check("Contribution")
    assert [button.identifier for button in run.actions] == ["put-right"]
    return run


def replies(pr: PullRequest) -> list[str]:
    return [c.body for c in pr.pull.comments if c.by_app and "taxonomy-bot:reply" in c.body]


async def test_the_author_has_it_put_right(world: World, failing: PullRequest) -> None:
    "One signed-off commit of the bot's own on the fork's branch, and no further word: the checks pass."
    before = failing.pull.head_sha
    await world.ana.comments(failing, "/fix")
    await failing.settled()

    (_, commit) = failing.pull.commits
    assert commit.parents == (before,)
    assert content_of(failing) == a_skill()
    assert (commit.author.name, commit.verified) == ("taxonomy-bot[bot]", True)
    assert commit.message.endswith(f"\nSigned-off-by: {commit.author.name} <{commit.author.email}>")
    assert "Lines end in spaces" in commit.message
    assert "Asked for by ana" in commit.message
    assert failing.check("Sign-off").conclusion == failing.check("Contribution").conclusion == "success"
    assert failing.labels == {"skill", "triage-needed"}
    assert replies(failing) == []
    assert [(e.actor, e.act, e.result) for e in await world.audit_of(failing)] == [
        ("ana", "/fix", "done"),
        ("ana", "put right", "done"),
    ]
    failing.has_been_read()


async def test_asking_twice_is_as_asking_once(world: World, failing: PullRequest) -> None:
    "The second time there is nothing left, and that is said; the same delivery again does nothing."
    await world.ana.comments(failing, "/fix")
    await failing.settled()
    head = failing.pull.head_sha
    told = next(
        d for d in reversed(world.github.deliveries) if d.event == "issue_comment" and d.action == "created"
    )
    await world.tess.comments(failing, "/fix")
    await failing.settled()
    world.github.redeliver(told)
    await failing.settled()

    assert "There is nothing at" in "".join(replies(failing))
    assert len(replies(failing)) == 1
    assert failing.pull.head_sha == head
    failing.has_been_read()


async def test_a_lost_answer_does_not_push_twice(world: World, failing: PullRequest) -> None:
    "The branch was moved, but GitHub's answer never came: the next try finds the commit that it had written down."
    world.github.drop_next_response("PATCH", r".*/git/refs/.*")
    await world.ana.comments(failing, "/fix")
    await world.while_time_passes(minutes=10)
    assert len(failing.pull.commits) == 2
    assert failing.check("Contribution").conclusion == "success"
    assert replies(failing) == []
    failing.has_been_read()


async def test_renames_and_line_ends_are_committed_too(world: World) -> None:
    "What no suggestion on a line can say: here the file's name, its folder and the line ends of Windows."
    folder = "compositional_skills/writing/freeform/rewrite/Shorten-It"
    pr = await world.ana.opens_pr(
        {f"{folder}/qna.yml": SPOILT.replace("\n", "\r\n"), f"{folder}/attribution.txt": attribution()}
    )
    await pr.next_comment()
    await world.ana.comments(pr, "/fix")
    await pr.settled()

    better = folder.replace("Shorten-It", "shorten_it")
    files = pr.pull.repo.store.snapshot(pr.pull.head_sha)
    assert {path for path in files if path.startswith("compositional_skills")} == {
        f"{better}/qna.yaml",
        f"{better}/attribution.txt",
    }
    assert content_of(pr, f"{better}/qna.yaml") == a_skill()
    pr.has_been_read()


async def test_where_edits_are_not_allowed_it_is_offered(world: World, failing: PullRequest) -> None:
    "With the reason, the switch, and the lines to paste; nothing is pushed."
    failing.pull.edits_allowed = False
    head = failing.pull.head_sha
    await world.ana.comments(failing, "/fix")
    said = await failing.next_comment()
    assert "Allow edits by maintainers" in said
    assert "to paste over the lines named" in said
    assert "```yaml\nversion: 3\n```" in said
    assert failing.pull.head_sha == head


@pytest.mark.parametrize("status", [403, 404, 422])
async def test_where_github_refuses_it_is_offered(world: World, failing: PullRequest, status: int) -> None:
    "The App need not be welcome on a fork, whatever its owner has switched on."
    world.github.fail_next("POST", r".*/git/blobs", status=status, body=FORBIDDEN)
    await world.ana.comments(failing, "/fix")
    said = await failing.next_comment()
    assert f"GitHub does not let me push to your branch (it answered {status})." in said
    assert "```yaml\nversion: 3\n```" in said
    assert len(failing.pull.commits) == 1


@pytest.mark.parametrize("after", [("POST", "/git/commits"), ("GET", "/git/ref/")], ids=["early", "late"])
async def test_a_push_meanwhile_is_never_lost(world: World, failing: PullRequest, after: tuple[str, str]) -> None:
    "Ana pushes while the bot makes its commit: hers stays, the bot's is on no branch, and it says so."
    better = {f"{FOLDER}/attribution.txt": attribution(licence="MIT")}
    pushes = []

    def push_once(request: RequestRecord, _: ResponseRecord) -> None:
        if not pushes and request.method == after[0] and after[1] in request.path:
            pushes.append(asyncio.ensure_future(world.ana.pushes(failing, better)))

    world.github.observers.append(push_once)
    await world.ana.comments(failing, "/fix")
    await failing.settled()
    assert "The branch moved meanwhile" in "".join(replies(failing))
    assert pushes
    assert [commit.author.name for commit in failing.pull.commits] == ["ana", "ana"]
    assert content_of(failing, f"{FOLDER}/attribution.txt") == attribution(licence="MIT")
    assert content_of(failing) == SPOILT
    failing.has_been_read()


async def test_a_branch_of_the_same_repository_is_pushed_to(world: World) -> None:
    "There nobody has to allow anything: eve may push to it herself."
    pr = await world.eve.opens_pr(spoilt(), from_fork=False)
    await pr.next_comment()
    await world.tess.comments(pr, "/fix")
    await pr.settled()
    assert content_of(pr) == a_skill()
    assert "Asked for by tess" in pr.pull.commits[-1].message
    pr.has_been_read()


@pytest.mark.parametrize("branch", ["main", "harvest"])
@pytest.mark.parametrize("asks", ["mallory", "tess"])
async def test_a_branch_of_others_is_not_pushed_to(world: World, branch: str, asks: str) -> None:
    "Anybody may open a pull request from a branch of the repository: that makes it not theirs."
    repo = world.repo
    repo.branches["release"] = repo.branches["harvest"] = repo.head_sha
    pr = await world.mallory.opens_pr(spoilt(), from_fork=False, base="release")
    pr.pull.head_ref, repo.branches[branch] = branch, pr.pull.head_sha
    await pr.next_comment()
    await getattr(world, asks).comments(pr, "/fix")
    said = await pr.next_comment()

    assert "is not" in said
    assert "```yaml\nversion: 3\n```" in said
    assert repo.branches[branch] == pr.pull.head_sha
    assert content_of(pr) == SPOILT


async def test_whoever_may_write_has_it_put_right_on_any_branch_but_the_default_one(world: World) -> None:
    "Apo could push there himself; to the default branch nobody of us pushes."
    repo = world.repo
    pr = await world.mallory.opens_pr(spoilt(), from_fork=False)
    await pr.next_comment()
    await world.apo.comments(pr, "/fix")
    await pr.settled()
    assert content_of(pr) == a_skill()

    repo.branches["release"] = repo.head_sha
    other = await world.mallory.opens_pr(spoilt(), from_fork=False, base="release")
    other.pull.head_ref, repo.branches["main"] = "main", other.pull.head_sha
    await other.settled()
    await world.apo.comments(other, "/fix")
    await other.settled()
    assert content_of(other) == SPOILT
    pr.has_been_read()
    other.has_been_read()


async def test_others_may_not(world: World, failing: PullRequest) -> None:
    "An outsider is told who may; nothing is pushed."
    await world.mallory.comments(failing, "/fix")
    assert "Only the author or a triager may do this." in await failing.next_comment()
    assert len(failing.pull.commits) == 1


async def test_nothing_to_fix_is_said(world: World) -> None:
    "A fifth example has to be written by a person; and there is no button."
    pr = await world.ana.opens_pr(spoilt(a_skill(seed_examples=3)))
    await pr.next_comment()
    await world.ana.comments(pr, "/fix")
    assert "There is nothing at" in await pr.next_comment()
    assert pr.check("Contribution").actions == []


async def test_what_holds_an_address_is_left_alone(world: World) -> None:
    "The bot never carries personal data into a commit of its own."
    text = a_skill(task_description="Write to jane.doe@posteo.de").replace("version: 3\n", "version: 3   \n")
    pr = await world.ana.opens_pr(spoilt(text))
    await pr.next_comment()
    await world.ana.comments(pr, "/fix")
    said = await pr.next_comment()
    assert "I left `shorten/qna.yaml` alone" in said
    assert "jane.doe" not in said
    assert len(pr.pull.commits) == 1


async def test_whoever_may_write_presses_the_button(world: World, failing: PullRequest) -> None:
    "It does what `/fix` does."
    await world.github.press(button_of(failing).id, "put-right", by="apo")
    await failing.settled()
    assert content_of(failing) == a_skill()
    assert "Asked for by apo" in failing.pull.commits[-1].message
    failing.has_been_read()


@pytest.mark.parametrize("login", ["ana", "tess", "mallory"])
async def test_the_button_is_not_for_everybody(world: World, failing: PullRequest, login: str) -> None:
    "GitHub shows it only to people who may write; the bot does not rely on that."
    await world.github.press(button_of(failing).id, "put-right", by=login)
    assert "The button is for people who may write to this repository" in await failing.next_comment()
    assert len(failing.pull.commits) == 1


async def test_the_button_of_an_old_commit_does_nothing(world: World, failing: PullRequest) -> None:
    "Its presser has seen something else."
    run = button_of(failing)
    await world.ana.pushes(failing, {f"{FOLDER}/attribution.txt": attribution(licence="MIT")})
    await failing.settled()
    failing.has_been_read()
    await world.github.press(run.id, "put-right", by="apo")
    assert "The branch moved meanwhile" in await failing.next_comment()
    assert content_of(failing) == SPOILT


async def test_a_sign_off_falls_with_the_content(world: World) -> None:
    "Even spaces are content; but triage is asked anew, not told that the author has answered."
    files = {**a_good_skill(), f"{FOLDER}/attribution.txt": attribution(licence="CC BY-SA 4.0")}
    pr = await triaged(world, files=files)
    await world.tess.comments(pr, "/fix")
    await pr.settled()
    assert pr.labels == {"skill", "triage-needed"}
    assert "CC-BY-SA-4.0" in content_of(pr, f"{FOLDER}/attribution.txt")
    pr.has_been_read()


async def test_a_triagers_request_is_still_open_after_a_fix(world: World) -> None:
    "The bot has tidied up; what tess has asked ana for, nobody has done."
    files = {**a_good_skill(), f"{FOLDER}/attribution.txt": attribution(licence="CC BY-SA 4.0")}
    pr = await world.ana.opens_pr(files)
    await pr.settled()
    await world.tess.comments(pr, "/request-changes Please add harder questions.")
    await pr.settled()
    await world.ana.comments(pr, "/fix")
    await pr.settled()
    assert pr.labels == {"skill", "triage-requested-changes"}
    assert len(pr.pull.commits) == 2
    pr.has_been_read()


async def test_a_push_of_the_authors_on_top_counts_as_theirs(world: World, failing: PullRequest) -> None:
    "The commit of the bot is below it: triage looks again at what ana has done."
    await world.ana.comments(failing, "/fix")
    await failing.settled()
    await world.tess.comments(failing, "/request-changes Please add one more.")
    await failing.settled()
    await world.ana.pushes(failing, {SKILL_PATH: a_skill(seed_examples=6)})
    await failing.settled()
    assert failing.labels == {"skill", "triage-follow-up"}
    failing.has_been_read()


async def test_changes_are_suggested_where_github_signs_them_off(world: World) -> None:
    "One review at each head, on lines of the diff; what GitHub would not sign off is not suggested."
    world.repo.web_commit_signoff_required = True
    pr = await world.ana.opens_pr(spoilt())
    await pr.next_comment()
    await world.ana.comments(pr, "/check")
    await pr.settled()

    (review,) = pr.pull.reviews
    assert review.author == "taxonomy-bot[bot]"
    assert review.commit_id == pr.pull.head_sha
    (remark,) = pr.pull.remarks
    assert (remark.path, remark.line) == (SKILL_PATH, 1)
    assert remark.body.endswith("```suggestion\nversion: 3\n```")

    await world.stop_bot()
    await world.lose_the_database()
    await world.start_bot()
    await world.ana.comments(pr, "/check")
    await pr.settled()
    assert pr.pull.reviews == [review]
    pr.has_been_read()


async def test_elsewhere_nothing_is_suggested_unasked(world: World, failing: PullRequest) -> None:
    "An accepted suggestion would be an unsigned commit."
    assert failing.pull.reviews == []


async def test_at_most_thirty_changes_are_suggested(world: World) -> None:
    "The others come once these are in."
    world.repo.web_commit_signoff_required = True
    text = "".join(f"{line}  \n" for line in a_skill(seed_examples=8).splitlines())
    pr = await world.ana.opens_pr(spoilt(text))
    await pr.next_comment()
    (review,) = pr.pull.reviews
    assert len(pr.pull.remarks) == 30
    assert "more of them, shown once these are in" in review.body
