"""`taxonomy-bot forget`: rows keep what a person did, and no longer say who it was."""

from __future__ import annotations

import asyncio
import getpass
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import settings_or_stop, stop
from checks.report.visible import visible

if TYPE_CHECKING:
    from bot.store.people import Person

_AFTER = (
    "Next: `taxonomy-bot artifacts gc` deletes files that nothing names any more. What GitHub shows, and what is "
    "in the taxonomy's history, is not ours to change: see docs/privacy.md."
)


def forget(
    login: Annotated[str, typer.Argument(help="Whom to forget: a login, also an earlier one.")],
    account: Annotated[
        int, typer.Option("--id", help="The account's numeric id, where several had that login.")
    ] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a person everywhere in the database; show first what that changes. The audit says that it was done."""
    settings = settings_or_stop()
    login = login.removeprefix("@")
    people = asyncio.run(people_called(settings.database_url, login))
    chosen = [person for person in people if account in (0, person.id)]
    if not chosen:
        stop(f"Nothing is stored about {visible(login)}.")
    if len(chosen) > 1:
        ids = ", ".join(str(person.id) for person in chosen)
        stop(f"Several accounts had the login {visible(login)}: name one with --id ({ids}).")
    counts = asyncio.run(places_of(settings.database_url, chosen[0]))
    typer.echo(f"{', '.join(visible(name) for name in sorted(chosen[0].logins))} (account {chosen[0].id}):")
    for line in told(counts):
        typer.echo(f"  {line}")
    if not yes and not typer.confirm("Forget all of that? It cannot be taken back."):
        stop("Nothing was changed.")
    name = asyncio.run(forgotten(settings.database_url, chosen[0], by=getpass.getuser()))
    typer.echo(f"Forgotten: {name} stands there now. {_AFTER}")


def told(counts: Counter[str]) -> list[str]:
    """Return a line for each table that is changed."""
    return [f"{table}: {count} {'place' if count == 1 else 'places'}" for table, count in sorted(counts.items())]


async def people_called(database_url: str, login: str) -> list[Person]:
    """Return everybody who is, or was, called so."""
    from bot.store.database import migrate, open_engine
    from bot.store.people import PeopleStore

    engine = open_engine(database_url)
    try:
        await migrate(engine)
        return await PeopleStore(engine).called(login)
    finally:
        await engine.dispose()


async def places_of(database_url: str, person: Person) -> Counter[str]:
    """Return in how many places of each table something would be changed or deleted."""
    from bot.store.database import open_engine
    from bot.store.people import PeopleStore

    engine = open_engine(database_url)
    try:
        return await PeopleStore(engine).places_of(person)
    finally:
        await engine.dispose()


async def forgotten(database_url: str, person: Person, *, by: str) -> str:
    """Forget a person and write down that it was done, not who it was; return the name in their place."""
    from bot.clock import SystemClock
    from bot.store.database import open_engine
    from bot.store.people import PeopleStore

    engine = open_engine(database_url)
    try:
        return await PeopleStore(engine).forget(person, SystemClock().now(), by=by)
    finally:
        await engine.dispose()
