"""Repositories and their pull requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.simulator.accounts import Account, Installation, Team, node_id
from bot.simulator.check_runs import CheckRun, CheckSuite
from bot.simulator.conversation import Comment, Happening, Label, Reaction, Remark, Review, logins_by_content
from bot.simulator.diffs import Differ, FileChange
from bot.simulator.git_objects import Commit, GitStore
from bot.simulator.issues import Issue
from bot.simulator.three_way import Edits, edits_between, is_clash

MERGE_METHODS = frozenset({"merge", "squash", "rebase"})


@dataclass(slots=True, eq=False, repr=False)
class Repository:
    """A repository. Forks share the objects of what they were forked from.

    `permissions` are roles by login and `team_permissions` by slug ("read", "triage" ... "admin").
    `open_count` is kept beside pull requests and issues, because every payload tells it.
    `suites` are by commit, then by the id of their App.
    `required_checks` protect the default branch: names, each with the App that must have run it or None for any.
    So does `required_approving_reviews`: by how many people who may write the newest commit must be approved.
    """

    id: int
    owner: Account
    name: str
    default_branch: str
    private: bool
    store: GitStore
    differ: Differ
    created_at: datetime
    pushed_at: datetime
    installation: Installation | None = None
    parent: Repository | None = None
    branches: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    open_count: int = 0
    labels: dict[str, Label] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    runs: dict[int, CheckRun] = field(default_factory=dict)
    suites: dict[str, dict[int, CheckSuite]] = field(default_factory=dict)
    permissions: dict[str, str] = field(default_factory=dict)
    team_permissions: dict[str, str] = field(default_factory=dict)
    required_checks: set[tuple[str, int | None]] = field(default_factory=set)
    required_approving_reviews: int = 0
    requires_up_to_date: bool = False
    merge_methods: frozenset[str] = MERGE_METHODS
    web_commit_signoff_required: bool = False
    url_payload: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<repository {self.full_name}>"

    @property
    def full_name(self) -> str:
        """The name with its owner."""
        return f"{self.owner.login}/{self.name}"

    @property
    def installation_id(self) -> int | None:
        """The installation that covers it, if any."""
        return self.installation.id if self.installation else None

    @property
    def next_number(self) -> int:
        """The number of the next issue or pull request, which share theirs."""
        return len(self.pulls) + len(self.issues) + 1

    @property
    def subjects(self) -> list[Subject]:
        """All pull requests and all issues."""
        return [*self.pulls.values(), *self.issues]

    def subject(self, number: int) -> Subject | None:
        """Return the issue or pull request of that number."""
        return self.pulls.get(number) or next((one for one in self.issues if one.number == number), None)

    @property
    def head_sha(self) -> str:
        """The newest commit of the default branch."""
        return self.branches[self.default_branch]

    @property
    def head_commit(self) -> Commit:
        """The newest commit of the default branch, with its message and who made it."""
        return self.store.commits[self.head_sha]

    def check_runs(self, head_sha: str) -> list[CheckRun]:
        """Return all check runs on a commit, whichever App made them, oldest first."""
        runs = [run for suite in self.suites.get(head_sha, {}).values() for run in suite.runs]
        return sorted(runs, key=lambda run: run.id)

    def resolve(self, reference: str) -> str | None:
        """Return the commit that a branch, `refs/...`, `pull/N/head`, `pull/N/merge` or (short) SHA means."""
        name = reference.removeprefix("refs/").removeprefix("heads/")
        if name in self.branches:
            return self.branches[name]
        if name == "HEAD":
            return self.head_sha
        match name.split("/"):
            case ["pull", number, "head"] if number.isdigit() and int(number) in self.pulls:
                return self.pulls[int(number)].head_sha
            case ["pull", number, "merge"] if number.isdigit() and int(number) in self.pulls:
                return self.pulls[int(number)].merge_commit_sha
        if reference in self.store.commits:
            return reference
        if len(reference) >= 7:
            return next((sha for sha in self.store.commits if sha.startswith(reference)), None)
        return None


@dataclass(slots=True, eq=False, repr=False)
class Pull:
    """A pull request. `merged_onto` is what its base was when it was merged.

    `tried_tips` are the base and head that GitHub last tried to merge; `merge_commit_sha` is what came of it
    (kept while a newer try is due, as on GitHub), then what the base was moved to.
    """

    id: int
    number: int
    repo: Repository
    head_repo: Repository
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    user: Account
    title: str
    body: str | None
    association: str
    created_at: datetime
    updated_at: datetime
    state: str = "open"
    draft: bool = False
    edits_allowed: bool = True  # "Allow edits by maintainers", which only a fork asks for
    merged: bool = False
    closed_at: datetime | None = None
    closed_by: Account | None = None
    merged_by: Account | None = None
    merge_commit_sha: str | None = None
    merged_onto: str | None = None
    tried_tips: tuple[str, str] | None = None
    comments: list[Comment] = field(default_factory=list)
    label_objects: list[Label] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    assigned: list[Account] = field(default_factory=list)
    reviewers: list[Account] = field(default_factory=list)
    reviewing_teams: list[Team] = field(default_factory=list)
    given_reactions: list[Reaction] = field(default_factory=list)
    history: list[Happening] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<pull request {self.repo.full_name}#{self.number}>"

    @property
    def author(self) -> str:
        """The login of who opened it."""
        return self.user.login

    @property
    def labels(self) -> list[str]:
        """The names of its labels, in the order they were put on."""
        return [label.name for label in self.label_objects]

    @property
    def node_id(self) -> str:
        """The id in GraphQL."""
        return node_id("PR", self.id)

    @property
    def is_from_fork(self) -> bool:
        """Whether its head lies in another repository."""
        return self.head_repo is not self.repo

    @property
    def maintainer_can_modify(self) -> bool:
        """Whether those who may write to its base may push to its head, too."""
        return self.is_from_fork and self.edits_allowed

    @property
    def merged_at(self) -> datetime | None:
        """When it was merged."""
        return self.closed_at if self.merged else None

    @property
    def assignees(self) -> list[str]:
        """The logins of who is assigned."""
        return [account.login for account in self.assigned]

    @property
    def requested_reviewers(self) -> list[str]:
        """The logins of who was asked for a review and has not given one."""
        return [account.login for account in self.reviewers]

    @property
    def requested_teams(self) -> list[str]:
        """The slugs of the teams that were asked for a review."""
        return [team.slug for team in self.reviewing_teams]

    @property
    def reactions(self) -> dict[str, set[str]]:
        """Who reacted to its text, by content."""
        return logins_by_content(self.given_reactions)

    @property
    def base_tip(self) -> str:
        """The commit it would be, or was, merged onto."""
        return self.merged_onto or self.repo.branches[self.base_ref]

    @property
    def merge_base(self) -> str:
        """The commit it is compared with."""
        return self.repo.store.merge_base(self.base_tip, self.head_sha) or self.base_sha

    @property
    def commits(self) -> list[Commit]:
        """Its commits, oldest first."""
        return self.repo.store.commits_between(self.base_tip, self.head_sha)

    @property
    def files(self) -> list[FileChange]:
        """Everything it changes, also beyond what GitHub lists."""
        return self.repo.differ.between(self.merge_base, self.head_sha)

    @property
    def edits(self) -> Edits:
        """What it makes of each path that it changes."""
        return edits_between(self.repo.store, self.repo.differ, self.merge_base, self.head_sha)

    def brought(self, sha: str) -> bool:
        """Tell whether a commit came to the base when this was merged: the merge, or one that came with it."""
        if self.merge_commit_sha is None or self.merged_onto is None or not self.merged:
            return False
        if sha == self.merge_commit_sha:
            return True
        came = self.repo.store.commits_between(self.merged_onto, self.merge_commit_sha)
        return any(commit.sha == sha for commit in came)

    @property
    def is_mergeability_known(self) -> bool:
        """Whether GitHub has tried to merge what base and head are now."""
        return self.state == "open" and self.tried_tips == (self.base_tip, self.head_sha)

    @property
    def is_conflicting(self) -> bool:
        """Whether base and head changed one path in different ways."""
        theirs = edits_between(self.repo.store, self.repo.differ, self.merge_base, self.base_tip)
        return is_clash(self.edits, theirs)

    @property
    def is_behind(self) -> bool:
        """Whether its base has commits that it lacks."""
        return self.merge_base != self.base_tip


Subject = Pull | Issue
"""What has a number: labels, assignees and a history belong to either."""
