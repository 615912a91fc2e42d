"""What happens to the pages when somebody means them no good, or GitHub is slow: each answers, and in time."""

from __future__ import annotations

import asyncio
import time
from html import unescape
from urllib.parse import urljoin

from sqlalchemy import text

from bot.comments.escape import escape
from bot.dashboard.order_pace import MOST_ORDERS
from bot.dashboard.registry import Page, all_pages
from bot.dashboard.rendering import markdown_line
from bot.store.people import PeopleStore
from tests.checks.contributions import SKILL_PATH, a_skill, attribution
from tests.dashboard.shop_floor import ShopFloor
from tests.dashboard.test_decisions import presses, signed_in
from tests.dashboard.test_defences import example_of
from tests.dashboard.visitor import Visitor
from tests.world import World
from tests.world.review import gives_powers

Shop = tuple[World, ShopFloor]
JOKES = [
    {"question": f"Tell me a joke about {animal}.", "answer": f"Why did the {animal} cross the road? Who knows."}
    for animal in ("a goose", "two owls", "the wren", "a stork", "my heron")
]
TABS = ("", "/verdict", "/history", "/evaluation", "/decisions", "/samples")


def jokes() -> dict[str, str]:
    "A leaf about which the rules have guesses for triagers alone."
    leaf = a_skill(seed_examples=JOKES, task_description="Tell jokes. As an AI language model, I laugh.")
    return {SKILL_PATH: leaf, SKILL_PATH.replace("qna.yaml", "attribution.txt"): attribution()}


async def test_a_number_that_no_pull_request_can_have_is_not_found(world: World, visitor: Visitor) -> None:
    "However many digits it has, on either kind of database."
    await world.ana.opens_pr()
    await world.settled()
    for number in ("2147483648", "9" * 18, "9" * 40, "0", "-1", "1e3", "%00", "１"):
        for rest in (*TABS, "/files/" + "0" * 64 + "/x", "/evaluation/9/chart.svg"):
            seen = await visitor.opens_page(f"/pulls/{number}{rest}")
            assert seen.status in {401, 404}, (number, rest, seen.words)
    await visitor.signs_in("ana")
    for number in ("2147483648", "9" * 18):
        assert (await visitor.opens_page(f"/jobs/{number}")).status == 404
        assert (await visitor.opens_page(f"/jobs?number={number}&before={number}")).status == 200


async def test_whatever_is_searched_for_is_an_answer(world: World, visitor: Visitor) -> None:
    "What a database cannot hold is held by no pull request."
    await world.ana.opens_pr()
    await world.settled()
    for words in ("%00", "otter%00", "%ff", "%ed%a0%80", "%25%5F%5C", "%F0%9F%A6%A6", "%232147483648"):
        seen = await visitor.opens_page(f"/pulls?q={words}")
        assert seen.status == 200, seen.words


async def test_words_that_no_database_can_hold_are_still_a_reason(world: World, visitor: Visitor) -> None:
    "A decision goes through once, without what cannot be kept."
    gives_powers(world)
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "tess", pr)
    seen = await presses(visitor, seen, pr, "hold", why="wait\0for the /approve\u2028/approve \x85/merge")
    await world.settled()
    seen = await visitor.opens(seen.url)
    assert "Hold up : done." in seen.words
    assert [entry.act for entry in await world.audit_of(pr)] == ["/hold"]


async def test_guesses_for_triagers_reach_nobody_else_on_any_page(world: World, visitor: Visitor) -> None:
    "Least of all the author, who may be a triager: a guess about one's own words is for others to judge."
    gives_powers(world)
    pr = await world.tess.opens_pr(jokes())
    await pr.settled()
    about = "Only triagers see this"
    for login, sees in (("", False), ("tess", False), ("bob", False), ("tom", True)):
        async with Visitor(world) as person:
            if login:
                await person.signs_in(login)
            for tab in ("", "/verdict"):
                assert (about in (await person.opens_page(f"/pulls/{pr.number}{tab}")).words) is sees, (login, tab)
            if not sees:
                for tab in TABS:
                    words = (await person.opens_page(f"/pulls/{pr.number}{tab}")).words
                    assert "speaks of itself" not in words
                    assert "looks like jokes" not in words
                    assert "A machine may have written this" not in words


async def test_a_rule_that_only_guesses_is_not_said_to_have_found_nothing(world: World, visitor: Visitor) -> None:
    "Who may not read its guesses is not told that there are none either."
    pr = await world.ana.opens_pr(jokes())
    await pr.settled()
    seen = await visitor.opens_page(f"/pulls/{pr.number}/verdict")
    assert "Text that a machine may have written is seen by a triager" not in seen.words


