"""The simulator as its users hold it: people's acts, a running server, and a record of what happened."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from bot.clock import Clock, SystemClock
from bot.simulator.access import Gate, Limits, process_key_pair
from bot.simulator.changes import Changes
from bot.simulator.faults import Fault, FieldFault, Weather
from bot.simulator.manifests import Manifests
from bot.simulator.people import People
from bot.simulator.server import Observer, RequestLine, RestServer
from bot.simulator.state import DEFAULT_EVENTS, DEFAULT_PERMISSIONS, GitHubState
from bot.simulator.webhooks import Delivery, Outbox, Whims


class Simulator(People):
    """A GitHub of one's own.

    Without a `public_key_pem` it makes the App's key pair itself and `private_key_pem` holds the private key.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        webhook_secret: str = "simulated-secret",  # noqa: S107  # of a server that only loopback reaches
        app_id: int = 1234,
        app_slug: str = "taxonomy-bot",
        public_key_pem: str | None = None,
        webhook_url: str | None = None,
        limits: Limits | None = None,
        permissions: Mapping[str, str] = DEFAULT_PERMISSIONS,
        events: Sequence[str] = DEFAULT_EVENTS,
    ) -> None:
        state = GitHubState(
            clock or SystemClock(), app_id=app_id, app_slug=app_slug, permissions=dict(permissions), events=events
        )
        self.private_key_pem = ""
        if public_key_pem is None:
            pair = process_key_pair()
            self.private_key_pem, public_key_pem = pair.private_pem, pair.public_pem
        self.webhook_secret = webhook_secret
        self.limits = limits or Limits()
        self.gate = Gate(state, self.limits, public_key_pem)
        self._outbox = Outbox(webhook_secret, app_id, state.now)
        self._outbox.webhook_url = webhook_url
        changes = Changes(state, self._outbox)
        self.manifests = Manifests(state, self._outbox, self.private_key_pem)
        self._server = RestServer(state, changes, self.gate, self.manifests)
        super().__init__(state, changes)

    async def start(self, port: int = 0) -> None:
        """Listen on loopback."""
        await self._server.start(port)

    async def stop(self) -> None:
        """Stop listening and sending."""
        await self._outbox.close()
        await self._server.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """The root of the REST API; GraphQL answers at `/graphql` below it."""
        return self.state.api_url

    @property
    def webhook_url(self) -> str | None:
        """Where webhooks are sent; with None they are only recorded."""
        return self._outbox.webhook_url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self._outbox.webhook_url = url

    @property
    def deliveries(self) -> list[Delivery]:
        """All webhooks, oldest first."""
        return self._outbox.deliveries

    @property
    def delivery_observers(self) -> list[Callable[[Delivery], None]]:
        """Called with each new webhook."""
        return self._outbox.observers

    @property
    def observers(self) -> list[Observer]:
        """Called with each request and its response, except those that went wrong on demand."""
        return self._server.observers

    @property
    def requests(self) -> list[RequestLine]:
        """All requests, oldest first."""
        return self._server.requests

    @property
    def unknown_routes(self) -> list[RequestLine]:
        """The requests that no route fits."""
        return self._server.unknown_routes

    @property
    def mark(self) -> int:
        """A point in the record of requests, for `calls_since`."""
        return len(self.requests)

    def calls_since(self, mark: int) -> list[RequestLine]:
        """Return the requests after a mark; `is_write` tells the writes among them."""
        return self.requests[mark:]

    async def settle(self) -> None:
        """Wait until all webhooks have been delivered."""
        await self._outbox.settle()

    def redeliver(self, delivery: Delivery) -> None:
        """Send a webhook once more, under the same id."""
        self._outbox.send(delivery)

    def fail_next(
        self,
        method: str,
        route_pattern: str,
        *,
        status: int = 502,
        body: str = "<html><body>Unicorn!</body></html>",
        headers: Mapping[str, str] | None = None,
        times: int = 1,
    ) -> None:
        """Let the next requests whose path fits fail, undone."""
        fault = Fault(method, re.compile(route_pattern), times, status, body, dict(headers or {}))
        self._server.faults.order(fault)

    def fail_next_field(
        self, name: str, *, kind: str, message: str = "Something went wrong", skips: int = 0
    ) -> None:
        """Let the next GraphQL field of a name fail, undone, after `skips` that go well; other fields are done."""
        self._server.faults.order_for_field(FieldFault(name, kind, message, skips))

    def drop_next_response(self, method: str, route_pattern: str, *, times: int = 1) -> None:
        """Do what the next fitting requests ask for, then close the connection without an answer."""
        fault = Fault(method, re.compile(route_pattern), times, drops_connection=True, is_done=True)
        self._server.faults.order(fault)

    def have_weather(self, weather: Weather | None) -> None:
        """Ask at every request that no ordered fault strikes whether something else does; None: fair again."""
        self._server.faults.weather = weather

    def have_whims(self, whims: Whims | None) -> None:
        """Ask of every webhook what becomes of it on its way; None: each is sent once, at once."""
        self._outbox.whims = whims

    def delay(self, seconds: float) -> None:
        """Let every answer take that much longer."""
        self._server.faults.delay_s = seconds
