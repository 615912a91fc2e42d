"""Routes of the App's webhook, and of what a branch requires."""

from __future__ import annotations

from typing import Any

from bot.simulator.routing import Call, Reply, RouteTable

hook_routes = RouteTable()


@hook_routes.add("GET", "/app/hook/config", by_app=True)
def get_hook(call: Call) -> Reply:
    """Where webhooks go; the secret is never told."""
    return Reply(_config(call))


@hook_routes.add("PATCH", "/app/hook/config", by_app=True)
def change_hook(call: Call) -> Reply:
    """Another address or secret."""
    outbox, sent = call.changes.outbox, call.body if isinstance(call.body, dict) else {}
    if isinstance(sent.get("url"), str):
        outbox.webhook_url = sent["url"]
    if isinstance(sent.get("secret"), str):
        outbox.secret = sent["secret"]
    return Reply(_config(call))


@hook_routes.add("GET", "/repos/{owner}/{repo}/rules/branches/{branch}", "metadata:read")
def list_rules(call: Call) -> Reply:
    """What rulesets require of a branch."""
    checks = call.repo.required_checks if call.params["branch"] == call.repo.default_branch else set()
    if not checks:
        return Reply([])
    required = [
        {"context": name} | ({} if app_id is None else {"integration_id": app_id})
        for name, app_id in sorted(checks, key=lambda check: check[0])
    ]
    rule = {
        "type": "required_status_checks",
        "parameters": {"required_status_checks": required, "strict_required_status_checks_policy": False},
        "ruleset_source_type": "Repository",
        "ruleset_source": call.repo.full_name,
        "ruleset_id": 42,
    }
    return Reply([rule])


def _config(call: Call) -> dict[str, Any]:
    return {
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": "********",
        "url": call.changes.outbox.webhook_url or "",
    }
