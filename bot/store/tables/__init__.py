"""The tables, as SQLAlchemy Core, a module for each part of the work; the migrations beside it build them."""

from __future__ import annotations

from bot.store.tables.columns import RowId, UtcDateTime, metadata
from bot.store.tables.inbox import deliveries, leases, poll_marks, polled_pulls, redeliveries, replicas
from bot.store.tables.judging import leaves, pardons, passages, rule_hits, rule_starts
from bot.store.tables.nights import (
    announcements,
    build_contributions,
    builds,
    leaf_data,
    quarantined_leaves,
    releases,
)
from bot.store.tables.pulls import (
    approvals,
    audit,
    batches,
    chores,
    heads,
    merge_requests,
    observed_pulls,
    pull_requests,
    reminders,
    repositories,
    state_changes,
)
from bot.store.tables.reading import last_looks, readings, sessions
from bot.store.tables.work import artifacts, job_reports, jobs, swaps, switches, workers

__all__ = [
    "RowId",
    "UtcDateTime",
    "announcements",
    "approvals",
    "artifacts",
    "audit",
    "batches",
    "build_contributions",
    "builds",
    "chores",
    "deliveries",
    "heads",
    "job_reports",
    "jobs",
    "last_looks",
    "leaf_data",
    "leases",
    "leaves",
    "merge_requests",
    "metadata",
    "observed_pulls",
    "pardons",
    "passages",
    "poll_marks",
    "polled_pulls",
    "pull_requests",
    "quarantined_leaves",
    "readings",
    "redeliveries",
    "releases",
    "reminders",
    "replicas",
    "repositories",
    "rule_hits",
    "rule_starts",
    "sessions",
    "state_changes",
    "swaps",
    "switches",
    "workers",
]
