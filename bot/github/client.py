"""The HTTP client: gidgethub with our tokens, pinned host, ETag cache, paced writes, bounded retries."""

from __future__ import annotations

import random
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import aiohttp
import gidgethub
import structlog
from gidgethub.aiohttp import GitHubAPI
from gidgethub.sansio import RateLimit
from pydantic import SecretStr
from yarl import URL

from bot.clock import Clock
from bot.github.errors import GitHubError, NotFoundError, RefusedError, TransientError
from bot.github.gate import About, Gate, Shut
from bot.github.graphql import Mutated, outcome_of
from bot.github.limits import HourlyLimits, Pool
from bot.github.pacing import Pace, WriteLimits, WritePacer
from bot.github.tokens import AccessToken, AppTokens
from bot.metrics.github import CALL_S, CALLS, kind_of
from bot.version import own_version
from pipeline import tracing

log = structlog.get_logger()

REQUESTER = f"taxonomy-bot/{own_version()}"
_MAX_TRIES = 3
_MOST_MOVES = 3  # from one name of a repository to the next
_MOVED = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
_LONGEST_WAIT_S = 60.0  # a longer Retry-After is left to the delivery's own retry

_UNREADABLE = (ValueError, LookupError, TypeError)  # what an HTML page or JSON cut short leads to
_CACHED_BYTES = 32 * 1024**2
_NEVER_CHANGES = ("/git/blobs/", "/git/trees/", "/git/commits/", "/compare/")  # by SHA: read once, never again

_NOWHERE = About(0)

MayWrite = Callable[[], None]
CacheEntry = tuple[str | None, str | None, Any, str | None]


