"""What is there before a story begins: users, teams, repositories."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.accounts import Account, Team
from bot.simulator.committing import CommitSpec, add_commit
from bot.simulator.git_objects import Changes as FileChanges
from bot.simulator.people_actors import Actors
from bot.simulator.repositories import Repository


class Founders(Actors):
    """Verbs that make and change accounts, teams and repositories."""

    def create_user(
        self, login: str, *, name: str | None = None, email: str | None = None, kind: str | None = None
    ) -> Account:
        """Return the account of that login, created when there is none."""
        return self.state.account(login, kind, name, email)

    def rename_user(self, login: str, new_login: str) -> Account:
        """Give an account another login; the old one is free for somebody else, the id stays."""
        account = self.state.rename(login, new_login)
        old = account.login
        account.login = new_login
        for repo in self.state.repositories.values():
            if old in repo.permissions:
                repo.permissions[new_login] = repo.permissions.pop(old)
        for organisation in self.state.accounts.values():
            if old in organisation.members:
                organisation.members.remove(old)
                organisation.members.add(new_login)
            for team in organisation.teams.values():
                if old in team.roles:
                    team.roles[new_login] = team.roles.pop(old)
        return account

    def rename_repository(self, repo: Repository, name: str) -> None:
        """Give a repository another name; the old one leads to it from now on."""
        old = repo.full_name.lower()
        del self.state.repositories[old]
        self.state.old_names[old] = repo.id
        repo.name = name
        self.state.repositories[repo.full_name.lower()] = repo

    def create_team(self, organisation: str, slug: str, members: Sequence[str]) -> Team:
        """Make a team; its members become members of the organisation."""
        owner = self.state.account(organisation, "Organization")
        team = owner.teams[slug] = Team(self.state.next_id(), owner, slug)
        for member in members:
            self.add_team_member(organisation, slug, member)
        return team

    def add_team_member(
        self, organisation: str, slug: str, login: str, *, role: str = "member", pending: bool = False
    ) -> None:
        """Take somebody into a team, or only invite them."""
        owner = self.state.account(organisation, "Organization")
        team = owner.teams[slug]
        self.state.account(login)
        if pending:
            team.pending.add(login)
        else:
            team.pending.discard(login)
            team.roles[login] = role
            owner.members.add(login)

    def remove_team_member(self, organisation: str, slug: str, login: str) -> None:
        """Take somebody out of a team; they stay a member of the organisation."""
        team = self.state.account(organisation, "Organization").teams[slug]
        team.pending.discard(login)
        team.roles.pop(login, None)

    def remove_organisation_member(self, organisation: str, login: str) -> None:
        """Take somebody out of an organisation and all its teams."""
        owner = self.state.account(organisation, "Organization")
        owner.members.discard(login)
        for slug in owner.teams:
            self.remove_team_member(organisation, slug, login)

    def uninstall(self, owner: str) -> None:
        """Remove the App from all repositories of somebody; its tokens end at once."""
        installation = self.state.installation_for(self.state.account(owner))
        del self.state.installations[installation.id]
        for repo in self.state.repositories.values():
            if repo.installation is installation:
                repo.installation = None

    def install(self, owner: str) -> None:
        """Install the App on all repositories of somebody, under a new id."""
        account = self.state.account(owner)
        for repo in self.state.repositories.values():
            if repo.owner is account:
                repo.installation = self.state.installation_for(account)

    def suspend(self, owner: str) -> None:
        """Suspend the installation: no token, no call, no webhook."""
        self.state.installation_for(self.state.account(owner)).suspended_at = self.state.now()

    def unsuspend(self, owner: str) -> None:
        """Let the installation work again."""
        self.state.installation_for(self.state.account(owner)).suspended_at = None

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
        repo.branches[default_branch] = add_commit(
            repo, owner, snapshot, (), spec, self.state.now(), sign_off=False
        ).sha
        return repo
