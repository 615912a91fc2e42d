"""The HTTP side: one request in, its answer out, with tokens, limits, ETags, faults and a record of it all."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple

from aiohttp import web

from bot.simulator.access import CORE, GRAPHQL, Gate, Identity
from bot.simulator.changes import Changes
from bot.simulator.faults import Fault, Faults
from bot.simulator.graphql import graphql_routes, is_mutation
from bot.simulator.manifests import Manifests
from bot.simulator.renaming import by_name, moved_to
from bot.simulator.routes_app import app_routes
from bot.simulator.routes_checks import check_routes
from bot.simulator.routes_conversation import conversation_routes
from bot.simulator.routes_deliveries import delivery_routes
from bot.simulator.routes_git import git_routes
from bot.simulator.routes_git_data import git_data_routes
from bot.simulator.routes_hook import hook_routes
from bot.simulator.routes_issues import issue_routes
from bot.simulator.routes_labels import label_routes
from bot.simulator.routes_merging import merge_routes
from bot.simulator.routes_people import people_routes
from bot.simulator.routes_pulls import pull_routes
from bot.simulator.routing import ApiError, Call, NotFoundError, Reply, Route, RouteTable, holds
from bot.simulator.signing_in import SigningIn
from bot.simulator.state import GitHubState

TABLES = (
    pull_routes,
    merge_routes,
    conversation_routes,
    issue_routes,
    label_routes,
    check_routes,
    git_routes,
    git_data_routes,
    people_routes,
    app_routes,
    delivery_routes,
    hook_routes,
    graphql_routes,
)
VARYING = ("Accept", "Authorization")
"""An ETag is only good for the same of these: with a new token everything is new, as on GitHub."""

READ_METHODS = {"GET", "HEAD"}


class RequestLine(NamedTuple):
    """The trace that every request leaves."""

    method: str
    route: str
    path: str
    status: int
    authenticated_as: str

    @property
    def is_write(self) -> bool:
        """Whether it changed something on GitHub; asking for a token does not count."""
        return self.method not in READ_METHODS and not self.route.endswith("/access_tokens")


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request as it came."""

    method: str
    route: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ResponseRecord:
    """A response as it went."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Observer = Callable[[RequestRecord, ResponseRecord], None]


class RestServer:
    """Answers GitHub's REST and GraphQL API on a loopback port."""

    def __init__(
        self, state: GitHubState, changes: Changes, gate: Gate, manifests: Manifests | None = None
    ) -> None:
        self.requests: list[RequestLine] = []
        self.unknown_routes: list[RequestLine] = []
        self.observers: list[Observer] = []
        self.faults = Faults()
        self.signing_in = SigningIn(state)
        self._state = state
        self._changes = changes
        self._gate = gate
        self._manifests = manifests
        self._routes = RouteTable(*TABLES)
        self._runner: web.ServerRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listen on a loopback port, a free one unless told which."""
        server = web.Server(self._serve, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        host, bound_port = self._runner.addresses[0][:2]
        self._state.api_url = f"http://{host}:{bound_port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if self.signing_in.answers(path):
            return await self.signing_in.answer(request)
        if self._manifests is not None and self._manifests.answers(path):
            return await self._manifests.answer(request)
        found = self._routes.find(request.method, by_name(self._state, path))
        query, body = dict(request.query), await request.read()
        template = found[0].template if found else ""
        record = RequestRecord(request.method, template, path, query, request.headers, body)
        if self.faults.delay_s:
            await asyncio.sleep(self.faults.delay_s)
        fault = self.faults.take(request.method, path)
        if fault and not fault.is_done:
            return self._undone(request, record, fault)
        identity, reply = self._answer(record, found)
        content = b"" if reply.payload is None else json.dumps(reply.payload, separators=(",", ":")).encode()
        if request.method == "GET" and reply.status == 200:
            content = _tagged(record, reply, content)
        self._charge(identity, _resource(path), reply)
        self._note(record, reply.status, identity)
        reply.headers["Date"] = self._date()
        response = _response(reply, content)
        for observe in self.observers:
            observe(record, ResponseRecord(reply.status, response.headers, content))
        if fault is not None:
            return await self._spoilt(request, response, content, fault)
        return response

    def _undone(self, request: web.BaseRequest, record: RequestRecord, fault: Fault) -> web.Response:
        """Answer a request with a fault instead of doing what it asks for."""
        self._note(record, fault.status, None)
        kind = "application/json" if fault.body.startswith("{") else "text/html"
        headers = {"Date": self._date(fault.misdated_s), **fault.headers}
        if fault.drops_connection:
            _cut(request)
        return web.Response(text=fault.body, status=fault.status, headers=headers, content_type=kind)

    async def _spoilt(
        self, request: web.BaseRequest, response: web.Response, content: bytes, fault: Fault
    ) -> web.Response:
        """Return the answer to a request that was done, with what a fault makes of it."""
        response.headers["Date"] = self._date(fault.misdated_s)
        if fault.cuts_body:
            response.body = content[: len(content) // 2]
        if fault.stalls_s:
            await asyncio.sleep(fault.stalls_s)
        if fault.drops_connection:
            _cut(request)
        return response

    def _date(self, misdated_s: float = 0.0) -> str:
        return format_datetime(self._state.now() + timedelta(seconds=misdated_s), usegmt=True)

    def _answer(
        self, record: RequestRecord, found: tuple[Route, dict[str, str]] | None
    ) -> tuple[Identity | None, Reply]:
        identity: Identity | None = None
        try:
            identity = self._identify(record.headers.get("Authorization", ""))
            if self._is_used_up(identity, _resource(record.path)):
                return identity, _used_up(identity, _resource(record.path))
            if found is None:
                raise NotFoundError
            route, params = found
            self._check_power(route, identity)
            if (moved := moved_to(self._state, record.method, record.path, record.query)) is not None:
                return identity, moved
            parsed = _parsed(record.body)
            self._check_write_limit(route, parsed)
            sender = (self._state, self._changes, self._gate, identity)
            call = Call(*sender, record.path, params, record.query, parsed, self.faults)
            self._check_reach(call)
            return identity, route.handler(call)
        except ApiError as error:
            return identity, Reply(error.payload, error.status, error.headers)

    def _identify(self, authorization: str) -> Identity:
        scheme, _, token = authorization.partition(" ")
        if not token:
            raise ApiError(401, "Requires authentication")
        if token.count(".") == 2 and scheme.lower() == "bearer":
            refusal = self._gate.refusal_of_jwt(token)
            if refusal:
                raise ApiError(401, refusal)
            return Identity()
        installation = self._gate.installation_of(token)
        if installation is None or scheme.lower() not in {"token", "bearer"}:
            raise ApiError(401, "Bad credentials")
        if installation.suspended_at is not None:
            raise ApiError(403, "This installation has been suspended")
        return Identity(installation)

    def _check_power(self, route: Route, identity: Identity) -> None:
        """Raise unless this kind of token with these permissions may call the route."""
        if route.by_app and identity.installation is not None:
            raise ApiError(401, "A JSON web token could not be decoded")
        if not route.by_app and identity.installation is None and route.template != "/rate_limit":
            raise ApiError(401, "This endpoint requires you to be authenticated with an installation token.")
        if not holds(self._state.app, route.needs):
            raise ApiError(403, "Resource not accessible by integration")

    def _check_reach(self, call: Call) -> None:
        """Raise when a token would act on a repository of another installation."""
        if "owner" not in call.params or call.installation is None or call.repo.installation is call.installation:
            return
        if call.repo.private:
            raise NotFoundError
        is_push_to_fork = "/git/" in call.path and call.repo.parent is not None  # those routes look for themselves
        if call.body is not None and not is_push_to_fork:
            raise ApiError(403, "Resource not accessible by integration")

    def _is_used_up(self, identity: Identity, resource: str) -> bool:
        limit = self._gate.most(resource)
        return limit is not None and self._gate.usage(identity.name, resource).used >= limit

    def _check_write_limit(self, route: Route, parsed: Any) -> None:
        """Raise when content is written too fast; GitHub does not tell which writes it counts, so all are."""
        is_read = route.method in READ_METHODS or route.by_app
        if is_read or (route.template == "/graphql" and not is_mutation(parsed)):
            return
        wait = self._gate.seconds_until_write()
        if wait > 0:
            message = (
                "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. "
                "Please retry your request again later."
            )
            raise ApiError(403, message, headers={"Retry-After": str(int(wait) + 1)})
        self._gate.count_write()

    def _charge(self, identity: Identity | None, resource: str, reply: Reply) -> None:
        """Count the request against its primary limit, and say what is left."""
        if identity is None:
            return
        limit = self._gate.most(resource)
        usage = self._gate.usage(identity.name, resource)
        if reply.status != 304 and (limit is None or usage.used < limit):
            usage.used += 1
        remaining = 1_000_000 if limit is None else max(0, limit - usage.used)
        reply.headers |= {
            "X-RateLimit-Limit": str(limit or 1_000_000),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Used": str(usage.used),
            "X-RateLimit-Reset": str(int(usage.resets_at.timestamp())),
            "X-RateLimit-Resource": resource,
        }

    def _note(self, record: RequestRecord, status: int, identity: Identity | None) -> None:
        """Leave a trace of a request."""
        line = RequestLine(record.method, record.route, record.path, status, identity.name if identity else "")
        self.requests.append(line)
        if not record.route:
            self.unknown_routes.append(line)


def _resource(path: str) -> str:
    return GRAPHQL if path == "/graphql" else CORE


def _used_up(identity: Identity, resource: str) -> Reply:
    """GraphQL says it with status 200, and among the errors."""
    message = f"API rate limit exceeded for {identity.name}."
    if resource == GRAPHQL:
        return Reply({"errors": [{"type": "RATE_LIMITED", "message": message}]})
    refused = ApiError(403, message)
    return Reply(refused.payload, refused.status, refused.headers)


def _tagged(record: RequestRecord, reply: Reply, content: bytes) -> bytes:
    """Give the reply its ETag, or turn it into 304 when the caller has it already."""
    varying = [record.headers.get(name, "") for name in VARYING]
    digest = hashlib.sha256("\n".join(varying).encode() + content).hexdigest()
    reply.headers |= {"ETag": f'W/"{digest}"', "Vary": ", ".join(VARYING)}
    known = {tag.strip().removeprefix("W/") for tag in record.headers.get("If-None-Match", "").split(",")}
    if known & {f'"{digest}"', "*"}:
        reply.status = 304
        return b""
    return content


def _cut(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _response(reply: Reply, content: bytes) -> web.Response:
    headers = {"Server": "github.com", "X-GitHub-Media-Type": "github.v3; format=json", **reply.headers}
    headers["Content-Type"] = "application/json; charset=utf-8"
    return web.Response(body=content or None, status=reply.status, headers=headers)


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise ApiError(400, "Problems parsing JSON") from error
