"""Orders given on the pages: on disk before they are answered, then handled like a comment, in the same order."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.events import PAGE, PAGE_ORDER, Account, Origin
from bot.inbox import Inbox
from bot.store.deliveries import Delivery, DeliveryState, DeliveryStore


@dataclass(frozen=True, slots=True)
class PageOrder:
    """One command of one person. `form` tells one showing of a form from the next: sent twice, it counts once."""

    origin: Origin
    number: int
    actor: Account
    command: str  # without its slash
    arguments: str
    head_sha: str  # the commit that the page showed
    form: str
    at: datetime

    @property
    def token(self) -> str:
        """What the order is known by. Nobody else's order comes to the same, whatever their form says."""
        said = (
            self.origin.repository_id,
            self.number,
            self.actor.id,
            self.command,
            self.arguments,
            self.head_sha,
            self.form,
        )
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:40]


class OrderState(StrEnum):
    """What has come of an order."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"  # our fault, or GitHub's


@dataclass(frozen=True, slots=True)
class Receipt:
    """How an order stands. `told` is Markdown of ours: why it was refused, or what went wrong."""

    state: OrderState
    told: str = ""


class PageOrders:
    """Takes orders, and says what has come of them."""

    def __init__(self, inbox: Inbox, deliveries: DeliveryStore) -> None:
        self._inbox = inbox
        self._deliveries = deliveries

    async def give(self, order: PageOrder) -> str:
        """Store an order and return its token. Given again, it is carried out once, unless it had failed."""
        await self._inbox.put(_delivery(order))
        return order.token

    async def receipt(self, repository_id: int, number: int, token: str) -> Receipt | None:
        """Return how an order on a pull request stands; None for one that is not known there (any more)."""
        outcome = await self._deliveries.outcome_of(PAGE + token, _subject(repository_id, number))
        if outcome is None:
            return None
        state, told = outcome
        if state is DeliveryState.DONE:
            return Receipt(OrderState.REFUSED, told) if told else Receipt(OrderState.DONE)
        return Receipt(OrderState.FAILED if state is DeliveryState.FAILED else OrderState.WAITING, told)


def _delivery(order: PageOrder) -> Delivery:
    origin, actor = order.origin, order.actor
    payload = {
        "repository": {"id": origin.repository_id, "full_name": origin.full_name},
        "installation": {"id": origin.installation_id},
        "sender": {"login": actor.login, "id": actor.id, "type": "User"},
        "number": order.number,
        "text": f"/{order.command} {order.arguments}".strip(),
        "commit": order.head_sha,
        "at": order.at.isoformat(),
    }
    subject = _subject(origin.repository_id, order.number)
    return Delivery(
        PAGE + order.token, PAGE_ORDER, origin.repository_id, subject, json.dumps(payload).encode(), order.at
    )


def _subject(repository_id: int, number: int) -> str:
    """Return the lane: the one of all that GitHub tells of the pull request."""
    return f"{repository_id}#{number}"
