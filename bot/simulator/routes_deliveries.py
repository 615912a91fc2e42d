"""Routes that tell an App what became of its webhooks, and send one again."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from bot.simulator.payloads import moment
from bot.simulator.routing import ApiError, Call, NotFoundError, Reply, RouteTable
from bot.simulator.webhooks import Attempt, Delivery

delivery_routes = RouteTable()

_CURSOR = "v1_"
_PER_PAGE, _MOST_PER_PAGE = 30, 100
_NO_ANSWER = 502


@delivery_routes.add("GET", "/app/hook/deliveries", by_app=True)
def list_deliveries(call: Call) -> Reply:
    """Every attempt to deliver something, the newest first; a cursor leads to the next page."""
    asked = call.query.get("per_page", "")
    size = min(int(asked), _MOST_PER_PAGE) if asked.isdigit() and int(asked) else _PER_PAGE
    newest = _newest(call.query.get("cursor"))
    older = [each for each in call.changes.outbox.attempts if newest is None or each[1].id <= newest]
    headers = {}
    if len(older) > size:
        following = urlencode({**call.query, "cursor": f"{_CURSOR}{older[size][1].id}"})
        headers["Link"] = f'<{call.state.api_url}{call.path}?{following}>; rel="next"'
    return Reply([_attempt_json(call, *each) for each in older[:size]], headers=headers)


@delivery_routes.add("POST", "/app/hook/deliveries/{delivery_id}/attempts", by_app=True)
def send_again(call: Call) -> Reply:
    """Send the webhook of an attempt once more, under the same GUID."""
    number = call.number("delivery_id")
    for delivery, attempt in call.changes.outbox.attempts:
        if attempt.id == number:
            call.changes.outbox.send(delivery)
            return Reply({}, status=202)
    raise NotFoundError


def _newest(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    number = cursor.removeprefix(_CURSOR)
    if number == cursor or not number.isdigit():
        raise ApiError(422, "Invalid cursor")
    return int(number)


def _attempt_json(call: Call, delivery: Delivery, attempt: Attempt) -> dict[str, Any]:
    status = _NO_ANSWER if attempt.status is None else attempt.status
    words = "OK" if status < 300 else f"Invalid HTTP Response: {status}"
    repository, installation = delivery.payload.get("repository"), delivery.payload.get("installation")
    return {
        "id": attempt.id,
        "guid": delivery.guid,
        "delivered_at": moment(attempt.at),
        "redelivery": attempt.is_again,
        "duration": 0.05,
        "status": "failed to connect to host" if attempt.status is None else words,
        "status_code": status,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": installation["id"] if installation else None,
        "repository_id": repository["id"] if repository else None,
        "throttled_at": None,
    }
