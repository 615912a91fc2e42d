"""What `taxonomy-check` takes for the contribution: branch, working tree, or the paths named."""

from __future__ import annotations

from pathlib import Path

from tests.checks.contributions import KNOWLEDGE_PATH, SKILL_PATH, a_knowledge, a_skill, attribution
from tests.cli.checkouts import Checkout

BROKEN = "version: 3\nseed_examples: [\n"


def test_a_clean_branch_is_cheered(checkout: Checkout) -> None:
    "Without arguments the branch is compared with main, and a good contribution ends with status 0."
    checkout.writes_a_good_skill()
    checkout.commits("Add a skill")

    answer = checkout.checks()

    assert answer.status == 0, answer.out
    assert "Checked what mine changes against main (1 commit)." in answer.out
    assert "All good, thank you for teaching the model something new!" in answer.out
    assert "Checked 1 leaf, 1 commit in" in answer.out


def test_uncommitted_edits_and_new_files_count(checkout: Checkout) -> None:
    "What lies in the working tree is judged, and it is said that it is not committed."
    checkout.writes_a_good_skill()
    checkout.commits("Add a skill")
    checkout.writes(SKILL_PATH, BROKEN)
    checkout.writes(KNOWLEDGE_PATH, a_knowledge(contexts=1))

    answer = checkout.checks()

    assert answer.status == 1
    assert "(1 commit, 2 files not committed yet)" in answer.out
    assert f"{SKILL_PATH}:" in answer.out
    assert f"{KNOWLEDGE_PATH}:" in answer.out


def test_a_touched_file_that_is_the_same_is_no_edit(checkout: Checkout) -> None:
    "A new time on a file makes no uncommitted change."
    checkout.writes_a_good_skill()
    checkout.commits("Add a skill")
    (checkout.folder / SKILL_PATH).write_text(a_skill())

    assert checkout.checks("--format", "json").json["scope"]["uncommitted_files"] == 0


def test_only_the_own_changes_count_when_main_moved_on(checkout: Checkout) -> None:
    "The branch is compared with where it left main, not with the tip of main."
    checkout.git("switch", "-q", "main")
    checkout.writes(KNOWLEDGE_PATH, BROKEN)
    checkout.commits("Somebody else's work")
    checkout.git("switch", "-q", "mine")
    checkout.writes_a_good_skill()
    checkout.commits("Add a skill")

    answer = checkout.checks("--base", "main", "--format", "json")

    assert answer.status == 0, answer.causes
    assert [Path(p).name for p in answer.json["scope"]["files"]] == ["attribution.txt", "qna.yaml"]
    assert len(answer.json["scope"]["commits"]) == 1


def test_every_commit_needs_its_sign_off(checkout: Checkout) -> None:
    "With --base the commits are judged too, and the way out is told once."
    checkout.writes_a_good_skill()
    sha = checkout.commits("Add a skill", signed_off=False)

    answer = checkout.checks("--base", "main")

    assert answer.status == 1
    assert f"commit {sha[:10]}  Add a skill" in answer.out
    assert answer.out.count("How to sign off what is already committed") == 1
    assert "git rebase HEAD~1 --signoff" in answer.out


def test_a_renamed_file_is_followed(checkout: Checkout) -> None:
    "A moved leaf is judged at its new place only."
    checkout.git("switch", "-q", "main")
    checkout.writes_a_good_skill()
    checkout.commits("Add a skill")
    checkout.git("switch", "-q", "-C", "mine")
    moved = "compositional_skills/writing/shorten_more"
    (checkout.folder / moved).parent.mkdir(parents=True, exist_ok=True)
    checkout.git("mv", str(Path(SKILL_PATH).parent), moved)
    checkout.commits("Move it")

    answer = checkout.checks("--base", "main", "--format", "json")

    assert answer.json["scope"]["files"] == [f"{moved}/attribution.txt", f"{moved}/qna.yaml"]
    assert answer.status == 0, answer.causes


def test_a_file_added_and_deleted_again_is_forgotten(checkout: Checkout) -> None:
    "A leaf that the branch added, and the working tree no longer has, is no part of the contribution."
    checkout.writes_a_good_skill()
    checkout.writes(KNOWLEDGE_PATH, BROKEN)
    checkout.commits("Add two")
    (checkout.folder / KNOWLEDGE_PATH).unlink()

    answer = checkout.checks("--format", "json")

    assert KNOWLEDGE_PATH not in answer.json["scope"]["files"]
    assert answer.status == 0, answer.causes


def test_paths_are_checked_as_they_lie_there(checkout: Checkout) -> None:
    "Named paths need no commit; the attribution beside a named leaf is read too."
    checkout.writes_a_good_skill()
    checkout.writes(KNOWLEDGE_PATH, BROKEN)

    good = checkout.checks(SKILL_PATH)
    bad = checkout.checks("knowledge")

    assert good.status == 0, good.out
    assert f"Checked {SKILL_PATH} (1 leaf)." in good.out
    assert bad.status == 1


