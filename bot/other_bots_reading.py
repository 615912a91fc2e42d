"""Finding out which other bots are at work on a repository: at most some thirty reads."""

from __future__ import annotations

import base64
from itertools import islice
from typing import Any

from bot.events import Origin
from bot.github.client import GitHubClient
from bot.github.errors import NotFoundError, RefusedError
from bot.other_bots import SeenThere

_MOST_WORKFLOWS = 20
_MOST_PULLS = 5  # the newest, for the Apps that set checks on them
_MOST_BYTES = 100_000  # of a file: a longer one is only known to be there
_WORKFLOWS = ".github/workflows"
_CONFIGS = frozenset({"dco.yml", "labeler.yml", "labeler.yaml", "stale.yml", "mergify.yml", ".kodiak.toml"})
_AT_THE_TOP = (".mergify.yml", ".kodiak.toml")
_READ = (".github/labeler.yml", ".github/labeler.yaml")  # of the others it is enough that they are there


async def seen_there(client: GitHubClient, origin: Origin) -> SeenThere:
    """Return what is to be seen of other bots on the default branch, and on the newest pull requests.

    Raises the errors of `bot.github.errors`.
    """
    place = _Place(client, origin)
    files: dict[str, str] = {}
    files |= {path: "" for path in _AT_THE_TOP if await place.has(path)}
    for item in await place.listed(".github"):
        if item["name"] in _CONFIGS and item["type"] == "file":
            files[item["path"]] = await place.text(item) if item["path"] in _READ else ""
    workflows = (i for i in await place.listed(_WORKFLOWS) if i["name"].endswith((".yml", ".yaml")))
    for item in islice(workflows, _MOST_WORKFLOWS):
        files[item["path"]] = await place.text(item)
    return SeenThere(files, await place.apps())


class _Place:
    """One repository."""

    def __init__(self, client: GitHubClient, origin: Origin) -> None:
        self._client = client
        owner, _, name = origin.full_name.partition("/")
        self._vars = {"owner": owner, "repo": name}

    async def listed(self, folder: str) -> list[dict[str, Any]]:
        """Return what lies in a folder; nothing where there is none."""
        found = await self._at(folder)
        return found if isinstance(found, list) else []

    async def has(self, path: str) -> bool:
        """Return whether a file is there."""
        found = await self._at(path)
        return isinstance(found, dict) and found.get("type") == "file"

    async def _at(self, path: str) -> Any:
        try:
            return await self._client.read("/repos/{owner}/{repo}/contents/{+path}", self._vars | {"path": path})
        except NotFoundError:
            return None

    async def text(self, item: dict[str, Any]) -> str:
        """Return the text of a listed file; empty for one that is too long."""
        if item["type"] != "file" or item["size"] > _MOST_BYTES:
            return ""
        blob = await self._client.read("/repos/{owner}/{repo}/git/blobs/{sha}", self._vars | {"sha": item["sha"]})
        return base64.b64decode(blob["content"]).decode("utf-8", "replace")

    async def apps(self) -> dict[str, str]:
        """Return the other Apps that set checks on the newest pull requests, with one of those checks."""
        newest = await self._client.read(
            f"/repos/{{owner}}/{{repo}}/pulls?state=all&sort=created&direction=desc&per_page={_MOST_PULLS}",
            self._vars,
        )
        apps: dict[str, str] = {}
        for pull in newest[:_MOST_PULLS]:
            url = "/repos/{owner}/{repo}/commits/{sha}/check-runs?per_page=100"
            try:
                found = await self._client.read(url, self._vars | {"sha": pull["head"]["sha"]})
            except (NotFoundError, RefusedError):  # the commit is gone
                continue
            for run in found["check_runs"]:
                if run["app"]["id"] != self._client.own_app_id:
                    apps.setdefault(str(run["app"]["slug"]), str(run["name"])[:100])
        return apps
