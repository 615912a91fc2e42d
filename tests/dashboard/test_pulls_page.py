"""The list of pull requests: who acts next on each, and how to find one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.labels import Label
from bot.readiness import Case, Who, readiness
from bot.store.board_pulls import PAGE, BoardPulls, Openness, PullRow, Wanted
from bot.store.database import open_engine
from bot.store.pull_requests import PullMemory, PullRequestStore, paths_text
from bot.workflow import State, Status
from checks.findings import Outcome
from checks.policy import Merging
from tests.checks.contributions import SKILL_PATH
from tests.dashboard.visitor import Seen, Visitor
from tests.world import World
from tests.world.people import a_good_skill
from tests.world.review import gives_powers, triaged

NOW = datetime(2026, 11, 22, tzinfo=UTC)
REPOSITORY = 7
_NUMBER = re.compile(r'class="soft">#(\d+)<')


def listed(seen: Seen) -> list[int]:
    "The numbers that a page lists, in order."
    return [int(number) for number in _NUMBER.findall(seen.html)]


async def test_the_list_says_of_each_who_acts_next(world: World, visitor: Visitor) -> None:
    "One that fails waits for its author, one that passed for a triager, one signed off for an approver."
    gives_powers(world)
    failing = await world.bob.opens_pr({SKILL_PATH.replace("shorten", "bob"): "version: 3\n"}, title="Broken one")
    signed_off = await triaged(world)
    held = await world.cleo.opens_pr()
    await world.settled()
    await world.tess.comments(held, "/hold")
    await world.settled()

    seen = await visitor.opens_page("/pulls")

    assert set(listed(seen)) == {failing.number, signed_off.number, held.number}
    rows = {int(_NUMBER.findall(row)[0]): row for row in seen.html.split('<li class="pull">')[1:]}
    assert "<strong>the author</strong>" in rows[failing.number]
    assert "not ready yet" in rows[failing.number]
    assert "to fix" in rows[failing.number]
    assert "<strong>an approver</strong>" in rows[signed_off.number]
    assert "triage approved" in rows[signed_off.number]
    assert "whoever held it up" in rows[held.number]
    assert ">hold<" in rows[held.number]
    assert ">skill<" in rows[held.number]
    assert "1 for the author" in seen.words
    assert "1 for an approver" in seen.words
    only = await visitor.opens_page("/pulls?next=author")
    assert listed(only) == [failing.number]
    assert listed(await visitor.opens_page("/pulls?state=approved")) == [signed_off.number]


async def test_what_is_typed_is_found_in_title_author_number_and_leaf(world: World, visitor: Visitor) -> None:
    "Signs that mean something to a database are only letters here."
    ana = await world.ana.opens_pr(title="100% of birds_and \\ trees")
    bob = await world.bob.opens_pr(title="Songs of whales")
    await world.settled()

    async def finds(words: str) -> list[int]:
        return listed(await visitor.opens_page(f"/pulls?q={words}"))

    assert await finds("WHALES") == [bob.number]
    assert await finds("%2525") == []
    assert await finds("100%25") == [ana.number]
    assert await finds("s_a") == [ana.number]
    assert await finds("%5C") == [ana.number]
    assert await finds("bob") == [bob.number]
    assert await finds("@ana") == [ana.number]
    assert await finds(f"%23{bob.number}") == [bob.number]
    assert await finds(str(ana.number)) == [ana.number] or ana.number in await finds(str(ana.number))
    assert await finds("rewrite/shorten") == [ana.number]
    assert await finds("' OR 1=1 --") == []
    assert await finds("%00") == []
    assert "No pull request is like that" in (await visitor.opens_page("/pulls?q=nothing+like+this")).words


async def test_mine_and_what_waits_for_me_are_for_those_who_are_signed_in(world: World, visitor: Visitor) -> None:
    "An author finds the own ones that fail, a triager what is to be looked at, nobody's own among it."
    gives_powers(world)
    broken = await world.ana.opens_pr({SKILL_PATH: "version: 3\n"})
    good = await world.bob.opens_pr()
    own = await world.tess.opens_pr()
    await world.settled()
    assert "Waits for me" not in (await visitor.opens_page("/pulls?view=waiting")).words

    await visitor.signs_in("ana")
    assert listed(await visitor.opens_page("/pulls?view=mine&status=all")) == [broken.number]
    seen = await visitor.opens_page("/pulls?view=waiting")
    assert listed(seen) == [broken.number]
    assert "Waits for me (1)" in seen.words
    async with Visitor(world) as triager:
        await triager.signs_in("tess")
        assert listed(await triager.opens_page("/pulls?view=waiting")) == [good.number]
        assert listed(await triager.opens_page("/pulls?view=mine")) == [own.number]
    async with Visitor(world) as stranger:
        await stranger.signs_in("mallory")
        assert "Nothing waits for you" in (await stranger.opens_page("/pulls?view=waiting")).words


async def test_closed_ones_are_shown_when_asked_for(world: World, visitor: Visitor) -> None:
    pr = await world.ana.opens_pr()
    await world.settled()
    await world.github.close_pull(pr.pull)
    await world.settled()

    assert listed(await visitor.opens_page("/pulls")) == []
    assert listed(await visitor.opens_page("/pulls?status=closed")) == [pr.number]
    assert "There is no such pull request yet" in (await visitor.opens_page("/pulls")).words


async def test_addresses_that_make_no_sense_show_the_list_from_its_beginning(
    world: World, visitor: Visitor
) -> None:
    pr = await world.ana.opens_pr()
    await world.settled()
    for query in (
        "after=x",
        "before=99999999999999999999-1",
        "after=1-",
        "state=evil",
        "next=%00",
        "status=%27",
        "view=x",
    ):
        seen = await visitor.opens_page(f"/pulls?{query}")
        assert seen.status == 200
        assert listed(seen) == [pr.number], query


def memory(number: int, **facts: object) -> PullMemory:
    "A pull request that passed its checks and waits for triage."
    known = PullMemory(
        REPOSITORY,
        number,
        head_sha="a" * 40,
        judged_sha="a" * 40,
        outcome=Outcome.PASSED.value,
        state=State.NEEDED.value,
        author_id=5,
        author="ana",
        title=f"Number {number}",
        paths=paths_text([SKILL_PATH]),
        content_digest="c",
        state_since=NOW,
    )
    return replace(known, **facts)  # type: ignore[arg-type]


async def kept(engine: AsyncEngine, memories: Iterable[PullMemory]) -> None:
    store = PullRequestStore(engine)
    for place, one in enumerate(memories):
        await store.save(one, NOW + timedelta(seconds=place // 2))  # two of each moment


async def test_going_through_the_list_shows_each_exactly_once(database_url: str) -> None:
    "Older and newer lead back and forth, also between those that changed in the same moment."
    engine = open_engine(database_url)
    await kept(engine, (memory(number) for number in range(1, 3 * PAGE + 6)))
    board = BoardPulls(engine, REPOSITORY, Merging())

    pages = [await board.page(Wanted())]
    while pages[-1].has_older:
        pages.append(await board.page(Wanted(older_than=pages[-1].rows[-1].cursor)))
    back = await board.page(Wanted(newer_than=pages[-1].rows[0].cursor))

    numbers = [row.number for page in pages for row in page.rows]
    assert numbers == list(range(3 * PAGE + 5, 0, -1))
    assert [page.has_newer for page in pages] == [False, True, True, True]
    assert back.rows == pages[-2].rows
    assert back.has_newer
    assert (await board.page(Wanted(openness=Openness.CLOSED))).rows == ()
    await engine.dispose()


_HELD = (frozenset[Label](), frozenset({Label.HOLD}), frozenset({Label.LEGAL_HOLD}), frozenset({Label.STALE}))
_CASES = [
    (state, outcome, flags, path)
    for state in State
    for outcome in (None, *Outcome)
    for flags in _HELD
    for path in (SKILL_PATH, "docs/guide.md")
]


async def test_the_database_says_the_same_of_who_acts_next_as_the_merge_readiness(database_url: str) -> None:
    "In every state, with every outcome, held up or not, for a contribution and for documentation."
    engine = open_engine(database_url)
    facts = list(enumerate(_CASES, 1))
    await kept(
        engine,
        (
            memory(
                number,
                state=state.value,
                outcome=outcome.value if outcome else "",
                flags=" ".join(sorted(flags)),
                failing_causes="schema/x" if outcome is Outcome.FAILED else "",
                paths=paths_text([path]),
            )
            for number, (state, outcome, flags, path) in facts
        ),
    )
    board = BoardPulls(engine, REPOSITORY, Merging())
    page, rows = await board.page(Wanted()), list[PullRow]()
    while rows := [*rows, *page.rows]:
        if not page.has_older:
            break
        page = await board.page(Wanted(older_than=rows[-1].cursor))
    by_number = {row.number: row for row in rows}

    for number, (state, outcome, flags, path) in facts:
        case = Case(
            status=Status(state, flags),
            outcome=outcome,
            paths=(path,),
            author_id=5,
            content_digest="c",
            merging=Merging(),
            is_draft=state is State.NEW and outcome is Outcome.PASSED,
        )
        assert by_number[number].who is readiness(case).obstacles[0].who, (state, outcome, flags, path)
    waits = await board.waits()
    assert sum(waits.by_who.values()) == len(facts)
    await engine.dispose()


@pytest.mark.parametrize(
    ("merging", "flags", "refusal", "who"),
    [
        (Merging(), "", "", Who.APPROVER),
        (Merging(needs_evaluation=True), "", "", Who.TRIAGER),
        (Merging(), "ready-to-merge", "", Who.US),
        (Merging(automatic=False), "ready-to-merge", "", Who.APPROVER),
        (Merging(), "ready-to-merge", "AUTHOR\tnow\tIt conflicts.", Who.AUTHOR),
    ],
    ids=["approval missing", "evaluation missing", "ready", "ready for /merge", "conflict"],
)
async def test_after_triage_the_rest_is_looked_up(
    database_url: str, merging: Merging, flags: str, refusal: str, who: Who
) -> None:
    engine = open_engine(database_url)
    await kept(engine, [memory(1, state=State.APPROVED.value, flags=flags, merge_refusal=refusal)])

    row = await BoardPulls(engine, REPOSITORY, merging).one(1)

    assert row is not None
    assert row.who is who
    await engine.dispose()


async def test_two_for_the_same_leaf_wait_for_one_decision(world: World, visitor: Visitor) -> None:
    "Once an approver stands behind one, a triager decides about both."
    gives_powers(world)
    pr = await triaged(world, "ana", a_good_skill("ana"))
    await world.bob.opens_pr(a_good_skill("bob", SKILL_PATH))
    await world.settled()
    await world.apo.comments(pr, "/approve")
    await world.settled()

    seen = await visitor.opens_page(f"/pulls/{pr.number}")

    assert "Next: a triager, for both together" in seen.words
