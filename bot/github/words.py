"""Who has edited what people said: only GraphQL tells. One request for all that is said about a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.github.client import GitHubClient
from bot.github.errors import NotFoundError

_DOCUMENT = """query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    nameWithOwner
    pullRequest(number: $number) {
      comments(last: 100) {
        totalCount
        nodes { fullDatabaseId lastEditedAt author { login } editor { login } }
      }
      reviews(last: 100) {
        totalCount
        nodes { fullDatabaseId state lastEditedAt author { login } editor { login } }
      }
    }
  }
}"""


@dataclass(frozen=True, slots=True)
class Words:
    """What became of one comment or review. `edited_by` is empty while it is its author's own words."""

    edited_by: str
    edited_at: datetime | None
    is_dismissed: bool


@dataclass(frozen=True, slots=True)
class AllWords:
    """What is said about a pull request, by source: "comment:77". `is_all`: nothing older was left out."""

    by_source: Mapping[str, Words]
    is_all: bool


async def words_of(client: GitHubClient, repository: str, number: int) -> AllWords:
    """Return what became of the words about a pull request. Raises the errors of `bot.github.errors`."""
    owner, _, name = repository.partition("/")
    found = await client.query(_DOCUMENT, {"owner": owner, "name": name, "number": number})
    pull = (found.get("repository") or {}).get("pullRequest")
    if pull is None:
        raise NotFoundError("GitHub shows no such pull request")
    by_source = dict([*_read("comment", pull["comments"]), *_read("review", pull["reviews"])])
    shown = sum(len(pull[kind]["nodes"]) for kind in ("comments", "reviews"))
    return AllWords(by_source, shown == sum(pull[kind]["totalCount"] for kind in ("comments", "reviews")))


def _read(kind: str, connection: Mapping[str, Any]) -> Iterator[tuple[str, Words]]:
    for node in connection["nodes"]:
        author, editor = node["author"] or {}, node["editor"] or {}
        is_others = bool(editor) and editor.get("login") != author.get("login")
        edited_at = datetime.fromisoformat(node["lastEditedAt"]) if node["lastEditedAt"] else None
        words = Words(editor["login"] if is_others else "", edited_at, node.get("state") == "DISMISSED")
        yield f"{kind}:{node['fullDatabaseId']}", words
