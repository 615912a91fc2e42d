"""Deliveries: what came in, what became of it, and how long it took until people had their verdict."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.metrics.book import BOOK, WAITS_S
from checks.findings import Outcome
from pipeline.metering import Label

_EVENTS = """
    check_run check_suite installation installation_repositories issue_comment merge_group ping pull_request
    pull_request_review pull_request_review_comment pull_request_review_thread push repository page
"""
EVENT = Label("event", "GitHub's name of it; `page` for decisions taken on our pages").of(_EVENTS.split())
_STATUS = Label("status", "HTTP status of the answer").of(["202", "400", "401", "408", "413", "415", "500", "503"])
_END = Label("end", "what became of it").of(("done", "failed", "put off", "not ours"))
_OUTCOME = Label("outcome", "of the verdict, as its check run has it").of(outcome.value for outcome in Outcome)

WEBHOOKS = BOOK.count("webhooks_total", "Requests to the webhook address, by what was answered.", EVENT, _STATUS)
HANDLED = BOOK.count("deliveries_total", "Deliveries that were handled, once for each try.", EVENT, _END)
VERDICTS = BOOK.count("verdicts_total", "Verdicts that were reached, also those that changed nothing.", _OUTCOME)
LATENCY = BOOK.spread(
    "verdict_latency_seconds",
    "From the moment a delivery was stored until the verdict it led to was on GitHub.",
    buckets=WAITS_S,
)
DEPTH = BOOK.shown("inbox_deliveries", "Deliveries that are stored and not handled yet.")
OLDEST = BOOK.shown("inbox_oldest_delivery_seconds", "How long the oldest of these waits; 0 for none.")

_since: ContextVar[float | None] = ContextVar("stored_since", default=None)


@contextmanager
def handling(waited_s: float) -> Iterator[None]:
    """Let verdicts that are reached meanwhile count from the delivery, which has waited for so long already."""
    token = _since.set(time.monotonic() - max(0.0, waited_s))
    try:
        yield
    finally:
        _since.reset(token)


def verdict_reached(outcome: str) -> None:
    """Count a verdict; the first that a delivery leads to is timed."""
    VERDICTS.add(outcome)
    if (since := _since.get()) is not None:
        LATENCY.note(time.monotonic() - since)
        _since.set(None)
