"""The one state of the simulated GitHub: accounts, repositories, pull requests, comments, labels, checks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.clock import Clock
from bot.simulator.check_runs import CheckRun, CheckSuite
from bot.simulator.diffs import Differ, FileChange
from bot.simulator.git_objects import Commit, GitStore

DEFAULT_PERMISSIONS = {
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "members": "read",
    "metadata": "read",
    "pull_requests": "write",
}
DEFAULT_EVENTS = ("check_run", "check_suite", "issue_comment", "pull_request", "push")


@dataclass(slots=True, eq=False)
class Account:
    """A person, an organisation or an App's bot."""

    id: int
    login: str
    type: str = "User"
    name: str | None = None
    email: str | None = None
    members: set[str] = field(default_factory=set)
    teams: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def commit_email(self) -> str:
        """The address under which this account's commits are made."""
        return self.email or f"{self.login}@users.noreply.github.com"


@dataclass(slots=True, eq=False)
class App:
    """The GitHub App under test."""

    id: int
    slug: str
    owner: Account
    bot: Account
    permissions: dict[str, str]
    events: tuple[str, ...]
    created_at: datetime


@dataclass(slots=True, eq=False)
class Installation:
    """The App as installed for one owner."""

    id: int
    account: Account
    created_at: datetime


@dataclass(slots=True, eq=False)
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str
    description: str | None = None


@dataclass(slots=True, eq=False)
class Comment:
    """A comment on a pull request."""

    id: int
    pull: Pull
    user: Account
    body: str
    by_app: bool
    association: str
    created_at: datetime
    updated_at: datetime
    minimized: bool = False
    classifier: str | None = None

    @property
    def author(self) -> str:
        """The login of who wrote it."""
        return self.user.login

    @property
    def node_id(self) -> str:
        """The id in GraphQL."""
        return node_id("IC", self.id)


@dataclass(slots=True, eq=False, repr=False)
class Repository:
    """A repository. Forks share the objects of what they were forked from."""

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
    labels: dict[str, Label] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    runs: dict[int, CheckRun] = field(default_factory=dict)
    suites: dict[str, CheckSuite] = field(default_factory=dict)
    permissions: dict[str, str] = field(default_factory=dict)
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
    def head_sha(self) -> str:
        """The newest commit of the default branch."""
        return self.branches[self.default_branch]

    def check_runs(self, head_sha: str) -> list[CheckRun]:
        """Return all check runs on a commit, oldest first."""
        suite = self.suites.get(head_sha)
        return list(suite.runs) if suite else []

    def resolve(self, reference: str) -> str | None:
        """Return the commit that a branch, `refs/...`, `pull/N/head` or (short) SHA means."""
        name = reference.removeprefix("refs/").removeprefix("heads/")
        if name in self.branches:
            return self.branches[name]
        if name == "HEAD":
            return self.head_sha
        match name.split("/"):
            case ["pull", number, "head"] if number.isdigit() and int(number) in self.pulls:
                return self.pulls[int(number)].head_sha
        if reference in self.store.commits:
            return reference
        if len(reference) >= 7:
            return next((sha for sha in self.store.commits if sha.startswith(reference)), None)
        return None


@dataclass(slots=True, eq=False, repr=False)
class Pull:
    """A pull request."""

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
    merged: bool = False
    closed_at: datetime | None = None
    is_mergeability_known: bool = False
    comments: list[Comment] = field(default_factory=list)
    label_objects: list[Label] = field(default_factory=list)

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
    def merge_base(self) -> str:
        """The commit it is compared with."""
        return self.repo.store.merge_base(self.repo.branches[self.base_ref], self.head_sha) or self.base_sha

    @property
    def commits(self) -> list[Commit]:
        """Its commits, oldest first."""
        return self.repo.store.commits_between(self.repo.branches[self.base_ref], self.head_sha)

    @property
    def files(self) -> list[FileChange]:
        """Everything it changes, also beyond what GitHub lists."""
        return self.repo.differ.between(self.merge_base, self.head_sha)

    @property
    def is_conflicting(self) -> bool:
        """Whether base and head changed one path in different ways."""
        base, tip = self.merge_base, self.repo.branches[self.base_ref]
        mine = {change.path: change.sha for change in self.files}
        theirs = {change.path: change.sha for change in self.repo.differ.between(base, tip)}
        return any(mine[path] != theirs[path] for path in mine.keys() & theirs)


class GitHubState:
    """Everything the simulated GitHub knows, with the counters for its ids."""

    def __init__(
        self, clock: Clock, *, app_id: int, app_slug: str, permissions: dict[str, str], events: Sequence[str]
    ) -> None:
        self.clock = clock
        self.api_url = ""
        self.web_url = "https://github.com"
        self.accounts: dict[str, Account] = {}
        self._by_email: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.installations: dict[int, Installation] = {}
        self.nodes: dict[str, Pull | Comment] = {}
        self._account_ids = itertools.count(1_024_001)
        self._ids = itertools.count(1_200_000_001, 7)
        owner = self.account("taxonomy-bot-makers", kind="Organization")
        bot = self.account(f"{app_slug}[bot]", kind="Bot")
        self.app = App(app_id, app_slug, owner, bot, dict(permissions), tuple(events), self.now())

    def now(self) -> datetime:
        """Return the time, to the second as GitHub tells it."""
        return self.clock.now().astimezone(UTC).replace(microsecond=0)

    def next_id(self) -> int:
        """Return an id that nothing else has."""
        return next(self._ids)

    def account(self, login: str, kind: str = "User", name: str | None = None, email: str | None = None) -> Account:
        """Return the account of that login, created when there is none; `name` and `email` are noted."""
        known = self.accounts.get(login.lower())
        if known is None:
            known = self.accounts[login.lower()] = Account(next(self._account_ids), login, kind)
        known.name, known.email = name or known.name, email or known.email
        self._by_email[known.commit_email.lower()] = known
        return known

    def account_by_email(self, email: str) -> Account | None:
        """Return the account that a commit's e-mail address belongs to."""
        return self._by_email.get(email.lower())

    def installation_for(self, owner: Account) -> Installation:
        """Return the App's installation for `owner`, created when there is none."""
        for known in self.installations.values():
            if known.account is owner:
                return known
        installation = Installation(40_000_000 + len(self.installations) + 1, owner, self.now())
        self.installations[installation.id] = installation
        return installation

    def repository(self, full_name: str) -> Repository | None:
        """Return a repository by its name with owner, whatever the case."""
        return self.repositories.get(full_name.lower())

    def repository_by_id(self, repository_id: int) -> Repository | None:
        """Return a repository by its id."""
        return next((repo for repo in self.repositories.values() if repo.id == repository_id), None)

    def association(self, repo: Repository, account: Account) -> str:
        """Return how GitHub calls the relation of `account` to `repo`."""
        if account is repo.owner:
            return "OWNER"
        if account.login in repo.owner.members:
            return "MEMBER"
        if account.login in repo.permissions:
            return "COLLABORATOR"
        if any(pull.user is account and pull.merged for pull in repo.pulls.values()):
            return "CONTRIBUTOR"
        return "NONE"


def node_id(prefix: str, number: int) -> str:
    """Return an id as GraphQL would know it."""
    return f"{prefix}_kwDO{number:010x}"
