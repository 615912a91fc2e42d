"""`taxonomy-bot doctor`: examine an installation, and say how to put right what is wrong."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from bot.doctor.findings import Section


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    test_delivery: Annotated[
        bool, typer.Option("--test-delivery", help="Have GitHub send its newest webhook again, and see it arrive.")
    ] = False,
) -> None:
    """Examine everything this bot needs, with a remedy for what lacks. Exit 0: well, 1: attention, 2: broken."""
    from bot.doctor.findings import worst
    from bot.doctor.screen import data_of, lines_of

    sections = asyncio.run(_examined(test_delivery))
    if as_json:
        typer.echo(json.dumps(data_of(sections), indent=2))
    else:
        for line in lines_of(sections, shutil.get_terminal_size().columns, colours=sys.stdout.isatty()):
            typer.echo(line)
    raise typer.Exit(worst(sections).value)


async def _examined(tests_delivery: bool) -> list[Section]:
    import aiohttp
    import structlog

    from bot.clock import SystemClock
    from bot.doctor.examination import examine
    from bot.doctor.patient import Patient, settings_at_hand

    structlog.configure(processors=[_silent], cache_logger_on_first_use=False)  # the report says it
    settings, problems = settings_at_hand()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        return await examine(Patient(settings, problems, SystemClock(), session, tests_delivery))


def _silent(*_: object) -> NoReturn:
    import structlog

    raise structlog.DropEvent
