"""What we remember of a pull request between two deliveries: how it stands, and what we last reported."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.labels import Label
from bot.store.tables import pull_requests
from bot.workflow import State, Status
from checks.findings import Outcome

MERGED, CLOSED = "merged", "closed"
MOST_PULLS = 2**31 - 1  # the highest number that the table holds


@dataclass(frozen=True, slots=True)
class PullMemory:
    """How one pull request stands and what we last reported; empty strings where nothing has been posted yet."""

    repository_id: int
    number: int
    head_sha: str = ""
    judged_sha: str = ""
    verdict_digest: str = ""
    comment_id: int | None = None
    comment_node_id: str = ""
    comment_digest: str = ""
    comment_turn: str = ""
    comment_posted_for: str = ""
    own_labels: str = ""  # kind labels that the bot has set, separated by spaces
    content_digest: str = ""  # of what was judged
    outcome: str = ""  # of the last verdict
    state: str = State.NEW.value
    flags: str = ""
    state_since: datetime | None = None
    author_id: int = 0
    author: str = ""
    author_seen_at: datetime | None = None
    is_open: bool = True
    paths: str = ""
    commit_authors: str = ""
    closed_by_id: int = 0
    failing_causes: str = ""
    failed_pushes: int = 0
    heard: str = ""
    readiness_digest: str = ""
    merge_refusal: str = ""
    reviewer: str = ""
    swept: str = ""
    stale_at: datetime | None = None
    source_hold: str = ""  # whose the legal hold for doubtful sources is, and a digest of those
    ruled_at: datetime | None = None  # when the head was first judged
    title: str = ""
    closed_as: str = ""  # MERGED or CLOSED; empty while it is open, or where nobody was told

    @property
    def is_known(self) -> bool:
        """True once a triage has been begun."""
        return bool(self.head_sha)

    @property
    def status(self) -> Status:
        """The state and the flags."""
        return Status(State(self.state), frozenset(Label(name) for name in self.flags.split()))

    def with_status(self, status: Status, at: datetime) -> PullMemory:
        """Return the memory with another status; `at` counts as the beginning of another state."""
        since = self.state_since if status.state == self.state and self.state_since else at
        stale_at = (self.stale_at or at) if Label.STALE in status.flags else None
        flags = " ".join(sorted(status.flags))
        return replace(self, state=status.state.value, flags=flags, state_since=since, stale_at=stale_at)

    @property
    def changed_paths(self) -> tuple[str, ...]:
        """Every path that it changes, sorted. A path may hold any character, also line ends."""
        return tuple(json.loads(self.paths)) if self.paths else ()

    @property
    def verdict(self) -> Outcome | None:
        """The outcome of the last verdict."""
        return Outcome(self.outcome) if self.outcome else None


def paths_text(paths: Iterable[str]) -> str:
    """Return paths as they are kept; empty for none."""
    listed = sorted(paths)
    return json.dumps(listed) if listed else ""


_COLUMNS = tuple(field.name for field in fields(PullMemory))
_KEY = ("repository_id", "number")


class PullRequestStore:
    """Reads and writes what we remember."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def get(self, repository_id: int, number: int) -> PullMemory | None:
        """Return what we remember, or None for a pull request never reported on (or a lost database)."""
        query = select(pull_requests).where(
            pull_requests.c.repository_id == repository_id, pull_requests.c.number == number
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return _memory(row) if row else None

    async def save(self, memory: PullMemory, at: datetime) -> None:
        """Store `memory`, replacing what was remembered."""
        values = {name: getattr(memory, name) for name in _COLUMNS} | {"updated_at": at}
        changed = {name: value for name, value in values.items() if name not in _KEY}
        statement = (
            self._insert(pull_requests)
            .values(values)
            .on_conflict_do_update(index_elements=list(_KEY), set_=changed)
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)

    async def with_head(self, repository_id: int, head_sha: str) -> list[int]:
        """Return the numbers of pull requests whose last reported head is `head_sha`."""
        query = select(pull_requests.c.number).where(
            pull_requests.c.repository_id == repository_id, pull_requests.c.head_sha == head_sha
        )
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def open_ones(self, repository_id: int) -> list[PullMemory]:
        """Return every open pull request that we know, by number."""
        query = (
            select(pull_requests)
            .where(pull_requests.c.repository_id == repository_id, pull_requests.c.is_open)
            .order_by(pull_requests.c.number)
        )
        async with self._engine.connect() as connection:
            return [_memory(row) for row in (await connection.execute(query)).mappings()]

    async def reviewer_counts(self, repository_id: int) -> dict[str, int]:
        """Return how many open pull requests each chosen reviewer has, by login in small letters."""
        query = select(pull_requests.c.reviewer).where(
            pull_requests.c.repository_id == repository_id, pull_requests.c.is_open, pull_requests.c.reviewer != ""
        )
        async with self._engine.connect() as connection:
            return dict(Counter(login.casefold() for login in (await connection.execute(query)).scalars()))


def _memory(row: object) -> PullMemory:
    return PullMemory(**{name: row[name] for name in _COLUMNS})  # type: ignore[index]
