"""A checkout may come from anyone: nothing in it is run, followed, or believed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from checks.local_git import Repository
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.cli.checkouts import Checkout

NAMES = [
    pytest.param("compositional_skills/a/x\n::error::y/qna.yaml", id="a line end and a command"),
    pytest.param("compositional_skills/a/\x1b[31mred/qna.yaml", id="an escape code"),
    pytest.param("compositional_skills/a/-rf --output=x/qna.yaml", id="options"),
    pytest.param('compositional_skills/a/"quo\\ted"/qna.yaml', id="quotes"),
    pytest.param("compositional_skills/a/:(glob)**/qna.yaml", id="pathspec magic"),
    pytest.param(os.fsdecode(b"compositional_skills/a/\xff\xfe/qna.yaml"), id="no UTF-8"),
]


@pytest.mark.parametrize("path", NAMES)
def test_hostile_file_names_are_only_names(checkout: Checkout, path: str) -> None:
    "Committed or not, the file is read under its own name and shown harmlessly in every format."
    checkout.writes(path, "version: 3\n")
    uncommitted = checkout.checks("--format", "json")
    checkout.commits("Add it")
    committed = checkout.checks("--format", "json")

    assert uncommitted.json["scope"]["files"] == committed.json["scope"]["files"] == [path]
    assert uncommitted.causes == committed.causes
    for output in ("text", "github"):
        answer = checkout.checks("--format", output)
        assert answer.status == 1
        assert "\x1b" not in answer.out
        assert not any(line.startswith("::error::") for line in answer.out.splitlines())


def test_a_link_out_of_the_tree_is_not_followed(checkout: Checkout, tmp_path: Path) -> None:
    "A symbolic link is judged as a link, whatever it points to, committed or not."
    secret = tmp_path / "secret"
    secret.write_text("created_by: SECRET\n")
    place = checkout.folder / SKILL_PATH
    place.parent.mkdir(parents=True)
    place.symlink_to(secret)
    uncommitted = checkout.checks("--format", "json")
    checkout.commits("Add a link")
    committed = checkout.checks("--format", "json")

    assert uncommitted.causes == committed.causes
    assert committed.status == 1
    assert "SECRET" not in uncommitted.out + committed.out


def test_a_folder_that_is_a_link_hides_nothing(checkout: Checkout, tmp_path: Path) -> None:
    "Files behind a linked folder are not read, neither through git nor by name."
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "qna.yaml").write_text("version: SECRET\n")
    (checkout.folder / "compositional_skills").mkdir()
    (checkout.folder / "compositional_skills/linked").symlink_to(outside)

    whole = checkout.checks("compositional_skills", "--format", "json")
    named = checkout.checks("compositional_skills/linked/qna.yaml")

    assert whole.json["scope"]["files"] == ["compositional_skills/linked"]
    assert named.status == 2
    assert "SECRET" not in whole.out + named.out


def test_a_tracked_folder_turned_into_a_link_is_gone(checkout: Checkout, tmp_path: Path) -> None:
    "A folder of the commit that the working tree replaced by a link counts as deleted."
    checkout.writes_a_good_skill()
    checkout.commits("Add a skill")
    folder = (checkout.folder / SKILL_PATH).parent
    outside = tmp_path / "outside"
    folder.rename(outside)
    (outside / "qna.yaml").write_text("version: SECRET\n")
    folder.symlink_to(outside)

    answer = checkout.checks("--format", "json")

    assert SKILL_PATH not in answer.json["scope"]["files"]
    assert "SECRET" not in answer.out


def test_a_submodule_is_seen_as_one(checkout: Checkout) -> None:
    "A submodule among the leaves is named by its kind and not entered."
    head = checkout.git("rev-parse", "HEAD")
    checkout.git("update-index", "--add", "--cacheinfo", f"160000,{head},compositional_skills/sub")
    checkout.git("commit", "-q", "--signoff", "-m", "Add a submodule")

    answer = checkout.checks("--base", "main", "--format", "json")

    assert "compositional_skills/sub" in answer.json["scope"]["files"]
    assert answer.status == 1


def test_nothing_of_the_configuration_is_run(checkout: Checkout, tmp_path: Path) -> None:
    "Hooks, filters, monitors, diff programs, signature programs and pagers of a checkout stay unused."
    trap = tmp_path / "trap.sh"
    sprung = tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\necho $0 $* >> {sprung}\ncat\n")
    trap.chmod(0o755)
    checkout.writes(".gitattributes", "*.yaml filter=trap diff=trap\n")
    checkout.writes_a_good_skill()
    checkout.commits("Add a skill")
    for key in (
        "core.fsmonitor", "core.pager", "diff.external", "diff.trap.command", "diff.trap.textconv",
        "filter.trap.clean", "filter.trap.smudge", "filter.trap.process", "gpg.program", "core.sshCommand",
        "core.editor", "credential.helper",
    ):  # fmt: skip
        checkout.git("config", key, str(trap))
    checkout.git("config", "log.showSignature", "true")
    (checkout.folder / SKILL_PATH).write_text(a_skill() + "# edited\n")
    sprung.unlink(missing_ok=True)

    for arguments in ((), ("--base", "main"), (".",)):
        assert checkout.checks(*arguments).status in (0, 1)

    assert not sprung.exists(), sprung.read_text()


def test_commits_are_read_whatever_they_say(checkout: Checkout) -> None:
    "Names, messages and encodings of any kind come through as they are; nothing splits a commit in two."
    checkout.git(
        "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-m", "a\x1e\x1f\n\nb\x01c"
    )
    checkout.git("-c", "user.name=A <x> B", "commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    repository = Repository.around(checkout.folder)
    main, mine = repository.commit_of("main"), repository.commit_of("mine")
    assert main
    assert mine

    commits = repository.commits_between(main, mine)

    assert [commit.message for commit in commits] == ["a\x1e\x1f\n\nb\x01c\n", ""]
    assert [commit.parents for commit in commits] == [(main,), (commits[0].sha,)]
    assert {commit.author.email for commit in commits} == {"ana@example.org"}
    assert not any(commit.verified for commit in commits)


def test_variables_that_git_sets_for_hooks_do_not_mislead(checkout: Checkout, tmp_path: Path) -> None:
    "Run from a hook of another repository, the command still reads the one it stands in."
    other = Checkout(tmp_path / "other")
    checkout.writes_a_good_skill()

    answer = checkout.checks(GIT_DIR=str(other.folder / ".git"), GIT_WORK_TREE=str(other.folder))

    assert "2 files not committed yet" in answer.wrapped()


def test_the_real_command_ends_as_it_says(checkout: Checkout) -> None:
    "Run as a program, in a pipe: status, no colour, no traceback, even when the reader leaves early."
    checkout.writes(SKILL_PATH, "version: 3\nseed_examples: [\n")
    program = [sys.executable, "-c", "from checks.cli import main; main()"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "60"}

    done = subprocess.run(
        program, cwd=checkout.folder, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1, done.stderr
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
