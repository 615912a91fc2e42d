"""What was generated from each leaf, so that an unchanged one is never generated from again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.nightly.leaf_data import LeafData
from bot.store.leaves import as_kept
from bot.store.tables import leaf_data
from pipeline.contract import Artifact

_MINE = leaf_data.c
_AT_ONCE = 200  # rows that one statement names


class LeafDataStore:
    """Reads and writes the data of leaves."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def keep(self, data: LeafData) -> None:
        """Write down the data of a leaf, in place of what the same leaf gave before."""
        values = {
            "build": data.build,
            "job_id": data.job_id,
            "files": _as_text(data),
            "stored_at": data.stored_at,
            "used_at": data.used_at,
        }
        key = {
            "repository_id": data.repository_id,
            "leaf": as_kept(data.leaf),
            "qna_sha": data.qna_sha,
            "data_version": data.data_version,
        }
        statement = self._insert(leaf_data).values(**key, **values)
        async with self._engine.begin() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))

    async def of_leaves(
        self, repository_id: int, data_version: str, leaves: Mapping[str, str]
    ) -> dict[str, LeafData]:
        """Return the data of leaves, told by path with the blob of their `qna.yaml`; of those that have any."""
        where = (_MINE.repository_id == repository_id, _MINE.data_version == data_version)
        wanted = {(as_kept(path), sha): path for path, sha in leaves.items()}
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(leaf_data).where(*where))).mappings().all()

        def read() -> dict[str, LeafData]:
            return {
                path: _data(row, path)
                for row in rows
                if (path := wanted.get((row["leaf"], row["qna_sha"]))) is not None
            }

        return await asyncio.to_thread(read)  # others go on while thousands are read

    async def note_used(self, found: Sequence[LeafData], at: datetime) -> None:
        """Remember that a build takes these in."""
        async with self._engine.begin() as connection:
            for first in range(0, len(found), _AT_ONCE):
                part = found[first : first + _AT_ONCE]
                keys = [(each.repository_id, as_kept(each.leaf), each.qna_sha, each.data_version) for each in part]
                here = tuple_(_MINE.repository_id, _MINE.leaf, _MINE.qna_sha, _MINE.data_version)
                await connection.execute(update(leaf_data).where(here.in_(keys)).values(used_at=at))

    async def hashes(self, used_since: datetime) -> frozenset[str]:
        """Return the SHA-256 of every file of data that a build has taken in since then."""
        query = select(_MINE.files).where(_MINE.used_at >= used_since)
        async with self._engine.connect() as connection:
            texts = (await connection.execute(query)).scalars().all()
        return frozenset(artifact.sha256 for text in texts for artifact in _all_of(text))

    async def forget_lost(self, lost: Iterable[LeafData]) -> None:
        """Forget data whose files are gone, unless they were replaced meanwhile."""
        async with self._engine.begin() as connection:
            for each in lost:
                where = (
                    _MINE.repository_id == each.repository_id,
                    _MINE.leaf == as_kept(each.leaf),
                    _MINE.qna_sha == each.qna_sha,
                    _MINE.data_version == each.data_version,
                    _MINE.job_id == each.job_id,
                )
                await connection.execute(delete(leaf_data).where(*where))

    async def forget(self, used_before: datetime) -> int:
        """Forget data that no build has taken in since then; return of how many leaves."""
        async with self._engine.begin() as connection:
            done = await connection.execute(delete(leaf_data).where(_MINE.used_at < used_before))
        return done.rowcount


def _as_text(data: LeafData) -> str:
    told: dict[str, Any] = {"files": [asdict(artifact) for artifact in data.files]}
    return json.dumps(told | ({"result": asdict(data.result)} if data.result is not None else {}))


def _all_of(text: str) -> Iterable[Artifact]:
    told = json.loads(text)
    yield from (Artifact(**each) for each in told["files"])
    if "result" in told:
        yield Artifact(**told["result"])


def _data(row: Any, path: str) -> LeafData:
    told = json.loads(row["files"])
    return LeafData(
        row["repository_id"],
        path,
        row["qna_sha"],
        row["data_version"],
        row["build"],
        row["job_id"],
        tuple(Artifact(**each) for each in told["files"]),
        Artifact(**told["result"]) if "result" in told else None,
        row["stored_at"],
        row["used_at"],
    )
