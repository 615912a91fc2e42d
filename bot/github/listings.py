"""Typed reads of what a repository lists: what a sweep finds out without asking for each pull request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.appearance import appearance
from bot.events import Account
from bot.github.client import GitHubClient
from checks.contribution import Login

_GHOST = Account(Login("ghost"), 0, is_bot=True)  # what GitHub calls accounts that are gone; they command nothing
BY_HISTORY = "event-"  # how the ids of acts begin that the history of a pull request tells


@dataclass(frozen=True, slots=True)
class Place:
    """What a repository is called now, and its default branch."""

    full_name: str
    default_branch: str


@dataclass(frozen=True, slots=True)
class ListedPull:
    """An open pull request as a list tells it."""

    number: int
    head_sha: str
    base_ref: str
    is_draft: bool
    labels: frozenset[str]
    author: Account
    text: str
    created_at: datetime
    updated_at: datetime

    @property
    def appearance(self) -> str:
        """A digest of all that we act on."""
        return appearance(self.head_sha, self.base_ref, self.labels, is_draft=self.is_draft)


@dataclass(frozen=True, slots=True)
class ListedComment:
    """A comment on an issue or pull request."""

    id: int
    number: int
    author: Account
    text: str
    created_at: datetime
    updated_at: datetime
    is_on_pull: bool
    is_doubted: bool  # somebody has put "confused" on it, as we do where we cannot follow


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """Somebody put a label on or took it off."""

    label: str
    on: bool
    actor: Account
    at: datetime
    guid: str
    is_ours: bool


class Listings:
    """Reads one repository. Raises the errors of `bot.github.errors`."""

    def __init__(self, client: GitHubClient, repository: str, app_id: int) -> None:
        self._client = client
        self._app_id = app_id
        owner, _, name = repository.partition("/")
        self._vars = {"owner": owner, "repo": name}

    async def open_pulls(self) -> AsyncIterator[ListedPull]:
        """Yield every open pull request, oldest first: new ones leave the pages before as they were."""
        url = "/repos/{owner}/{repo}/pulls?state=open&sort=created&direction=asc&per_page=100"
        async for page in self._client.pages(url, self._vars):
            for item in page:
                yield _pull(item)

    async def comments_since(self, moment: datetime) -> AsyncIterator[ListedComment]:
        """Yield every comment of the repository that was written or changed since then, oldest change first."""
        since = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        url = f"/repos/{{owner}}/{{repo}}/issues/comments?since={since}&sort=updated&direction=asc&per_page=100"
        async for page in self._client.pages(url, self._vars):
            for item in page:
                yield _comment(item)

    async def label_events(self, number: int) -> dict[str, LabelEvent]:
        """Return what last happened to each label of a pull request."""
        url = "/repos/{owner}/{repo}/issues/{number}/events?per_page=100"
        items = await self._client.read_all(url, self._vars | {"number": str(number)})
        return {
            item["label"]["name"]: LabelEvent(
                item["label"]["name"],
                item["event"] == "labeled",
                _account(item["actor"]),
                datetime.fromisoformat(item["created_at"]),
                f"{BY_HISTORY}{item['id']}",
                (item.get("performed_via_github_app") or {}).get("id") == self._app_id,
            )
            for item in items
            if item["event"] in ("labeled", "unlabeled")
        }

    async def author_wrote_since(self, number: int, author_id: int, moment: datetime) -> bool:
        """True when somebody wrote a comment on a pull request after a moment."""
        since = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        url = f"/repos/{{owner}}/{{repo}}/issues/{{number}}/comments?since={since}&per_page=100"
        items = await self._client.read_all(url, self._vars | {"number": str(number)})
        return any(
            _account(item["user"]).id == author_id and datetime.fromisoformat(item["created_at"]) > moment
            for item in items
        )


async def place_of(client: GitHubClient, repository_id: int) -> Place:
    """Return what a repository is called now: the id outlives every renaming."""
    data = await client.read("/repositories/{repository_id}", {"repository_id": str(repository_id)})
    return Place(str(data["full_name"]), str(data["default_branch"]))


def _pull(item: Mapping[str, Any]) -> ListedPull:
    return ListedPull(
        number=int(item["number"]),
        head_sha=str(item["head"]["sha"]),
        base_ref=str(item["base"]["ref"]),
        is_draft=bool(item.get("draft")),
        labels=frozenset(label["name"] for label in item["labels"]),
        author=_account(item["user"]),
        text=item["body"] or "",
        created_at=datetime.fromisoformat(item["created_at"]),
        updated_at=datetime.fromisoformat(item["updated_at"]),
    )


def _comment(item: Mapping[str, Any]) -> ListedComment:
    return ListedComment(
        id=int(item["id"]),
        number=int(item["issue_url"].rpartition("/")[2]),
        author=_account(item["user"]),
        text=item["body"] or "",
        created_at=datetime.fromisoformat(item["created_at"]),
        updated_at=datetime.fromisoformat(item["updated_at"]),
        is_on_pull="/pull/" in item["html_url"],
        is_doubted=bool((item.get("reactions") or {}).get("confused")),
    )


def _account(user: Mapping[str, Any] | None) -> Account:
    if user is None:
        return _GHOST
    return Account(Login(str(user["login"])), int(user["id"]), user.get("type") == "Bot")
