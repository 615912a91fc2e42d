"""Which repositories the bot speaks in, which of their pull requests it keeps silent on, and what it would say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.store.tables import jobs, observed_pulls, pull_requests, repositories

_KEY = ["repository_id", "number"]
_AT_ONCE = 500  # rows in one statement


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a repository is adopted; pull requests up to `after` were there before that."""

    is_adopted: bool = False
    after: int = 0
    chosen_at: datetime | None = None  # None: nobody has chosen, it began so
    chosen_by: str = ""


@dataclass(frozen=True, slots=True)
class ObservedPull:
    """A pull request that was looked at in silence. `is_shadow`: what we remember of it is not on GitHub."""

    repository_id: int
    number: int
    head_sha: str
    appearance: str = ""
    is_shadow: bool = False
    would_say: str = ""
    seen_at: datetime | None = None
    woken_at: datetime | None = None


class AdoptionStore:
    """Reads and writes what the bot keeps silent on."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def standing(self, repository_id: int) -> Standing:
        """Return how a repository stands; one that we do not know is not adopted."""
        query = select(repositories).where(repositories.c.id == repository_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return Standing()
        return Standing(row["is_adopted"], row["adopted_after"], row["chosen_at"], row["chosen_by"])

    async def adopt(self, repository_id: int, after: int, heads: Mapping[int, str], at: datetime, by: str) -> None:
        """Let a repository loose. Pull requests up to `after` stay silent; `heads` are those of the open ones.

        What is remembered of a newer one without having been said is forgotten, so that it is said at once.
        """
        mine = observed_pulls.c.repository_id == repository_id
        async with self._engine.begin() as connection:
            await self._choose(connection, repository_id, at, by, is_adopted=True, after=after)
            newer = (
                (
                    await connection.execute(
                        select(observed_pulls.c.number).where(mine, observed_pulls.c.number > after)
                    )
                )
                .scalars()
                .all()
            )
            await self._forget(connection, repository_id, newer)
            rows = [
                {"repository_id": repository_id, "number": number, "head_sha": sha}
                for number, sha in sorted(heads.items())
                if number <= after
            ]
            for start in range(0, len(rows), _AT_ONCE):
                insert = self._insert(observed_pulls).values(rows[start : start + _AT_ONCE])
                head = {"head_sha": insert.excluded.head_sha}
                await connection.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=head))

    async def observe(self, repository_id: int, at: datetime, by: str) -> None:
        """Fall silent in a repository again."""
        async with self._engine.begin() as connection:
            await self._choose(connection, repository_id, at, by, is_adopted=False, after=0)

    async def get(self, repository_id: int, number: int) -> ObservedPull | None:
        """Return what is known of a pull request that was looked at in silence, or woken since."""
        query = select(observed_pulls).where(
            observed_pulls.c.repository_id == repository_id, observed_pulls.c.number == number
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return ObservedPull(**row) if row else None

    async def silent_ones(self, repository_id: int) -> list[ObservedPull]:
        """Return the pull requests that hear nothing, the newest first."""
        query = (
            select(observed_pulls)
            .where(observed_pulls.c.repository_id == repository_id, observed_pulls.c.woken_at.is_(None))
            .order_by(observed_pulls.c.number.desc())
        )
        async with self._engine.connect() as connection:
            return [ObservedPull(**row) for row in (await connection.execute(query)).mappings()]

    async def awake(self, repository_id: int) -> list[int]:
        """Return the numbers of those that hear from us though they were there before."""
        query = select(observed_pulls.c.number).where(
            observed_pulls.c.repository_id == repository_id, observed_pulls.c.woken_at.is_not(None)
        )
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def count_to_say(self, repository_id: int) -> int:
        """Return of how many pull requests it is known what they would hear."""
        query = select(func.count()).where(
            observed_pulls.c.repository_id == repository_id,
            observed_pulls.c.woken_at.is_(None),
            observed_pulls.c.would_say != "",
        )
        async with self._engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def keep(self, observed: ObservedPull) -> None:
        """Remember what was seen, instead of what was seen before; whether it is awake stays as it is."""
        values = asdict(observed)
        changed = {name: value for name, value in values.items() if name not in (*_KEY, "woken_at")}
        statement = (
            self._insert(observed_pulls).values(values).on_conflict_do_update(index_elements=_KEY, set_=changed)
        )
        async with self._engine.begin() as connection:
            await connection.execute(statement)

    async def wake(self, repository_id: int, number: int, at: datetime) -> None:
        """Let a pull request hear from us, as one that we hear of for the first time.

        What its jobs came to while we were silent is shown on the check runs that they had before.
        """
        values = {"repository_id": repository_id, "number": number, "woken_at": at}
        changed = {"woken_at": at, "is_shadow": False, "would_say": ""}
        statement = (
            self._insert(observed_pulls).values(values).on_conflict_do_update(index_elements=_KEY, set_=changed)
        )
        async with self._engine.begin() as connection:
            await self._forget_shadows(connection, repository_id, [number])
            await connection.execute(statement)
            its_own = (jobs.c.repository_id == repository_id) & (jobs.c.number == number)
            had_a_run = its_own & jobs.c.check_run_id.is_not(None)
            await connection.execute(update(jobs).where(had_a_run).values(is_shown=False))

    async def end(self, repository_id: int, number: int) -> None:
        """A pull request is closed: there is nothing to be said any more. That it was there before stays known."""
        place = (observed_pulls.c.repository_id == repository_id) & (observed_pulls.c.number == number)
        async with self._engine.begin() as connection:
            await connection.execute(update(observed_pulls).where(place).values(would_say="", appearance=""))

    async def _choose(
        self,
        connection: AsyncConnection,
        repository_id: int,
        at: datetime,
        by: str,
        *,
        is_adopted: bool,
        after: int,
    ) -> None:
        chosen = {"is_adopted": is_adopted, "adopted_after": after, "chosen_at": at, "chosen_by": by[:64]}
        await connection.execute(update(repositories).where(repositories.c.id == repository_id).values(chosen))
        mine = observed_pulls.c.repository_id == repository_id
        await connection.execute(update(observed_pulls).where(mine).values(woken_at=None))

    async def _forget(self, connection: AsyncConnection, repository_id: int, numbers: Iterable[int]) -> None:
        """Forget that pull requests were looked at, and what is remembered of them without having been said."""
        numbers = list(numbers)
        await self._forget_shadows(connection, repository_id, numbers)
        for start in range(0, len(numbers), _AT_ONCE):
            chosen = observed_pulls.c.number.in_(numbers[start : start + _AT_ONCE])
            mine = observed_pulls.c.repository_id == repository_id
            await connection.execute(delete(observed_pulls).where(mine, chosen))

    async def _forget_shadows(self, connection: AsyncConnection, repository_id: int, numbers: list[int]) -> None:
        for start in range(0, len(numbers), _AT_ONCE):
            chosen = numbers[start : start + _AT_ONCE]
            shadows = select(observed_pulls.c.number).where(
                observed_pulls.c.repository_id == repository_id,
                observed_pulls.c.number.in_(chosen),
                observed_pulls.c.is_shadow,
            )
            mine = pull_requests.c.repository_id == repository_id
            await connection.execute(delete(pull_requests).where(mine, pull_requests.c.number.in_(shadows)))
