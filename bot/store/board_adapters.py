"""The adapters that were tuned from pull requests and are still kept, for those who try them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import artifacts, pull_requests
from pipeline.contract import Artifact

WEIGHTS = "adapter.adapter_model.safetensors"  # as the evaluate job stores them
_BEGINS = "adapter."
_MOST_ROWS, MOST_OFFERED = 200, 50
_MINE = artifacts.c


@dataclass(frozen=True, slots=True)
class TunedAdapter:
    """The newest adapter of a pull request."""

    number: int
    title: str
    weights_sha256: str
    job_id: int | None
    stored_at: datetime

    @property
    def name(self) -> str:
        """What it is called where it is served: another adapter has another name."""
        return f"pull-{self.number}-{self.weights_sha256[:12]}"


class AdapterBoard:
    """Reads which adapters there are."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def newest(self, repository_id: int) -> list[TunedAdapter]:
        """Return the newest adapter of each pull request, those tuned last first; of very many only some."""
        query = (
            select(_MINE.number, _MINE.sha256, _MINE.job_id, _MINE.stored_at)
            .where(_MINE.repository_id == repository_id, _MINE.name == WEIGHTS, _MINE.number > 0)
            .order_by(_MINE.stored_at.desc())
            .limit(_MOST_ROWS)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
            first: dict[int, tuple[str, int | None, datetime]] = {}
            for number, sha256, job_id, stored_at in rows:
                first.setdefault(number, (sha256, job_id, stored_at))
            numbers = list(first)[:MOST_OFFERED]
            asked = select(pull_requests.c.number, pull_requests.c.title).where(
                pull_requests.c.repository_id == repository_id, pull_requests.c.number.in_(numbers)
            )
            titles = {row.number: row.title for row in await connection.execute(asked)}
        return [TunedAdapter(number, titles.get(number, ""), *first[number]) for number in numbers]

    async def files(self, repository_id: int, adapter: TunedAdapter) -> list[Artifact]:
        """Return the files of an adapter, each under the name that it has in an adapter's folder."""
        query = select(_MINE.name, _MINE.sha256, _MINE.size, _MINE.media_type).where(
            _MINE.repository_id == repository_id,
            _MINE.number == adapter.number,
            _MINE.job_id == adapter.job_id,
            _MINE.name.startswith(_BEGINS, autoescape=True),
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [Artifact(name.removeprefix(_BEGINS), sha256, size, kind) for name, sha256, size, kind in rows]
