"""The indexes of open pull requests: a verdict waits for what is new, not for all that there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import pull_indexes
from bot.clock import SystemClock
from bot.pull_indexes import PullIndexes, PullPlaces
from bot.store.database import migrate, open_engine
from bot.store.passages import PassageStore, PullPassages
from bot.store.pull_requests import PullMemory, PullRequestStore
from checks.contribution import read_contribution
from checks.likeness.index import open_index
from checks.likeness.neighbours import Surroundings, neighbours_in
from checks.likeness.sheets import packed, sheets_of
from checks.likeness.signing import new_permutations
from tests.checks.test_duplicates import PUFFIN, WREN, file_of, skill_of

HERE = 7
OURS = file_of("compositional_skills/ours/qna.yaml", skill_of(PUFFIN))


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    "A database with all tables."
    engine = open_engine(database_url)
    await migrate(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
def indexes(engine: AsyncEngine, tmp_path: Path) -> PullIndexes:
    "Indexes of which none is written yet."
    return PullIndexes(tmp_path, PassageStore(engine))


async def says(engine: AsyncEngine, number: int, pair: tuple[str, str]) -> None:
    "Have an open pull request teach a pair."
    file = file_of(f"compositional_skills/birds_{number}/qna.yaml", skill_of(pair))
    sheets = packed(sheets_of(read_contribution([file]).leaves, new_permutations()))
    memory = PullMemory(HERE, number, head_sha="a" * 40, is_open=True)
    await PullRequestStore(engine).save(memory, SystemClock().now())
    await PassageStore(engine).note(HERE, PullPassages(number, f"{hash(pair):x}", sheets, frozenset()))


async def closes(engine: AsyncEngine, number: int) -> None:
    await PullRequestStore(engine).save(PullMemory(HERE, number, is_open=False), SystemClock().now())
    await PassageStore(engine).drop(HERE, number)


def met(places: PullPlaces, number: int = 10_000) -> set[int]:
    "The pull requests that ours comes close to."
    around = Surroundings(None, places.settled, number, places.late, places.outdated)
    found = neighbours_in(around, read_contribution([OURS]).leaves, [OURS])
    return {near.number for near in found or ()}


def size(folder: Path | None) -> int:
    return len(open_index(folder).sources) if folder is not None else 0


async def test_what_is_new_is_written_alone(engine: AsyncEngine, indexes: PullIndexes) -> None:
    "Beside a crowd of open pull requests a new one is written by itself, and both are looked into."
    for number in range(1, 31):
        await says(engine, number, PUFFIN if number == 5 else WREN)
    before = await indexes.of(HERE)
    assert (size(before.settled), before.late) == (30, None)

    await says(engine, 31, PUFFIN)
    after = await indexes.of(HERE)

    assert after.settled == before.settled
    assert size(after.late) == 1
    assert met(after) == {5, 31}
    assert met(after, 31) == {5}  # the older one is told of nobody who came later


async def test_what_has_changed_counts_as_it_is_now(engine: AsyncEngine, indexes: PullIndexes) -> None:
    "Of a pull request that says something else by now, or is closed, nothing of before is found."
    for number in range(1, 21):
        await says(engine, number, PUFFIN if number in (5, 6) else WREN)
    assert met(await indexes.of(HERE)) == {5, 6}

    await says(engine, 5, WREN)
    await says(engine, 7, PUFFIN)
    assert met(await indexes.of(HERE)) == {6, 7}
    await closes(engine, 6)
    assert met(await indexes.of(HERE)) == {7}
    await says(engine, 5, PUFFIN)  # as it was at first
    assert met(await indexes.of(HERE)) == {5, 7}
    for number in range(1, 21):
        await closes(engine, number)
    assert await indexes.of(HERE) == PullPlaces()


async def test_many_new_ones_are_written_together(
    engine: AsyncEngine, indexes: PullIndexes, tmp_path: Path
) -> None:
    "From time to time all are written together, so that what is new stays small; old folders do not pile up."
    largest = 0
    for number in range(1, 61):
        await says(engine, number, PUFFIN if number % 20 == 0 else WREN)
        places = await indexes.of(HERE)
        assert size(places.settled) + size(places.late) == number
        largest = max(largest, size(places.late))
    assert largest == pull_indexes._MOST_LATE
    assert met(places) == {20, 40, 60}
    assert len(list((tmp_path / str(HERE)).iterdir())) <= 2 * pull_indexes._MOST_KEPT


async def test_an_index_that_somebody_took_away_is_written_again(
    engine: AsyncEngine, indexes: PullIndexes, tmp_path: Path
) -> None:
    "Another process that shares the folder, or an operator, may have tidied it."
    for number in range(1, 21):
        await says(engine, number, PUFFIN)
    settled = (await indexes.of(HERE)).settled
    assert settled is not None
    settled.rename(tmp_path / "gone")
    assert size((await indexes.of(HERE)).settled) == 20
    again = PullIndexes(tmp_path, PassageStore(engine))
    assert replace(await again.of(HERE), late=None).settled == settled  # another process finds it there
