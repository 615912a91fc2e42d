"""Putting files of a checkout right: only those asked for, whole or not at all, and never through a link."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from checks.checkout import Facts, Survey
from checks.contribution import FileKind, read_contribution
from checks.local_git import read_worktree_file
from checks.policy import Policy
from checks.registry import Rule
from checks.repair import Repair, repairs


@dataclass(slots=True)
class Mending:
    """What was put right and what was not; with `dry_run` only what would be.

    `failed` are files that could not be written, each with the reason; `withheld` those with personal data.
    """

    dry_run: bool = False
    done: list[Repair] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    withheld: tuple[str, ...] = ()

    def mend(self, asked: Survey, facts: Facts, policy: Policy, rules: Sequence[Rule]) -> Facts:
        """Put right what was asked for, and return the facts as they are afterwards."""
        contribution = facts.contribution
        wanted = [file.path for file in contribution.files if asked.covers(file.path)]
        found = repairs(contribution, policy, rules or None, wanted)
        self.withheld = found.withheld
        if self.dry_run:
            self.done = list(found.files)
        for repair in () if self.dry_run else found.files:
            if reason := _written(asked, repair):
                self.failed.append((repair.path, reason))
            else:
                self.done.append(repair)
        return _as_if(facts, self.done)


def _as_if(facts: Facts, found: Sequence[Repair]) -> Facts:
    """Return the facts as if the repairs were done."""
    before = facts.contribution
    by_path = {repair.path: repair for repair in found}
    files = [
        replace(file, path=repair.new_path, content=repair.after, size=len(repair.after))
        if (repair := by_path.get(file.path))
        else file
        for file in before.files
    ]
    tree = before.tree
    if tree is not None:
        tree = frozenset(by_path[path].new_path if path in by_path else path for path in tree)
    read = read_contribution(files, tree=tree)
    return replace(facts, contribution=replace(before, files=read.files, leaves=read.leaves, tree=read.tree))


def _written(asked: Survey, repair: Repair) -> str:
    """Write one repaired file. Return why it could not be written, empty when it was."""
    try:
        return _replaced(asked, repair) or _renamed(asked.top, repair)
    except OSError as error:
        return error.strerror or type(error).__name__


def _replaced(asked: Survey, repair: Repair) -> str:
    found = read_worktree_file(asked.top, repair.path, len(repair.before) * 2 + 1)
    if found is None or found[0] is not FileKind.REGULAR or found[1].content is None:
        return "it is no ordinary file of this checkout"
    there, content = found[1].content, repair.after
    converts = asked.repository is not None and asked.repository.converts_line_ends and b"\r\n" in there
    if there != repair.before and not (converts and there.replace(b"\r\n", b"\n") == repair.before):
        return "it has changed meanwhile"
    if content == repair.before:
        return ""
    _put(asked.top / repair.path, content.replace(b"\n", b"\r\n") if converts else content)
    return ""


def _put(place: Path, content: bytes) -> None:
    """Let the file be `content` from one moment to the next, as readable and executable as it was."""
    mode = stat.S_IMODE(place.lstat().st_mode)
    descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(mode)
        beside.replace(place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _renamed(top: Path, repair: Repair) -> str:
    if repair.new_path == repair.path:
        return ""
    was, now = top / repair.path, top / repair.new_path
    if os.path.lexists(now) and not now.samefile(was):
        return f"there is something at {repair.new_path} already"
    nearest = next(folder for folder in now.parents if os.path.lexists(folder))
    if nearest.resolve() != nearest or not nearest.is_relative_to(top):
        return f"a folder on the way to {repair.new_path} is a link"
    now.parent.mkdir(parents=True, exist_ok=True)
    was.rename(now)
    for folder in was.parents:
        if folder == top or not folder.is_relative_to(top):
            break
        with suppress(OSError):  # something else is still in it
            folder.rmdir()
    return ""