class EtagCache(MutableMapping[str, CacheEntry]):
    """The newest answers by URL, so that an unchanged one costs GitHub and our budget nothing.

    Bounded in bytes; what a SHA names is not kept at all, because it is hardly ever asked for twice.
    """

    def __init__(self, most_bytes: int = _CACHED_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._sizes: dict[str, int] = {}
        self._entries: OrderedDict[str, CacheEntry] = OrderedDict()
        self.answer_bytes = 0  # of the answer that is about to be kept

    def __getitem__(self, url: str) -> CacheEntry:
        self._entries.move_to_end(url)
        return self._entries[url]

    def __setitem__(self, url: str, entry: CacheEntry) -> None:
        if any(part in url for part in _NEVER_CHANGES) or self.answer_bytes > self._most_bytes:
            return
        if url in self._entries:
            del self[url]
        self._entries[url] = entry
        self._sizes[url] = self.answer_bytes
        self._bytes += self.answer_bytes
        while self._bytes > self._most_bytes:
            del self[next(iter(self._entries))]

    def __delitem__(self, url: str) -> None:
        del self._entries[url]
        self._bytes -= self._sizes.pop(url)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


@dataclass
class CallCount:
    """How many requests were sent, by kind."""

    reads: int = 0
    writes: int = 0

    @property
    def total(self) -> int:
        """All requests."""
        return self.reads + self.writes


_COUNTED: ContextVar[CallCount | None] = ContextVar("counted", default=None)


@contextmanager
def counted_calls() -> Iterator[CallCount]:
    """Count the requests that are sent meanwhile, here and by tasks that are begun here."""
    count = CallCount()
    before = _COUNTED.set(count)
    try:
        yield count
    finally:
        _COUNTED.reset(before)


class GitHubClient(GitHubAPI):
    """One installation's client, or the App's own. Every method raises only the errors of `bot.github.errors`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        graphql_url: str,
        tokens: AppTokens,
        installation_id: int | None,
        app_id: int,
        pacer: WritePacer,
        clock: Clock,
        gate: Gate,
        may_write: MayWrite | None = None,
        only_reads: bool = False,
    ) -> None:
        """Each write has to pass `gate`; with `only_reads`, every one is refused here, before anything is sent."""
        self._gate = gate
        self._only_reads = only_reads
        self._etags = EtagCache()
        self.limits = HourlyLimits(clock)
        super().__init__(session, REQUESTER, cache=self._etags, base_url=base_url)
        self._origins = {URL(base_url).origin(), URL(graphql_url).origin()}
        self._graphql_url = graphql_url
        self._tokens = tokens
        self._installation_id = installation_id
        self.own_app_id = app_id  # what our own comments are known by
        self._pacer = pacer
        self._clock = clock
        self._may_write = may_write

    @property
    def rate_limit(self) -> None:
        """Nothing: `limits` knows. What gidgethub would keep takes both pools for one, and hears no refusals."""

    @rate_limit.setter
    def rate_limit(self, told: RateLimit | None) -> None:
        """Leave it out."""

    @property
    def pace(self) -> Pace:
        """How many writes may go now."""
        return self._pacer.pace()

    async def read(self, url: str, url_vars: Mapping[str, str] | None = None) -> Any:
        """GET one item."""
        return await self._call("GET", url, url_vars, b"")

    async def read_all(self, url: str, url_vars: Mapping[str, str] | None = None, key: str = "") -> list[Any]:
        """GET every page of a list; `key` names the list where GitHub wraps it in an object."""
        return [item async for page in self.pages(url, url_vars) for item in (page[key] if key else page)]

    async def pages(self, url: str, url_vars: Mapping[str, str] | None = None) -> AsyncIterator[Any]:
        """GET page after page, following the Link headers."""
        following: str | None = url
        while following:
            data, following = await self._try("GET", following, url_vars, b"")
            url_vars = None
            yield data

    async def write(
        self,
        about: About | None,
        method: str,
        url: str,
        url_vars: Mapping[str, str] | None = None,
        data: Any = b"",
    ) -> Any:
        """POST, PATCH, PUT or DELETE. Sent once the pacer lets it; an unknown outcome is not repeated.

        `about` is what the gate is asked about; None is only for the App's own affairs. Raises SilentError.
        """
        return await self._call(method, url, url_vars, data, about)

    async def mutate(self, about: About, document: str, variables: dict[str, Any]) -> Mutated:
        """Run a GraphQL mutation and return what it did, wholly or in part; an unknown outcome is not repeated.

        Raises NotFoundError, RefusedError or TransientError when nothing of it was done, or nobody knows.
        """
        data = {"query": document, "variables": variables}
        answer = await self._call("POST", self._graphql_url, None, data, about)
        return outcome_of(answer, self._limited_for_s())

    async def query(self, document: str, variables: dict[str, Any]) -> Mapping[str, Any]:
        """Run a GraphQL query and return what it found. It changes nothing: it counts and is repeated like a GET.

        Raises NotFoundError, RefusedError or TransientError when nothing was found, or only a part of it could be.
        """
        data = {"query": document, "variables": variables}
        answer, _ = await self._try("POST", self._graphql_url, None, data, is_read=True)
        found = outcome_of(answer, self._limited_for_s())
        if found.error is not None:
            raise found.error
        return found.data

    async def sleep(self, seconds: float) -> None:
        """Wait by the bot's own clock."""
        await self._clock.sleep(seconds)

    async def _call(
        self, method: str, url: str, url_vars: Mapping[str, str] | None, data: Any, about: About | None = None
    ) -> Any:
        answer, _ = await self._try(method, url, url_vars, data, about)
        return answer

    async def _try(
        self,
        method: str,
        url: str,
        url_vars: Mapping[str, str] | None,
        data: Any,
        about: About | None = None,
        *,
        is_read: bool = False,
    ) -> tuple[Any, str | None]:
        """Send the request; wait and repeat what is safe to repeat, at most twice."""
        is_read = is_read or method == "GET"
        if self._only_reads and not is_read:
            raise GitHubError(f"refused to write ({method}): this was only to be looked at")
        if not is_read and (about is not None or self._installation_id is not None):
            await self._gate.check(about or _NOWHERE)
        for attempt in range(1, _MAX_TRIES + 1):
            try:
                return await self._send(method, url, url_vars, data, is_read=is_read)
            except TransientError as error:
                wait_s = error.retry_after_s if error.retry_after_s is not None else 0.2 * 4**attempt
                if error.retry_after_s is not None and not is_read:
                    self._pacer.pause(wait_s)
                safe = is_read or error.retry_after_s is not None  # refused by a limit: not performed
                if not safe or attempt == _MAX_TRIES or wait_s > _LONGEST_WAIT_S:
                    raise
                log.info("github.retry", method=method, attempt=attempt, wait_s=round(wait_s, 1))
                await self._clock.sleep(wait_s * random.uniform(1.0, 1.2))  # noqa: S311 - jitter, no secret
            except _ExpiredTokenError:
                if self._installation_id is not None:
                    self._tokens.forget(self._installation_id)
        raise TransientError("GitHub keeps refusing our token")

    async def _send(
        self, method: str, url: str, url_vars: Mapping[str, str] | None, data: Any, *, is_read: bool
    ) -> tuple[Any, str | None]:
        if not is_read:
            await self._pacer.admit()
        if (count := _COUNTED.get()) is not None:
            count.reads += is_read
            count.writes += not is_read
        token, signed = await self._credentials()
        if method != "GET" and self._may_write is not None:
            self._may_write()
        try:
            answer, more, _ = await self._make_request(
                method, url, url_vars or {}, data, "application/vnd.github+json", jwt=signed, oauth_token=token
            )
        except gidgethub.GitHubException as error:
            raise _translated(error, self._clock.now()) from None
        except (TimeoutError, aiohttp.ClientError) as error:
            raise TransientError(f"no answer from GitHub ({type(error).__name__})") from None
        except _UNREADABLE as error:
            raise TransientError(f"an unreadable answer from GitHub ({type(error).__name__})") from None
        return answer, more

    async def _credentials(self) -> tuple[str | None, str | None]:
        """Return what we sign in with: the installation's token, or the App's JWT."""
        if self._installation_id is None:
            return None, self._tokens.app_jwt()
        return await self._tokens.installation(self._installation_id), None

    def _limited_for_s(self) -> float:
        """Return how long GraphQL's limit lasts, of which it tells with status 200."""
        budget = self.limits.left(Pool.GRAPHQL)
        if budget is None or budget.remaining > 0:
            return _LONGEST_WAIT_S
        return max(1.0, (budget.reset_datetime - self._clock.now()).total_seconds())

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send it, and follow a renamed repository to its new place: what was sent on was not performed."""
        place = URL(url)
        for _ in range(_MOST_MOVES + 1):
            if place.origin() not in self._origins:
                raise GitHubError("refused to send our token to another host")
            kind, began, status = kind_of(method, place.path), time.perf_counter(), "none"
            try:
                with tracing.span(f"github {kind}", method=method):
                    async with self._session.request(
                        method, place, headers=headers, data=body, allow_redirects=False
                    ) as response:
                        status = str(response.status)
                        content = await response.read()
                    tracing.note(status=response.status)
            finally:
                CALLS.add(kind, status)
                CALL_S.note(time.perf_counter() - began, kind)
            if response.status not in _MOVED or "Location" not in response.headers:
                break
            place = place.join(URL(response.headers["Location"]))
        self.limits.note(response.headers, Pool.GRAPHQL if kind == "graphql" else Pool.CORE)
        self._etags.answer_bytes = len(content)
        if response.status >= HTTPStatus.MULTIPLE_CHOICES and response.status != HTTPStatus.NOT_MODIFIED:
            if response.status == HTTPStatus.UNAUTHORIZED and self._installation_id is None:
                self._tokens.note_their_time(response.headers.get("Date", ""))
            _raise_for_limits(response.status, response.headers, content, self._clock.now())
        return response.status, response.headers, content


class _ExpiredTokenError(Exception):
    """401: the token died before its time."""


def _raise_for_limits(status: int, headers: Mapping[str, str], content: bytes, now: datetime) -> None:
    if status == HTTPStatus.UNAUTHORIZED:
        raise _ExpiredTokenError
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        if "Retry-After" in headers:
            raise TransientError("GitHub asked us to slow down", _seconds(headers["Retry-After"]))
        if headers.get("X-RateLimit-Remaining") == "0":
            raise TransientError("our GitHub budget of this hour is used up", _until(headers, now))
        if b"secondary rate limit" in content:
            raise TransientError("GitHub asked us to slow down", _LONGEST_WAIT_S)


def _seconds(value: str) -> float:
    return float(value) if value.isdigit() else _LONGEST_WAIT_S


def _until(headers: Mapping[str, str], now: datetime) -> float:
    reset = headers.get("X-RateLimit-Reset", "")
    return max(1.0, int(reset) - now.timestamp()) if reset.isdigit() else _LONGEST_WAIT_S


def _translated(error: gidgethub.GitHubException, now: datetime) -> GitHubError:
    if isinstance(error, gidgethub.RateLimitExceeded):
        wait_s = (error.rate_limit.reset_datetime - now).total_seconds()
        return TransientError("our GitHub budget of this hour is used up", max(1.0, wait_s))
    if isinstance(error, gidgethub.GitHubBroken):
        return TransientError(f"GitHub answered {int(error.status_code)}")
    if isinstance(error, gidgethub.RedirectionException):
        return RefusedError("the repository has moved", int(error.status_code))
    if isinstance(error, gidgethub.HTTPException):
        status = int(error.status_code)
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return NotFoundError(f"GitHub answered {status}")
        return RefusedError(f"GitHub answered {status}: {str(error)[:200]}", status)
    return TransientError(f"an answer we do not understand ({type(error).__name__})")


class _TimeKeeper(GitHubAPI):
    """Keeps what the newest answer says of the time at GitHub."""

    date = ""

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        answer = await super()._request(method, url, headers, body)
        self.date = answer[1].get("Date", "")
        return answer


class GitHubApp:
    """Our App on GitHub: hands out one client per installation, all sharing a session and a pacer each."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        graphql_url: str,
        app_id: int,
        private_key: SecretStr,
        clock: Clock,
        write_limits: WriteLimits,
        may_write: MayWrite | None = None,
        only_reads: bool = False,
        gate: Gate | None = None,
        sharers: Callable[[], int] | None = None,
    ) -> None:
        """`may_write` is asked before each write, and raises TransientError where there is to be none.

        `gate` says where we may write; without one, nowhere. `sharers` says how many processes write as this App
        now, this one included.
        """
        self._gate = gate or Shut()
        self._session = session
        self._only_reads = only_reads
        self._base_url = base_url
        self._graphql_url = graphql_url
        self._clock = clock
        self._write_limits = write_limits
        self._may_write = may_write
        self._sharers = sharers or (lambda: 1)
        self._tokens = AppTokens(app_id, private_key, clock, self._fetch_token)
        self._clients: dict[int | None, GitHubClient] = {}
        self._app_id = app_id
        self._own_login = ""

    @property
    def app_id(self) -> int:
        """The App's id: what we know our own comments and check runs by."""
        return self._app_id

    def itself(self) -> GitHubClient:
        """Return the client of the App itself, for what belongs to no installation."""
        return self._client(None)

    def installation(self, installation_id: int) -> GitHubClient:
        """Return the client of one installation; always the same one, with its cache and its pacing."""
        return self._client(installation_id)

    def budgets(self) -> dict[tuple[str, Pool], tuple[int, int]]:
        """Return how much each installation has left of each pool, and of how much, as GitHub said in this hour.

        "app" is the App itself.
        """
        known = ((key, pool, client.limits.left(pool)) for key, client in self._clients.items() for pool in Pool)
        return {
            (str(key or "app"), pool): (limit.remaining, limit.limit)
            for key, pool, limit in known
            if limit is not None
        }

    def _client(self, installation_id: int | None) -> GitHubClient:
        if installation_id not in self._clients:
            self._clients[installation_id] = GitHubClient(
                self._session,
                base_url=self._base_url,
                graphql_url=self._graphql_url,
                tokens=self._tokens,
                installation_id=installation_id,
                app_id=self._app_id,
                pacer=WritePacer(self._clock, self._write_limits, self._sharers),
                clock=self._clock,
                gate=self._gate,
                may_write=self._may_write,
                only_reads=self._only_reads,
            )
        return self._clients[installation_id]

    async def own_login(self) -> str:
        """Return the login of the App's bot account, asked for once. Raises TransientError."""
        if not self._own_login:
            anonymous = GitHubAPI(self._session, REQUESTER, base_url=self._base_url)
            try:
                answer = await anonymous.getitem("/app", jwt=self._tokens.app_jwt())
                self._own_login = f"{answer['slug']}[bot]"
            except (gidgethub.GitHubException, TimeoutError, aiohttp.ClientError, *_UNREADABLE) as error:
                raise TransientError(f"GitHub did not say who we are ({type(error).__name__})") from None
        return self._own_login

    async def installation_of(self, full_name: str) -> int | None:
        """Return the id of our installation that covers a repository, None for none. Raises TransientError."""
        anonymous = GitHubAPI(self._session, REQUESTER, base_url=self._base_url)
        owner, _, name = full_name.partition("/")
        url_vars = {"owner": owner, "name": name}
        try:
            answer = await anonymous.getitem(
                "/repos/{owner}/{name}/installation", url_vars, jwt=self._tokens.app_jwt()
            )
            return int(answer["id"])
        except gidgethub.HTTPException as error:
            if int(error.status_code) == HTTPStatus.NOT_FOUND:
                return None
            raise TransientError(f"GitHub did not say where we are installed ({int(error.status_code)})") from None
        except (gidgethub.GitHubException, TimeoutError, aiohttp.ClientError, *_UNREADABLE) as error:
            raise TransientError(f"GitHub did not say where we are installed ({type(error).__name__})") from None

    async def _fetch_token(self, installation_id: int, app_jwt: str) -> AccessToken:
        anonymous = _TimeKeeper(self._session, REQUESTER, base_url=self._base_url)
        try:
            answer = await anonymous.post(
                f"/app/installations/{installation_id}/access_tokens", data=b"", jwt=app_jwt
            )
            return AccessToken(SecretStr(answer["token"]), datetime.fromisoformat(answer["expires_at"]))
        except gidgethub.HTTPException as error:
            status = int(error.status_code)
            if status == HTTPStatus.UNAUTHORIZED:
                self._tokens.note_their_time(anonymous.date)
            log.error("github.no_token", installation=installation_id, status=status)
            # a clock that is off, a key being rotated, a suspended App, a limit: none is for the author to mend
            raise TransientError(f"GitHub gave us no access token ({status})") from None
        except (gidgethub.GitHubException, TimeoutError, aiohttp.ClientError, *_UNREADABLE) as error:
            raise TransientError(f"GitHub gave us no access token ({type(error).__name__})") from None
