"""`taxonomy-bot deliveries`: the webhooks that wait, those that were given up, and having one handled again."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import settings_or_stop, stop
from bot.settings import BotSettings
from checks.report.visible import visible

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy.ext.asyncio import AsyncEngine

    from bot.github.hook_deliveries import HookDeliveries
    from bot.store.delivery_desk import DeliveryDesk, Listed

deliveries = typer.Typer(help="The webhooks that are not handled yet, or were given up, and one handled again.")

_MOST_SHOWN = 100
_MOST_PAGES = 200  # of GitHub's list
_SHOWN_OF_GUID = 13
_LONGEST_ERROR = 200
_SLACK = timedelta(hours=1)  # clocks differ
_FEW_MINUTES, _FEW_HOURS = timedelta(hours=2), timedelta(days=3)
_STATES = {"received": "waits", "failed": "given up"}


@deliveries.callback(invoke_without_command=True)
def listing(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were given up.")] = False,
) -> None:
    """List what waits and what was given up, oldest first."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    from bot.clock import SystemClock

    found, count = asyncio.run(not_handled(settings_or_stop(), only_failed=failed))
    show(found, count, SystemClock().now(), Console())


@deliveries.command()
def replay(
    guid: Annotated[str, typer.Argument(help="Its GUID, or a beginning of it, as the list shows it.")],
    done: Annotated[bool, typer.Option("--done", help="Also one that was handled: GitHub sends it again.")] = False,
) -> None:
    """Have a delivery handled again that was given up. It is written down in the audit."""
    answer, is_well = asyncio.run(replayed(settings_or_stop(), guid, getpass.getuser(), with_done=done))
    if not is_well:
        stop(answer)
    typer.echo(answer)


async def not_handled(settings: BotSettings, *, only_failed: bool) -> tuple[list[Listed], int]:
    """Return the oldest deliveries that wait or were given up, and how many there are."""
    from bot.store.deliveries import DeliveryState
    from bot.store.delivery_desk import DeliveryDesk

    states = [DeliveryState.FAILED] if only_failed else [DeliveryState.RECEIVED, DeliveryState.FAILED]
    async with _database(settings) as engine:
        desk = DeliveryDesk(engine)
        return await desk.listed(states, _MOST_SHOWN), await desk.count(states)


async def replayed(settings: BotSettings, guid: str, who: str, *, with_done: bool) -> tuple[str, bool]:
    """Have one delivery handled again. Return what came of it, in a sentence, and whether it will be handled."""
    from bot.clock import SystemClock
    from bot.replays import Replayer, replay_entry
    from bot.store.deliveries import DeliveryState
    from bot.store.delivery_desk import DeliveryDesk
    from bot.store.desk_log import DeskLog

    async with _database(settings) as engine:
        desk = DeliveryDesk(engine)
        found = await desk.beginning_with(guid)
        if len(found) != 1:
            what = "Several deliveries begin" if found else "No delivery begins"
            return (
                f"{what} with {visible(guid)}. `taxonomy-bot deliveries` lists what waits or was given up.",
                False,
            )
        delivery = found[0]
        if delivery.state is DeliveryState.RECEIVED:
            return f"{delivery.guid} waits already: it is handled when its turn comes.", False
        if delivery.state is DeliveryState.DONE and not with_done:
            return f"{delivery.guid} was handled. Give --done to have GitHub send it again all the same.", False
        if delivery.state is DeliveryState.DONE:
            problem = await _sent_again(settings, desk, delivery)
            if problem:
                return problem, False
        elif not await desk.try_again(delivery):
            return f"{delivery.guid} has just changed. Look at the list again.", False
        await DeskLog(engine).add(replay_entry(delivery, Replayer(who), SystemClock().now()))
    return f"{delivery.guid} is handled again within seconds, where `taxonomy-bot serve` runs.", True


def show(found: Sequence[Listed], count: int, now: datetime, console: Console) -> None:
    """Print deliveries as a table that fits the terminal."""
    from rich.table import Table
    from rich.text import Text

    if not found:
        console.print("No delivery waits or was given up.", highlight=False)
        return
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for name in ("GUID", "Event", "About", "Age", "Tried", "State", "Last error"):
        is_last = name == "Last error"
        table.add_column(name, no_wrap=not is_last, overflow="fold" if is_last else "ellipsis")
    for each in found:
        about = f"#{each.number}" if each.number else "the repository"
        cells = (each.guid[:_SHOWN_OF_GUID], each.event, about, _age(now - each.received_at), str(each.attempts))
        error = visible(each.error[:_LONGEST_ERROR])
        table.add_row(*(Text(cell) for cell in (*cells, _STATES[each.state.value], error)))
    console.print(table, highlight=False)
    if count > len(found):
        console.print(f"And {count - len(found)} more.", highlight=False)


def _age(age: timedelta) -> str:
    if age < _FEW_MINUTES:
        return f"{max(age, timedelta()) // timedelta(minutes=1)} min"
    return f"{age // timedelta(hours=1)} h" if age < _FEW_HOURS else f"{age.days} d"


async def _sent_again(settings: BotSettings, desk: DeliveryDesk, delivery: Listed) -> str:
    """Forget a delivery and have GitHub send it again: of a handled one we keep nothing. Return what went wrong."""
    import aiohttp

    from bot.apply import send_again
    from bot.clock import SystemClock
    from bot.github.errors import GitHubError
    from bot.github.hook_deliveries import HookDeliveries
    from bot.wiring import open_github

    timeout = aiohttp.ClientTimeout(total=settings.request_timeout_s)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = open_github(session, settings, SystemClock()).itself()
        try:
            sending = await _sending_of(HookDeliveries(client), delivery)
            if sending is None:
                return f"GitHub no longer lists {delivery.guid}: it sends again only what is a few days old."
            if not await desk.forget_done(delivery):
                return f"{delivery.guid} has just changed. Look at the list again."
            await send_again(client, sending)
        except GitHubError as error:
            return f"GitHub was asked to send {delivery.guid} again: {error}. Try again in a minute."
    return ""


async def _sending_of(sent: HookDeliveries, delivery: Listed) -> int | None:
    """Return GitHub's number of a try to send a delivery; None when it lists none."""
    async for page in sent.newest_first(_MOST_PAGES):
        for sending in page:
            if sending.guid == delivery.guid:
                return sending.id
        if page and page[-1].at < delivery.received_at - _SLACK:
            return None
    return None


@asynccontextmanager
async def _database(settings: BotSettings) -> AsyncIterator[AsyncEngine]:
    from bot.store.database import migrate, open_engine

    engine = open_engine(settings.database_url, 1)
    try:
        await migrate(engine)
        yield engine
    finally:
        await engine.dispose()
