"""Merging: what GitHub allows, in which words it refuses, and what becomes of branches and pull requests."""

from __future__ import annotations

import re

import pytest

from bot.simulator import CommitSpec, MergeRefusedError, Pull, Repository, Simulator
from tests.simulator.client import Answer, AppClient

R = "/repos/instruct/taxonomy"
SKILL = {"skills/a/qna.yaml": "version: 3\n"}


async def merge(client: AppClient, **sent: str) -> Answer:
    return await client.call("PUT", f"{R}/pulls/1/merge", sent)


async def run(client: AppClient, pull: Pull, **fields: str) -> None:
    await client.post(f"{R}/check-runs", {"name": "Merge readiness", "head_sha": pull.head_sha, **fields})


@pytest.fixture
async def pull(sim: Simulator, repo: Repository) -> Pull:
    commits = [CommitSpec("One", SKILL), CommitSpec("Two", {"skills/a/attribution.txt": "Ana\n"})]
    return await sim.open_pull(repo, author="ana", commits=commits, title="A skill")


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
async def test_a_merge_moves_the_base(
    method: str, sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "Base and head come together; what the base had got meanwhile stays; push and closed are told."
    await sim.push_to_default(repo, {"README.md": "# Meanwhile\n"})
    before, told = repo.head_sha, len(sim.deliveries)

    answer = await merge(client, merge_method=method, sha=pull.head_sha)

    assert (answer.status, answer.body["sha"]) == (200, repo.head_sha)
    assert {*SKILL, "README.md", "skills/a/attribution.txt"} <= repo.store.snapshot(repo.head_sha).keys()
    new = repo.store.commits_between(before, repo.head_sha)
    assert len(new) == {"merge": 3, "squash": 1, "rebase": 2}[method]
    assert (pull.state, pull.merged, pull.merge_commit_sha) == ("closed", True, repo.head_sha)
    assert [change.path for change in pull.files] == ["skills/a/attribution.txt", "skills/a/qna.yaml"]
    events = [delivery for delivery in sim.deliveries[told:] if delivery.event in {"push", "pull_request"}]
    assert [delivery.event for delivery in events] == ["push", "pull_request"]
    closed = events[1].payload["pull_request"]
    assert (closed["merged"], closed["merged_by"]["login"]) == (True, "taxonomy-bot[bot]")


async def test_a_squash_says_what_it_is_told_to(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "Title and text are the caller's; the author is that of the pull request, the committer GitHub."
    sim.create_user("ana", name="Ana Sol", email="ana@example.org")
    said = {"commit_title": "A skill (#1)", "commit_message": "Approved by tom.\n\nSigned-off-by: Ana"}
    await merge(client, merge_method="squash", sha=pull.head_sha, **said)

    commit = repo.head_commit
    assert commit.message == "A skill (#1)\n\nApproved by tom.\n\nSigned-off-by: Ana"
    assert (commit.author.name, commit.author.email) == ("Ana Sol", "ana@example.org")
    assert (commit.committer.name, len(commit.parents)) == ("GitHub", 1)
    told = next(one for one in sim.deliveries if one.action == "closed").payload["pull_request"]
    assert (told["merged"], told["state"], told["merge_commit_sha"]) == (True, "closed", commit.sha)


async def test_a_squash_without_a_text_has_only_its_title(client: AppClient, repo: Repository, pull: Pull) -> None:
    "An empty text is not replaced by GitHub's own; what was tried before the merge is forgotten."
    for _ in range(2):
        trial = (await client.get(f"{R}/pulls/1")).body["merge_commit_sha"]
    await merge(client, merge_method="squash", commit_title="A skill (#1)", commit_message="")

    assert repo.head_commit.message == "A skill (#1)"
    assert (await client.get(f"{R}/pulls/1")).body["merge_commit_sha"] == repo.head_sha != trial


async def test_a_squash_keeps_all_messages_by_itself(client: AppClient, repo: Repository, pull: Pull) -> None:
    "Without a text GitHub lists the commits."
    await merge(client, merge_method="squash")

    message = repo.head_commit.message
    assert message.startswith("A skill (#1)\n\n* One\n\nSigned-off-by: ana")
    assert "* Two" in message


async def test_a_moved_head_is_a_conflict_of_its_own(sim: Simulator, client: AppClient, pull: Pull) -> None:
    "Whoever names a commit that is no longer the head is answered 409, and nothing is merged."
    judged = pull.head_sha
    await sim.push(pull, {"skills/a/qna.yaml": "version: 4\n"})

    answer = await merge(client, sha=judged)

    assert (answer.status, answer.body["message"]) == (
        409,
        "Head branch was modified. Review and try the merge again.",
    )
    assert not pull.merged


async def test_what_cannot_be_merged_is_405(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "Drafts, closed ones, conflicts and forbidden methods, each in GitHub's words."
    said = []
    await sim.convert_to_draft(pull)
    said.append(await merge(client))
    await sim.mark_ready(pull)
    await sim.close_pull(pull)
    said.append(await merge(client))
    await sim.reopen_pull(pull)
    repo.merge_methods = frozenset({"squash"})
    said.append(await merge(client, merge_method="rebase"))
    await sim.push_to_default(repo, {"skills/a/qna.yaml": "version: 2\n"})
    said.append(await merge(client, merge_method="squash"))

    assert [(answer.status, answer.body["message"]) for answer in said] == [
        (405, "Pull Request is still a draft"),
        (405, "Pull Request is not mergeable"),
        (405, "Rebase merges are not allowed on this repository."),
        (405, "Pull Request is not mergeable"),
    ]
    assert pull.is_conflicting


async def test_required_checks_block(sim: Simulator, client: AppClient, repo: Repository, pull: Pull) -> None:
    "A required check must have run, be over, have passed, and be that of the App it is pinned to."
    repo.required_checks = {("Merge readiness", 1234)}
    said = [await merge(client)]
    await run(client, pull, status="in_progress")
    said.append(await merge(client))
    await run(client, pull, conclusion="action_required")
    said.append(await merge(client))
    await run(client, pull, conclusion="success")
    repo.required_checks = {("Merge readiness", 99)}
    said.append(await merge(client))
    repo.required_checks = {("Merge readiness", None)}

    assert [answer.body["message"] for answer in said] == [
        'Required status check "Merge readiness" is expected.',
        'Required status check "Merge readiness" is in progress.',
        'Required status check "Merge readiness" is failing.',
        'Required status check "Merge readiness" is expected.',
    ]
    assert (await merge(client)).status == 200


async def test_a_required_check_is_of_one_app(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "What another App says under the same name is listed, but neither ours to change nor what was asked for."
    repo.required_checks = {("Merge readiness", 1234)}
    told = len(sim.deliveries)
    other = await sim.other_check_run(pull, "Merge readiness", "completed", "success")
    events = [(one.event, one.action) for one in sim.deliveries[told:]]
    await sim.rerequest_check_run(other.id)
    refused = await merge(client)
    await run(client, pull, conclusion="success")
    path = f"{R}/commits/{pull.head_sha}/check-runs"
    listed = [(await client.get(path + query)).body["total_count"] for query in ("", "?app_id=1234", "?app_id=99")]
    changed = await client.call("PATCH", f"{R}/check-runs/{other.id}", {"name": "Mine"})

    assert refused.body["message"] == 'Required status check "Merge readiness" is expected.'
    assert events == [("check_run", "created"), ("check_run", "completed"), ("check_suite", "completed")]
    assert (listed, changed.status) == ([2, 1, 0], 403)
    assert (other.app.slug, len(sim.deliveries[told:])) == ("github-actions", 6)
    assert (await merge(client)).status == 200


async def test_another_apps_check_can_be_required(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "A check pinned to another App waits for that App; a failure of its later run counts."
    first = await sim.other_check_run(pull, "lint", "in_progress", app="linters")
    repo.required_checks = {("lint", first.app.id)}
    said = [(await merge(client)).body["message"]]
    await sim.other_check_run(pull, "lint", conclusion="failure", app="linters")
    said.append((await merge(client)).body["message"])
    await sim.other_check_run(pull, "lint", conclusion="success", app="linters")

    assert [text.rpartition(" is ")[2] for text in said] == ["in progress.", "failing."]
    assert (await merge(client)).status == 200


async def test_approvals_are_counted(sim: Simulator, client: AppClient, repo: Repository, pull: Pull) -> None:
    "Only writers count, each once, by their last opinion, and for the newest commit."
    repo.required_approving_reviews = 1
    repo.permissions |= {"mia": "write", "tom": "triage"}

    async def refusal() -> str:
        for _ in range(2):
            told = (await client.get(f"{R}/pulls/1")).body
        answer = await merge(client)
        assert (answer.status, told["mergeable_state"]) == (405, "blocked")
        return str(answer.body["message"])

    one = "At least 1 approving review is required by reviewers with write access."
    await sim.review(pull, "tom", "", "APPROVED")
    assert await refusal() == one
    await sim.review(pull, "mia", "", "APPROVED", commit_id=repo.head_sha)
    assert await refusal() == one
    approval = await sim.review(pull, "mia", "", "APPROVED")
    await sim.review(pull, "mia", "", "APPROVED")
    repo.required_approving_reviews = 2
    assert await refusal() == "At least 2 approving reviews are required by reviewers with write access."
    repo.required_approving_reviews = 1
    await sim.dismiss_review(pull.reviews[-1], by="mia")
    assert await refusal() == one
    await sim.review(pull, "mia", "", "CHANGES_REQUESTED")
    assert await refusal() == one
    await sim.review(pull, "mia", "", "APPROVED")
    await sim.review(pull, "mia", "One more thing: thank you")

    assert approval.commit_id == pull.head_sha
    assert (await client.get(f"{R}/pulls/1")).body["mergeable_state"] == "clean"
    assert (await merge(client)).status == 200


async def test_the_state_of_merging_has_a_word(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "Unknown at first, then clean, draft, blocked, behind, unstable or dirty."

    async def word() -> str:
        await client.get(f"{R}/pulls/1")
        return str((await client.get(f"{R}/pulls/1")).body["mergeable_state"])

    assert (await client.get(f"{R}/pulls/1")).body["mergeable_state"] == "unknown"
    words = [await word()]
    await sim.convert_to_draft(pull)
    words.append(await word())
    await sim.mark_ready(pull)
    repo.required_checks = {("Merge readiness", 1234)}
    words.append(await word())
    await run(client, pull, conclusion="success")
    repo.requires_up_to_date = True
    await sim.push_to_default(repo, {"README.md": "# Meanwhile\n"})
    words.append(await word())
    repo.requires_up_to_date = False
    await client.post(f"{R}/check-runs", {"name": "Lint", "head_sha": pull.head_sha, "conclusion": "failure"})
    words.append(await word())
    await sim.push_to_default(repo, {"skills/a/qna.yaml": "version: 2\n"})
    words.append(await word())

    assert words == ["clean", "draft", "blocked", "behind", "unstable", "dirty"]


async def test_a_trial_merge_can_be_read(sim: Simulator, client: AppClient, repo: Repository, pull: Pull) -> None:
    "Once known to be mergeable, `merge_commit_sha` names a commit whose tree is what the base would become."
    await sim.push_to_default(repo, {"README.md": "# Meanwhile\n"})
    unknown = (await client.get(f"{R}/pulls/1")).body
    known = (await client.get(f"{R}/pulls/1")).body
    sha = known["merge_commit_sha"]
    tree = (await client.get(f"{R}/git/trees/{sha}?recursive=1")).body["tree"]
    compared = (await client.get(f"{R}/compare/main...{sha}")).body
    by_ref = (await client.get(f"{R}/commits/refs%2Fpull%2F1%2Fmerge")).body

    assert (unknown["mergeable"], unknown["mergeable_state"], unknown["merge_commit_sha"]) == (
        None,
        "unknown",
        None,
    )
    assert (known["mergeable"], known["mergeable_state"]) == (True, "clean")
    assert {"README.md", "skills/a/qna.yaml"} <= {entry["path"] for entry in tree}
    assert [file["filename"] for file in compared["files"]] == ["skills/a/attribution.txt", "skills/a/qna.yaml"]
    assert [parent["sha"] for parent in by_ref["parents"]] == [repo.head_sha, pull.head_sha]


async def test_a_trial_merge_outlives_its_base(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "After the base moved the first reading says null beside the old trial; the next has a new one."
    await client.get(f"{R}/pulls/1")
    old = (await client.get(f"{R}/pulls/1")).body["merge_commit_sha"]
    await sim.push_to_default(repo, {"README.md": "# Meanwhile\n"})
    stale = (await client.get(f"{R}/pulls/1")).body
    new = (await client.get(f"{R}/pulls/1")).body

    assert (stale["mergeable"], stale["merge_commit_sha"]) == (None, old)
    assert (new["mergeable"], new["merge_commit_sha"] != old) == (True, True)


async def test_a_pull_request_tells_who_and_how_much(sim: Simulator, client: AppClient, pull: Pull) -> None:
    "Comments are counted by kind, people are named, and a merge says when and by whom."
    await sim.comment(pull, "tom", "Nice")
    await sim.remark(pull, "mia", "skills/a/qna.yaml", 1, "Why 3?")
    await sim.assign(pull, "tom", by="mia")
    await sim.request_review(pull, "nia", by="mia")
    told = (await client.get(f"{R}/pulls/1")).body
    (remark,) = (await client.get(f"{R}/pulls/1/comments")).body
    await sim.merge_pull(pull, by="mia")
    merged = (await client.get(f"{R}/pulls/1")).body

    assert (told["comments"], told["review_comments"]) == (1, 1)
    assert (remark["path"], remark["line"], remark["user"]["login"]) == ("skills/a/qna.yaml", 1, "mia")
    assert [one["login"] for one in told["assignees"] + told["requested_reviewers"]] == ["tom", "nia"]
    assert (told["merged"], told["merged_at"], told["merged_by"]) == (False, None, None)
    assert (merged["merged"], merged["merged_by"]["login"], merged["merge_commit_sha"]) == (
        True,
        "mia",
        pull.repo.head_sha,
    )
    assert merged["merged_at"] == merged["closed_at"]
    assert merged["merged_at"]


async def test_a_branch_is_brought_up_to_date(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "The base is merged into the head, which changes nothing of what the pull request proposes."
    path, before = f"{R}/pulls/1/update-branch", [change.path for change in pull.files]
    nothing_new = await client.call("PUT", path)
    await sim.push_to_default(repo, {"README.md": "# Meanwhile\n"})
    moved = await client.call("PUT", path, {"expected_head_sha": repo.head_sha})
    done = await client.call("PUT", path, {"expected_head_sha": pull.head_sha})

    assert [nothing_new.status, moved.status, done.status] == [422, 422, 202]
    assert [change.path for change in pull.files] == before
    assert not pull.is_behind
    assert (sim.deliveries[-1].action, sim.deliveries[-1].payload["after"]) == ("synchronize", pull.head_sha)


async def test_a_file_does_not_become_a_folder_unseen(sim: Simulator, repo: Repository, pull: Pull) -> None:
    "Where one side has a file and the other a folder, they conflict."
    await sim.push_to_default(repo, {"skills/a": "a file\n"})
    assert pull.is_conflicting
    with pytest.raises(MergeRefusedError, match="not mergeable"):
        await sim.merge_pull(pull, by="tom")


async def test_a_merge_group_is_what_would_be_merged(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "The group's head holds all its pull requests; checks on it can be written; its end merges them."
    other = await sim.open_pull(repo, author="mia", files={"skills/b/qna.yaml": "version: 3\n"})
    before = repo.head_sha
    group = await sim.request_merge_group(pull, other)

    delivery = sim.deliveries[-1]
    assert (delivery.event, delivery.action) == ("merge_group", "checks_requested")
    told = delivery.payload["merge_group"]
    assert (told["head_sha"], told["base_sha"]) == (group.head_sha, before)
    assert told["head_ref"] == f"refs/heads/gh-readonly-queue/main/pr-2-{before}"
    assert {"skills/a/qna.yaml", "skills/b/qna.yaml"} <= repo.store.snapshot(group.head_sha).keys()
    new = {"name": "Merge readiness", "head_sha": group.head_sha, "conclusion": "success"}
    assert (await client.post(f"{R}/check-runs", new)).status == 201

    await sim.end_merge_group(group)
    assert (repo.head_sha, pull.merged, other.merged) == (group.head_sha, True, True)
    assert sim.deliveries[-1].action == "destroyed"


async def test_a_merge_group_waits_for_its_checks(
    sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "Its head can be compared and read like any commit; it is satisfied once each required check passed on it."
    repo.required_checks = {("Merge readiness", 1234)}
    await run(client, pull, conclusion="success")
    group = await sim.request_merge_group(pull)
    told = sim.deliveries[-1].payload["merge_group"]
    base, head = told["base_sha"], told["head_sha"]

    compared = (await client.get(f"{R}/compare/{base}...{head}")).body
    tree = (await client.get(f"{R}/git/trees/{head}?recursive=1")).body["tree"]
    said = [group.unmet_checks]
    created = await client.post(f"{R}/check-runs", {"name": "Merge readiness", "head_sha": head})
    said.append(group.unmet_checks)
    await client.call("PATCH", f"{R}/check-runs/{created.body['id']}", {"conclusion": "failure"})
    said.append(group.unmet_checks)
    await client.post(f"{R}/check-runs", {"name": "Merge readiness", "head_sha": head, "conclusion": "success"})

    assert re.fullmatch(r"refs/heads/gh-readonly-queue/main/pr-1-[0-9a-f]{40}", told["head_ref"])
    assert (compared["status"], compared["ahead_by"]) == ("ahead", 1)
    assert [file["filename"] for file in compared["files"]] == ["skills/a/attribution.txt", "skills/a/qna.yaml"]
    assert "skills/a/qna.yaml" in {entry["path"] for entry in tree}
    assert [list(unmet.values()) for unmet in said] == [["expected"], ["in progress"], ["failing"]]
    assert group.is_satisfied


@pytest.mark.parametrize(("method", "commits"), [("merge", 3), ("squash", 1), ("rebase", 2)])
async def test_a_commit_tells_which_pull_request_brought_it(
    method: str, commits: int, sim: Simulator, client: AppClient, repo: Repository, pull: Pull
) -> None:
    "Each commit that came with the merge, and none before or after."
    assert (await client.get(f"{R}/commits/{pull.head_sha}/pulls")).body[0]["number"] == 1
    before = repo.head_sha
    await sim.merge_pull(pull, by="mia", method=method)
    merged = repo.head_sha
    after = await sim.push_to_default(repo, {"README.md": "# Past all review\n"})

    listed = [commit["sha"] for commit in (await client.get(f"{R}/commits?sha={after}")).body]
    brought = [sha for sha in listed if (await client.get(f"{R}/commits/{sha}/pulls")).body]

    assert listed[0] == after
    assert before in listed
    assert before not in brought
    assert merged in brought
    assert len(brought) == commits
    assert (await client.get(f"{R}/commits?sha=main&since=2999-01-01T00:00:00Z")).body == []
    assert (await client.get(f"{R}/commits?sha=nowhere")).status == 404
