"""The commits of people, as a story tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.simulator.accounts import Account
from bot.simulator.git_objects import Changes as FileChanges
from bot.simulator.git_objects import Commit, Signature, Snapshot
from bot.simulator.merge_commits import WEB_EDITOR
from bot.simulator.repositories import Repository


@dataclass(frozen=True, slots=True)
class CommitSpec:
    """One commit as a story tells it; who is not named is the author of the pull request."""

    message: str = "Update the taxonomy"
    files: FileChanges = field(default_factory=dict)
    author_name: str | None = None
    author_email: str | None = None
    committer_name: str | None = None
    committer_email: str | None = None
    verified: bool = False
    web_editor: bool = False


def add_commits(
    repo: Repository, user: Account, start: str, specs: Sequence[CommitSpec], now: datetime, *, sign_off: bool
) -> str:
    """Put the commits of `specs` on top of `start` and return the last of them."""
    head, snapshot = start, repo.store.snapshot(start)
    for spec in specs:
        snapshot = repo.store.changed(snapshot, spec.files)
        head = add_commit(repo, user, snapshot, (head,), spec, now, sign_off=sign_off).sha
    return head


def add_commit(
    repo: Repository,
    user: Account,
    snapshot: Snapshot,
    parents: tuple[str, ...],
    spec: CommitSpec,
    now: datetime,
    *,
    sign_off: bool,
) -> Commit:
    """Return a new commit of `snapshot`."""
    author = Signature(spec.author_name or user.name or user.login, spec.author_email or user.commit_email, now)
    committer = Signature(spec.committer_name or author.name, spec.committer_email or author.email, now)
    if spec.web_editor:
        committer = Signature(*WEB_EDITOR, now)
    trailer = f"\n\nSigned-off-by: {author.name} <{author.email}>" if sign_off else ""
    return repo.store.add_commit(
        snapshot, parents, author, committer, spec.message + trailer, verified=spec.verified or spec.web_editor
    )
