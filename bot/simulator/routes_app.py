"""Routes of the App itself and of the rate limit."""

from __future__ import annotations

from bot.simulator.access import CORE, GRAPHQL
from bot.simulator.payloads import (
    app_json,
    installation_json,
    moment,
    repository_json,
)
from bot.simulator.routing import ApiError, Call, NotFoundError, Reply, RouteTable

app_routes = RouteTable()


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
    if installation.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")
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


@app_routes.add("GET", "/installation/repositories", "metadata:read")
def list_repositories(call: Call) -> Reply:
    """The repositories that the installation of the token covers."""
    covered = [repo for repo in call.state.repositories.values() if repo.installation is call.installation]
    repositories, headers = call.page(covered)
    shown = [repository_json(call.state, repo) for repo in repositories]
    return Reply({"total_count": len(covered), "repositories": shown}, headers=headers)


@app_routes.add("GET", "/rate_limit")
def get_rate_limit(call: Call) -> Reply:
    """What the caller has used; asking costs nothing."""

    def told(resource: str) -> dict[str, int]:
        usage, limit = call.gate.usage(call.identity.name, resource), call.gate.most(resource) or 1_000_000
        left, resets_at = max(0, limit - usage.used), int(usage.resets_at.timestamp())
        return {"limit": limit, "used": usage.used, "remaining": left, "reset": resets_at}

    core = told(CORE)
    other = {"limit": 30, "used": 0, "remaining": 30, "reset": core["reset"]}
    return Reply({"resources": {"core": core, "search": other, "graphql": told(GRAPHQL)}, "rate": core})
