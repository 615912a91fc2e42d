"""Our records of pull requests: all stores that the desk reads and writes, in one hand."""

from __future__ import annotations

from dataclasses import dataclass

from bot.jobs import JobQueue
from bot.store.approvals import ApprovalStore
from bot.store.history import History
from bot.store.leaves import LeafStore
from bot.store.merge_requests import MergeRequestStore
from bot.store.pardons import PardonStore
from bot.store.pull_requests import PullRequestStore
from bot.store.reminders import ReminderStore
from bot.store.repositories import RepositoryStore


@dataclass(frozen=True, slots=True)
class Records:
    """What is remembered of pull requests, and what people decided about them."""

    memories: PullRequestStore
    approvals: ApprovalStore
    pardons: PardonStore
    merges: MergeRequestStore
    reminders: ReminderStore
    history: History
    jobs: JobQueue
    repositories: RepositoryStore
    leaves: LeafStore
