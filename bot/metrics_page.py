"""The reference of all metrics, made from what is declared."""

from __future__ import annotations

from collections.abc import Iterable

from bot.metrics.reading import BOOK as BOT
from pipeline.metering import Book, Declared, Label
from pipeline.worker import metrics as of_worker

_HEAD = """# Metrics

<!-- Made by `make docs` from the code; do not edit by hand. -->

Where Prometheus finds them, and what to make of them: [observability](observability.md). Names follow Prometheus:
seconds, bytes, counters that end in `_total`. Every label is bounded; what does not fit is counted as `other`.
"""
_BOT = """
## The bot

At `TAXONOMY_BOT_METRICS_PORT`, path `/metrics`. Counters and histograms belong to one replica: add them up. What is
marked "same on each" is looked up in the database: take the maximum.
"""
_WORKER = """
## Workers

At `TAXONOMY_PIPELINE_METRICS_PORT`, path `/metrics`.
"""
_PROCESS = """
Both programs' ports also have what prometheus-client tells of a process on Linux (`process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_open_fds` and others) and `python_info`.
"""
# looked up in the database, whoever asks
_SAME_ON_EACH = (
    "jobs_waiting",
    "jobs_running",
    "jobs_open",
    "oldest_job_waiting_seconds",
    "inbox_deliveries",
    "inbox_oldest_delivery_seconds",
    "last_good_build_timestamp_seconds",
    "last_build_state",
    "build_score",
    "build_score_change_low",
    "build_score_change_high",
)


def page() -> str:
    """Return the page."""
    return f"{_HEAD}{_BOT}\n{_table(BOT)}{_WORKER}\n{_table(of_worker.BOOK)}{_PROCESS}"


def _table(book: Book) -> str:
    rows = [_row(book, each) for _, each in sorted(book.declared.items())]
    return "| name | kind | labels | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _row(book: Book, metric: Declared) -> str:
    same = " Same on each." if metric.name.removeprefix(book.prefix) in _SAME_ON_EACH and book is BOT else ""
    return f"| `{metric.name}` | {metric.kind} | {_labels(metric.labels)} | {metric.meaning}{same} |"


def _labels(labels: Iterable[Label]) -> str:
    return "<br>".join(_label(label) for label in labels)


def _label(label: Label) -> str:
    known = f": {', '.join(sorted(label.known))}" if label.known and len(label.known) <= 12 else ""
    most = f" (at most {label.most})" if label.known is None else ""
    return f"`{label.name}` {label.meaning}{known}{most}".rstrip()
