"""Typed reads of what the bot needs to know about a pull request."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from bot.actions import Action, AddLabels, ChangePull, RemoveLabel
from bot.github.client import GitHubClient
from bot.github.errors import GitHubError, NotFoundError, RefusedError
from checks.contribution import Commit, FileKind, FileStatus, Identity, Login, Sha

MOST_LISTED_FILES = 300  # GitHub lists no more in a comparison
_BLOBS_AT_ONCE = 4
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")


class IncompleteListingError(GitHubError):
    """GitHub told less than there is: nothing may be judged on a part."""


class TooManyCommitsError(IncompleteListingError):
    """There are `count` commits, more than are read."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} commits")
        self.count = count


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as GitHub has it now."""

    number: int
    node_id: str
    repository: str  # full name, as GitHub has it now
    repository_node_id: str
    head_sha: Sha
    base_sha: Sha
    base_ref: str
    default_branch: str
    author: Login
    author_id: int
    author_association: str
    is_open: bool
    is_draft: bool
    changed_files: int
    labels: frozenset[str]
    title: str = ""
    is_merged: bool = False
    is_mergeable: bool | None = None  # None: GitHub is still working it out
    comments: int = 1  # 0: nobody has said anything yet
    assignees: tuple[Login, ...] = ()
    mergeable_state: str = ""  # GitHub's word: "clean", "blocked", "dirty", "unknown" ...
    description: str = ""
    head_repository: str = ""  # full name of where its branch is; empty once that is gone
    head_ref: str = ""
    allows_edits: bool = False  # of those who may write to the base
    repository_id: int = 0
    closed_at: datetime | None = None
    asks_web_sign_off: bool = False  # then GitHub signs off what is committed in its web pages

    def after(self, actions: Iterable[Action]) -> Pull:
        """Return the pull request as it is once these label changes and openings are done."""
        labels, is_open = set(self.labels), self.is_open
        for action in actions:
            match action:
                case AddLabels(names):
                    labels.update(names)
                case RemoveLabel(name):
                    labels.discard(name)
                case ChangePull(state=state) if state:
                    is_open = state == "open"
                case _:
                    pass
        return replace(self, labels=frozenset(labels), is_open=is_open)

    @property
    def may_be_pushed_to(self) -> bool:
        """True where its author lets maintainers push to its branch."""
        return self.head_repository == self.repository or (bool(self.head_repository) and self.allows_edits)

    @property
    def targets_default_branch(self) -> bool:
        """True when merging it would change the taxonomy that is built."""
        return self.base_ref == self.default_branch


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file of the comparison with the merge base."""

    path: str
    status: FileStatus
    previous_path: str | None
    patch: str = ""  # as GitHub shows it; empty for files that are too large, or no text

    @property
    def shown_lines(self) -> frozenset[int]:
        """The lines of the file that the diff shows: only those can be commented on."""
        shown: set[int] = set()
        line = 0
        for row in self.patch.split("\n"):
            if found := _HUNK.match(row):
                line = int(found[1])
            elif row.startswith(("+", " ")):
                shown.add(line)
                line += 1
        return frozenset(shown)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a pull request changes, pinned to two commits."""

    files: tuple[ListedFile, ...]
    commits: tuple[Commit, ...]
    merge_base: Sha


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One path of a commit's tree. `size` is in bytes, 0 for submodules."""

    sha: str
    kind: FileKind
    size: int
    mode: str = "100644"  # as git writes it: regular, executable, link, submodule


