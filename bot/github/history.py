"""Typed reads of what became of a branch: its commits, the pull requests that brought them, its taxonomy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from bot.github.client import GitHubClient
from bot.github.errors import NotFoundError, RefusedError
from bot.github.pulls import IncompleteListingError, Tree
from checks.contribution import ROOTS, Sha

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Span:
    """The commits that a branch has since another commit, the newest first, each with its parents.

    `is_ahead` says that the other commit is among its ancestors.
    """

    parents: Mapping[str, tuple[str, ...]]
    is_ahead: bool = True


@dataclass(frozen=True, slots=True)
class ClosedPull:
    """A pull request that was merged, as lists tell it."""

    number: int
    author: str
    author_id: int
    head_sha: str
    merge_sha: str
    merged_at: datetime


class BranchHistory:
    """Reads one repository. Raises the errors of `bot.github.errors`."""

    def __init__(self, client: GitHubClient, repository: str) -> None:
        self._client = client
        owner, _, name = repository.partition("/")
        self._vars = {"owner": owner, "repo": name}

    async def since_commit(self, base: str, head: str) -> Span:
        """Return the commits of `head` that `base` has not. Raises NotFoundError where they share no history."""
        url = "/repos/{owner}/{repo}/compare/{base}...{head}?per_page=100"
        found: dict[str, tuple[str, ...]] = {}
        total, status = 0, ""
        async for page in self._client.pages(url, self._vars | {"base": base, "head": head}):
            total, status = page["total_commits"], page["status"]
            found |= _parents(page["commits"])
        if len(found) < total:
            raise IncompleteListingError(f"GitHub listed {len(found)} of {total} commits")
        return Span(dict(reversed(found.items())), status in ("ahead", "identical"))

    async def since_moment(self, moment: datetime, head: str) -> Span:
        """Return the commits of `head` that were made since a moment."""
        url = "/repos/{owner}/{repo}/commits?sha={head}&since={since}&per_page=100"
        since = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        return Span(_parents(await self._client.read_all(url, self._vars | {"head": head, "since": since})))

    async def merged_since(self, moment: datetime, branch: str) -> list[ClosedPull]:
        """Return the pull requests that were merged into a branch since a moment, in no order."""
        url = "/repos/{owner}/{repo}/pulls?state=closed&base={branch}&sort=updated&direction=desc&per_page=100"
        found: dict[int, ClosedPull] = {}
        async for page in self._client.pages(url, self._vars | {"branch": branch}):
            found |= {pull.number: pull for item in page if (pull := _closed(item)) and pull.merged_at >= moment}
            if page and datetime.fromisoformat(page[-1]["updated_at"]) < moment:
                break
        return list(found.values())

    async def bringing(self, commits: Iterable[str]) -> list[ClosedPull]:
        """Return the merged pull requests that brought these commits."""
        url = "/repos/{owner}/{repo}/commits/{sha}/pulls?per_page=100"
        pages = await self._together(url, ({"sha": sha} for sha in commits))
        found = {pull.number: pull for page in pages for item in page if (pull := _closed(item))}
        return list(found.values())

    async def merged_ones(self, numbers: Iterable[int]) -> list[ClosedPull]:
        """Return those of these pull requests that are merged."""
        url = "/repos/{owner}/{repo}/pulls/{number}"
        items = await self._together(url, ({"number": str(number)} for number in numbers), is_one=True)
        return [pull for item in items if (pull := _closed(item))]

    async def merged_with_label(self, label: str) -> list[int]:
        """Return the numbers of the merged pull requests that have a label now."""
        url = "/repos/{owner}/{repo}/issues?labels={label}&state=closed&per_page=100"
        items = await self._client.read_all(url, self._vars | {"label": label})
        return sorted(item["number"] for item in items if (item.get("pull_request") or {}).get("merged_at"))

    async def paths_of(self, number: int) -> tuple[str, ...]:
        """Return every path that a pull request changes, also those that it renames files from."""
        url = "/repos/{owner}/{repo}/pulls/{number}/files?per_page=100"
        items = await self._client.read_all(url, self._vars | {"number": str(number)})
        given = ((item["filename"], item.get("previous_filename")) for item in items)
        return tuple(sorted({path for pair in given for path in pair if path}))

    async def taxonomy(self, commit: Sha | str) -> Tree:
        """Return every file of a commit; of a tree that GitHub cuts, every file under the taxonomy's roots.

        Raises IncompleteListingError where not even a single folder is told in full.
        """
        data = await self._tree(commit, is_recursive=True)
        if not data["truncated"]:
            return Tree(data["tree"])
        top = await self._whole(commit)
        roots = [item for item in top if item["type"] == "tree" and item["path"] in ROOTS]
        return Tree([item for root in roots for item in await self._below(root["path"], root["sha"])])

    async def _below(self, folder: str, sha: str) -> list[dict[str, Any]]:
        """Return what is below a folder, however much it is: folder by folder where it is too much at once."""
        data = await self._tree(sha, is_recursive=True)
        if not data["truncated"]:
            return [item | {"path": f"{folder}/{item['path']}"} for item in data["tree"]]
        found: list[dict[str, Any]] = []
        for item in await self._whole(sha):
            path = f"{folder}/{item['path']}"
            found += await self._below(path, item["sha"]) if item["type"] == "tree" else [item | {"path": path}]
        return found

    async def _whole(self, sha: str) -> list[dict[str, Any]]:
        data = await self._tree(sha, is_recursive=False)
        if data["truncated"]:
            raise IncompleteListingError("GitHub listed only a part of a folder")
        listed: list[dict[str, Any]] = data["tree"]
        return listed

    async def _tree(self, sha: str, *, is_recursive: bool) -> Any:
        more = "?recursive=1" if is_recursive else ""
        return await self._client.read(
            f"/repos/{{owner}}/{{repo}}/git/trees/{{sha}}{more}", self._vars | {"sha": sha}
        )

    async def _together(self, url: str, each: Iterable[dict[str, str]], *, is_one: bool = False) -> list[Any]:
        """Ask one question of many, a few at a time; what GitHub does not know is left out."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def ask(url_vars: dict[str, str]) -> Any:
            async with gate:
                try:
                    read = self._client.read if is_one else self._client.read_all
                    return await read(url, self._vars | url_vars)
                except NotFoundError:
                    return None
                except RefusedError as error:
                    if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                        raise
                    return None

        answers = await asyncio.gather(*(ask(url_vars) for url_vars in each))
        return [answer for answer in answers if answer is not None]


def _parents(commits: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {item["sha"]: tuple(parent["sha"] for parent in item["parents"]) for item in commits}


def _closed(item: Mapping[str, Any]) -> ClosedPull | None:
    """Return a pull request of a list, None for one that is not merged."""
    if not item.get("merged_at"):
        return None
    user = item["user"] or {"login": "ghost", "id": 0}
    return ClosedPull(
        int(item["number"]),
        str(user["login"]),
        int(user["id"]),
        str(item["head"]["sha"]),
        str(item["merge_commit_sha"] or ""),
        datetime.fromisoformat(item["merged_at"]),
    )
