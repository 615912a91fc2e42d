"""Whether each served repository can be reached, has a policy that can be used, and requires our check."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bot.comments.readiness import NAME as READINESS
from bot.doctor.findings import Line, attention, broken, fine
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.github.client import GitHubClient
from bot.github.errors import GitHubError, NotFoundError
from bot.github.pulls import PullReader
from checks.policy import POLICY_PATH, PolicyError, read_policy

_MOST_INSTALLATIONS = 10
_MOST_PROBLEMS = 5


@probe(
    "repositories",
    "Repositories",
    order=50,
    needs=("app_id", "private_key", "repositories"),
    remedy="See GitHub above.",
)
async def repositories(patient: Patient) -> Sequence[Line]:
    """Each of them: installed, reachable, its policy, and what its default branch requires."""
    try:
        clients = await _clients(patient)
    except GitHubError as error:
        return [broken(f"GitHub did not tell where the App is installed ({error}).", "See GitHub above.")]
    served = sorted(patient.settings.repositories)
    found = await asyncio.gather(*(_of_repository(patient, number, clients) for number in served))
    return [line for lines in found for line in lines]


async def _clients(patient: Patient) -> dict[int, GitHubClient]:
    """Return who may ask about each repository on which the App is installed."""
    found: dict[int, GitHubClient] = {}
    for installation in (await patient.github.itself().read_all("/app/installations?per_page=100"))[
        :_MOST_INSTALLATIONS
    ]:
        if installation.get("suspended_at"):
            continue
        client = patient.github.installation(int(installation["id"]))
        for item in await client.read_all("/installation/repositories?per_page=100", key="repositories"):
            found[int(item["id"])] = client
    return found


async def _of_repository(patient: Patient, number: int, clients: dict[int, GitHubClient]) -> list[Line]:
    client = clients.get(number)
    if client is None:
        return [
            broken(
                f"The App is not installed on repository {number}.",
                "Install it there (the App's settings page, “Install App”), or take the id out of "
                "TAXONOMY_BOT_REPOSITORIES. An id is not a name: https://api.github.com/repos/OWNER/NAME shows it.",
            )
        ]
    try:
        data = await client.read("/repositories/{repository_id}", {"repository_id": str(number)})
        name, branch = str(data["full_name"]), str(data["default_branch"])
        lines = [fine(f"{name} ({number}) can be read.")]
        lines += await _policy(client, name, branch)
        lines.append(await _required(patient, client, name, branch))
    except (GitHubError, LookupError, TypeError) as error:
        return [broken(f"Repository {number} cannot be read ({error}).", "See the permissions above.")]
    return lines


async def _policy(client: GitHubClient, name: str, branch: str) -> list[Line]:
    text = await PullReader(client, name).text_file(POLICY_PATH, branch)
    if text is None:
        return [fine(f"{name} has no {POLICY_PATH}: the defaults hold.")]
    try:
        read_policy(text)
    except PolicyError as error:
        return [
            broken(
                f"{name}, {POLICY_PATH}, line {problem.line}: {problem.message}",
                "Until then the last good policy holds. `taxonomy-bot check-config FILE` tells all mistakes.",
            )
            for problem in error.problems[:_MOST_PROBLEMS]
        ]
    return [fine(f"The policy of {name} can be used.")]


async def _required(patient: Patient, client: GitHubClient, name: str, branch: str) -> Line:
    """Say whether a ruleset requires our check, from us; classic protection is for administrators to read."""
    owner, _, repo = name.partition("/")
    url = "/repos/{owner}/{repo}/rules/branches/{branch}?per_page=100"
    try:
        rules: list[Any] = await client.read_all(url, {"owner": owner, "repo": repo, "branch": branch})
    except NotFoundError:
        rules = []
    demanded = [
        check
        for rule in rules
        if rule.get("type") == "required_status_checks"
        for check in (rule.get("parameters") or {}).get("required_status_checks", ())
        if check.get("context") == READINESS
    ]
    how = f"Settings of {name}, “Rules”: require the check “{READINESS}” on {branch}, with this App as its source"
    if not demanded:
        return attention(
            f"No ruleset of {name} requires “{READINESS}” on {branch}.",
            f"{how}. If classic branch protection does, this is fine: an App cannot read that.",
        )
    if all(check.get("integration_id") != patient.settings.app_id for check in demanded):
        return attention(f"{name} takes “{READINESS}” from anybody: a workflow could post it.", f"{how}.")
    return fine(f"{name} requires “{READINESS}” from this App on {branch}.")
