"""GitHub: what we ask and write there, what it answers, and what is left of our hour."""

from __future__ import annotations

from http import HTTPStatus

from bot.github.limits import Pool
from bot.metrics.book import BOOK, WAITS_S
from pipeline.metering import Label

_CALL = Label("kind", "read, write, or graphql for either by GraphQL").of(("read", "write", "graphql"))
_ANSWER = Label("status", "HTTP status; `none` where no answer came").of(
    ("none", *(str(status.value) for status in HTTPStatus))
)
INSTALLATION = Label("installation", "numeric id of our App's installation; `app` for the App itself", most=50)
_POOL = Label("resource", "what GitHub counts apart: REST is `core`").of(pool.value for pool in Pool)

CALLS = BOOK.count("github_calls_total", "Requests that were sent to GitHub.", _CALL, _ANSWER)
CALL_S = BOOK.spread("github_call_seconds", "How long GitHub took to answer.", _CALL, buckets=WAITS_S)
LEFT = BOOK.shown(
    "github_budget_left", "Requests that GitHub still allows, as it last said in this hour.", INSTALLATION, _POOL
)
ALLOWED = BOOK.shown(
    "github_budget", "Requests that GitHub allows in an hour, as it last said in this one.", INSTALLATION, _POOL
)


def kind_of(method: str, path: str) -> str:
    """Return what kind of a call it is; nothing else of its address is told."""
    if path.endswith("/graphql"):
        return "graphql"
    return "read" if method == "GET" else "write"
