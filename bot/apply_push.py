"""Pushing: the one place where commits are made and branches moved, by GitHub's git data API."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from bot.github.client import GitHubClient
from bot.github.errors import GitHubError, RefusedError
from bot.github.gate import About
from checks.contribution import Identity, Sha


class MovedError(GitHubError):
    """The branch is no longer where it was: nothing was pushed."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """One path of a commit: its new content and git mode, or None for one that is taken away."""

    path: str
    content: bytes | None
    mode: str = "100644"


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit on top of `parent`. `author` is who GitHub should name; the message is signed off by the same."""

    parent: Sha
    message: str
    files: tuple[NewFile, ...]
    author: Identity


class BranchWriter:
    """Writes to one branch of one repository. Raises the errors of `bot.github.errors`."""

    def __init__(self, client: GitHubClient, about: About, repository: str, branch: str) -> None:
        """`about` is the pull request whose branch it is, mostly in another repository."""
        self._client = client
        self._about = about
        owner, _, name = repository.partition("/")
        self._vars = {"owner": owner, "repo": name}
        self._ref = f"heads/{quote(branch, safe='/')}"

    async def prepare(self, commit: NewCommit) -> Sha:
        """Make the commit, which is on no branch yet; return its SHA.

        GitHub makes the App its author and signs it, as long as nobody else is named. Should it call the App
        something else than the sign-off does, it is made again with the author named, and unsigned.
        """
        parent = await self._client.read(f"{_GIT}/commits/{{sha}}", self._vars | {"sha": commit.parent})
        entries = [await self._entry(file) for file in commit.files]
        tree = await self._write("POST", f"{_GIT}/trees", {"base_tree": parent["tree"]["sha"], "tree": entries})
        body = {"message": commit.message, "tree": tree["sha"], "parents": [commit.parent]}
        made = await self._write("POST", f"{_GIT}/commits", body)
        if (made["author"]["name"], made["author"]["email"]) != (commit.author.name, commit.author.email):
            author = {"name": commit.author.name, "email": commit.author.email}
            made = await self._write("POST", f"{_GIT}/commits", body | {"author": author, "committer": author})
        return Sha(made["sha"])

    async def move(self, before: Sha, after: Sha) -> None:
        """Let the branch point to `after` if it still points to `before`. Never forced.

        Raises MovedError when somebody else has pushed meanwhile.
        """
        if await self._tip() != before:  # a fast forward would bring back what was taken away by force
            raise MovedError("the branch has moved")
        try:
            await self._write("PATCH", f"{_GIT}/refs/{self._ref}", {"sha": after, "force": False})
        except RefusedError as error:
            if error.status == HTTPStatus.UNPROCESSABLE_ENTITY and await self._tip() not in (before, after):
                raise MovedError("the branch has moved") from None
            raise

    async def _tip(self) -> Sha:
        data = await self._client.read(f"{_GIT}/ref/{self._ref}", self._vars)
        return Sha(data["object"]["sha"])

    async def _entry(self, file: NewFile) -> dict[str, Any]:
        entry: dict[str, Any] = {"path": file.path, "mode": file.mode, "type": "blob", "sha": None}
        if file.content is None:
            return entry
        content = base64.b64encode(file.content).decode("ascii")
        blob = await self._write("POST", f"{_GIT}/blobs", {"content": content, "encoding": "base64"})
        return entry | {"sha": blob["sha"]}

    async def _write(self, method: str, url: str, data: Any) -> Any:
        return await self._client.write(self._about, method, url, self._vars, data)


_GIT = "/repos/{owner}/{repo}/git"
