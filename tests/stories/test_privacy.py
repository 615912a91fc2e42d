"""What is stored of people: each table is accounted for, and whoever is forgotten is gone from all of them."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import insert
from typer.testing import CliRunner

from bot import handbook
from bot.cli import cli
from bot.forget_cli import forgotten, people_called, places_of
from bot.store.database import migrate, open_engine
from bot.store.holdings import HOLDINGS, Period
from bot.store.tables import metadata
from tests.migrations.rows import rows_for
from tests.world import World
from tests.world.review import gives_powers, triaged

runner = CliRunner()


def test_every_table_says_how_long_it_is_kept_and_why() -> None:
    "A table that nobody accounts for fails here; so does an account of a table that is gone."
    assert sorted(holding.table for holding in HOLDINGS) == sorted(metadata.tables)
    assert all(holding.what and holding.why and holding.period in Period for holding in HOLDINGS)


def test_every_column_that_looks_like_a_person_is_known() -> None:
    "Columns named after people, logins or ids of accounts are those that forgetting goes through."
    about_people = {"author", "actor", "asked_by", "set_by", "lifted_by", "promoted_by", "reviewer"}
    for holding in HOLDINGS:
        named = {column for pair in holding.people for column in pair if column}
        columns = set(metadata.tables[holding.table].columns.keys())
        found = {c for c in columns if c in about_people or c.removesuffix("_id") in about_people}
        assert found <= named, holding.table
        assert named | {*holding.lists, *holding.texts, *holding.json} <= columns, holding.table


def test_the_page_on_privacy_is_what_the_code_says() -> None:
    "`make docs` writes it."
    assert (handbook.FOLDER / "privacy.md").read_text() == handbook.pages()["privacy.md"]


async def everything(url: str) -> str:
    "All that the database holds, as one text."
    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            rows = [
                repr(dict(row))
                for table in metadata.sorted_tables
                for row in (await connection.execute(sa.select(table))).mappings()
            ]
            return "\n".join(rows)
    finally:
        await engine.dispose()


async def test_whoever_is_forgotten_stands_nowhere(world: World) -> None:
    "After reviews, approvals, refusals and a given-up webhook, no row of any table names tess or her id."
    gives_powers(world)
    pr = await triaged(world)
    await world.tess.comments(pr, "/remind 3 look at tess' notes")
    await world.tess.comments(pr, "/hold")
    await pr.settled()
    world.github.fail_next("GET", r"/pulls/1$", status=400, body="{}")
    await world.tess.comments(pr, "/unhold")
    await pr.settled()
    pr.has_been_read()
    await world.stop_bot()
    url, tess = world.settings.database_url, world.github.state.account("tess")
    before = await everything(url)
    assert before.count("tess") > 5
    assert str(tess.id) in before

    (person,) = await people_called(url, "Tess")
    counts = await places_of(url, person)
    assert await everything(url) == before, "only looked at"
    name = await forgotten(url, person, by="olga")

    after = await everything(url)
    assert name == "forgotten-1"
    assert "tess" not in after.lower()
    assert str(tess.id) not in after
    assert counts["audit"] >= 2
    acts = await world.rows("select actor, role, act, result from audit where act <> 'forget' order by id")
    assert ("forgotten-1", "triager", "/hold", "done") in acts
    assert await world.rows("select actor, arguments from audit where act = 'forget'") == [
        ("olga", f"forgotten-1: {', '.join(f'{table} {count}' for table, count in sorted(counts.items()))}")
    ]
    assert await people_called(url, "tess") == []


async def test_the_authors_files_and_logs_are_let_go(world: World) -> None:
    "Logs and files of jobs on the author's pull requests go; those of others stay."
    gives_powers(world)
    pr = await triaged(world)
    other = await world.bob.opens_pr()
    await pr.settled()
    pr.has_been_read()
    other.has_been_read()
    now = world.clock.now()
    async with world.database() as engine, engine.begin() as connection:
        tables = metadata.tables
        for number in (pr.number, other.number):
            file = {"sha256": "a" * 64, "repository_id": world.repo.id, "number": number, "name": "inputs.json"}
            file |= {"media_type": "application/json", "size": 1, "job_id": None, "stored_at": now}
            await connection.execute(insert(tables["artifacts"]).values(file))
    url = world.settings.database_url
    (person,) = await people_called(url, "ana")
    await forgotten(url, person, by="olga")

    assert await world.rows("select number from artifacts") == [(other.number,)]
    authors = await world.rows("select author, author_id from pull_requests order by number")
    assert authors[0] == ("forgotten-1", -1)
    assert authors[1][0] == "bob"


@pytest.fixture
async def full_url(unbuilt_database_url: str) -> str:
    "A database with odd rows in every table."
    engine = open_engine(unbuilt_database_url)
    await migrate(engine)
    async with engine.begin() as connection:
        for table in metadata.sorted_tables:
            found = sa.MetaData()
            await connection.run_sync(lambda c, t=table, f=found: f.reflect(c, only=[t.name]))
            await connection.execute(insert(found.tables[table.name]), rows_for(found.tables[table.name]))
        mine: dict[str, Any] = {"asked_by": "Ana", "asked_by_id": 77, "outcome": '{"note": "by ana, see a/ana/b"}'}
        await connection.execute(sa.update(metadata.tables["jobs"]).values(mine))
        plan = '{"pulls": [{"author": "ana", "author_id": 77}, {"author": "anabel", "author_id": 78}], "ana": 1}'
        await connection.execute(sa.update(metadata.tables["builds"]).values(plan=plan))
    await engine.dispose()
    return unbuilt_database_url


async def test_names_are_taken_out_of_json_and_texts_as_words(full_url: str) -> None:
    "Another's longer login, a key of JSON and a folder of that name stay as they are."
    (person,) = await people_called(full_url, "ana")
    assert (person.id, person.logins) == (77, {"ana"})
    await forgotten(full_url, person, by="olga")

    engine = open_engine(full_url)
    async with engine.connect() as connection:
        (plan,) = set((await connection.execute(sa.select(metadata.tables["builds"].c.plan))).scalars())
        (outcome,) = set((await connection.execute(sa.select(metadata.tables["jobs"].c.outcome))).scalars())
    await engine.dispose()
    kept = '{"author": "anabel", "author_id": 78}'
    assert plan == f'{{"pulls": [{{"author": "forgotten-1", "author_id": -1}}, {kept}], "ana": 1}}'
    assert outcome == '{"note": "by forgotten-1, see a/ana/b"}'


@pytest.mark.parametrize(("answer", "is_done"), [("n\n", False), ("y\n", True)], ids=["no", "yes"])
def test_the_command_shows_first_and_asks(
    full_url: str, monkeypatch: pytest.MonkeyPatch, answer: str, *, is_done: bool
) -> None:
    "Places by table, then the question; what was done cannot be taken back."
    sets = {"APP_ID": "1", "REPOSITORIES": "1", "WEBHOOK_SECRETS": "a long secret", "DATABASE_URL": full_url}
    from bot.simulator.access import process_key_pair

    for name, value in (sets | {"PRIVATE_KEY": process_key_pair().private_pem}).items():
        monkeypatch.setenv(f"TAXONOMY_BOT_{name}", value)
    told = runner.invoke(cli, ["forget", "@ana"], input=answer)

    assert "ana (account 77):\n  builds: 5 places\n  jobs: 10 places\n" in told.output
    assert told.exit_code == (0 if is_done else 2)
    assert ("forgotten-1 stands there now" in told.output) is is_done
    again = runner.invoke(cli, ["forget", "ana", "--yes"])
    assert ("Nothing is stored about ana" in again.output) is is_done
