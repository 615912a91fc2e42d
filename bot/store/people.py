"""Forgetting a person: every row that names them keeps what was done, and no longer says by whom."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table, and_, delete, false, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.dossier import CHOSEN
from bot.store.deliveries import DeliveryState
from bot.store.desk_log import AuditEntry
from bot.store.holdings import HOLDINGS, Holding
from bot.store.tables import (
    artifacts,
    audit,
    chores,
    deliveries,
    job_reports,
    jobs,
    metadata,
    pull_requests,
    readings,
)

ACT = "forget"  # as the audit calls it
_LETTERS = "[\\w./-]"  # what may stand beside a login only as a part of something else, such as a path


@dataclass(frozen=True, slots=True)
class Person:
    """An account: its numeric id, 0 where no row tells it, and every login that it had, in lower case."""

    id: int
    logins: frozenset[str]


Counts = Counter[str]  # of places that change, by the name of their table


class PeopleStore:
    """Finds people in all tables, and forgets them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def called(self, login: str) -> list[Person]:
        """Return everybody who is, or was, called so: several where one took a login that another gave up."""
        known: dict[int, set[str]] = {}
        is_named = False
        async with self._engine.connect() as connection:
            for name, number in _pairs():
                named = func.lower(name) == login.lower()
                is_named = is_named or await _has(connection, name, named)
                if number is not None:
                    query = select(number).where(named, number > 0).distinct()
                    known |= {each: {login.lower()} for each in (await connection.execute(query)).scalars()}
            for name, number in _pairs():
                if number is not None and known:
                    query = select(number, func.lower(name)).where(number.in_(list(known))).distinct()
                    for each, other in (await connection.execute(query)).all():
                        known[each].add(other)
        found = [Person(each, frozenset(logins - {""})) for each, logins in sorted(known.items())]
        return found or ([Person(0, frozenset({login.lower()}))] if is_named else [])

    async def places_of(self, person: Person) -> Counts:
        """Return in how many places of each table something would be changed or deleted."""
        async with self._engine.connect() as connection:
            counts = await _each(connection, _Forgetting(person, "somebody", -1))
            await connection.rollback()
        return counts

    async def forget(self, person: Person, at: datetime, *, by: str) -> str:
        """Forget a person and write that down, in one transaction. Return the name that stands in their place."""
        async with self._engine.begin() as connection:
            query = select(func.count()).where(audit.c.act == ACT)
            number = (await connection.execute(query)).scalar_one() + 1
            forgetting = _Forgetting(person, f"forgotten-{number}", -number)
            counts = await _each(connection, forgetting)
            changed = ", ".join(f"{table} {count}" for table, count in sorted(counts.items()))
            entry = AuditEntry(
                repository_id=0,
                number=0,
                at=at,
                actor_id=0,
                actor=by,
                role="operator",
                act=ACT,
                arguments=f"{forgetting.name}: {changed}",
                sha="",
                result="done",
                source=f"{ACT}:{number}",
            )
            await connection.execute(insert(audit).values(asdict(entry)))
            return forgetting.name


class _Forgetting:
    """One forgetting: who, and what stands there instead. Somebody else keeps being somebody else."""

    def __init__(self, person: Person, name: str, number: int) -> None:
        self.person, self.name, self.number = person, name, number
        logins = "|".join(re.escape(login) for login in sorted(person.logins))
        self._word = re.compile(f"(?<!{_LETTERS})({logins})(?!{_LETTERS[:-1]}])", re.IGNORECASE)

    def in_text(self, text: str) -> str:
        """Return a text without the logins, where they stand as words."""
        return self._word.sub(self.name, text)

    def in_list(self, text: str) -> str:
        """Return logins between spaces with another in the place of theirs."""
        return " ".join(self.name if each.lower() in self.person.logins else each for each in text.split())

    def in_json(self, text: str) -> str:
        """Return JSON in which no value names them; keys stay."""
        return json.dumps(self._in_value(json.loads(text))) if text else text

    def _in_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, list):
            return [self._in_value(each) for each in value]
        if isinstance(value, dict):
            of_person = value.get("author_id") == self.person.id != 0
            told = {key: self._in_value(each) for key, each in value.items()}
            return told | ({"author_id": self.number} if of_person else {})
        return value


async def _each(connection: AsyncConnection, who: _Forgetting) -> Counts:
    """Go through all tables; what belongs to their pull requests goes first, while they are still theirs."""
    counts: Counts = Counter()
    await _delete_what_is_of_their_pulls(connection, who.person, counts)
    await _blank_deliveries(connection, who.person, counts)
    chosen = [CHOSEN + login for login in who.person.logins]
    await _count(connection, delete(chores).where(chores.c.name.in_(chosen)), "chores", counts)
    for holding in HOLDINGS:
        await _forget_in(connection, holding, who, counts)
    return +counts


