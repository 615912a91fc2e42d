"""`taxonomy-bot notices`: what triagers alone should know of a pull request, with the ready words for it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import settings_or_stop, stop
from bot.ready_texts import TOPICS, topic_refused
from bot.simulate_cli import wrapped
from checks.findings import Severity
from checks.report.visible import visible

if TYPE_CHECKING:
    from bot.clock import Clock
    from bot.look import Look
    from bot.rule_workers import RuleWorkers
    from bot.settings import BotSettings
    from checks.findings import Finding

_NAMED = re.compile(r"([A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100})#([0-9]{1,9})")
_TOPIC = re.compile(r"`/topic ([a-z-]{1,30})`")


def notices(
    pull_request: Annotated[str, typer.Argument(metavar="OWNER/REPO#N", help="The pull request.")],
) -> None:
    """Show the notes for triagers on a pull request, also those that the pull request itself never shows.

    Whatever a note suggests is a guess: read the contribution, then decide. Nothing is written.
    """
    from bot.clock import SystemClock
    from bot.github.errors import GitHubError
    from bot.rehearsal import UnknownPlaceError

    named = _NAMED.fullmatch(pull_request)
    if named is None:
        stop("Name the pull request like owner/repository#12.")
    settings = settings_or_stop()
    try:
        told = asyncio.run(noticed(settings, SystemClock(), named[1], int(named[2])))
    except UnknownPlaceError as error:
        stop(str(error))
    except GitHubError as error:
        stop(f"GitHub did not tell all that is needed: {error}. Try again in a minute.")
    for line in told:
        typer.echo(line)


async def noticed(
    settings: BotSettings, clock: Clock, full_name: str, number: int, workers: RuleWorkers | None = None
) -> list[str]:
    """Return the notes on the newest commit, in lines for a terminal: judged now, by the code that serves.

    Raises UnknownPlaceError, DatabaseError and the errors of `bot.github.errors`.
    """
    from bot.github.errors import NotFoundError
    from bot.rehearsal import UnknownPlaceError, rehearsing

    async with rehearsing(settings, clock, workers) as rehearsal:
        origin = await rehearsal.origin_of(full_name)
        reader = rehearsal.reader(origin)
        try:
            pull = await reader.pull(number)
        except NotFoundError:
            raise UnknownPlaceError(f"There is no pull request #{number} in {origin.full_name}.") from None
        return list(as_lines(await rehearsal.looks.at(reader, origin.repository_id, pull)))


def as_lines(look: Look) -> Iterator[str]:
    """Yield the notes on a commit: first those that nobody sees on the pull request; 80 columns wide."""
    pull = look.facts.pull
    yield from wrapped(f"#{pull.number} {visible(pull.title)} ({pull.author}, at {pull.head_sha[:10]})")
    yield from _notes("For triagers alone, shown nowhere on the pull request:", look.kept_back, look)
    shown = look.judgement.verdict.with_severity(Severity.NOTICE)
    yield from _notes("Notes that its comment shows, too:", shown, look)
    if not look.kept_back and not shown:
        yield from ["", "There is nothing that only triagers look at."]
    if look.judgement.verdict.crashes or look.judgement.verdict.not_judged:
        yield from ["", "Not everything could be judged: ask again in some minutes."]


def _notes(heading: str, findings: tuple[Finding, ...], look: Look) -> Iterator[str]:
    if findings:
        yield from ["", heading]
    for finding in findings:
        place = f", line {finding.line}" if finding.line else ""
        yield from ["", *wrapped(f"{finding.cause.id}: {visible(finding.path or 'the pull request')}{place}", "  ")]
        yield from wrapped(visible(finding.message), "    ")
        yield from wrapped(visible(finding.how_to_fix), "    ")
        named = _TOPIC.search(finding.how_to_fix)
        if finding.cause.kept_back and named and named[1] in TOPICS:
            yield f"    /topic {named[1]} would say, after a sentence of yours if you add one:"
            for line in topic_refused(named[1], "", look.facts.policy.messages.rules_url).splitlines():
                yield from wrapped(line, "    | ")
