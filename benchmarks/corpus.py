"""Reads recorded pull requests (one JSON object a line) as contributions, as the benches and reports need them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks.contribution import ChangedFile, Commit, Contribution, FileStatus, Identity, Sha, read_contribution

_STATUS = {"A": FileStatus.ADDED, "M": FileStatus.MODIFIED, "D": FileStatus.REMOVED}
_UNCHANGED = "="
_UNREADABLE = b"\0"  # stands for content that is no text


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One recorded pull request with the verdicts others gave it."""

    number: int
    files: tuple[dict[str, Any], ...]
    commits: tuple[dict[str, Any], ...]
    expected: dict[str, Any]

    def contribution(self) -> Contribution:
        """Return the pull request as the rules take it."""
        changed = [f for f in self.files if f["status"] != _UNCHANGED]
        tree = [f["path"] for f in self.files if f["status"] != "D"]
        return read_contribution((_changed(f) for f in changed), commits=map(_commit, self.commits), tree=tree)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield path and text of every changed file that is text."""
        for file in self.files:
            if file["status"] in "AM" and file.get("text") is not None:
                yield file["path"], file["text"]


def read_corpus(path: Path) -> list[PullRequest]:
    """Read a JSONL file of recorded pull requests."""
    with path.open(encoding="utf-8") as lines:
        recorded = [json.loads(line) for line in lines]
    return [PullRequest(pr["number"], tuple(pr["files"]), tuple(pr["commits"]), pr["expected"]) for pr in recorded]


def _changed(file: dict[str, Any]) -> ChangedFile:
    status = _STATUS[file["status"]]
    if status is FileStatus.REMOVED:
        return ChangedFile(file["path"], status)
    text = file.get("text")
    content = _UNREADABLE if text is None else text.encode("utf-8")
    return ChangedFile(file["path"], status, content, len(content))


def _commit(commit: dict[str, Any]) -> Commit:
    author, committer = (Identity(commit[who]["name"], commit[who]["email"]) for who in ("author", "committer"))
    parents = tuple(Sha(parent) for parent in commit["parents"])
    return Commit(Sha(commit["sha"]), commit["message"], author, committer, parents, bool(commit.get("signed")))
