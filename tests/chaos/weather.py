"""Bad weather: what goes wrong with the calls to GitHub, and with its webhooks on their way, by a seed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from random import Random

from bot.simulator import Delivery, Fault, Repository, Simulator, Whim

_FRESH = timedelta(seconds=3)  # so long GitHub may not find what was made a moment ago
_LIMITED_S = 1
_MISDATED_S = 900.0
_UNICORN = "<html><body><h1>Unicorn!</h1><p>This page is taking too long to load.</p></body></html>"


class Kind(StrEnum):
    """What may strike a call."""

    PRIMARY_LIMIT = "primary rate limit"
    SECONDARY_LIMIT = "secondary rate limit"
    SERVER_ERROR = "500 or 503"
    HTML_PAGE = "502 with an HTML page"
    CUT_JSON = "done, JSON cut short"
    NOT_FOUND_YET = "404 right after it was made"
    VANISHED_COMMIT = "422 commit unknown"
    EXPIRED_TOKEN = "401 token expired"
    TIMED_OUT = "done, then no answer in time"
    MISDATED = "Date a quarter of an hour off"
    CUT_BEFORE = "connection cut, undone"
    CUT_AFTER = "connection cut, done"


class Weather:
    """Strikes a share of the calls, and keeps count of what it did."""

    def __init__(
        self, random: Random, github: Simulator, repo: Repository, *, share: float, stall_s: float
    ) -> None:
        self._random = random
        self._github = github
        self._repo = repo
        self._share = share
        self._stall_s = stall_s
        self.struck: Counter[Kind] = Counter()
        self.calls = 0

    def strike(self, method: str, path: str) -> Fault | None:
        "Return what goes wrong with a call, if anything."
        self.calls += 1
        if self._random.random() >= self._share:
            return None
        kinds = [kind for kind in Kind if self._may_be(kind, method, path)]
        kind = self._random.choice(kinds)
        self.struck[kind] += 1
        if kind is Kind.VANISHED_COMMIT and path == "/graphql":
            self._github.fail_next_field("createCheckRun", kind="NOT_FOUND", message="Could not resolve to a node")
            return None
        return self._fault(kind)

    def _may_be(self, kind: Kind, method: str, path: str) -> bool:
        """Tell whether GitHub could answer this call so: it does not deny what has been there for long."""
        if kind is Kind.NOT_FOUND_YET:
            return path != "/graphql" and self._is_fresh(path)
        if kind is Kind.VANISHED_COMMIT:
            return (
                (path == "/graphql" or "/commits/" in path) and method in ("GET", "POST") and self._has_pushed(path)
            )
        if kind is Kind.EXPIRED_TOKEN:
            return not path.startswith("/app")
        return True

    def _is_fresh(self, path: str) -> bool:
        since = self._github.state.now() - _FRESH
        if found := re.search(r"/(?:pulls|issues)/(\d+)", path):
            pull = self._repo.pulls.get(int(found[1]))
            return pull is not None and pull.created_at > since
        if found := re.search(r"/issues/comments/(\d+)", path):
            comment = self._repo.comments.get(int(found[1]))
            return comment is not None and comment.created_at > since
        if found := re.search(r"/check-runs/(\d+)", path):
            run = self._repo.runs.get(int(found[1]))
            return run is not None and run.started_at > since
        return False

    def _has_pushed(self, path: str) -> bool:
        """Tell whether the commit of a path has just come; GraphQL names none there, so any that has."""
        since = self._github.state.now() - _FRESH
        fresh = (pull for pull in self._repo.pulls.values() if pull.updated_at > since)
        return any(path == "/graphql" or pull.head_sha in path for pull in fresh)

    def _fault(self, kind: Kind) -> Fault:
        reset = int((self._github.state.now()).timestamp()) + _LIMITED_S
        match kind:
            case Kind.PRIMARY_LIMIT:
                headers = {
                    "X-RateLimit-Limit": "5000",
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": str(reset),
                }
                return _answer(403, "API rate limit exceeded for installation ID 1.", headers)
            case Kind.SECONDARY_LIMIT:
                words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
                return _answer(self._random.choice([403, 429]), words, {"Retry-After": str(_LIMITED_S)})
            case Kind.SERVER_ERROR:
                return _answer(self._random.choice([500, 503]), "Server Error")
            case Kind.HTML_PAGE:
                return Fault("*", _ANY, 1, 502, _UNICORN)
            case Kind.CUT_JSON:
                return Fault("*", _ANY, 1, is_done=True, cuts_body=True)
            case Kind.NOT_FOUND_YET:
                return _answer(404, "Not Found")
            case Kind.VANISHED_COMMIT:
                return _answer(422, "No commit found for SHA")
            case Kind.EXPIRED_TOKEN:
                return _answer(401, "Bad credentials")
            case Kind.TIMED_OUT:
                return Fault("*", _ANY, 1, is_done=True, stalls_s=self._stall_s, drops_connection=True)
            case Kind.MISDATED:
                return Fault("*", _ANY, 1, is_done=True, misdated_s=_MISDATED_S)
            case Kind.CUT_BEFORE:
                return Fault("*", _ANY, 1, drops_connection=True)
            case Kind.CUT_AFTER:
                return Fault("*", _ANY, 1, is_done=True, drops_connection=True)


class Post:
    """What becomes of the webhooks that tell of people's acts, and how many of each there were."""

    UNSENT, REFUSED, DOUBLED, LATE = 0.05, 0.02, 0.10, 0.25
    _LATEST_S, _AGAIN_S = 6.0, 12.0

    def __init__(self, random: Random, is_ours: Callable[[Delivery], bool]) -> None:
        self._random = random
        self._is_ours = is_ours
        self.seen: Counter[str] = Counter()

    def whim(self, delivery: Delivery) -> Whim:
        "Return what becomes of a webhook; those of the bots' own acts arrive as they are."
        if not self._is_ours(delivery):
            return Whim()
        self.seen["people's"] += 1
        chance = self._random.random()
        if chance < self.UNSENT:
            leaves_no_trace = delivery.event == "check_suite"
            self.seen["unsent"] += 1
            return Whim((), is_refused=leaves_no_trace)
        if chance < self.UNSENT + self.REFUSED:
            self.seen["refused at first"] += 1
            return Whim((), is_refused=True)
        first = self._random.uniform(0.5, self._LATEST_S) if self._random.random() < self.LATE else 0.0
        self.seen["late"] += bool(first)
        if self._random.random() < self.DOUBLED:
            self.seen["doubled"] += 1
            return Whim((first, self._random.uniform(0.1, self._AGAIN_S)))
        return Whim((first,))


_ANY = re.compile("")


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> Fault:
    return Fault("*", _ANY, 1, status, json.dumps({"message": message}), headers or {})
