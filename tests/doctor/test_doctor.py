"""The doctor: whatever is broken is named, with what to do; real servers on loopback, and a simulated GitHub."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.app import make_app
from bot.clock import SystemClock
from bot.doctor.examination import examine
from bot.doctor.findings import Level, Line, Section, attention, broken, fine, worst
from bot.doctor.mounts import kind_of_disk
from bot.doctor.patient import Patient, settings_at_hand
from bot.doctor.registry import all_probes, probe
from bot.doctor.screen import data_of, lines_of, summary
from bot.rule_workers import RuleWorkers
from bot.settings import BotSettings
from bot.setup.plan import NOBODY_HOME
from bot.simulator import Simulator
from bot.store.database import migrate, open_engine

SECRET = "the webhook secret"


class Practice:
    "A GitHub on which all is well, and an installation that can be changed for the worse."

    def __init__(self, folder: Path, github: Simulator) -> None:
        self.github = github
        self.repo = github.create_repository("instruct/taxonomy")
        self.repo.required_checks = {("Merge readiness", github.state.app.id)}
        self.settings: dict[str, Any] = {
            "app_id": github.state.app.id,
            "private_key": SecretStr(github.private_key_pem),
            "webhook_secrets": (SecretStr(SECRET),),
            "repositories": frozenset({self.repo.id}),
            "database_url": f"sqlite:///{folder / 'bot.sqlite'}",
            "artifacts_url": str(folder / "artifacts"),
            "model_store_url": str(folder / "models"),
            "broker_url": SecretStr(f"filesystem://{folder / 'broker'}"),
            "github_api_url": github.url,
            "github_web_url": github.url,
            "port": 1,
        }
        self.skew = timedelta()
        self.tests_delivery = False

    async def finds(self, name: str, **changed: Any) -> tuple[Line, ...]:
        "What one probe finds."
        settings, problems = settings_at_hand(**(self.settings | changed))
        clock = SystemClock()
        if self.skew:
            now = clock.now
            clock.now = lambda: now() + self.skew  # type: ignore[method-assign]
        async with aiohttp.ClientSession() as session:
            patient = Patient(settings, problems, clock, session, self.tests_delivery)
            (section,) = await examine(patient, [each for each in all_probes() if each.name == name])
        return section.lines


@pytest.fixture
async def practice(tmp_path: Path) -> AsyncIterator[Practice]:
    async with Simulator(clock=SystemClock(), webhook_secret=SECRET) as github:
        yield Practice(tmp_path, github)


def said(lines: tuple[Line, ...], level: Level) -> str:
    "All of a level, with their remedies."
    return "\n".join(f"{line.text} -> {line.remedy}" for line in lines if line.level is level)


async def serving(handler: Callable[[web.Request], Any]) -> tuple[web.AppRunner, str]:
    "A server that answers everything alike."
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.mark.parametrize(
    "name",
    ["settings", "github", "permissions", "repositories", "database", "broker", "artifacts", "models", "tokenizer"],
)
async def test_what_is_well_is_well(practice: Practice, name: str) -> None:
    "No finding asks for anything."
    assert worst(await practice.finds(name)) is Level.OK


async def test_missing_settings_are_named_and_the_rest_is_examined_all_the_same(practice: Practice) -> None:
    "Each with where to find it; what does not need them is looked at."
    practice.settings["private_key"] = "/no/such/file"
    told = said(await practice.finds("settings", repositories=""), Level.BROKEN)
    assert "TAXONOMY_BOT_PRIVATE_KEY" in told
    assert "Generate a private key" in told
    assert "TAXONOMY_BOT_REPOSITORIES" in told
    assert "TAXONOMY_BOT_PRIVATE_KEY" in said(await practice.finds("permissions"), Level.ATTENTION)
    assert worst(await practice.finds("github")) is Level.OK
    assert worst(await practice.finds("database")) is Level.OK


async def test_a_key_that_nobody_may_read_is_no_crash(practice: Practice, tmp_path: Path) -> None:
    "A folder in its place, too."
    assert "TAXONOMY_BOT_PRIVATE_KEY" in said(
        await practice.finds("settings", private_key=str(tmp_path)), Level.BROKEN
    )


async def test_a_github_that_cannot_be_reached(practice: Practice) -> None:
    "The network, the proxy, the address: one of these three."
    assert "proxy" in said(await practice.finds("github", github_api_url="http://127.0.0.1:1"), Level.BROKEN)


@pytest.mark.parametrize(("minutes", "level"), [(0.5, Level.ATTENTION), (-5, Level.BROKEN), (10, Level.BROKEN)])
async def test_a_clock_that_is_off(practice: Practice, minutes: float, level: Level) -> None:
    "GitHub refuses tokens from the future and from long ago."
    practice.skew = timedelta(minutes=minutes)
    assert "timedatectl" in said(await practice.finds("github"), level)


async def test_a_key_of_another_app(practice: Practice) -> None:
    "The id is wrong, or the key was replaced."
    told = said(await practice.finds("github", app_id=99), Level.BROKEN)
    assert "App 99" in told
    assert "generate a new private key" in told


async def test_permissions_that_lack_are_named_with_where_to_click(practice: Practice) -> None:
    "The App's own page for what it asks for, each installation's for what it has accepted."
    app = practice.github.state.app
    app.permissions = app.permissions | {"contents": "read", "members": ""}
    app.events = tuple(event for event in app.events if event != "merge_group")
    told = said(await practice.finds("permissions"), Level.BROKEN)
    assert "Contents (write), Members (read)" in told
    assert "/settings/apps/taxonomy-bot/permissions" in told
    assert "Organization permissions and Repository permissions" in told
    assert "Merge group" in told
    assert "instruct has not granted" in told


async def test_an_app_that_is_installed_nowhere_or_suspended(practice: Practice) -> None:
    "Both keep it from everything."
    practice.github.suspend("instruct")
    assert "Unsuspend" in said(await practice.finds("permissions"), Level.BROKEN)
    practice.github.uninstall("instruct")
    assert "installations/new" in said(await practice.finds("permissions"), Level.BROKEN)


async def test_a_repository_without_the_app(practice: Practice) -> None:
    "Its number may be wrong, or the App is not there."
    assert "not installed on repository 4711" in said(
        await practice.finds("repositories", repositories=frozenset({4711})), Level.BROKEN
    )


async def test_a_policy_with_a_mistake_is_told_with_its_line(practice: Practice) -> None:
    "As on a pull request."
    bad = practice.github.create_repository(
        "instruct/other", {".github/taxonomy-bot.yml": "version: 1\nlimitz:\n  a: 1\n"}
    )
    told = said(await practice.finds("repositories", repositories=frozenset({bad.id})), Level.BROKEN)
    assert "line 2" in told
    assert "check-config" in told


async def test_a_check_that_nobody_requires_or_anybody_may_post(practice: Practice) -> None:
    "A workflow could post a check of the same name."
    practice.repo.required_checks = set()
    assert "No ruleset" in said(await practice.finds("repositories"), Level.ATTENTION)
    practice.repo.required_checks = {("Merge readiness", None)}
    assert "from anybody" in said(await practice.finds("repositories"), Level.ATTENTION)


async def test_a_webhook_that_leads_elsewhere(practice: Practice) -> None:
    "Its address is compared with the one that we were told to have."
    practice.github.webhook_url = "https://old.example.org/webhooks"
    told = said(await practice.finds("webhook", public_url="https://bot.example.org"), Level.BROKEN)
    assert "https://old.example.org/webhooks" in told
    assert "TAXONOMY_BOT_PUBLIC_URL" in told


@pytest.mark.parametrize("address", [None, NOBODY_HOME])
async def test_a_webhook_that_is_switched_off(practice: Practice, address: str | None) -> None:
    "GitHub tells only the address that setting up gave it: nobody is there, and nothing is well with that."
    practice.github.webhook_url = address
    told = said(await practice.finds("webhook"), Level.ATTENTION)
    assert "GitHub sends to nobody" in told
    assert "TAXONOMY_BOT_POLL_SECONDS" in told
    told = said(await practice.finds("webhook", public_url="https://bot.example.org"), Level.BROKEN)
    assert "tick “Active”, and set the address https://bot.example.org/webhooks" in told


async def test_a_bot_that_asks_github_itself_needs_no_webhook(practice: Practice) -> None:
    "Neither an address nor deliveries; what GitHub sends in vain all the same is told."
    practice.github.webhook_url = NOBODY_HOME
    asking = {"poll_seconds": 20.0, "public_url": "https://bot.example.org"}
    (line,) = await practice.finds("webhook", **asking)
    assert line == fine("The bot asks GitHub itself, every 20 s: it needs no webhook.")
    practice.tests_delivery = True
    assert worst(await practice.finds("delivery", **asking)) is Level.OK

    practice.github.webhook_url = "http://127.0.0.1:1/webhooks"
    await practice.github.open_pull(practice.repo, author="ana", files={"a.md": "a\n"})
    await practice.github.settle()
    assert "untick “Active”" in said(await practice.finds("webhook", **asking), Level.ATTENTION)


CHANNEL = "http://127.0.0.1:1/secret-channel"


@pytest.mark.parametrize(
    ("github_sends_to", "level", "told"),
    [
        pytest.param(CHANNEL, Level.OK, "GitHub sends to the relay.", id="to the relay"),
        pytest.param(
            "https://ana:pw@smee.io/old-secret?x=old-secret",
            Level.BROKEN,
            "https://smee.io/…",
            id="to another relay",
        ),
        pytest.param(
            "https://bot.example.org/webhooks", Level.ATTENTION, "nothing comes by the relay", id="past the relay"
        ),
        pytest.param(NOBODY_HOME, Level.BROKEN, "TAXONOMY_BOT_RELAY_URL", id="to nobody"),
    ],
)
async def test_a_relay_is_compared_and_never_told(
    practice: Practice, github_sends_to: str, level: Level, told: str
) -> None:
    "Whoever knows a channel reads along; a public address beside it, for the pages, is no contradiction."
    practice.github.webhook_url = github_sends_to
    relayed = {"relay_url": SecretStr(CHANNEL), "public_url": "https://bot.example.org"}
    found = await practice.finds("webhook", **relayed)
    assert told in said(found, level)
    assert "secret" not in repr(found)
    assert "ana" not in repr(found)


async def test_a_relay_of_which_the_doctor_was_not_told_stays_secret(practice: Practice) -> None:
    "As with `serve --relay`: the channel may be the one that the App sends to."
    practice.github.webhook_url = CHANNEL
    found = await practice.finds("webhook", public_url="https://bot.example.org")
    assert "TAXONOMY_BOT_RELAY_URL" in said(found, Level.BROKEN)
    assert "secret-channel" not in repr(found)


async def test_a_relay_that_is_away(practice: Practice) -> None:
    "It is the relay that has to be looked at, not the bot."
    practice.github.webhook_url = CHANNEL
    await practice.github.open_pull(practice.repo, author="ana", files={"a.md": "a\n"})
    await practice.github.settle()
    told = said(await practice.finds("webhook", relay_url=SecretStr(CHANNEL)), Level.BROKEN)
    assert "Does the relay" in told
    assert "secret-channel" not in told


async def test_a_bot_that_was_not_started_yet_is_not_broken(practice: Practice) -> None:
    "Between setting up and the first start nothing answers: neither here, nor at the public address, nor webhooks."
    practice.github.webhook_url = "http://127.0.0.1:1/webhooks"
    await practice.github.open_pull(practice.repo, author="ana", files={"a.md": "a\n"})
    await practice.github.settle()
    for name in ("public-url", "workers", "webhook"):
        found = await practice.finds(name, public_url="http://127.0.0.1:1")
        assert worst(found) is Level.ATTENTION
        told = said(found, Level.ATTENTION)
        assert "not running yet" in told
        assert "taxonomy-bot serve" in told


async def test_deliveries_that_do_not_arrive_and_one_sent_again(practice: Practice) -> None:
    "GitHub's list tells; on demand it sends the newest once more, and the doctor waits for the answer."
    status = 500

    async def take(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    runner, address = await serving(take)
    practice.github.webhook_url = f"{address}/webhooks"
    practice.settings["port"] = int(address.rpartition(":")[2])
    await practice.github.open_pull(practice.repo, author="ana", files={"a.md": "a\n"})
    await practice.github.settle()
    assert "did not arrive" in said(await practice.finds("webhook"), Level.BROKEN)
    practice.tests_delivery = True
    assert "TAXONOMY_BOT_WEBHOOK_SECRETS" in said(await practice.finds("delivery"), Level.BROKEN)
    status = 202
    assert "the bot took it" in said(await practice.finds("delivery"), Level.OK)
    assert worst(await practice.finds("webhook")) is Level.ATTENTION
    await runner.cleanup()


async def test_without_being_asked_nothing_is_sent(practice: Practice) -> None:
    "An examination only reads."
    mark = practice.github.mark
    await practice.finds("delivery")
    await practice.finds("repositories")
    assert [line for line in practice.github.calls_since(mark) if line.is_write] == []


async def test_the_database_tells_its_kind_version_and_schema(practice: Practice, database_url: str) -> None:
    "On both kinds."
    told = said(await practice.finds("database", database_url=database_url), Level.OK)
    assert "SQLite 3" in told or "PostgreSQL" in told
    assert "schema" in told


async def test_a_database_that_is_away_or_newer_than_we_are(practice: Practice, tmp_path: Path) -> None:
    "Neither is touched."
    away = "postgresql://ana:topsecret@127.0.0.1:1/bot"
    told = said(await practice.finds("database", database_url=away), Level.BROKEN)
    assert "cannot be reached" in told
    assert "topsecret" not in told
    newer = f"sqlite:///{tmp_path / 'newer.sqlite'}"
    engine = open_engine(newer)
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    await engine.dispose()
    assert "newer version" in said(await practice.finds("database", database_url=newer), Level.BROKEN)


def test_disks_of_a_network_are_known(tmp_path: Path) -> None:
    "By the nearest mount above the folder."
    mounts = tmp_path / "mountinfo"
    share = tmp_path / "a share"
    share.mkdir()
    escaped = str(share).replace(" ", "\\040")
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"40 22 0:50 / {escaped} rw,relatime shared:1 - nfs4 server:/export rw\n"
        "not a mount\n"
    )
    assert kind_of_disk(share, mounts) == "nfs4"
    assert kind_of_disk(Path("/"), mounts) == "ext4"
    assert kind_of_disk(share, tmp_path / "missing") == ""


async def test_a_broker_that_is_away(practice: Practice) -> None:
    "Without its password in any line."
    away = SecretStr("redis://:topsecret@127.0.0.1:1/0")
    told = said(await practice.finds("broker", broker_url=away), Level.BROKEN)
    assert "BROKER_URL" in told
    assert "topsecret" not in told


async def test_the_doctor_leaves_no_queue_behind(practice: Practice, tmp_path: Path) -> None:
    "In a broker of files that is a folder."
    assert worst(await practice.finds("broker")) is Level.OK
    assert list((tmp_path / "broker").glob("q-*")) == []


async def test_an_artifact_store_that_cannot_be_written(practice: Practice, tmp_path: Path) -> None:
    "A file is where its folder should be."
    (tmp_path / "blocked").write_text("")
    told = said(await practice.finds("artifacts", artifacts_url=str(tmp_path / "blocked" / "x")), Level.BROKEN)
    assert "TAXONOMY_BOT_ARTIFACTS_URL" in told


async def test_a_model_server_that_is_away_or_lacks_the_model(practice: Practice) -> None:
    "The models that it has are listed."
    told = said(await practice.finds("models", student_url="http://127.0.0.1:1/v1"), Level.BROKEN)
    assert "STUDENT_URL" in told

    async def models(_request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "otter-7b", "object": "model"}]})

    runner, address = await serving(models)
    changed = {"student_url": f"{address}/v1", "student_name": "beaver-7b"}
    assert "otter-7b" in said(await practice.finds("models", **changed), Level.BROKEN)
    await runner.cleanup()


async def test_a_public_address_that_leads_to_somebody_else(practice: Practice) -> None:
    "A proxy's own page is not the bot; where the bot runs, its address has to lead to it."

    async def other(_request: web.Request) -> web.Response:
        return web.Response(text="It works!")

    runner, address = await serving(other)
    assert "not as the bot does" in said(await practice.finds("public-url", public_url=address), Level.BROKEN)
    practice.settings["port"] = int(address.rpartition(":")[2])
    away = "http://127.0.0.1:1"
    assert "cannot be reached" in said(await practice.finds("public-url", public_url=away), Level.BROKEN)
    await runner.cleanup()


async def test_workers_are_asked_of_the_running_bot(practice: Practice, rule_workers: RuleWorkers) -> None:
    "It tells whoever holds the webhook secret; queues that nobody serves are named. To others it says nothing."
    assert "taxonomy-bot serve" in said(await practice.finds("workers"), Level.ATTENTION)
    runner = web.AppRunner(
        make_app(BotSettings(**practice.settings, nightly=False, sweep_minutes=0), workers=rule_workers)
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        port = int(runner.addresses[0][1])
        told = said(await practice.finds("workers", port=port), Level.ATTENTION)
        assert "Nobody serves the queue gpu.train" in told
        assert "TAXONOMY_PIPELINE_QUEUES=gpu.train" in told
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}/healthz/workers"
            assert (await session.get(url)).status == 404
            assert (await session.get(url, headers={"X-Roll-Call": "0" * 64})).status == 404
    finally:
        await runner.cleanup()


async def test_a_probe_that_hangs_or_breaks_down_holds_up_nobody(practice: Practice) -> None:
    "All run side by side; each has its time."

    @probe("hangs", "Hangs", order=1, remedy="pull the plug", within_s=0.2)
    async def hangs(_patient: Patient) -> list[Line]:
        await asyncio.sleep(60)
        return []

    @probe("breaks", "Breaks", order=2, remedy="mend it")
    async def breaks(_patient: Patient) -> list[Line]:
        raise RuntimeError("in two")

    settings, problems = settings_at_hand(**practice.settings)
    async with aiohttp.ClientSession() as session:
        began = time.monotonic()
        sections = await examine(Patient(settings, problems, SystemClock(), session), [hangs, hangs, breaks])
        assert time.monotonic() - began < 2
    assert [section.level for section in sections] == [Level.BROKEN] * 3
    assert "pull the plug" in said(sections[0].lines, Level.BROKEN)
    assert "in two" in said(sections[2].lines, Level.BROKEN)


REPORT = [
    Section("one", "One", (fine("All \x1b[31mis\x07 well here, and this sentence is rather long."),), 0.1),
    Section("two", "Two", (attention("Hm.", "Look."), broken("Oh.", "Do something about it, and soon.")), 0.2),
]


@pytest.mark.parametrize("width", [1, 30, 80, 400])
def test_reports_fit_into_any_terminal(width: int) -> None:
    "And nothing in them steers it."
    lines = list(lines_of(REPORT, width, colours=False))
    assert max(map(len, lines)) <= max(24, min(width, 100))
    assert "\x1b" not in "".join(lines)
    assert "\x07" not in "".join(lines)
    assert "→ Look." in " ".join(lines)


def test_reports_are_for_programs_too() -> None:
    "With the worst on top."
    data = json.loads(json.dumps(data_of(REPORT)))
    assert data["status"] == "broken"
    assert data["probes"][1]["findings"][0] == {"status": "attention", "text": "Hm.", "remedy": "Look."}
    assert summary(REPORT) == "1 thing is broken and 1 asks for attention; the arrows say what to do."
    assert summary(REPORT[:1]) == "All is well."
    assert [worst(REPORT).value, worst(REPORT[:1]).value] == [2, 0]
