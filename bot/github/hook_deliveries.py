"""What GitHub says became of the webhooks it sent us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.github.client import GitHubClient
from bot.github.errors import TransientError

_PER_PAGE = "100"


@dataclass(frozen=True, slots=True)
class Sending:
    """One try of GitHub's to tell us something. `guid` is the same for all tries."""

    id: int
    guid: str
    event: str
    repository_id: int  # 0: it is about none
    at: datetime
    arrived: bool  # as far as GitHub knows


@dataclass(frozen=True, slots=True)
class HookConfig:
    """Where GitHub sends what it tells us, and how."""

    url: str
    content_type: str
    verifies_certificate: bool


class HookDeliveries:
    """Reads the App's deliveries; `client` is that of the App itself."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client

    async def config(self) -> HookConfig:
        """Return how the App's webhook is set. Raises GitHubError; NotFoundError where there is none."""
        data = await self._client.read("/app/hook/config")
        if not isinstance(data, dict):
            raise TransientError("an unreadable configuration of the webhook")
        return HookConfig(
            str(data.get("url") or ""),
            str(data.get("content_type") or ""),
            str(data.get("insecure_ssl", "0")) == "0",
        )

    async def newest_first(self, most_pages: int) -> AsyncIterator[list[Sending]]:
        """Yield page after page. Raises TransientError when GitHub cannot be reached."""
        count = 0
        async for page in self._client.pages("/app/hook/deliveries{?per_page}", {"per_page": _PER_PAGE}):
            yield [_sending(item) for item in page]
            count += 1
            if count >= most_pages:
                return


def _sending(item: Any) -> Sending:
    try:
        return Sending(
            id=int(item["id"]),
            guid=str(item["guid"]),
            event=str(item["event"]),
            repository_id=int(item["repository_id"] or 0),
            at=datetime.fromisoformat(item["delivered_at"]),
            arrived=200 <= int(item["status_code"]) < 300,
        )
    except (LookupError, TypeError, ValueError) as error:
        raise TransientError(f"an unreadable list of deliveries ({type(error).__name__})") from None
