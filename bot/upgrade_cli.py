"""`taxonomy-bot upgrade`: what this version would change for open pull requests, and getting ready for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bot.at_the_terminal import settings_or_stop, stop
from bot.simulate_cli import wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bot.clock import Clock
    from bot.events import Origin
    from bot.rehearsal import Rehearsal
    from bot.rule_workers import RuleWorkers
    from bot.settings import BotSettings
    from checks.findings import Verdict
    from checks.policy import Policy


@dataclass(frozen=True, slots=True)
class Change:
    """Another verdict of one pull request: from when, and by which causes."""

    repository: str
    number: int
    author: str
    before: str
    after: str
    when: str
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many open pull requests were looked at, and whose verdict would change."""

    looked_at: int
    changes: tuple[Change, ...]
    troubles: tuple[str, ...] = ()


def upgrade(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the open pull requests whose verdict would change.")
    ] = False,
) -> None:
    """Bring the database to this version, as the first start does; the days of new rules begin then.

    With --dry-run nothing is written: it lists the open pull requests whose verdict would change, how and when.
    Run it with the new version while the old one still serves.
    """
    from bot.clock import SystemClock
    from bot.github.errors import GitHubError

    settings, clock = settings_or_stop(), SystemClock()
    if not dry_run:
        for line in asyncio.run(upgraded(settings, clock)):
            typer.echo(line)
        return
    try:
        outlook = asyncio.run(outlook_of(settings, clock))
    except GitHubError as error:
        stop(f"GitHub did not tell all that is needed: {error}. Try again in a minute.")
    for line in as_lines(outlook):
        typer.echo(line)


async def upgraded(settings: BotSettings, clock: Clock) -> list[str]:
    """Bring the schema up to date and note when new rules began; return when each weighs in full. Lines to show."""
    from bot.store.database import migrate, open_engine, standing_of
    from bot.store.rule_starts import RuleStarts
    from checks.registry import release_days

    engine = open_engine(settings.database_url)
    try:
        await migrate(engine)
        starts = await RuleStarts(engine).noted(release_days(), clock.now())
    finally:
        await engine.dispose()
    later = {cause: at for cause, at in starts.items() if at.date() > release_days()[cause]}
    lines = wrapped(await standing_of(settings.database_url))
    if later:
        lines += wrapped(
            "These rules are new here. So that laptops and CI count their days alike, add to the policy:"
        )
        lines += ["  new_rules:", "    start:", *(f"      {cause}: {at.date()}" for cause, at in later.items())]
    return lines


async def outlook_of(settings: BotSettings, clock: Clock, workers: RuleWorkers | None = None) -> Outlook:
    """Return whose verdict would change. Raises DatabaseError and the errors of `bot.github.errors`."""
    from bot.github.errors import GitHubError
    from bot.github.listings import Listings
    from bot.rehearsal import rehearsing

    changes, troubles, count = list[Change](), list[str](), 0
    async with rehearsing(settings, clock, workers) as rehearsal:
        for known in await rehearsal.records.repositories.all_known():
            if (origin := known.origin).repository_id not in settings.repositories:
                continue
            client = rehearsal.github.installation(origin.installation_id)
            async for listed in Listings(client, origin.full_name, rehearsal.github.app_id).open_pulls():
                count += 1
                try:
                    changes += [change async for change in _changes(rehearsal, origin, listed.number, clock)]
                except GitHubError as error:
                    troubles.append(f"{origin.full_name}#{listed.number}: {error}")
    return Outlook(count, tuple(changes), tuple(troubles))


async def _changes(rehearsal: Rehearsal, origin: Origin, number: int, clock: Clock) -> AsyncIterator[Change]:
    """Yield how the verdict on one pull request differs: at once, on its next push, and once nothing is gentle."""
    from bot.look import pardoned

    memory = await rehearsal.records.memories.get(origin.repository_id, number)
    pull = await rehearsal.reader(origin).pull(number)
    if memory is None or memory.verdict is None or memory.head_sha != pull.head_sha:
        return  # nothing that it could differ from
    look = await rehearsal.looks.at(rehearsal.reader(origin), origin.repository_id, pull)
    pardons = await rehearsal.records.pardons.of_content(
        origin.repository_id, number, look.facts.content_digest or memory.content_digest
    )
    told = memory.verdict.value
    causes = frozenset(memory.failing_causes.split())
    starts = await rehearsal.rule_sets.starts()
    by_then = _by_then(look.judgement.verdict, look.in_full, look.facts.policy, clock.now(), starts)
    for when, verdict in by_then:
        verdict = pardoned(verdict, pardons)
        failing = _failing(verdict)
        if (after := verdict.overall.value) != told:
            named = tuple(sorted(failing - causes)) or tuple(sorted(causes - failing))
            yield Change(origin.full_name, number, pull.author, told, after, when, named)
        told, causes = after, failing


def _by_then(
    kept: Verdict, in_full: Verdict, policy: Policy, now: datetime, starts: Mapping[str, datetime]
) -> Iterator[tuple[str, Verdict]]:
    from checks.gentleness import midnight, rule_set, weighs_fully_on

    yield "at once", kept
    yield "on its next push", rule_set(policy, now, starts).applied(in_full)
    days: set[date] = {
        day
        for finding in in_full.findings
        if (day := weighs_fully_on(policy, finding.cause.id, starts)) is not None and midnight(day) > now
    }
    for day in sorted(days):
        then = midnight(day) + timedelta(seconds=1)
        yield f"on a push from {day} on", rule_set(policy, then, starts).applied(in_full)


def _failing(verdict: Verdict) -> frozenset[str]:
    from checks.findings import Severity

    return frozenset(finding.cause.id for finding in verdict.with_severity(Severity.ERROR))


def as_lines(outlook: Outlook) -> Iterator[str]:
    """Yield the outlook in lines for a terminal, 80 columns wide."""
    for change in outlook.changes:
        yield f"{change.repository}#{change.number} ({change.author})"
        because = f": {', '.join(change.causes)}" if change.causes else ""
        yield from wrapped(f"{change.before} -> {change.after} {change.when}{because}", "  ")
    for trouble in outlook.troubles:
        yield from wrapped(f"{trouble}: could not be judged")
    yield from wrapped(_tally(outlook.looked_at, outlook.changes))
    yield "Nothing was written."


def _tally(looked_at: int, changes: Iterable[Change]) -> str:
    changed = len({(change.repository, change.number) for change in changes})
    return f"Open pull requests: {looked_at}. With another verdict, now or later: {changed}."