class Tree(Mapping[str, TreeEntry]):
    """Every file of a commit by path; an entry is made when asked for, because few of thousands are."""

    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
        self._items = {item["path"]: item for item in items if item["type"] != "tree"}

    def __getitem__(self, path: str) -> TreeEntry:
        item = self._items[path]
        kind = _KINDS.get(item["mode"], FileKind.REGULAR)
        return TreeEntry(item["sha"], kind, int(item.get("size", 0)), item["mode"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


@dataclass(frozen=True, slots=True)
class OwnComment:
    """A comment that our App wrote."""

    id: int
    node_id: str
    body: str


_STATUS = {
    "added": FileStatus.ADDED,
    "copied": FileStatus.ADDED,
    "modified": FileStatus.MODIFIED,
    "changed": FileStatus.MODIFIED,
    "renamed": FileStatus.RENAMED,
    "removed": FileStatus.REMOVED,
}
_KINDS = {"120000": FileKind.SYMLINK, "160000": FileKind.SUBMODULE}


class PullReader:
    """Reads one repository. Raises the errors of `bot.github.errors`."""

    def __init__(self, client: GitHubClient, repository: str) -> None:
        self._client = client
        owner, _, name = repository.partition("/")
        self._vars = {"owner": owner, "repo": name}

    async def pull(self, number: int) -> Pull:
        """Return the pull request as it is now."""
        data = await self._read("/repos/{owner}/{repo}/pulls/{number}", number=str(number))
        base = data["base"]
        return Pull(
            number=data["number"],
            node_id=data["node_id"],
            repository=base["repo"]["full_name"],
            repository_node_id=base["repo"]["node_id"],
            head_sha=Sha(data["head"]["sha"]),
            base_sha=Sha(base["sha"]),
            base_ref=base["ref"],
            default_branch=base["repo"]["default_branch"],
            author=Login(data["user"]["login"]),
            author_id=data["user"]["id"],
            author_association=data["author_association"],
            is_open=data["state"] == "open",
            is_draft=bool(data.get("draft")),
            changed_files=data["changed_files"],
            labels=frozenset(label["name"] for label in data["labels"]),
            title=data["title"] or "",
            is_merged=bool(data.get("merged")),
            is_mergeable=data.get("mergeable"),
            comments=data["comments"],
            assignees=tuple(Login(person["login"]) for person in data["assignees"]),
            mergeable_state=data.get("mergeable_state") or "",
            description=data.get("body") or "",
            head_repository=(data["head"].get("repo") or {}).get("full_name", ""),
            head_ref=data["head"]["ref"],
            allows_edits=bool(data.get("maintainer_can_modify")),
            repository_id=int(base["repo"]["id"]),
            closed_at=datetime.fromisoformat(data["closed_at"]) if data.get("closed_at") else None,
            asks_web_sign_off=bool(base["repo"].get("web_commit_signoff_required")),
        )

    async def comparison(self, base: Sha, head: Sha, most_commits: int) -> Comparison:
        """Return what `head` changes since it left `base`: at most 300 files, all commits.

        Raises TooManyCommitsError when there are more than `most_commits` commits, IncompleteListingError when
        GitHub lists fewer than it counts.
        """
        url = "/repos/{owner}/{repo}/compare/{base}...{head}?per_page=100"
        url_vars = self._vars | {"base": base, "head": head}
        files: tuple[ListedFile, ...] = ()
        commits: list[Commit] = []
        total, merge_base = 0, base
        async for page in self._client.pages(url, url_vars):
            total, merge_base = page["total_commits"], Sha(page["merge_base_commit"]["sha"])
            if total > most_commits:
                raise TooManyCommitsError(total)
            files = files or tuple(_listed_file(item) for item in page.get("files") or ())
            commits += [_commit(item) for item in page["commits"]]
        if len(commits) < total:
            raise IncompleteListingError(f"GitHub listed {len(commits)} of {total} commits")
        return Comparison(files, tuple(commits), merge_base)

    async def tree(self, commit: Sha) -> Tree:
        """Return every file of a commit by path. Raises IncompleteListingError for a tree that GitHub cuts."""
        data = await self._read("/repos/{owner}/{repo}/git/trees/{sha}?recursive=1", sha=commit)
        if data["truncated"]:
            raise IncompleteListingError("GitHub listed only a part of the repository's tree")
        return Tree(data["tree"])

    async def tip(self, branch: str) -> Sha:
        """Return the newest commit of a branch."""
        data = await self._read("/repos/{owner}/{repo}/commits/{ref}", ref=branch)
        return Sha(data["sha"])

    async def blobs(self, shas: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of blobs by their SHA, a few at a time."""
        gate = asyncio.Semaphore(_BLOBS_AT_ONCE)

        async def blob(sha: str) -> tuple[str, bytes]:
            async with gate:
                data = await self._read("/repos/{owner}/{repo}/git/blobs/{sha}", sha=sha)
            return sha, base64.b64decode(data["content"])

        return dict(await asyncio.gather(*(blob(sha) for sha in set(shas))))

    async def text_file(self, path: str, ref: str) -> str | None:
        """Return a text file at a branch, or None when there is none."""
        try:
            data = await self._read("/repos/{owner}/{repo}/contents/{+path}?ref={ref}", path=path, ref=ref)
        except NotFoundError:
            return None
        if not isinstance(data, dict) or data.get("type") != "file":
            return None
        return base64.b64decode(data["content"]).decode("utf-8", "replace")

    async def own_comments(self, number: int, app_id: int) -> list[OwnComment]:
        """Return the comments that our App wrote, oldest first."""
        url = "/repos/{owner}/{repo}/issues/{number}/comments?per_page=100"
        items = await self._client.read_all(url, self._vars | {"number": str(number)})
        return [
            OwnComment(item["id"], item["node_id"], item["body"] or "")
            for item in items
            if (item.get("performed_via_github_app") or {}).get("id") == app_id
        ]

    async def own_check_runs(self, head: Sha, app_id: int, *, only_newest: bool = True) -> list[dict[str, Any]]:
        """Return our check runs at a commit, all or the newest of each name; none at a commit that is gone."""
        which = "latest" if only_newest else "all"
        url = f"/repos/{{owner}}/{{repo}}/commits/{{sha}}/check-runs?per_page=100&app_id={app_id}&filter={which}"
        try:
            return await self._client.read_all(url, self._vars | {"sha": head}, key="check_runs")
        except RefusedError as error:
            if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            return []

    async def pulls_with_head(self, head_sha: str) -> list[int]:
        """Return the numbers of the open pull requests whose head is `head_sha`."""
        url = "/repos/{owner}/{repo}/pulls?state=open&per_page=100"
        items = await self._client.read_all(url, self._vars)
        return [item["number"] for item in items if item["head"]["sha"] == head_sha]

    async def is_maintainer(self, login: Login, user_id: int) -> bool:
        """True when the account may maintain the repository; unsure means no."""
        url = "/repos/{owner}/{repo}/collaborators/{login}/permission"
        try:
            data = await self._read(url, login=login)
        except (NotFoundError, RefusedError):  # a refusal: we may not see who collaborates
            return False
        user = data.get("user") or {}
        permissions = user.get("permissions") or {}
        return user.get("id") == user_id and bool(permissions.get("maintain") or permissions.get("admin"))

    async def is_member(self, login: Login) -> bool:
        """True when the account belongs to the organisation that owns the repository."""
        try:
            await self._client.read("/orgs/{owner}/members/{login}", self._vars | {"login": login})
        except (NotFoundError, RefusedError):  # a redirect: we may not see the organisation's members
            return False
        return True

    async def _read(self, url: str, **url_vars: str) -> Any:
        return await self._client.read(url, self._vars | url_vars)


def _listed_file(item: Mapping[str, Any]) -> ListedFile:
    status = _STATUS.get(item["status"], FileStatus.MODIFIED)
    return ListedFile(item["filename"], status, item.get("previous_filename"), item.get("patch") or "")


def _commit(item: Mapping[str, Any]) -> Commit:
    data = item["commit"]
    account = item.get("author") or {}
    return Commit(
        sha=Sha(item["sha"]),
        message=data["message"],
        author=_identity(data.get("author")),
        committer=_identity(data.get("committer")),
        parents=tuple(Sha(parent["sha"]) for parent in item["parents"]),
        verified=bool((data.get("verification") or {}).get("verified")),
        author_login=Login(account["login"]) if account.get("login") else None,
    )


def _identity(data: Mapping[str, Any] | None) -> Identity:
    data = data or {}
    return Identity(data.get("name") or "", data.get("email") or "")
