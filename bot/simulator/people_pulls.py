"""What people do with pull requests: open, push, edit, close, hand out, merge."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.accounts import Account, Team
from bot.simulator.changes_merging import MergeGroup
from bot.simulator.committing import CommitSpec, add_commits
from bot.simulator.git_objects import Changes as FileChanges
from bot.simulator.people_actors import Actors
from bot.simulator.repositories import Pull, Repository


class Contributors(Actors):
    """Verbs that change pull requests and branches."""

    async def open_pull(
        self,
        repo: Repository,
        *,
        author: str,
        files: FileChanges | None = None,
        title: str = "Add to the taxonomy",
        body: str | None = "",
        sign_off: bool = True,
        commits: Sequence[CommitSpec] | None = None,
        draft: bool = False,
        base: str | None = None,
        association: str = "FIRST_TIME_CONTRIBUTOR",
        from_fork: bool = True,
    ) -> Pull:
        """Open a pull request with one commit of `files`, or with `commits` as they are given."""
        state = self.state
        user = state.account(author)
        base_ref = base or repo.default_branch
        base_sha = repo.branches[base_ref]
        specs = commits if commits is not None else [CommitSpec(title, files or {})]
        head = add_commits(repo, user, base_sha, specs, state.now(), sign_off=sign_off)
        number = repo.next_number
        head_repo = self._changes.fork_of(repo, user) if from_fork else repo
        head_ref = f"patch-{number}"
        head_repo.branches[head_ref] = head
        now = state.now()
        pull = Pull(
            state.next_id(), number, repo, head_repo, head_ref, head, base_ref, base_sha,
            user, title, body, association, now, now, draft=draft,
        )  # fmt: skip
        repo.pulls[number] = pull
        repo.open_count += 1
        state.nodes[pull.node_id] = pull
        if not from_fork:
            self._changes.tell_push(repo, head_ref, None, user, forced=False)
        self._changes.tell_pull("opened", pull, user)
        return pull

    async def push(
        self,
        pull: Pull,
        files: FileChanges | None = None,
        *,
        message: str = "Update the taxonomy",
        sign_off: bool = True,
        force: bool = False,
        commits: Sequence[CommitSpec] | None = None,
        author: str | None = None,
    ) -> None:
        """Push to a pull request; with `force` its commits are replaced by the new ones."""
        user = self.state.account(author) if author else pull.user
        before = pull.head_sha
        start = pull.merge_base if force else before
        specs = commits if commits is not None else [CommitSpec(message, files or {})]
        pull.head_sha = add_commits(pull.repo, user, start, specs, self.state.now(), sign_off=sign_off)
        pull.head_repo.branches[pull.head_ref] = pull.head_sha
        self._changes.touch(pull)
        if not pull.is_from_fork:
            self._changes.tell_push(pull.repo, pull.head_ref, before, user, forced=force)
        if pull.state == "open":
            self._changes.tell_pull("synchronize", pull, user, before=before, after=pull.head_sha)

    async def push_to_default(
        self, repo: Repository, files: FileChanges, *, author: str | None = None, message: str = "Update"
    ) -> str:
        """Push a commit to the default branch and return its SHA."""
        user = self._person(author, repo.owner)
        specs = [CommitSpec(message, files)]
        sha = add_commits(repo, user, repo.head_sha, specs, self.state.now(), sign_off=True)
        self._changes.move_branch(repo, repo.default_branch, sha, user)
        return sha

    async def force_push_to_default(
        self, repo: Repository, onto: str, files: FileChanges, *, author: str | None = None, message: str = "Update"
    ) -> str:
        """Put a commit onto an older one and let the default branch be that: what came between is gone."""
        user = self._person(author, repo.owner)
        sha = add_commits(repo, user, onto, [CommitSpec(message, files)], self.state.now(), sign_off=True)
        self._changes.move_branch(repo, repo.default_branch, sha, user, forced=True)
        return sha

    async def edit_pull(
        self,
        pull: Pull,
        *,
        title: str | None = None,
        body: str | None = None,
        base: str | None = None,
        by: str | None = None,
    ) -> None:
        """Change title, text or base of a pull request."""
        self._changes.edit_pull(pull, self._person(by, pull.user), title=title, body=body, base=base)

    async def close_pull(self, pull: Pull, *, by: str | None = None) -> None:
        """Close a pull request without merging it."""
        self._changes.close(pull, self._person(by, pull.user))

    async def reopen_pull(self, pull: Pull, *, by: str | None = None) -> None:
        """Open a closed pull request again."""
        self._changes.reopen(pull, self._person(by, pull.user))

    async def mark_ready(self, pull: Pull) -> None:
        """Turn a draft into a pull request that asks for review."""
        pull.draft, pull.updated_at = False, self.state.now()
        self._changes.tell_pull("ready_for_review", pull, pull.user)

    async def convert_to_draft(self, pull: Pull) -> None:
        """Turn a pull request back into a draft."""
        pull.draft, pull.updated_at = True, self.state.now()
        self._changes.tell_pull("converted_to_draft", pull, pull.user)

    async def assign(self, pull: Pull, *logins: str, by: str) -> None:
        """Assign people."""
        self._changes.assign(pull, self._people(logins), self.state.account(by))

    async def unassign(self, pull: Pull, *logins: str, by: str) -> None:
        """Take assignments back."""
        self._changes.unassign(pull, self._people(logins), self.state.account(by))

    async def request_review(self, pull: Pull, *logins: str, teams: Sequence[str] = (), by: str) -> None:
        """Ask people, and teams by their slugs, for a review."""
        asked: list[Account | Team] = [*self._people(logins), *(pull.repo.owner.teams[slug] for slug in teams)]
        self._changes.request_reviews(pull, asked, self.state.account(by))

    async def merge_pull(self, pull: Pull, *, by: str, method: str = "merge") -> str:
        """Merge a pull request and return the new commit of its base.

        Raises: MergeRefusedError, as the merge button would be grey.
        """
        return self._changes.merge(pull, self.state.account(by), method=method)

    async def update_branch(self, pull: Pull, *, by: str | None = None) -> None:
        """Press "Update branch".

        Raises: MergeRefusedError, where there is nothing new or a conflict.
        """
        self._changes.update_branch(pull, self._person(by, pull.user), None)

    async def request_merge_group(self, *pulls: Pull, by: str | None = None) -> MergeGroup:
        """Put pull requests into GitHub's own merge queue, which asks for checks of them together."""
        return self._changes.request_group(pulls, self._person(by, pulls[-1].repo.owner))

    async def end_merge_group(self, group: MergeGroup, reason: str = "merged", *, by: str | None = None) -> None:
        """Let a group end: "merged", "invalidated" or "dequeued"."""
        self._changes.end_group(group, reason, self._person(by, group.repo.owner))

    def _people(self, logins: Sequence[str]) -> list[Account]:
        return [self.state.account(login) for login in logins]
