"""`taxonomy-bot adopt` and `observe`: let the bot speak in a repository, or only look on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import account, settings_or_stop, stop
from bot.simulate_cli import wrapped
from checks.report.visible import visible

if TYPE_CHECKING:
    from bot.adopting import AdoptionDesk
    from bot.clock import Clock
    from bot.events import Origin
    from bot.github.client import GitHubApp
    from bot.other_bots import OtherBot
    from bot.settings import BotSettings
    from bot.store.adoption import AdoptionStore, ObservedPull, Standing

_NAME = Annotated[
    str, typer.Argument(metavar="OWNER/REPO", help="The repository; may be left out if one is served.")
]
_By = Annotated[str, typer.Option(help="Who does this, for those who ask later; your account without.")]


class NoSuchPlaceError(Exception):
    """There is no such repository for us; the text says what to do."""


def adopt(
    repository: _NAME = "",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only list what it would say on the open pull requests, and who yields."),
    ] = False,
    by: _By = "",
) -> None:
    """Let the bot speak in a repository that it has only observed. Old pull requests wait for their next push."""
    from bot.clock import SystemClock

    settings = settings_or_stop()
    work = (
        foreseen(settings, SystemClock(), repository)
        if dry_run
        else adopted(settings, SystemClock(), repository, by or account())
    )
    _say(asyncio.run(_or_stop(work)))


def observe(repository: _NAME = "", by: _By = "") -> None:
    """Have the bot only look on in a repository again: it writes nothing there until it is adopted anew."""
    from bot.clock import SystemClock

    _say(asyncio.run(_or_stop(silenced(settings_or_stop(), SystemClock(), repository, by or account()))))


async def adopted(settings: BotSettings, clock: Clock, full_name: str, by: str) -> list[str]:
    """Adopt a repository; return what to tell. Raises NoSuchPlaceError and the errors of `bot.github.errors`."""
    async with _terminal(settings, clock) as terminal:
        origin = await terminal.origin_of(full_name)
        done = await terminal.desk.adopt(origin, by)
    if not done.is_new:
        return [f"{origin.full_name} is adopted already."]
    return [
        f"{origin.full_name} is adopted: new pull requests are answered at once.",
        f"{done.old_ones} open ones, up to #{done.after}, hear from the bot after their next push or command.",
        f"`taxonomy-bot observe {origin.full_name}` takes it back.",
    ]


async def silenced(settings: BotSettings, clock: Clock, full_name: str, by: str) -> list[str]:
    """Fall silent in a repository; return what to tell."""
    async with _terminal(settings, clock) as terminal:
        origin = await terminal.origin_of(full_name)
        has_spoken = await terminal.desk.observe(origin, by)
    if not has_spoken:
        return [f"{origin.full_name} is only observed already."]
    return [f"{origin.full_name} is only observed from now on: nothing is written there. What was written stays."]


async def foreseen(settings: BotSettings, clock: Clock, full_name: str) -> list[str]:
    """Return what the bot would say on the open pull requests, and which other bots are there; change nothing."""
    from bot.github.listings import Listings
    from bot.other_bots import other_bots
    from bot.other_bots_reading import seen_there

    async with _terminal(settings, clock) as terminal:
        origin = await terminal.origin_of(full_name)
        client = terminal.app.installation(origin.installation_id)
        standing = await terminal.store.standing(origin.repository_id)
        silent = {pull.number: pull for pull in await terminal.store.silent_ones(origin.repository_id)}
        listings = Listings(client, origin.full_name, settings.app_id)
        heads = {pull.number: pull.head_sha async for pull in listings.open_pulls()}
        others = other_bots(await seen_there(client, origin))
    return [*_foreseen(origin, standing, silent, heads), "", *_others(others), "", "Nothing was changed."]


def _foreseen(
    origin: Origin, standing: Standing, silent: dict[int, ObservedPull], heads: dict[int, str]
) -> Iterator[str]:
    yield f"{origin.full_name} is {'adopted' if standing.is_adopted else 'only observed'}; {len(heads)} open."
    not_seen = []
    for number, head in sorted(heads.items()):
        pull = silent.get(number)
        if pull is not None and pull.would_say and pull.head_sha == head:
            yield from ["", *_pull(pull)]
        elif not standing.is_adopted:
            not_seen.append(f"#{number}")
    if not_seen:
        yield ""
        yield from wrapped(
            f"Not looked at as they are now: {', '.join(not_seen)}. The running bot does so by itself."
        )
        yield from wrapped(f"One of them at once: taxonomy-bot simulate {origin.full_name}{not_seen[0]}")


def _pull(pull: ObservedPull) -> Iterator[str]:
    from bot.would_say import read_would_say

    said = read_would_say(pull.would_say)
    yield f"#{pull.number} (at {pull.head_sha[:10]})"
    for check in said.checks:
        yield from wrapped(f"Check {check.name}: {check.conclusion}, {visible(check.title)}", "  ")
    if said.labels_on:
        yield from wrapped(f"Labels on: {', '.join(said.labels_on)}", "  ")
    if said.labels_off:
        yield from wrapped(f"Labels off: {', '.join(said.labels_off)}", "  ")
    for other in said.others:
        yield from wrapped(f"Also: {visible(other)}", "  ")
    for comment in said.comments:
        yield "  Comment:"
        for line in comment.splitlines():
            yield from wrapped(visible(line), "    | ")
    if said.is_nothing:
        yield "  GitHub shows all of it already."


def _others(others: Sequence[OtherBot]) -> Iterator[str]:
    if not others:
        yield "No other bot was found that does a part of this work."
        return
    yield "Other bots that do a part of this work:"
    for other in others:
        yield f"- {other.what}"
        for place in other.seen_in:
            yield from wrapped(f"seen: {visible(place)}", "    ")
        yield from wrapped(other.proposal, "    ")
        if other.policy:
            yield "    If ours is to yield instead, in .github/taxonomy-bot.yml:"
            yield from (f"      {line}" for line in other.policy.splitlines())


@dataclass(frozen=True, slots=True)
class _Terminal:
    """What an operator holds."""

    app: GitHubApp
    desk: AdoptionDesk
    store: AdoptionStore
    known: dict[str, Origin]
    serves: frozenset[int]

    async def origin_of(self, full_name: str) -> Origin:
        """Return where a repository is; without a name, the only one that is served."""
        from bot.events import Origin

        served = [origin for origin in self.known.values() if origin.repository_id in self.serves]
        if not full_name:
            if len(served) == 1:
                return served[0]
            raise NoSuchPlaceError(
                "Name the repository like owner/name: "
                + (
                    f"known are {', '.join(sorted(o.full_name for o in served))}."
                    if served
                    else "none has told the bot anything yet."
                )
            )
        if (origin := self.known.get(full_name.casefold())) is None:
            installation = await self.app.installation_of(full_name)
            if installation is None:
                raise NoSuchPlaceError(f"The App is not installed on {full_name}. Is the name right?")
            owner, _, name = full_name.partition("/")
            client = self.app.installation(installation)
            place = await client.read("/repos/{owner}/{name}", {"owner": owner, "name": name})
            origin = Origin(int(place["id"]), str(place["full_name"]), installation)
        if origin.repository_id not in self.serves:
            raise NoSuchPlaceError(
                f"{full_name} is not served: add its id {origin.repository_id} to TAXONOMY_BOT_REPOSITORIES."
            )
        return origin


@asynccontextmanager
async def _terminal(settings: BotSettings, clock: Clock) -> AsyncIterator[_Terminal]:
    """Open the database beside the bot, and GitHub to read."""
    import aiohttp

    from bot.adopting import AdoptionDesk
    from bot.store.adoption import AdoptionStore
    from bot.store.database import migrate, open_engine
    from bot.store.desk_log import DeskLog
    from bot.store.repositories import RepositoryStore
    from bot.wiring import open_github

    engine = open_engine(settings.database_url)
    timeout = aiohttp.ClientTimeout(total=settings.request_timeout_s)
    try:
        await migrate(engine)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            app = open_github(session, settings, clock, only_reads=True)
            repositories, store = RepositoryStore(engine, clock), AdoptionStore(engine)
            known = {each.origin.full_name.casefold(): each.origin for each in await repositories.all_known()}
            desk = AdoptionDesk(app, store, repositories, DeskLog(engine), clock)
            yield _Terminal(app, desk, store, known, settings.repositories)
    finally:
        await engine.dispose()


async def _or_stop(work: Awaitable[list[str]]) -> list[str]:
    from bot.github.errors import GitHubError

    try:
        return await work
    except NoSuchPlaceError as error:
        stop(str(error))
    except GitHubError as error:
        stop(f"GitHub did not tell all that is needed: {error}. Nothing was changed; try again in a minute.")


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(line)