async def test_pages_answer_in_time_when_github_hangs(world: World, visitor: Visitor) -> None:
    "Whoever waits for GitHub is shown what everybody may see instead, at once from then on."
    gives_powers(world)
    pr = await world.ana.opens_pr()
    await pr.settled()
    await visitor.signs_in("tess")
    await visitor.opens_page(f"/pulls/{pr.number}")
    await world.clock.advance(minutes=3)
    world.github.delay(30.0)
    try:
        began = time.monotonic()
        for tab in ("", "/history", "/verdict"):
            seen = await visitor.opens_page(f"/pulls/{pr.number}{tab}")
            assert seen.status == 200
            assert "GitHub does not answer just now" in seen.words
        assert time.monotonic() - began < 8
    finally:
        world.github.delay(0.0)
    await world.clock.advance(minutes=1)
    assert "GitHub does not answer" not in (await visitor.opens_page(f"/pulls/{pr.number}")).words


async def test_asking_for_the_head_of_any_page_ends_at_once(shop: Shop) -> None:
    "Also of a live log, of which nothing is sent then."
    world, floor = shop
    pr = await world.ana.opens_pr()
    await world.settled()
    job = await floor.asks(world.repo.id, pr.number, head=pr.pull.head_sha)
    await (await floor.takes(job.id)).tells("line 1")
    async with Visitor(world) as tess:
        await tess.signs_in("tess")
        for one in all_pages():
            if not isinstance(one, Page):
                continue
            path = example_of(one.path, world)
            async with asyncio.timeout(5), tess.http.head(urljoin(tess.base, path)) as answer:
                assert answer.status in {200, 303, 404}, path
                assert await answer.read() == b""


async def test_nobody_watches_so_many_logs_that_none_are_left_for_others(shop: Shop) -> None:
    "One account has its share; somebody else still gets theirs."
    world, floor = shop
    pr = await world.ana.opens_pr()
    await world.settled()
    job = await floor.asks(world.repo.id, pr.number, head=pr.pull.head_sha)
    path = f"/r/{world.repo.full_name}/jobs/{job.id}/log/stream"
    async with Visitor(world) as ana, Visitor(world) as tess:
        await ana.signs_in("ana")
        await tess.signs_in("tess")
        url = urljoin(ana.base, path)
        answers = [await ana.http.get(url) for _ in range(60)]
        try:
            assert {answer.status for answer in answers} == {200, 503}
            assert sum(answer.status == 200 for answer in answers) >= 20
            async with tess.http.get(urljoin(tess.base, path)) as hers:
                assert hers.status == 200
        finally:
            for answer in answers:
                answer.close()


def test_what_keeps_github_from_seeing_a_mention_is_not_shown_to_people() -> None:
    "Our escaper splits mentions and commits by comments; in words of others they stay what they are."
    shown = markdown_line(f"Ask {escape('@ana')} about {escape('1234567a')}: {escape('<!-- --> <b>')}")
    assert unescape(shown) == "Ask @ana about 1234567a: <!-- --> <b>"
    assert "<" not in shown


async def test_a_giant_is_still_a_page(world: World, visitor: Visitor) -> None:
    "Hundreds of files, and words of ten thousand characters in every place that holds some."
    files = {f"compositional_skills/x/y{n}/qna.yaml": "a: [" for n in range(300)}
    pr = await world.ana.opens_pr(files, title="<b>" + "W" * 10_000)
    await pr.settled()
    for tab in TABS[:5]:
        began = time.monotonic()
        seen = await visitor.opens_page(f"/pulls/{pr.number}{tab}")
        assert seen.status == 200, tab
        assert time.monotonic() - began < 2, tab
        assert len(seen.html) < 600_000, tab
        assert "<b>W" not in seen.html


async def test_no_author_has_the_bot_write_on_github_without_end(world: World, visitor: Visitor) -> None:
    "GitHub slows down who writes comments; forms made up by a program are slowed down here, and others are not."
    gives_powers(world)
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "ana", pr)
    statuses = []
    for at in range(MOST_ORDERS + 2):
        answer = await presses(visitor, seen, pr, "check", form=f"{at:032x}")
        statuses.append(answer.status)
    assert statuses == [200] * MOST_ORDERS + [429] * 2
    assert "Wait some minutes" in answer.words
    async with Visitor(world) as tess:
        hers = await signed_in(tess, "tess", pr)
        assert (await presses(tess, hers, pr, "hold")).status == 200
    await world.clock.advance(minutes=11)
    assert (await presses(visitor, seen, pr, "check", form="f" * 32)).status == 200


