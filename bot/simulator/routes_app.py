"""Routes of the App itself, of accounts, organisations and the rate limit."""

from __future__ import annotations

from bot.simulator.payloads import (
    account_json,
    app_json,
    full_account_json,
    installation_json,
    moment,
    repository_json,
)
from bot.simulator.routing import Call, NotFoundError, Reply, RouteTable
from bot.simulator.state import Account

app_routes = RouteTable()

_ROLE_POWERS = ("pull", "triage", "push", "maintain", "admin")
_ROLE_NAMES = {"read": "pull", "write": "push"}
_LEGACY_PERMISSIONS = {"triage": "read", "maintain": "write"}


@app_routes.add("GET", "/app", by_app=True)
def get_app(call: Call) -> Reply:
    """The App."""
    return Reply(app_json(call.state) | {"installations_count": len(call.state.installations)})


@app_routes.add("GET", "/app/installations", by_app=True)
def list_installations(call: Call) -> Reply:
    """All installations of the App."""
    installations, headers = call.page(list(call.state.installations.values()))
    return Reply([installation_json(call.state, known) for known in installations], headers=headers)


@app_routes.add("GET", "/repos/{owner}/{repo}/installation", by_app=True)
def get_repository_installation(call: Call) -> Reply:
    """The installation that covers a repository."""
    if call.repo.installation is None:
        raise NotFoundError
    return Reply(installation_json(call.state, call.repo.installation))


@app_routes.add("POST", "/app/installations/{installation_id}/access_tokens", by_app=True)
def create_token(call: Call) -> Reply:
    """A token for one installation."""
    installation = call.state.installations.get(call.number("installation_id"))
    if installation is None:
        raise NotFoundError
    token, expires_at = call.gate.issue_token(installation)
    covered = [repo for repo in call.state.repositories.values() if repo.installation is installation]
    return Reply(
        {
            "token": token,
            "expires_at": moment(expires_at),
            "permissions": call.state.app.permissions,
            "repository_selection": "selected",
            "repositories": [repository_json(call.state, repo) for repo in covered],
        },
        status=201,
    )


@app_routes.add("GET", "/rate_limit")
def get_rate_limit(call: Call) -> Reply:
    """What the caller has used; asking costs nothing."""
    usage = call.gate.usage(call.identity.name)
    limit = call.gate.limits.requests_per_hour or 1_000_000
    reset = int(usage.resets_at.timestamp())
    core = {"limit": limit, "used": usage.used, "remaining": max(0, limit - usage.used), "reset": reset}
    other = {"limit": 30, "used": 0, "remaining": 30, "reset": reset}
    return Reply({"resources": {"core": core, "search": other, "graphql": core}, "rate": core})


@app_routes.add("GET", "/users/{username}")
def get_user(call: Call) -> Reply:
    """An account by its login."""
    return Reply(full_account_json(call.state, _account(call, "username")))


@app_routes.add("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", "metadata:read")
def get_permission(call: Call) -> Reply:
    """What an account may do in a repository."""
    account = _account(call, "username")
    role = _role(call, account)
    power = _ROLE_NAMES.get(role, role)
    reach = _ROLE_POWERS.index(power) if power in _ROLE_POWERS else -1
    user = account_json(call.state, account) | {
        "permissions": {name: rank <= reach for rank, name in enumerate(_ROLE_POWERS)},
        "role_name": role,
        "user_view_type": "public",
    }
    return Reply({"permission": _LEGACY_PERMISSIONS.get(role, role), "role_name": role, "user": user})


@app_routes.add("GET", "/orgs/{org}/teams/{team_slug}/memberships/{username}", "members:read")
def get_team_membership(call: Call) -> Reply:
    """Whether an account is in a team."""
    organisation, account = _account(call, "org"), _account(call, "username")
    slug = call.params["team_slug"]
    role = organisation.teams.get(slug, {}).get(account.login)
    if role is None:
        raise NotFoundError
    url = f"{call.state.api_url}/organizations/{organisation.id}/team/{slug}/memberships/{account.login}"
    return Reply({"url": url, "role": role, "state": "active"})


@app_routes.add("GET", "/orgs/{org}/members/{username}", "members:read")
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


def _role(call: Call, account: Account) -> str:
    if account is call.repo.owner:
        return "admin"
    if account.login in call.repo.permissions:
        return call.repo.permissions[account.login]
    return "none" if call.repo.private else "read"
