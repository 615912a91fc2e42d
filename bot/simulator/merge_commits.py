"""The commits that GitHub makes when it merges: one for a merge, one for a squash, many for a rebase."""

from __future__ import annotations

from datetime import datetime

from bot.simulator.accounts import Account
from bot.simulator.git_objects import Commit, Signature
from bot.simulator.repositories import Pull
from bot.simulator.three_way import edits_between, with_edits

WEB_EDITOR = ("GitHub", "noreply@github.com")


def merge_commit(pull: Pull, merger: Account, now: datetime, title: str | None, message: str | None) -> Commit:
    """Return a new commit with base and head as its parents."""
    label = f"{pull.head_repo.owner.login}/{pull.head_ref}"
    title = title or f"Merge pull request #{pull.number} from {label}"
    text = _joined(title, pull.title if message is None else message)
    return _two_sided(pull, (pull.base_tip, pull.head_sha), merger, now, text)


def trial_commit(pull: Pull, now: datetime) -> Commit:
    """Return the commit by which GitHub finds out whether base and head can be merged."""
    text = f"Merge {pull.head_sha} into {pull.base_tip}"
    return _two_sided(pull, (pull.base_tip, pull.head_sha), pull.user, now, text)


def update_commit(pull: Pull, updater: Account, now: datetime) -> Commit:
    """Return a new commit that brings the base into the head."""
    text = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    return _two_sided(pull, (pull.head_sha, pull.base_tip), updater, now, text)


def squash_commit(
    pull: Pull, now: datetime, title: str | None, message: str | None, onto: str | None = None
) -> Commit:
    """Return a new commit by the author of the pull request with all that it changes."""
    store, tip = pull.repo.store, onto or pull.base_tip
    known_title, known_message = _squash_words(pull)
    text = _joined(title or known_title, known_message if message is None else message)
    snapshot = with_edits(store.snapshot(tip), pull.edits)
    author = _signature(pull.user, now)
    return store.add_commit(snapshot, (tip,), author, Signature(*WEB_EDITOR, now), text, verified=True)


def rebased_commits(pull: Pull, merger: Account, now: datetime) -> Commit:
    """Return the last of the commits of the pull request, made anew on top of its base without their merges."""
    repo, tip = pull.repo, pull.base_tip
    last = repo.store.commits[tip]
    for commit in pull.commits:
        if len(commit.parents) == 1:
            edits = edits_between(repo.store, repo.differ, commit.parents[0], commit.sha)
            snapshot = with_edits(repo.store.snapshot(last.sha), edits)
            last = repo.store.add_commit(
                snapshot, (last.sha,), commit.author, _signature(merger, now), commit.message
            )
    return last


def _two_sided(pull: Pull, parents: tuple[str, str], author: Account, now: datetime, text: str) -> Commit:
    store = pull.repo.store
    snapshot = with_edits(store.snapshot(pull.base_tip), pull.edits)
    committer = Signature(*WEB_EDITOR, now)
    return store.add_commit(snapshot, parents, _signature(author, now), committer, text, verified=True)


def _squash_words(pull: Pull) -> tuple[str, str]:
    """Return GitHub's own title and text: of the only commit, else of the pull request and all its commits."""
    commits = [commit for commit in pull.commits if len(commit.parents) < 2]
    if len(commits) == 1:
        subject, _, body = commits[0].message.partition("\n")
        return f"{subject} (#{pull.number})", body.strip("\n")
    text = "\n\n".join(f"* {commit.message}" for commit in commits)
    return f"{pull.title} (#{pull.number})", text


def _signature(account: Account, now: datetime) -> Signature:
    return Signature(account.name or account.login, account.commit_email, now)


def _joined(title: str, message: str) -> str:
    return f"{title}\n\n{message}" if message else title
