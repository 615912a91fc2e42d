"""What moves branches: pushes, merges, updates of a pull request's branch, and groups of a merge queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.simulator.accounts import Account
from bot.simulator.changes_pulls import PullChanges
from bot.simulator.merge_commits import merge_commit, rebased_commits, squash_commit, trial_commit, update_commit
from bot.simulator.mergeability import MergeRefusedError, refuse_merge, unmet_on
from bot.simulator.payloads_git import short_commit_json
from bot.simulator.repositories import Pull, Repository


@dataclass(frozen=True, slots=True)
class MergeGroup:
    """Pull requests that a merge queue tries together: `head_sha` is what they would make of the base."""

    repo: Repository
    pulls: tuple[Pull, ...]
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str

    @property
    def unmet_checks(self) -> dict[str, str]:
        """The required checks that its head has not passed: "expected", "in progress" or "failing"."""
        return unmet_on(self.repo, self.head_sha)

    @property
    def is_satisfied(self) -> bool:
        """Whether GitHub would merge it now."""
        return not self.unmet_checks


class MergeChanges(PullChanges):
    """The acts that move branches."""

    def move_branch(
        self, repo: Repository, branch: str, sha: str, sender: Account, *, forced: bool = False
    ) -> None:
        """Let a branch point to another commit; what GitHub knew of merging into it no longer holds."""
        before = repo.branches.get(branch)
        repo.branches[branch] = sha
        repo.pushed_at = self.state.now()
        self.tell_push(repo, branch, before, sender, forced=forced)

    def push_to_head(self, repo: Repository, branch: str, sha: str, sender: Account) -> None:
        """Let a branch point to a newer commit, and with it the open pull requests that come from it."""
        before = repo.branches[branch]
        self.move_branch(repo, branch, sha, sender)
        base = repo.parent or repo
        for pull in base.pulls.values():
            if pull.head_repo is repo and pull.head_ref == branch and pull.state == "open":
                pull.head_sha = sha
                self.touch(pull)
                self.tell_pull("synchronize", pull, sender, before=before, after=sha)

    def try_merge(self, pull: Pull) -> None:
        """Do GitHub's background work: merge an open pull request for trial, so that the outcome is known."""
        if pull.state != "open" or pull.is_mergeability_known:
            return
        pull.tried_tips = (pull.base_tip, pull.head_sha)
        if not pull.is_conflicting:
            pull.merge_commit_sha = trial_commit(pull, self.state.now()).sha

    def merge(
        self,
        pull: Pull,
        merger: Account,
        *,
        method: str = "merge",
        sha: str | None = None,
        title: str | None = None,
        message: str | None = None,
    ) -> str:
        """Merge a pull request and return the commit that the base is now at.

        Raises: MergeRefusedError.
        """
        refuse_merge(self.state, pull, sha, method)
        now = self.state.now()
        match method:
            case "squash":
                commit = squash_commit(pull, now, title, message)
            case "rebase":
                commit = rebased_commits(pull, merger, now)
            case _:
                commit = merge_commit(pull, merger, now, title, message)
        self._note_merge(pull, merger, commit.sha)
        self.move_branch(pull.repo, pull.base_ref, commit.sha, merger)
        self.tell_pull("closed", pull, merger)
        return commit.sha

    def update_branch(self, pull: Pull, sender: Account, expected: str | None) -> None:
        """Merge the base into the head of a pull request.

        Raises: MergeRefusedError.
        """
        if expected is not None and expected != pull.head_sha:
            raise MergeRefusedError(422, "expected head sha didn’t match current head ref.")
        if not pull.is_behind:
            raise MergeRefusedError(422, "There are no new commits on the base branch.")
        if pull.is_conflicting:
            raise MergeRefusedError(422, "merge conflict between base and head")
        before = pull.head_sha
        pull.head_sha = update_commit(pull, sender, self.state.now()).sha
        pull.head_repo.branches[pull.head_ref] = pull.head_sha
        self.touch(pull)
        if not pull.is_from_fork:
            self.tell_push(pull.repo, pull.head_ref, before, sender, forced=False)
        self.tell_pull("synchronize", pull, sender, before=before, after=pull.head_sha)

    def request_group(self, pulls: Sequence[Pull], sender: Account) -> MergeGroup:
        """Put pull requests into a group of the merge queue and ask for its checks."""
        last = pulls[-1]
        repo, base_ref, now = last.repo, last.base_ref, self.state.now()
        base_sha = head_sha = repo.branches[base_ref]
        for pull in pulls:
            self.tell_pull("enqueued", pull, sender)
            head_sha = squash_commit(pull, now, None, None, onto=head_sha).sha
        branch = f"gh-readonly-queue/{base_ref}/pr-{last.number}-{base_sha}"
        group = MergeGroup(repo, tuple(pulls), f"refs/heads/{branch}", head_sha, f"refs/heads/{base_ref}", base_sha)
        repo.branches[branch] = head_sha
        self.tell_push(repo, branch, None, sender, forced=False)
        self._tell_group("checks_requested", group, sender)
        return group

    def end_group(self, group: MergeGroup, reason: str, sender: Account) -> None:
        """End a group: "merged", "invalidated" or "dequeued"."""
        del group.repo.branches[group.head_ref.removeprefix("refs/heads/")]
        if reason == "merged":
            for pull in group.pulls:
                self._note_merge(pull, sender, group.head_sha)
            self.move_branch(group.repo, group.base_ref.removeprefix("refs/heads/"), group.head_sha, sender)
            for pull in group.pulls:
                self.tell_pull("closed", pull, sender)
        self._tell_group("destroyed", group, sender, reason=reason)

    def _note_merge(self, pull: Pull, merger: Account, sha: str) -> None:
        pull.merged_onto = pull.repo.branches[pull.base_ref]
        pull.repo.open_count -= pull.state == "open"
        pull.state, pull.merged, pull.closed_at = "closed", True, self.state.now()
        pull.closed_by = pull.merged_by = merger
        pull.merge_commit_sha = sha
        self.record(pull, "merged", merger, commit_id=sha)
        self.record(pull, "closed", merger)

    def _tell_group(self, action: str, group: MergeGroup, sender: Account, **more: str) -> None:
        told = {
            "head_sha": group.head_sha,
            "head_ref": group.head_ref,
            "base_sha": group.base_sha,
            "base_ref": group.base_ref,
            "head_commit": short_commit_json(group.repo.store.commits[group.head_sha]),
        }
        self.tell("merge_group", group.repo, sender, {"action": action, "merge_group": told} | more)
