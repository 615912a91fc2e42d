"""What has happened in a repository, as its lists tell it: asked for again and again, mostly answered with 304."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from bot.github.client import GitHubClient
from bot.github.errors import NotFoundError, RefusedError

Item = Mapping[str, Any]

_MOST_PAGES = 10  # of a hundred each, of one list in one look; what is beyond, a sweep finds
_MOST_REVIEW_PAGES = 5


class Activity:
    """Reads one repository, everything as GitHub writes it. Raises the errors of `bot.github.errors`."""

    def __init__(self, client: GitHubClient, repository: str) -> None:
        self._client = client
        owner, _, name = repository.partition("/")
        self._vars = {"owner": owner, "repo": name}

    async def head_of(self, branch: str) -> str:
        """Return the newest commit of a branch; empty for one that has none."""
        url = "/repos/{owner}/{repo}/commits?sha={branch}&per_page=1"
        try:
            found = await self._client.read(url, self._vars | {"branch": branch})
        except (NotFoundError, RefusedError):  # an empty repository is refused with 409
            return ""
        return str(found[0]["sha"]) if found else ""

    async def open_pulls(self) -> list[Item]:
        """Return every open pull request."""
        return await self._client.read_all("/repos/{owner}/{repo}/pulls?state=open&per_page=100", self._vars)

    async def pulls_changed_since(self, moment: datetime) -> list[Item]:
        """Return the pull requests that anything happened to since then, also closed ones, oldest change first."""
        url = "/repos/{owner}/{repo}/pulls?state=all&sort=updated&direction=desc&per_page=100"
        found = await self._newest(url, lambda item: datetime.fromisoformat(item["updated_at"]) >= moment)
        return found[::-1]

    async def comments_since(self, moment: datetime) -> list[Item]:
        """Return the comments that were written or changed since then, oldest change first."""
        since = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        url = f"/repos/{{owner}}/{{repo}}/issues/comments?since={since}&sort=updated&direction=asc&per_page=100"
        return await self._newest(url, lambda _item: True)

    async def events_after(self, event_id: int, not_before: datetime) -> list[Item]:
        """Return who labelled, closed, reopened what and so on, oldest first, as far as it is newer."""
        url = "/repos/{owner}/{repo}/issues/events?per_page=100"

        def is_newer(item: Item) -> bool:
            return int(item["id"]) > event_id and datetime.fromisoformat(item["created_at"]) >= not_before

        return (await self._newest(url, is_newer))[::-1]

    async def newest_event(self) -> int:
        """Return the id of what happened last; 0 where nothing ever has."""
        found = await self._client.read("/repos/{owner}/{repo}/issues/events?per_page=100", self._vars)
        return max((int(item["id"]) for item in found), default=0)

    async def reviews_of(self, number: int, since: datetime) -> list[Item]:
        """Return the reviews of a pull request that were submitted since then."""
        url = "/repos/{owner}/{repo}/pulls/{number}/reviews?per_page=100"
        found: list[Item] = []
        count = 0
        async for page in self._client.pages(url, self._vars | {"number": str(number)}):
            found += page
            count += 1
            if count == _MOST_REVIEW_PAGES:
                break
        return [item for item in found if _moment(item.get("submitted_at"), since) >= since and item.get("user")]

    async def merge_groups(self) -> list[Item]:
        """Return the branches that GitHub's merge queue has made."""
        url = "/repos/{owner}/{repo}/git/matching-refs/{+ref}"
        found: list[Item] = await self._client.read(url, self._vars | {"ref": "heads/gh-readonly-queue/"})
        return found

    async def suites_of(self, head_sha: str, app_id: int) -> list[Item]:
        """Return our check suites at a commit; none at one that is gone."""
        url = f"/repos/{{owner}}/{{repo}}/commits/{{sha}}/check-suites?app_id={app_id}&per_page=100"
        try:
            return await self._client.read_all(url, self._vars | {"sha": head_sha}, key="check_suites")
        except RefusedError as error:
            if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            return []

    async def has_comment(self, comment_id: int) -> bool:
        """True while a comment is there."""
        try:
            url = "/repos/{owner}/{repo}/issues/comments/{comment_id}"
            await self._client.read(url, self._vars | {"comment_id": str(comment_id)})
        except NotFoundError:
            return False
        return True

    async def account(self, login: str) -> Item:
        """Return an account by its login. Raises NotFoundError."""
        found: Item = await self._client.read("/users/{login}", {"login": login})
        return found

    async def _newest(self, url: str, is_wanted: Any) -> list[Item]:
        """Return what a list holds up to the first that is not wanted, and never more than a look can take."""
        found: list[Item] = []
        count = 0
        async for page in self._client.pages(url, self._vars):
            wanted = [item for item in page if is_wanted(item)]
            found += wanted
            count += 1
            if len(wanted) < len(page) or count == _MOST_PAGES:
                break
        return found


def _moment(text: str | None, otherwise: datetime) -> datetime:
    """Return a moment; of a review that is not submitted yet, one that is too early."""
    return datetime.fromisoformat(text) if text else otherwise - timedelta(days=1)
