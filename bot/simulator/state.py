"""The one state of the simulated GitHub: accounts, Apps and repositories, with the counters for their ids."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.clock import Clock
from bot.simulator.accounts import Account, App, Installation
from bot.simulator.conversation import Comment
from bot.simulator.repositories import Pull, Repository

DEFAULT_PERMISSIONS = {
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "members": "read",
    "merge_queues": "read",
    "metadata": "read",
    "pull_requests": "write",
}
DEFAULT_EVENTS = (
    "check_run",
    "check_suite",
    "issue_comment",
    "merge_group",
    "pull_request",
    "pull_request_review",
    "push",
)
ROLES = ("none", "read", "triage", "write", "maintain", "admin")
"""What an account may do in a repository, the least first."""


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
        self.old_names: dict[str, int] = {}  # of repositories that were renamed, in lower case, with their ids
        self.installations: dict[int, Installation] = {}
        self.installations_made = 0
        self._other_apps: dict[str, App] = {}
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

    def account(
        self, login: str, kind: str | None = None, name: str | None = None, email: str | None = None
    ) -> Account:
        """Return the account of that login, created when there is none; `name` and `email` are noted."""
        known = self.accounts.get(login.lower())
        if known is None:
            kind = kind or ("Bot" if login.endswith("[bot]") else "User")
            known = self.accounts[login.lower()] = Account(next(self._account_ids), login, kind)
        known.name, known.email = name or known.name, email or known.email
        self._by_email[known.commit_email.lower()] = known
        return known

    def rename(self, login: str, new_login: str) -> Account:
        """Register an account under another login; its own fields are left as they are."""
        account = self.accounts[new_login.lower()] = self.accounts.pop(login.lower())
        return account

    def app_of(self, account: Account) -> App | None:
        """Return the App that an account is the bot of: the one under test or another."""
        if account is self.app.bot:
            return self.app
        if account.type != "Bot":
            return None
        if account.login not in self._other_apps:
            owner = self.account("makers-of-other-apps", kind="Organization")
            slug = account.login.removesuffix("[bot]")
            app = App(self.next_id(), slug, owner, account, {"checks": "write", "issues": "write"}, (), self.now())
            self._other_apps[account.login] = app
        return self._other_apps[account.login]

    def account_by_email(self, email: str) -> Account | None:
        """Return the account that a commit's e-mail address belongs to."""
        return self._by_email.get(email.lower())

    def installation_for(self, owner: Account) -> Installation:
        """Return the App's installation for `owner`, created when there is none."""
        for known in self.installations.values():
            if known.account is owner:
                return known
        self.installations_made += 1
        installation = Installation(40_000_000 + self.installations_made, owner, self.now())
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

    def role(self, repo: Repository, account: Account) -> str:
        """Return what `account` may do in `repo`, by itself or through its teams."""
        if account is repo.owner:
            return "admin"
        given = ["none" if repo.private else "read"]
        if account.login in repo.permissions:
            given.append(repo.permissions[account.login])
        given += [
            role
            for slug, role in repo.team_permissions.items()
            if slug in repo.owner.teams and account.login in repo.owner.teams[slug].roles
        ]
        return max(given, key=ROLES.index)
