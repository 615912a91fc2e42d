"""The object store names what git would name, so that SHAs in tests mean something."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.simulator import Executable, Symlink
from bot.simulator.git_objects import GitStore, Signature


def test_git_itself_makes_the_same_names(tmp_path: Path) -> None:
    "A commit of files, folders, links and an executable has the SHA that git gives it."
    store = GitStore()
    who = Signature("Ana", "ana@example.org", datetime(2026, 1, 5, 9, tzinfo=UTC))
    files = {
        "a.md": "a\n",
        "a/b/c.txt": "c\n",
        "a-b": "x\n",
        "run.sh": Executable(b"#!/bin/sh\n"),
        "to": Symlink("a.md"),
    }
    commit = store.add_commit(store.changed({}, files), (), who, who, "Begin\n")

    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a.md").write_text("a\n")
    (tmp_path / "a/b/c.txt").write_text("c\n")
    (tmp_path / "a-b").write_text("x\n")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "to").symlink_to("a.md")
    stamp = f"{int(who.date.timestamp())} +0000"
    names = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in (
        ("NAME", who.name), ("EMAIL", who.email), ("DATE", stamp)
    )}  # fmt: skip

    def git(*arguments: str) -> str:
        options = ["-c", "init.defaultBranch=main", "-c", "core.autocrlf=false", "-c", "commit.gpgsign=false"]
        command = ["git", *options, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env={"PATH": "/usr/bin:/bin:/usr/local/bin", **names},
                              check=True, capture_output=True, text=True)  # fmt: skip
        return done.stdout.strip()

    git("init")
    git("add", "--all")
    git("commit", "--message", "Begin")
    assert git("rev-parse", "HEAD^{tree}") == commit.tree
    assert git("rev-parse", "HEAD") == commit.sha


def test_the_merge_base_is_the_nearest_common_commit() -> None:
    "Histories that part have the commit before their parting in common."
    store = GitStore()
    who = Signature("Ana", "ana@example.org", datetime(2026, 1, 5, 9, tzinfo=UTC))

    def commit(message: str, *parents: str) -> str:
        return store.add_commit({}, parents, who, who, message).sha

    root = commit("root")
    fork = commit("fork", root)
    left, right = commit("left", fork), commit("right", fork)

    assert store.merge_base(left, right) == fork
    assert store.merge_base(left, commit("stranger")) is None
    assert [one.sha for one in store.commits_between(root, left)] == [fork, left]


PLACES = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "f/a", "f/a/b"])


@given(st.lists(st.dictionaries(PLACES, st.sampled_from(["1\n", "2\n", None])), min_size=2, max_size=6))
def test_trees_made_from_others_are_the_same(steps: list[dict[str, str | None]]) -> None:
    "A tree that takes over folders of its parent has the name and the differences that all its files give it."
    store, fresh = GitStore(), GitStore()
    before, tree = {}, store.add_tree({})
    for step in steps:
        after = store.changed(before, step)
        if any(path.startswith(f"{other}/") for path in after for other in after):
            return  # git cannot have a file and a folder of one name
        last, tree = tree, store.add_tree(after, near=tree)
        old, new = store.differing(last, tree)

        assert tree == fresh.add_tree(after)
        assert old == {path: entry for path, entry in before.items() if after.get(path) != entry}
        assert new == {path: entry for path, entry in after.items() if before.get(path) != entry}
        before = after
