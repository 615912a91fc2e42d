"""The pages for maintainers: what came and was given up, what is used of each budget, who did what, what is set."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.dashboard.config_facts import Source, configuration_facts
from bot.policies import PolicyStanding
from bot.settings import PREFIX
from bot.simulator import Delivery as Sent
from bot.store.board_audit import ActFilter, BoardAudit
from bot.store.board_deliveries import BoardDeliveries
from bot.store.board_processes import BoardProcesses
from bot.store.database import open_engine
from bot.store.deliveries import Delivery, DeliveryState, DeliveryStore
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.replicas import ReplicaStore
from checks.policy import default_policy, read_policy
from tests.dashboard.visitor import Visitor
from tests.world import PullRequest, World
from tests.world.review import gives_powers

POLICY = ".github/taxonomy-bot.yml"
FOREIGN = 999  # a repository that this reader has nothing to do with
MAIL = "ana@private.example"
AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
async def mia(world: World, visitor: Visitor) -> Visitor:
    "A maintainer at her browser."
    gives_powers(world)
    await visitor.signs_in("mia", back="/rules")
    return visitor


async def given_up(world: World) -> tuple[PullRequest, Sent]:
    "A pull request whose delivery was given up, because GitHub was down for long."
    world.github.fail_next("GET", r"/pulls/1$", status=503, times=24)
    pr = await world.ana.opens_pr()
    await world.while_time_passes(hours=2)
    return pr, next(d for d in world.github.deliveries if d.event == "pull_request")


def parked(guid: str, repository_id: int, error_at: datetime = AT) -> Delivery:
    "A delivery that was given up, with somebody's address in it."
    payload = f'{{"pusher": {{"email": "{MAIL}"}}}}'.encode()
    place = f"{repository_id}#7"
    return Delivery(guid, "push", repository_id, place, payload, error_at, state=DeliveryState.FAILED)


def act(number: int, actor: str, name: str, repository_id: int, words: str = "") -> AuditEntry:
    "Something that somebody did."
    source = f"comment:{number}:{actor}:{name}"
    return AuditEntry(repository_id, number, AT, 5, actor, "triager", name, words, "a" * 40, "done", source)


async def test_what_was_given_up_is_replayed_in_the_name_of_who_wanted_it(world: World, mia: Visitor) -> None:
    "The page says why it failed, asks first, and the pull request gets its report; the audit has her name."
    pr, sent = await given_up(world)
    seen = await mia.opens_page("/admin")
    assert "1 given up" in seen.words
    assert "503" in seen.words
    assert sent.guid in seen.words
    assert "Have this delivery handled again" in seen.words

    there = f"/r/{world.repo.full_name}/admin/replay"
    seen = await mia.sends(there, seen.csrf_token, guid=sent.guid)
    assert seen.status == 200
    assert f"The delivery {sent.guid} waits again" in seen.words
    await world.wakes_the_dispatcher()
    assert "All checks passed" in await pr.next_comment()

    [entry] = [one for one in await world.audit_of(pr) if one.act == "replay"]
    assert (entry.actor, entry.role, entry.arguments) == ("mia", "maintainer", sent.guid)
    assert entry.actor_id == world.github.state.account("mia").id
    again = await mia.sends(there, seen.csrf_token, guid=sent.guid)
    assert again.status == 400
    assert "Nothing was changed" in again.words
    assert len([one for one in await world.audit_of(pr) if one.act == "replay"]) == 1


async def test_nobody_reaches_the_deliveries_of_another_repository(world: World, mia: Visitor) -> None:
    "Neither by the list, nor by their GUID, nor by replaying one; and nobody below her replays anything."
    await world.ana.opens_pr()
    await world.settled()
    async with world.database() as engine:
        await DeliveryStore(engine).add([parked("foreign-1", FOREIGN), parked("own-1", world.repo.id)])
        await DeskLog(engine).add(act(3, "mallory", "/approve", FOREIGN, "secret words"))
    seen = await mia.opens_page("/admin?guid=foreign")
    assert "foreign-1" not in seen.words
    there = f"/r/{world.repo.full_name}/admin/replay"
    assert (await mia.sends(there, seen.csrf_token, guid="foreign-1")).status == 404
    assert "mallory" not in (await mia.opens_page("/admin/audit")).words
    async with Visitor(world) as eve:
        token = (await eve.signs_in("eve", back="/rules")).csrf_token
        assert (await eve.sends(there, token, guid="own-1")).status == 404
        for rest in ("", "/audit", "/budgets", "/configuration", "/processes"):
            assert (await eve.opens_page(f"/admin{rest}")).status == 404
    assert await world.rows("select distinct state from deliveries where guid like '%-1'") == [("failed",)]
    assert await world.rows("select * from audit where act = 'replay'") == []


async def test_what_stands_in_a_delivery_is_never_shown(world: World, mia: Visitor) -> None:
    "It holds people's addresses; and what an error repeats is shown, not obeyed."
    await world.ana.opens_pr()
    await world.settled()
    async with world.database() as engine:
        await DeliveryStore(engine).add([parked("own-1", world.repo.id)])
    async with world.database() as engine, engine.begin() as connection:
        error = "<script>alert(1)</script>\u202e\x1b[2J"
        await connection.execute(text("update deliveries set error = :e where guid = 'own-1'"), {"e": error})
    seen = await mia.opens_page("/admin")
    assert MAIL not in seen.html
    assert "<script>alert" not in seen.html
    assert "\x1b" not in seen.html
    assert "\u202e" not in seen.html
    answer = await mia.opens(f"/api/v1/repositories/{world.repo.full_name}/deliveries")
    assert "own-1" in answer.html
    assert MAIL not in answer.html


async def test_a_mistake_of_ours_is_said_to_be_one(world: World, mia: Visitor) -> None:
    "The name of an error tells a maintainer nothing; whose it is and where it is told does."
    await world.ana.opens_pr()
    await world.settled()
    async with world.database() as engine:
        await DeliveryStore(engine).add([parked("own-1", world.repo.id)])
    async with world.database() as engine, engine.begin() as connection:
        await connection.execute(text("update deliveries set error = 'KeyError' where guid = 'own-1'"))
    assert "Something of ours broke (KeyError)." in (await mia.opens_page("/admin?state=failed")).words


@pytest.mark.parametrize(
    "query", ["?guid=%25", "?guid=_", "?guid=%00", "?before=x", "?before=-1", "?state=nonsense"]
)
async def test_whatever_is_typed_is_an_answer(world: World, mia: Visitor, query: str) -> None:
    "Signs that mean something to a database find nothing, and numbers that are none begin anew."
    await world.ana.opens_pr()
    await world.settled()
    assert (await mia.opens_page(f"/admin{query}")).status == 200
    assert (await mia.opens_page(f"/admin/audit{query}&number=99999999999&actor=%25")).status == 200
    assert (await mia.opens_page(f"/admin/audit{query}&actor=%00&act=%00")).status == 200


@pytest.fixture
async def engine(database_url: str) -> AsyncEngine:
    "An empty database."
    return open_engine(database_url)


async def test_deliveries_come_some_at_a_time_and_none_twice(engine: AsyncEngine) -> None:
    "The newest first, each once, whatever came in between."
    await DeliveryStore(engine).add([parked(f"guid-{number:02}", 1) for number in range(25)])
    board, seen, before = BoardDeliveries(engine, 1), [], 0
    while rows := await board.newest([DeliveryState.FAILED], before, 10):
        seen += [row.guid for row in rows]
        before = rows[-1].id
    assert seen == [f"guid-{number:02}" for number in reversed(range(25))]
    assert (await board.counts())[DeliveryState.FAILED] == 25
    assert [row.number for row in await board.newest([], 0, 1)] == [7]
    assert len(await board.newest([], 0, 100, "guid-1")) == 10
    await engine.dispose()


async def test_the_audit_is_narrowed_by_person_act_and_pull_request(engine: AsyncEngine) -> None:
    "In any case, with or without the sign before it; together they narrow further."
    log = DeskLog(engine)
    for number, actor, name in (
        (1, "Tess", "/hold"),
        (2, "tess", "/approve"),
        (2, "mia", "/approve"),
        (2, "mia", "replay"),
    ):
        await log.add(act(number, actor, name, 1))
    board = BoardAudit(engine, 1)

    async def found(wanted: ActFilter) -> list[tuple[int, str, str]]:
        return [(one.number, one.actor, one.act) for one in await board.newest(wanted, 0, 10)]

    assert await found(ActFilter(actor="@TESS")) == [(2, "tess", "/approve"), (1, "Tess", "/hold")]
    assert await found(ActFilter(act="approve", actor="mia")) == [(2, "mia", "/approve")]
    assert await found(ActFilter(act="/Replay")) == [(2, "mia", "replay")]
    assert await found(ActFilter(number=1)) == [(1, "Tess", "/hold")]
    assert await found(ActFilter(actor="%")) == []
    assert [one.act for one in await board.newest(ActFilter(), 2, 10)] == ["/hold"]
    await engine.dispose()


async def test_processes_are_told_with_what_each_does_alone(engine: AsyncEngine) -> None:
    "On PostgreSQL one that is not heard of is said to be silent; SQLite has one process and no doubts."
    store = ReplicaStore(engine)
    await store.join("here:1", -5.0)
    alive = await BoardProcesses(engine).alive()
    [replica] = alive.replicas
    assert replica.name == "here:1"
    assert alive.database == ("PostgreSQL" if store.is_shared else "SQLite")
    assert alive.version[0].isdigit()
    assert replica.is_silent is store.is_shared
    if store.is_shared:
        await store.renew(replica.id, 60)
        assert await store.take("sweeper", replica.id)
        [replica] = (await BoardProcesses(engine).alive()).replicas
        assert not replica.is_silent
        assert [lease.name for lease in replica.leases] == ["sweeper"]
    await engine.dispose()


async def test_each_value_says_where_it_is_from(world: World, mia: Visitor) -> None:
    "From the file, capped by the operator, set by the operator, or a default; secrets are not shown anywhere."
    await world.stop_bot()
    await world.start_bot(max_changed_files=200)
    await world.github.push_to_default(
        world.repo, {POLICY: "limits:\n  words_per_file: 3000\n  changed_files: 250\n"}
    )
    await world.ana.opens_pr()
    await world.settled()
    await world.clock.advance(minutes=2)
    mia.base = world.address
    await mia.signs_in("mia", back="/rules")

    seen = await mia.opens_page("/admin/configuration")

    rows = {row.partition("</code>")[0]: row for row in seen.html.split('<th scope="row" class="key"><code>')[1:]}
    assert "policy file" in rows["limits.words_per_file"]
    assert "capped by the operator" in rows["limits.changed_files"]
    assert "200" in rows["limits.changed_files"]
    assert "(written: 250)" in rows["limits.changed_files"]
    assert "default" in rows["limits.pair_tokens"]
    assert "set, not shown" in rows[f"{PREFIX}PRIVATE_KEY"]
    for secret in world.settings.webhook_secrets:
        assert secret.get_secret_value() not in seen.html
    assert world.settings.oauth_client_secret.get_secret_value() not in seen.html
    assert "PRIVATE KEY-----" not in seen.html


async def test_a_policy_file_with_mistakes_is_told_with_its_lines(world: World, mia: Visitor) -> None:
    "What was good before stays in force, and the page says so and where the mistakes are."
    await world.ana.opens_pr()
    await world.settled()
    await world.github.push_to_default(world.repo, {POLICY: "limits:\n  words_per_fiel: 3000\n"})
    await world.settled()
    await world.clock.advance(minutes=2)
    seen = await mia.opens_page("/admin/configuration")
    assert "cannot be used as it is" in seen.words
    assert "Line 2, column 3" in seen.words
    assert "words_per_file" in seen.words


def test_no_secret_is_in_what_is_told_of_settings(world: World) -> None:
    "Whatever kind of setting it is in: of its own type, or in an address."
    secrets = {"in-broker-1", "in-webhook-2", "in-client-3", "in-database-4", "in-bucket-5", "in-query-6"}
    settings = world.settings.model_copy(
        update={
            "broker_url": SecretStr("redis://u:in-broker-1@host/0"),
            "nightly_webhook_url": SecretStr("https://chat.example/in-webhook-2"),
            "oauth_client_secret": SecretStr("in-client-3"),
            "database_url": "postgresql+asyncpg://u:in-database-4@host/bot?password=in-query-6",
            "artifacts_url": "s3://key:in-bucket-5@bucket/folder",
        }
    )
    facts = configuration_facts(PolicyStanding(default_policy(), None), settings)
    told = repr(facts)
    assert [secret for secret in secrets if secret in told] == []
    values = {one.name.removeprefix(PREFIX): one for one in facts.settings}
    assert values["DATABASE_URL"].value == "postgresql: host/bot"
    assert values["BROKER_URL"].value == "set, not shown"
    assert values["WEBHOOK_SECRETS"].is_secret
    assert {one.source for one in facts.policy} == {Source.DEFAULT}


def test_a_key_that_the_file_repeats_is_from_the_file(world: World) -> None:
    "Whoever wrote it meant it, though it is as by default."
    written = read_policy("merging:\n  approvals: 1\nrules:\n  limits: warning\n")
    facts = configuration_facts(PolicyStanding(world.settings.capped(written), written), world.settings)
    sources = {one.name: one.source for one in facts.policy}
    assert sources["merging.approvals"] is Source.FILE
    assert sources["rules"] is Source.FILE
    assert sources["merging.lgtms"] is Source.DEFAULT


async def test_budgets_say_what_is_left(world: World, mia: Visitor) -> None:
    "GPU hours against their limits, what GitHub still answers, and how many writes may go."
    await world.stop_bot()
    await world.start_bot(gpu_h_per_day=8.0, quiet_hours="08:00-18:00")
    await world.ana.opens_pr()
    await world.settled()
    mia.base = world.address
    await mia.signs_in("mia", back="/rules")
    seen = await mia.opens_page("/admin/budgets")
    assert "Today 0.0 of 8.0" in seen.words
    assert "No limit is set." in seen.words
    assert "08:00 to 18:00 UTC" in seen.words
    assert "of 5,000 left" in seen.words
    assert "of 60 left" in seen.words
