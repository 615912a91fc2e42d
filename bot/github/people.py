"""Typed reads of what people may do on a repository."""

from __future__ import annotations

from bot.github.client import GitHubClient
from bot.roles import Role
from checks.contribution import Login


class PeopleReader:
    """Reads permissions and team memberships. Raises the errors of `bot.github.errors`."""

    def __init__(self, client: GitHubClient, repository: str) -> None:
        self._client = client
        owner, _, name = repository.partition("/")
        self._vars = {"owner": owner, "repo": name}

    async def repository_role(self, login: Login, user_id: int) -> Role | None:
        """Return the role that the repository's own permissions give; None when the login has changed hands.

        `user.permissions` tells triage and maintain apart, the older `permission` word does not.
        """
        url = "/repos/{owner}/{repo}/collaborators/{login}/permission"
        data = await self._client.read(url, self._vars | {"login": login})
        user = data.get("user") or {}
        if user.get("id") != user_id:
            return None
        may = user.get("permissions") or {}
        if may.get("maintain") or may.get("admin"):
            return Role.MAINTAINER
        if may.get("push"):
            return Role.APPROVER
        return Role.TRIAGER if may.get("triage") else Role.OUTSIDER

    async def is_active_member(self, team: str, login: Login) -> bool:
        """Return whether the account is in the team, invitation accepted. Raises NotFoundError when it is not."""
        url = "/orgs/{owner}/teams/{team}/memberships/{login}"
        data = await self._client.read(url, self._vars | {"team": team, "login": login})
        return bool(data.get("state") == "active")
