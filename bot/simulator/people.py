"""What people do on GitHub: open pull requests, push, comment, ask for checks again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.changes import Changes
from bot.simulator.check_runs import CheckRun
from bot.simulator.git_objects import Changes as FileChanges
from bot.simulator.git_objects import Commit, Signature, Snapshot
from bot.simulator.state import Account, Comment, GitHubState, Pull, Repository

WEB_EDITOR = ("GitHub", "noreply@github.com")


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


class People:
    """The verbs of a story. Each changes the state and has GitHub tell of it by webhook."""

    def __init__(self, state: GitHubState, changes: Changes) -> None:
        self.state = state
        self._changes = changes

    def create_user(
        self, login: str, *, name: str | None = None, email: str | None = None, kind: str = "User"
    ) -> Account:
        """Return the account of that login, created when there is none."""
        return self.state.account(login, kind, name, email)

    def create_team(self, organisation: str, slug: str, members: Sequence[str]) -> None:
        """Make a team; its members become members of the organisation."""
        owner = self.state.account(organisation, "Organization")
        owner.members.update(members)
        owner.teams[slug] = dict.fromkeys(members, "member")
        for member in members:
            self.state.account(member)

    def create_repository(
        self,
        full_name: str,
        files: FileChanges | None = None,
        *,
        default_branch: str = "main",
        private: bool = False,
        install: bool = True,
        owner_type: str = "Organization",
    ) -> Repository:
        """Make a repository with one commit, and install the App there."""
        owner_login, _, name = full_name.partition("/")
        owner = self.state.account(owner_login, owner_type)
        repo = self._changes.add_repository(owner, name, default_branch, private=private)
        if install:
            repo.installation = self.state.installation_for(owner)
        snapshot = repo.store.changed({}, files if files else {"README.md": f"# {name}\n"})
        spec = CommitSpec("Begin", author_name=owner_login, author_email=owner.commit_email)
        repo.branches[default_branch] = self._commit(repo, owner, snapshot, (), spec, sign_off=False).sha
        return repo

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
        head = self._commits(repo, user, base_sha, specs, sign_off=sign_off)
        number = len(repo.pulls) + 1
        head_repo = self._changes.fork_of(repo, user) if from_fork else repo
        head_ref = f"patch-{number}"
        head_repo.branches[head_ref] = head
        now = state.now()
        pull = Pull(
            state.next_id(), number, repo, head_repo, head_ref, head, base_ref, base_sha,
            user, title, body, association, now, now, draft=draft,
        )  # fmt: skip
        repo.pulls[number] = pull
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
        pull.head_sha = self._commits(pull.repo, user, start, specs, sign_off=sign_off)
        pull.head_repo.branches[pull.head_ref] = pull.head_sha
        self._touch(pull)
        if not pull.is_from_fork:
            self._changes.tell_push(pull.repo, pull.head_ref, before, user, forced=force)
        if pull.state == "open":
            self._changes.tell_pull("synchronize", pull, user, before=before, after=pull.head_sha)

    async def push_to_default(
        self, repo: Repository, files: FileChanges, *, author: str | None = None, message: str = "Update"
    ) -> str:
        """Push a commit to the default branch and return its SHA."""
        user = self.state.account(author) if author else repo.owner
        before = repo.head_sha
        sha = self._commits(repo, user, before, [CommitSpec(message, files)], sign_off=True)
        repo.branches[repo.default_branch] = sha
        repo.pushed_at = self.state.now()
        for pull in repo.pulls.values():
            pull.is_mergeability_known = False
        self._changes.tell_push(repo, repo.default_branch, before, user, forced=False)
        return sha

    async def edit_pull(
        self, pull: Pull, *, title: str | None = None, body: str | None = None, base: str | None = None
    ) -> None:
        """Change title, text or base of a pull request."""
        changes: dict[str, Any] = {}
        if title is not None:
            changes["title"], pull.title = {"from": pull.title}, title
        if body is not None:
            changes["body"], pull.body = {"from": pull.body or ""}, body
        if base is not None:
            changes["base"] = {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}
            pull.base_ref = base
        self._touch(pull)
        self._changes.tell_pull("edited", pull, pull.user, changes=changes)

    async def close_pull(self, pull: Pull, *, by: str | None = None) -> None:
        """Close a pull request without merging it."""
        pull.state, pull.closed_at, pull.updated_at = "closed", self.state.now(), self.state.now()
        self._changes.tell_pull("closed", pull, self._person(by, pull))

    async def reopen_pull(self, pull: Pull, *, by: str | None = None) -> None:
        """Open a closed pull request again."""
        pull.state, pull.closed_at = "open", None
        self._touch(pull)
        self._changes.tell_pull("reopened", pull, self._person(by, pull))

    async def mark_ready(self, pull: Pull) -> None:
        """Turn a draft into a pull request that asks for review."""
        pull.draft, pull.updated_at = False, self.state.now()
        self._changes.tell_pull("ready_for_review", pull, pull.user)

    async def convert_to_draft(self, pull: Pull) -> None:
        """Turn a pull request back into a draft."""
        pull.draft, pull.updated_at = True, self.state.now()
        self._changes.tell_pull("converted_to_draft", pull, pull.user)

    async def comment(self, pull: Pull, author: str, body: str) -> Comment:
        """Write a comment."""
        return self._changes.add_comment(pull, self.state.account(author), body)

    async def edit_comment(self, comment: Comment, body: str, *, by: str | None = None) -> None:
        """Change the text of a comment."""
        sender = self.state.account(by) if by else comment.user
        self._changes.edit_comment(comment, body, sender)

    async def label(self, pull: Pull, name: str, *, by: str) -> None:
        """Put a label on a pull request."""
        self._changes.add_labels(pull, [name], self.state.account(by))

    async def unlabel(self, pull: Pull, name: str, *, by: str) -> None:
        """Take a label off a pull request."""
        label = next(label for label in pull.label_objects if label.name == name)
        self._changes.remove_label(pull, label, self.state.account(by))

    async def rerequest_check_run(self, check_run_id: int, *, by: str | None = None) -> None:
        """Press "Re-run" beside a check."""
        run = self._run(check_run_id)
        self._changes.tell_run("rerequested", run, self._someone(run.suite.repo, by))

    async def rerequest_check_suite(self, repo: Repository, head_sha: str, *, by: str | None = None) -> None:
        """Press "Re-run all checks"."""
        suite = self._changes.suite_of(repo, head_sha)
        self._changes.tell_suite("rerequested", suite, self._someone(repo, by))

    def _run(self, check_run_id: int) -> CheckRun:
        return next(
            repo.runs[check_run_id] for repo in self.state.repositories.values() if check_run_id in repo.runs
        )

    def _someone(self, repo: Repository, login: str | None) -> Account:
        return self.state.account(login) if login else repo.owner

    def _person(self, login: str | None, pull: Pull) -> Account:
        return self.state.account(login) if login else pull.user

    def _touch(self, pull: Pull) -> None:
        """Note that a pull request is no longer what it was."""
        pull.updated_at = self.state.now()
        pull.base_sha = pull.repo.branches[pull.base_ref]
        pull.is_mergeability_known = False

    def _commits(
        self, repo: Repository, user: Account, start: str, specs: Sequence[CommitSpec], *, sign_off: bool
    ) -> str:
        head, snapshot = start, repo.store.snapshot(start)
        for spec in specs:
            snapshot = repo.store.changed(snapshot, spec.files)
            head = self._commit(repo, user, snapshot, (head,), spec, sign_off=sign_off).sha
        return head

    def _commit(
        self,
        repo: Repository,
        user: Account,
        snapshot: Snapshot,
        parents: tuple[str, ...],
        spec: CommitSpec,
        *,
        sign_off: bool,
    ) -> Commit:
        now = self.state.now()
        author = Signature(spec.author_name or user.name or user.login, spec.author_email or user.commit_email, now)
        committer = Signature(spec.committer_name or author.name, spec.committer_email or author.email, now)
        if spec.web_editor:
            committer = Signature(*WEB_EDITOR, now)
        trailer = f"\n\nSigned-off-by: {author.name} <{author.email}>" if sign_off else ""
        return repo.store.add_commit(
            snapshot,
            parents,
            author,
            committer,
            spec.message + trailer,
            verified=spec.verified or spec.web_editor,
        )