async def test_a_title_is_kept_without_personal_data_and_only_as_long_as_its_author(
    world: World, visitor: Visitor
) -> None:
    "GitHub shows it as it is written; here nobody can search for an address, and it is forgotten with its author."
    pr = await world.ana.opens_pr(title="Birds, ask lena.vogel@birds-of-varholm.de about them")
    await pr.settled()
    seen = await visitor.opens_page(f"/pulls/{pr.number}")
    assert "Birds, ask [e-mail removed] about them" in seen.words
    assert await world.rows("select * from pull_requests where title like '%vogel%'") == []
    async with world.database() as engine:
        people = PeopleStore(engine)
        [ana] = await people.called("ana")
        await people.forget(ana, world.clock.now(), by="operator")
    assert await world.rows("select title from pull_requests") == [("",)]
    assert "Birds" not in (await visitor.opens_page("/pulls")).words


async def test_what_a_page_was_told_names_nobody_who_was_forgotten(world: World, visitor: Visitor) -> None:
    "Why a decision was refused is kept for its page, and is gone through like everything else."
    gives_powers(world)
    pr = await world.ana.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "tess", pr)
    await presses(visitor, seen, pr, "check")
    await world.settled()
    async with world.database() as engine:
        async with engine.begin() as connection:
            await connection.execute(
                text("update deliveries set error = 'Ask ana or anabel.' where guid like 'page:%'")
            )
        people = PeopleStore(engine)
        [ana] = await people.called("ana")
        await people.forget(ana, world.clock.now(), by="operator")
    [(told,)] = await world.rows("select error from deliveries where guid like 'page:%'")
    assert told.startswith("Ask ")
    assert told.endswith(" or anabel.")
    assert "ana " not in told


async def test_a_database_that_fails_breaks_one_page_and_says_so(world: World, visitor: Visitor) -> None:
    "The reader gets a number to ask by, nothing of our insides, and the same headers as ever."
    await world.ana.opens_pr()
    await world.settled()
    async with world.database() as engine, engine.begin() as connection:
        await connection.execute(text("alter table readings rename to elsewhere"))
    try:
        seen = await visitor.opens_page("/pulls/1")
        assert seen.status == 500
        assert "tell the people who run the bot this number" in seen.words
        assert "readings" not in seen.html
        assert "default-src 'none'" in seen.headers["Content-Security-Policy"]
        assert (await visitor.opens_page("/pulls")).status == 200
    finally:
        async with world.database() as engine, engine.begin() as connection:
            await connection.execute(text("alter table elsewhere rename to readings"))


async def test_nothing_of_one_repository_is_opened_through_another(shop: Shop) -> None:
    "Numbers are the same in both: a job, a file and a pull request are of the repository that the address names."
    world, floor = shop
    pr = await world.ana.opens_pr()
    await world.settled()
    job = await floor.asks(world.repo.id, pr.number, head=pr.pull.head_sha)
    async with world.database() as engine, engine.begin() as connection:
        await connection.execute(text(f"update jobs set repository_id = {world.repo.id + 1}"))
    async with Visitor(world) as max_:
        await max_.signs_in("max")
        for rest in ("", "/log", "/log/stream", f"/files/{'0' * 64}/x"):
            assert (await max_.opens_page(f"/jobs/{job.id}{rest}")).status == 404, rest
        token = (await max_.opens("/commands")).csrf_token
        for deed in ("cancel", "retry"):
            answer = await max_.sends(f"/r/{world.repo.full_name}/jobs/{job.id}/{deed}", token, form="0" * 32)
            assert answer.status == 404
        words = (await max_.opens_page("/jobs")).words
        assert "Nothing was computed here yet" in words


async def test_an_order_of_somebody_else_is_not_shown_to_who_knows_its_number(
    world: World, visitor: Visitor
) -> None:
    "What came of it is told on its own pull request alone, and a made-up number tells nothing."
    gives_powers(world)
    pr, other = await world.ana.opens_pr(), await world.bob.opens_pr()
    await pr.settled()
    seen = await signed_in(visitor, "tess", pr)
    seen = await presses(visitor, seen, pr, "hold", why="a secret of ours")
    await world.settled()
    query = seen.url.partition("?")[2]
    assert "Hold up : done" in (await visitor.opens(seen.url)).words
    assert "Hold up : done" not in (await visitor.opens_page(f"/pulls/{other.number}/decisions?{query}")).words
