"""A new installation only looks on, and writes nothing to GitHub until it is adopted; old pull requests wait."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.adopting import Adopted, AdoptionDesk
from bot.app import PARTS
from bot.events import Origin
from bot.github.gate import About, SilentError
from bot.rule_workers import RuleWorkers
from bot.store.adoption import AdoptionStore
from bot.store.desk_log import DeskLog
from bot.store.repositories import RepositoryStore
from bot.store.tables import observed_pulls, repositories
from bot.wiring import make_silence, open_github
from bot.would_say import WouldSay, read_would_say
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill


@pytest.fixture
async def world(database_url: str, rule_workers: RuleWorkers) -> AsyncIterator[World]:
    "A bot that was just installed. Tess is a triager, apo an approver, max and mia are maintainers."
    world = World(database_url, rule_workers, start_in="observe")
    world.repo.permissions |= {"tess": "triage", "apo": "write", "max": "maintain", "mia": "maintain"}
    async with world:
        yield world


@contextlib.asynccontextmanager
async def desk_of(world: World) -> AsyncIterator[tuple[AdoptionDesk, Origin]]:
    "What an operator holds at the terminal."
    async with world.database() as engine, aiohttp.ClientSession() as session:
        app = open_github(session, world.settings, world.clock)
        repositories = RepositoryStore(engine, world.clock)
        assert world.repo.installation_id is not None
        origin = Origin(world.repo.id, world.repo.full_name, world.repo.installation_id)
        yield AdoptionDesk(app, AdoptionStore(engine), repositories, DeskLog(engine), world.clock), origin


async def adopts(world: World) -> Adopted:
    "An operator lets the bot loose."
    await world.settled()
    async with desk_of(world) as (desk, origin):
        return await desk.adopt(origin, "olga")


async def falls_silent(world: World) -> bool:
    "An operator takes that back."
    await world.settled()
    async with desk_of(world) as (desk, origin):
        return await desk.observe(origin, "olga")


async def would_be_said(world: World, pr: PullRequest) -> WouldSay:
    "What is kept of a pull request for the pages."
    await world.settled()
    async with world.database() as engine:
        kept = await AdoptionStore(engine).get(world.repo.id, pr.number)
    return read_would_say(kept.would_say) if kept else WouldSay()


def writes(world: World, mark: int = 0) -> list[str]:
    "What was changed on GitHub, queries by GraphQL aside."
    return [
        f"{line.method} {line.path}"
        for line in world.github.calls_since(mark)
        if line.is_write and not line.path.startswith("/app/")
    ]


async def everything_happens(world: World) -> PullRequest:
    "All that people do on pull requests, and all that the bot does by itself."
    pr = await world.ana.opens_pr({SKILL_PATH: a_skill(seed_examples=3)}, body="/hold\n\nMy skill.")
    await world.ana.pushes(pr, a_good_skill())
    other = await world.ben.opens_pr(a_good_skill("ben"))  # the same leaf
    code = await world.cleo.opens_pr({"README.md": "# Ours\n"})
    await world.settled()
    for login, words in (
        ("tess", "/triage-approve"),
        ("tess", "/generate"),
        ("apo", "/approve"),
        ("eve", "/merge\n/nonsense"),
        ("ana", "thank you"),
        ("max", f"/batch triage-approve {pr.number} {other.number}"),
    ):
        await world.github.comment(pr.pull, login, words)
    for login in ("max", "mia"):
        await world.github.comment(code.pull, login, "/lgtm")
    await world.github.review(pr.pull, "apo", "APPROVE", "/approve")
    await world.github.label(pr.pull, "triage-approved", by="tess")
    await world.github.label(pr.pull, "hold", by="eve")
    await world.github.unlabel(pr.pull, "hold", by="tess")
    await world.github.edit_pull(pr.pull, title="Another title")
    await world.github.convert_to_draft(pr.pull)
    await world.github.mark_ready(pr.pull)
    await world.settled()
    await world.github.rerequest_check_suite(world.repo, pr.pull.head_sha, by="ana")
    await world.github.request_merge_group(pr.pull, by="apo")
    await world.github.push_to_default(world.repo, {"docs/news.md": "news\n"})
    await world.github.close_pull(other.pull, by="ben")
    await world.github.reopen_pull(other.pull, by="ben")
    await world.github.merge_pull(code.pull, by="max")
    await world.settled()
    await world.sweeps()
    await world.app[PARTS].nightly.look()
    await world.reporting.look()
    await world.clock.advance(days=40)  # authors have been silent for long, a digest is due
    await world.sweeps()
    await world.settled()
    return pr


async def test_nothing_is_written_until_the_repository_is_adopted(world: World) -> None:
    "Whatever happens. Then old pull requests stay silent until their next push, and new ones are answered."
    pr = await everything_happens(world)
    assert writes(world) == []
    assert await world.jobs.of_pull(world.repo.id, pr.number) == ()
    assert await world.rows("select id from builds") == []
    assert await world.rows("select id from state_changes") == [], "what was only thought is no history"
    said = await would_be_said(world, pr)
    assert "All checks passed" in said.comments[0]
    assert "skill" in said.labels_on
    assert {check.name for check in said.checks} >= {"Contribution", "Sign-off"}
    audit = await world.audit_of(pr)
    assert {entry.result for entry in audit} == {"observed"}
    assert {"/hold", "/triage-approve", "/generate", "/approve", "/merge"} <= {entry.act for entry in audit}

    assert (await adopts(world)).old_ones == 2
    await world.sweeps()
    await world.github.edit_pull(pr.pull, title="A third title")
    await world.settled()
    assert writes(world) == []

    new = await world.dora.opens_pr()
    assert "All checks passed" in await new.next_comment()
    assert {line.partition("/issues/")[2].partition("/")[0] for line in writes(world) if "/issues/" in line} == {
        str(new.number)
    }

    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    assert "All checks passed" in await pr.next_comment()
    assert "skill" in pr.labels
    new.has_been_read()  # it may be told of the other leaf


async def test_pull_requests_from_before_the_bot_are_looked_at_by_the_first_sweep(world: World) -> None:
    "Nobody has told it anything: it asks GitHub where its repository is, and shows what it would say."
    with world.no_webhooks():
        pr = await world.ana.opens_pr({SKILL_PATH: a_skill(seed_examples=3)})
    await world.clock.advance(hours=3)
    await world.sweeps()
    assert "to fix" in (await would_be_said(world, pr)).written()
    assert writes(world) == []


async def test_where_the_app_is_not_installed_the_sweep_waits(world: World) -> None:
    "It is asked about now and then, and found once it is."
    installed, world.repo.installation = world.repo.installation, None
    with world.no_webhooks():
        pr = await world.ana.opens_pr()
    assert await world.sweeps() == []
    world.repo.installation = installed
    await world.clock.advance(minutes=10)
    assert len(await world.sweeps()) == 1
    assert (await would_be_said(world, pr)).comments


async def test_the_pages_show_how_pull_requests_stand(world: World) -> None:
    "They are judged and remembered as always, but for what is not on GitHub."
    pr = await world.ana.opens_pr({SKILL_PATH: a_skill(seed_examples=3)})
    await world.settled()
    [row] = await world.rows("select state, outcome, comment_id, is_open from pull_requests")
    assert row[:3] == ("not-ready", "failed", None)
    await world.github.close_pull(pr.pull, by="ana")
    await world.settled()
    [row] = await world.rows("select is_open from pull_requests")
    assert not row[0]
    assert (await would_be_said(world, pr)).is_nothing


@pytest.mark.parametrize("act", ["/check", "/help", "re-run", "merge queue"])
async def test_an_old_pull_request_wakes(world: World, act: str) -> None:
    "By a command, by whoever asks for checks, and by GitHub's merge queue: first it hears how it stands."
    pr = await world.ana.opens_pr()
    await adopts(world)
    await world.clock.advance(minutes=1)
    match act:
        case "re-run":
            await world.github.rerequest_check_suite(world.repo, pr.pull.head_sha, by="ana")
        case "merge queue":
            await world.github.request_merge_group(pr.pull, by="apo")
            await world.settled()
            assert writes(world), "the queue waits for an answer"
            await world.sweeps()
            await world.github.edit_pull(pr.pull, title="It is awake")
        case _:
            await world.tess.comments(pr, act)
    assert "All checks passed" in await pr.next_comment()
    pr.has_been_read()


async def test_what_wakes_nobody(world: World) -> None:
    "Words without a command, other labels, a draft, a new title, a close and a reopening."
    pr = await world.ana.opens_pr()
    await adopts(world)
    await world.clock.advance(minutes=1)
    await world.ana.comments(pr, "is anybody there? see a/b, /usr/bin")
    await world.github.label(pr.pull, "hold", by="tess")
    await world.github.convert_to_draft(pr.pull)
    await world.github.mark_ready(pr.pull)
    await world.github.close_pull(pr.pull, by="ana")
    await world.github.reopen_pull(pr.pull, by="ana")
    await world.sweeps()
    assert writes(world) == []


async def test_what_was_commanded_before_is_not_carried_out_later(world: World) -> None:
    "Neither by a webhook that comes late, nor by the sweep that finds what nobody told us."
    pr = await world.ana.opens_pr()
    await world.settled()
    with world.no_webhooks():
        await world.tess.comments(pr, "/hold")
    await world.clock.advance(minutes=1)
    await adopts(world)
    await world.sweeps()
    assert writes(world) == []
    assert [(entry.act, entry.result) for entry in await world.audit_of(pr)] == [("/hold", "observed")]


async def test_adopting_is_taken_back(world: World) -> None:
    "It falls silent at once, on what it has spoken on as well; both acts are written down."
    pr = await world.ana.opens_pr()
    await adopts(world)
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    await pr.next_comment()
    assert await falls_silent(world)
    assert not await falls_silent(world), "it does no harm twice"
    mark = world.github.mark
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=3)})
    await world.tess.comments(pr, "/hold")
    await world.sweeps()
    assert writes(world, mark) == []
    assert "Turn: yours" not in pr.living_comment.body
    assert (await would_be_said(world, pr)).labels_on == ("triage-requested-changes",)

    await adopts(world)
    await world.sweeps()
    assert writes(world, mark) == []
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=2)})
    await pr.next_comment()
    assert len(pr.folded_comments) == 1, "it goes on where it was"
    acts = await world.rows("select act, actor, role from audit where number = 0 order by id")
    assert acts == [("adopt", "olga", "operator"), ("observe", "olga", "operator"), ("adopt", "olga", "operator")]


async def test_the_gate_lets_nothing_slip_by(world: World) -> None:
    "Should some code try to write all the same, it is refused before anything is sent."
    pr = await world.ana.opens_pr()
    await world.settled()
    async with world.database() as engine, aiohttp.ClientSession() as session:
        for gate in (make_silence(engine, world.clock), None):
            app = open_github(session, world.settings, world.clock, gate=gate)
            client = app.installation(world.repo.installation_id or 0)
            for about in (About(world.repo.id, pr.number), About(world.repo.id), About(0), About(404, 1), None):
                with pytest.raises(SilentError):
                    await client.write(about, "POST", "/repos/instruct/taxonomy/issues/1/comments")
            with pytest.raises(SilentError):
                await client.mutate(About(world.repo.id, pr.number), "mutation { x }", {})
    assert writes(world) == []


async def test_whoever_was_served_before_stays_adopted(world: World) -> None:
    "A bot that begins again with a database that knows pull requests, but not yet this repository, goes on."
    pr = await world.ana.opens_pr()
    await world.settled()
    await world.stop_bot()
    async with world.database() as engine, engine.begin() as connection:
        await connection.execute(repositories.delete())
        await connection.execute(observed_pulls.delete())
    await world.start_bot()
    await world.ana.pushes(pr, {SKILL_PATH: a_skill(seed_examples=6)})
    assert "All checks passed" in await pr.next_comment()