async def _delete_what_is_of_their_pulls(connection: AsyncConnection, person: Person, counts: Counts) -> None:
    """Delete logs of their jobs, readings and titles, and let go of files: a clean-up deletes what no row names."""
    theirs = select(pull_requests.c.repository_id, pull_requests.c.number).where(
        _is_theirs(pull_requests, "author", "author_id", person)
    )
    for repository_id, number in (await connection.execute(theirs)).all():
        of_jobs = select(jobs.c.id).where(jobs.c.repository_id == repository_id, jobs.c.number == number)
        logs = delete(job_reports).where(job_reports.c.job_id.in_(of_jobs))
        await _count(connection, logs, "job_reports", counts)
        files = delete(artifacts).where(artifacts.c.repository_id == repository_id, artifacts.c.number == number)
        await _count(connection, files, "artifacts", counts)
        read = delete(readings).where(readings.c.repository_id == repository_id, readings.c.number == number)
        await _count(connection, read, "readings", counts)
    titled = update(pull_requests).where(_is_theirs(pull_requests, "author", "author_id", person))
    await _count(connection, titled.where(pull_requests.c.title != "").values(title=""), "pull_requests", counts)


async def _blank_deliveries(connection: AsyncConnection, person: Person, counts: Counts) -> None:
    """Keep of webhooks that were given up, and name them, only that they came."""
    given_up = select(deliveries.c.id).where(deliveries.c.state == DeliveryState.FAILED.value)
    for each in (await connection.execute(given_up)).scalars().all():
        query = select(deliveries.c.payload).where(deliveries.c.id == each)
        payload = (await connection.execute(query)).scalar_one().lower()
        if any(login.encode() in payload for login in person.logins):
            blank = update(deliveries).where(deliveries.c.id == each)
            values = {"payload": b"", "state": DeliveryState.DONE.value}
            await _count(connection, blank.values(values), "deliveries", counts)


async def _forget_in(connection: AsyncConnection, holding: Holding, who: _Forgetting, counts: Counts) -> None:
    table = metadata.tables[holding.table]
    for name, number in holding.people:
        theirs = _is_theirs(table, name, number, who.person)
        values = ({name: who.name} if name else {}) | ({number: who.number} if number else {})
        change = delete(table) if holding.goes_with_them else update(table).values(values)
        await _count(connection, change.where(theirs), holding.table, counts)
    for columns, rewritten in (
        (holding.lists, who.in_list),
        (holding.texts, who.in_text),
        (holding.json, who.in_json),
    ):
        for column in columns:
            await _rewrite(connection, table, column, who.person, rewritten, counts)


async def _rewrite(
    connection: AsyncConnection,
    table: Table,
    column: str,
    person: Person,
    change: Callable[[str], str],
    counts: Counts,
) -> None:
    """Change a text in every row in which one of the logins stands."""
    keys: Sequence[Column[Any]] = list(table.primary_key.columns)
    text = table.c[column]
    near = or_(*(func.lower(text).contains(login, autoescape=True) for login in person.logins))
    for *key, before in (await connection.execute(select(*keys, text).where(near))).all():
        after = change(before)
        if after != before:
            this = [of == value for of, value in zip(keys, key, strict=True)]
            await _count(connection, update(table).where(*this).values({column: after}), table.name, counts)


async def _count(connection: AsyncConnection, statement: Any, table: str, counts: Counts) -> None:
    counts[table] += (await connection.execute(statement)).rowcount


async def _has(connection: AsyncConnection, column: Column[Any], condition: Any) -> bool:
    query = select(column).where(condition).limit(1)
    return (await connection.execute(query)).first() is not None


def _is_theirs(table: Table, name: str, number: str, person: Person) -> Any:
    """Say that a row names a person: by id where one is known, for somebody else may have the login now."""
    is_called = func.lower(table.c[name]).in_(person.logins) if name else false()
    if not number:
        return is_called
    is_unknown = table.c[number] == 0 if person.id else true()
    return or_(_has_id(table.c[number], person), and_(is_called, is_unknown))


def _has_id(column: Column[Any], person: Person) -> Any:
    """Say that a row is of this account; of one whose id nobody knows, none is."""
    return column == person.id if person.id else false()


def _pairs() -> list[tuple[Column[Any], Column[Any] | None]]:
    """Return every column with logins, beside that with the ids of the same accounts."""
    return [
        (metadata.tables[h.table].c[name], metadata.tables[h.table].c[number] if number else None)
        for h in HOLDINGS
        for name, number in h.people
        if name
    ]