def test_a_folder_without_git_will_do(tmp_path: Path) -> None:
    "Outside of any repository the files are checked by their place in the taxonomy's folders."
    leaf = tmp_path / SKILL_PATH
    leaf.parent.mkdir(parents=True)
    leaf.write_text(a_skill())
    (leaf.parent / "attribution.txt").write_text(attribution())
    anywhere = Checkout(tmp_path / "elsewhere")

    answer = anywhere.checks(str(leaf), "--format", "json")

    assert answer.status == 0, answer.out + answer.err
    assert SKILL_PATH in answer.json["scope"]["files"]


def test_nothing_changed_is_said_and_no_failure(checkout: Checkout) -> None:
    "A branch without changes ends well, with a word on how to check everything."
    answer = checkout.checks()

    assert answer.status == 0
    assert "There is nothing to check in what mine changes against main (0 commits)." in answer.out
    assert "taxonomy-check . checks every leaf" in answer.out


def test_without_a_base_every_leaf_is_checked(checkout: Checkout) -> None:
    "On main, with no remote to compare with, the whole checkout is read."
    checkout.git("switch", "-q", "main")
    checkout.writes_a_good_skill()

    assert "Checked every leaf of this checkout (1 leaf)." in checkout.checks().out


def test_the_upstream_remote_is_what_a_fork_is_compared_with(checkout: Checkout) -> None:
    "A fork's own main may be old: upstream goes first."
    head = checkout.git("rev-parse", "main")
    checkout.git("update-ref", "refs/remotes/upstream/main", head)
    checkout.git("update-ref", "refs/remotes/origin/main", head)
    checkout.writes_a_good_skill()

    assert "against upstream/main (0 commits, 2 files not committed yet)" in checkout.checks(columns=200).wrapped()


def test_large_files_are_not_read(checkout: Checkout) -> None:
    "A file beyond the limit of the policy becomes a finding, committed or not."
    checkout.writes(".github/taxonomy-bot.yml", "limits:\n  file_bytes: 2000\n")
    checkout.writes(SKILL_PATH, a_skill() + "#" * 3000 + "\n")
    policy = ("--policy", ".github/taxonomy-bot.yml")

    uncommitted = checkout.checks(*policy, "--format", "json")
    checkout.commits("Add a large one")
    committed = checkout.checks(*policy, "--format", "json")

    assert uncommitted.causes == committed.causes
    assert any("large" in cause for cause in committed.causes), committed.causes


def test_a_branch_cannot_bring_its_own_rules(checkout: Checkout) -> None:
    "The policy is read from the base; --policy tries another one."
    checkout.writes(".github/taxonomy-bot.yml", "rules:\n  counts: off\n  attribution: off\n")
    checkout.writes(SKILL_PATH, a_skill(seed_examples=2))
    checkout.commits("Loosen the rules")

    assert checkout.checks("--rule", "counts").status == 1
    assert checkout.checks("--rule", "counts", "--policy", ".github/taxonomy-bot.yml").status == 0


def test_a_named_file_is_new_unless_main_has_it(checkout: Checkout) -> None:
    "What the default branch holds is old; everything else is judged as the new file it will be in a pull request."
    checkout.git("switch", "-q", "main")
    checkout.writes("compositional_skills/writing/Old_One/qna.yaml", a_skill())
    checkout.commits("Old")
    checkout.git("switch", "-q", "-C", "mine")
    checkout.writes("compositional_skills/writing/New_One/qna.yaml", a_skill())
    checkout.commits("New")

    answer = checkout.checks(".", "--rule", "placement", "--format", "json")

    assert [f["path"] for f in answer.json["findings"]] == ["compositional_skills/writing/New_One/qna.yaml"]


def test_the_maintainers_own_skills_are_left_alone(checkout: Checkout) -> None:
    "A look over the whole tree passes over merged foundational skills; a new one is told about."
    checkout.git("switch", "-q", "main")
    checkout.writes_a_good_skill("foundational_skills/reasoning/logic/qna.yaml")
    checkout.commits("Core")
    checkout.git("switch", "-q", "-C", "mine")
    checkout.writes_a_good_skill()

    assert checkout.checks(".").status == 0

    checkout.writes_a_good_skill("foundational_skills/reasoning/mine/qna.yaml")
    assert checkout.checks(".").status == 1


def test_my_name_is_compared_with_created_by(checkout: Checkout) -> None:
    "--author tells who will open the pull request."
    checkout.writes_a_good_skill()

    assert checkout.checks("--author", "ana", "--format", "json").causes == []
    assert any("created-by" in cause for cause in checkout.checks("--author", "bob", "--format", "json").causes)
