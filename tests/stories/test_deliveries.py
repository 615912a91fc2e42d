"""`taxonomy-bot deliveries`: what waits and what was given up is seen, and handled again when somebody says so."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

from rich.console import Console
from typer.testing import CliRunner

from bot.cli import cli
from bot.deliveries_cli import not_handled, replayed, show
from bot.simulator import Delivery
from bot.store.delivery_desk import Listed
from tests.world import PullRequest, World


async def given_up(world: World) -> tuple[PullRequest, Delivery]:
    "A pull request whose delivery was given up, because GitHub was down for long."
    world.github.fail_next("GET", r"/pulls/1$", status=503, times=24)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(hours=2)
    return pr, next(d for d in world.github.deliveries if d.event == "pull_request")


def printed(world: World, found: list[Listed], count: int, width: int = 80) -> str:
    "The table as a terminal shows it."
    text = StringIO()
    show(found, count, world.clock.now(), Console(file=text, width=width))
    return text.getvalue()


async def test_what_was_given_up_is_listed_with_the_reason(world: World) -> None:
    "GUID, event, pull request, age, tries and the last error; nothing is wider than 80 columns."
    _pr, delivery = await given_up(world)
    found, count = await not_handled(world.settings, only_failed=True)
    text = printed(world, found, count)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    for part in (delivery.guid[:13], "pull_request", "#1", "8", "given up", "503"):
        assert part in text


async def test_the_list_says_what_it_leaves_out_and_masks_what_a_terminal_would_obey(world: World) -> None:
    "An error may repeat what others wrote: no escape sequence gets through."
    _pr, delivery = await given_up(world)
    found, _ = await not_handled(world.settings, only_failed=False)
    hostile = Listed(9, "guid-9", "push", 1, "1", found[0].state, 3, "\x1b[2Jgone", found[0].received_at)
    text = printed(world, [*found, hostile], 7)
    assert "\x1b" not in text
    assert "the repository" in text
    assert "And 5 more." in text
    assert delivery.guid[:13] in text


async def test_a_delivery_that_was_given_up_is_replayed(world: World) -> None:
    "It is handled within seconds, and the audit says who wanted it."
    pr, delivery = await given_up(world)
    answer, is_well = await replayed(world.settings, delivery.guid[:13], "olga", with_done=False)
    assert is_well, answer
    assert "handled again within seconds" in answer

    await world.wakes_the_dispatcher()
    assert "All checks passed" in await pr.next_comment()
    replays = [entry for entry in await world.audit_of(pr) if entry.act == "replay"]
    assert [(entry.actor, entry.arguments) for entry in replays] == [("olga", delivery.guid)]
    assert await not_handled(world.settings, only_failed=False) == ([], 0)


async def test_a_handled_one_is_replayed_only_when_that_is_said(world: World) -> None:
    "Nothing of it is kept, so GitHub sends it again; the report stays one."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    delivery = next(d for d in world.github.deliveries if d.event == "pull_request")
    refused, is_well = await replayed(world.settings, delivery.guid, "olga", with_done=False)
    assert not is_well
    assert "--done" in refused

    sent = len(world.triaged)
    answer, is_well = await replayed(world.settings, delivery.guid, "olga", with_done=True)
    assert is_well, answer
    await world.settled()
    assert len(world.triaged) > sent
    assert len(pr.pull.comments) == 1


async def test_what_is_not_there_or_not_clear_is_said(world: World) -> None:
    "An unknown beginning, and one that several share."
    answer, is_well = await replayed(world.settings, "nonsense", "olga", with_done=False)
    assert not is_well
    assert "No delivery begins with nonsense" in answer
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    answer, _ = await replayed(world.settings, "", "olga", with_done=False)
    assert "Several deliveries begin with" in answer


def test_the_command_is_there() -> None:
    "Its help names both ways to use it."
    text = CliRunner().invoke(cli, ["deliveries", "--help"]).output
    assert "--failed" in text
    assert "replay" in text


def test_ages_are_told_in_the_unit_that_says_something() -> None:
    "Minutes, hours, days."
    from bot.deliveries_cli import _age

    assert [_age(timedelta(minutes=m)) for m in (-3, 5, 300, 10_000)] == ["0 min", "5 min", "5 h", "6 d"]
