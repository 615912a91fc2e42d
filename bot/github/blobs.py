"""Reading very many blobs: by GraphQL, many in one request, where each would cost a GET of its own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from bot.github.client import GitHubClient
from bot.github.errors import NotFoundError, TransientError
from bot.github.limits import Pool

MOST_AT_ONCE = 60
MOST_BYTES_AT_ONCE = 1024**2
_LEAST_BUDGET = 500  # points of the hour that are left to whatever people wait for
_FRAGMENT = " on Blob { text isTruncated }"
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class ManyBlobs:
    """Reads one repository. Raises the errors of `bot.github.errors`."""

    def __init__(self, client: GitHubClient, repository: str) -> None:
        self._client = client
        self._owner, _, self._name = repository.partition("/")

    async def texts(self, sizes: Mapping[str, int]) -> AsyncIterator[dict[str, str]]:
        """Yield the texts of blobs by SHA, some at a time; what is binary, cut short or gone is left out.

        `sizes` are the blobs' bytes by SHA. Raises TransientError where the hour's budget runs low.
        """
        for batch in _batches(sizes):
            yield await self._read(batch)
            budget = self._client.limits.left(Pool.GRAPHQL)
            if budget is not None and budget.remaining < _LEAST_BUDGET:
                raise TransientError("our GitHub budget of this hour is kept for what people wait for")

    async def _read(self, batch: list[str]) -> dict[str, str]:
        asked = "\n".join(f'b{n}: object(oid: "{sha}") {{ ...{_FRAGMENT} }}' for n, sha in enumerate(batch))
        document = (
            "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { nameWithOwner\n"
            f"{asked} }} }}"
        )
        found = await self._client.query(document, {"owner": self._owner, "name": self._name})
        repository: Mapping[str, Any] | None = found.get("repository")
        if repository is None:
            raise NotFoundError("GitHub shows no such repository")
        blobs = ((sha, repository.get(f"b{n}") or {}) for n, sha in enumerate(batch))
        return {sha: blob["text"] for sha, blob in blobs if blob.get("text") and not blob["isTruncated"]}


def _batches(sizes: Mapping[str, int]) -> list[list[str]]:
    """Return the blobs in batches, none with more blobs or bytes than GitHub answers in time."""
    batches: list[list[str]] = []
    held = MOST_BYTES_AT_ONCE
    for sha, size in sizes.items():
        if not _SHA.fullmatch(sha):
            continue
        held += size
        if held > MOST_BYTES_AT_ONCE or len(batches[-1]) == MOST_AT_ONCE:
            batches.append([])
            held = size
        batches[-1].append(sha)
    return batches
