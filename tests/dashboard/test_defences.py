"""What keeps the pages to those they are for: sessions, forms, other sites, and everything that is not public."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urljoin

import aiohttp

from bot.dashboard.registry import Deed, Page, Sees, all_pages
from bot.dashboard.rendering import static_files
from bot.store.people import PeopleStore
from bot.store.sessions import MOST_OF_AN_ACCOUNT, Session, SessionStore
from checks.contribution import Login
from tests.dashboard.visitor import Visitor
from tests.world import World

POLICY = ".github/taxonomy-bot.yml"
EXAMPLES = {"night": "2026-01-05", "number": "1", "job": "1", "build": "1", "name": "x", "sha256": "0" * 64}


def example_of(path: str, world: World) -> str:
    "An address that fits the path of a page."
    owner, _, name = world.repo.full_name.partition("/")
    filled = path.replace("{owner}", owner).replace("{repo}", name)
    for word, value in EXAMPLES.items():
        filled = filled.replace("{" + word + "}", value)
    return filled.partition("{")[0]


def deeds() -> list[Deed]:
    return [one for one in all_pages() if isinstance(one, Deed)]


async def test_whatever_is_answered_forbids_the_browser_all_but_our_own_files(
    world: World, visitor: Visitor
) -> None:
    "Pages, refusals, our own files and the way to GitHub alike."
    await world.ana.opens_pr()
    await world.settled()
    style = static_files()["style.css"]
    for path in ("/", "/rules", "/r/no/such", "/sign-in/done", f"/static/{style.digest}/{style.name}"):
        seen = await visitor.opens(path)
        policy = seen.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert seen.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_session_ends_by_itself(world: World, visitor: Visitor) -> None:
    "After the hours that are set, the browser holds a key to nothing."
    await visitor.signs_in("ana", back="/rules")
    await world.clock.advance(hours=11)
    assert "ana" in (await visitor.opens("/rules")).words
    await world.clock.advance(hours=2)
    assert "Sign in" in (await visitor.opens("/rules")).words


async def test_signing_out_ends_the_session_for_whoever_has_copied_it(world: World, visitor: Visitor) -> None:
    "The cookie of before opens nothing any more."
    seen = await visitor.signs_in("ana", back="/rules")
    cookies = visitor.cookies()
    await visitor.sends("/sign-out", seen.csrf_token)
    async with Visitor(world) as thief:
        thief.takes(cookies)
        assert "Sign in" in (await thief.opens("/rules")).words


async def test_nobody_is_signed_in_under_a_key_that_was_planted(world: World, visitor: Visitor) -> None:
    "A session that somebody gave us before we signed in is worth nothing after it."
    planted = {"session": "chosen-by-somebody-else"}
    visitor.takes(planted)
    await visitor.signs_in("ana", back="/rules")
    assert visitor.cookies()["session"] != planted["session"]
    async with Visitor(world) as thief:
        thief.takes(planted)
        assert "Sign in" in (await thief.opens("/rules")).words


async def test_the_database_holds_no_key_that_opens_a_session(world: World, visitor: Visitor) -> None:
    "Whoever reads the table cannot sign in with what stands there."
    await visitor.signs_in("ana", back="/rules")
    [(digest,)] = await world.rows("select digest from sessions")
    async with Visitor(world) as thief:
        thief.takes({"session": digest})
        assert "Sign in" in (await thief.opens("/rules")).words


async def test_a_sign_in_counts_once_and_for_ten_minutes(world: World, visitor: Visitor) -> None:
    "The answer of GitHub, sent again or late, signs nobody in."
    await visitor.signs_in("ana", back="/rules")
    again = await visitor.opens(visitor.last_answer)
    assert again.status == 400
    async with Visitor(world) as late:
        await late.begins_to_sign_in("ben")
        await world.clock.advance(minutes=11)
        assert (await late.opens(late.last_answer)).status == 400


async def test_an_account_has_a_bounded_number_of_sessions(world: World) -> None:
    "Whoever signs in again and again ends their own oldest sessions, and nobody else's."
    async with world.database() as engine:
        store, now = SessionStore(engine), world.clock.now()
        for number in range(MOST_OF_AN_ACCOUNT + 1):
            began = now + timedelta(seconds=number)
            session = Session(7, Login("ana"), "csrf", began, began + timedelta(hours=1))
            await store.begin(f"token-{number}", session)
        await store.begin("of-ben", Session(8, Login("ben"), "csrf", now, now + timedelta(hours=1)))
        assert await store.of("token-0", now) is None
        assert await store.of("token-1", now) is not None
        assert await store.of("of-ben", now) is not None


async def test_whoever_is_forgotten_is_signed_out(world: World, visitor: Visitor) -> None:
    "Their session goes with everything else."
    await visitor.signs_in("ana", back="/rules")
    async with world.database() as engine:
        people = PeopleStore(engine)
        [ana] = await people.called("ana")
        await people.forget(ana, world.clock.now(), by="operator")
    assert "Sign in" in (await visitor.opens("/rules")).words
    assert await world.rows("select * from sessions") == []


async def test_no_deed_is_done_for_another_site(world: World, visitor: Visitor) -> None:
    "Without the session's token, from another site, or signed in as nobody: refused before anything is done."
    await world.ana.opens_pr()
    await world.settled()
    world.repo.permissions["mia"] = "maintain"
    token = (await visitor.signs_in("mia", back="/rules")).csrf_token
    assert token
    before = await world.rows("select count(*) from audit")
    paths = ["/sign-out", *(example_of(one.path, world) for one in deeds())]
    for path in paths:
        assert (await visitor.sends(path, "", follows=False)).status == 400, path
        assert (await visitor.sends(path, token[:-1] + "x", follows=False)).status == 400, path
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            url = urljoin(visitor.base, path)
            async with visitor.http.post(url, data={"csrf_token": token}, headers=headers) as answer:
                assert answer.status == 400, (path, headers)
    async with Visitor(world) as nobody:
        for path in paths[1:]:
            assert (await nobody.sends(path, token, follows=False)).status in {401, 404}, path
    assert await world.rows("select count(*) from audit") == before


async def test_only_our_own_files_are_handed_out(world: World) -> None:
    "Whatever the address looks like, it is a name in a list or nothing."
    paths = (
        "/static/x/style.css",
        "/static/../bot/settings.py",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/x/..%2f..%2fsettings.py",
        "/static/x/%00",
    )
    async with aiohttp.ClientSession() as http:
        for path in paths:
            async with http.get(world.address + path) as answer:
                assert answer.status in {400, 404}, path


async def test_a_private_repository_shows_strangers_nothing(world: World, visitor: Visitor) -> None:
    "Neither its pages nor whether there is such a pull request; its triagers see it, its authors their own."
    await world.ana.opens_pr()
    await world.settled()
    world.repo.private = True
    world.repo.permissions["tess"] = "triage"
    pages = [one for one in all_pages() if isinstance(one, Page) and one.is_of_repository]
    assert pages
    await world.clock.advance(minutes=2)
    for one in pages:
        seen = await visitor.opens(example_of(one.path, world))
        assert seen.status == 401, one.path
        assert "Read a value" not in seen.words
    await visitor.signs_in("ben", back="/rules")
    for one in pages:
        assert (await visitor.opens(example_of(one.path, world))).status == 404, one.path
    async with Visitor(world) as tess:
        await tess.signs_in("tess", back="/rules")
        assert (await tess.opens_page()).status == 200


async def test_a_public_repository_can_keep_its_pages_to_itself(world: World, visitor: Visitor) -> None:
    "The policy says so, and it counts within a minute."
    await world.ana.opens_pr()
    await world.settled()
    assert (await visitor.opens_page()).status == 200
    await world.github.push_to_default(world.repo, {POLICY: "dashboard:\n  public: false\n"})
    await world.settled()
    await world.clock.advance(minutes=2)
    assert (await visitor.opens_page()).status == 401


async def test_what_is_for_some_is_refused_to_the_others(world: World, visitor: Visitor) -> None:
    "Each page says whom it is for, and nobody below sees it."
    await world.ana.opens_pr()
    await world.settled()
    world.repo.permissions |= {"mia": "maintain", "tess": "triage"}
    for login, sees in (("ana", Sees.TRIAGERS), ("tess", Sees.MAINTAINERS)):
        async with Visitor(world) as person:
            await person.signs_in(login, back="/rules")
            for one in all_pages():
                if isinstance(one, Page) and one.sees is sees:
                    assert (await person.opens(example_of(one.path, world))).status == 404, one.path
