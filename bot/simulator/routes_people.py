"""Routes of accounts, teams, organisations, and of what somebody may do in a repository."""

from __future__ import annotations

from bot.simulator.accounts import Account, Team
from bot.simulator.payloads import account_json, full_account_json
from bot.simulator.routing import ApiError, Call, NotFoundError, Reply, RouteTable

people_routes = RouteTable()

_TEAM = "/orgs/{org}/teams/{team_slug}"
_ROLE_POWERS = ("pull", "triage", "push", "maintain", "admin")
_ROLE_NAMES = {"read": "pull", "write": "push"}
_LEGACY_PERMISSIONS = {"triage": "read", "maintain": "write"}


@people_routes.add("GET", "/users/{username}")
def get_user(call: Call) -> Reply:
    """An account by its login."""
    return Reply(full_account_json(call.state, _account(call, "username")))


@people_routes.add("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", "metadata:read")
def get_permission(call: Call) -> Reply:
    """What an account may do in a repository."""
    account = _account(call, "username")
    if account.type == "Bot":
        raise ApiError(404, f"{account.login} is not a user")
    role = call.state.role(call.repo, account)
    power = _ROLE_NAMES.get(role, role)
    reach = _ROLE_POWERS.index(power) if power in _ROLE_POWERS else -1
    user = account_json(call.state, account) | {
        "permissions": {name: rank <= reach for rank, name in enumerate(_ROLE_POWERS)},
        "role_name": role,
        "user_view_type": "public",
    }
    return Reply({"permission": _LEGACY_PERMISSIONS.get(role, role), "role_name": role, "user": user})


@people_routes.add("GET", f"{_TEAM}/memberships/{{username}}", "members:read")
def get_team_membership(call: Call) -> Reply:
    """Whether an account is in a team, or was only invited."""
    team, account = _team(call), _account(call, "username")
    is_pending = account.login in team.pending
    role = "member" if is_pending else team.roles.get(account.login)
    if role is None:
        raise NotFoundError
    url = f"{call.state.api_url}/organizations/{team.organisation.id}/team/{team.id}/memberships/{account.login}"
    return Reply({"url": url, "role": role, "state": "pending" if is_pending else "active"})


@people_routes.add("GET", f"{_TEAM}/members", "members:read")
def list_team_members(call: Call) -> Reply:
    """The members of a team, without those who were only invited."""
    wanted = call.query.get("role", "all")
    logins = [login for login, role in _team(call).roles.items() if wanted in {"all", role}]
    shown, headers = call.page(logins)
    return Reply([account_json(call.state, call.state.accounts[login.lower()]) for login in shown], headers=headers)


@people_routes.add("GET", "/orgs/{org}/members/{username}", "members:read")
def get_organisation_membership(call: Call) -> Reply:
    """Whether an account is a member of an organisation."""
    if _account(call, "username").login not in _account(call, "org").members:
        raise NotFoundError
    return Reply(status=204)


def _account(call: Call, name: str) -> Account:
    account = call.state.accounts.get(call.params[name].lower())
    if account is None:
        raise NotFoundError
    return account


def _team(call: Call) -> Team:
    team = _account(call, "org").teams.get(call.params["team_slug"].lower())
    if team is None:
        raise NotFoundError
    return team
