"""The first run, end to end: a browser, the program on loopback, a simulated GitHub, and the file that is left."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.clock import MovableClock
from bot.github.needs import EVENTS, needed_permissions
from bot.settings import read_settings
from bot.setup.keeping import EnvFile, KeepingError, KubernetesSecret
from bot.setup.plan import Plan, PlanError, checked_plan, manifest
from bot.simulator import Simulator
from tests.setup.visitor import Browser, Visitor, first_run


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def github(clock: MovableClock) -> AsyncIterator[Simulator]:
    "A GitHub on which the App is installed nowhere, and has no permission yet."
    async with Simulator(clock=clock, permissions={}, events=()) as simulator:
        simulator.create_repository("instruct/taxonomy", install=False)
        simulator.create_repository("instruct/secrets", install=False, private=True)
        yield simulator


@pytest.fixture
def plan(github: Simulator) -> Plan:
    return Plan("Otter bot", "instruct", "https://bot.example.org", github.url, github.url)


@pytest.fixture
def kept(tmp_path: Path) -> EnvFile:
    return EnvFile(tmp_path / "bot.env")


KEYS = {"TAXONOMY_BOT_APP_ID": "1", "TAXONOMY_BOT_PRIVATE_KEY": "a key\n"}


def read_as_a_shell_does(path: Path) -> dict[str, str]:
    "What a shell makes of the file."
    script = f"set -a; . {shlex.quote(str(path))}; env -0"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, env={})
    pairs = (line.partition("=") for line in done.stdout.decode().split("\0") if line)
    return {name: value for name, _, value in pairs if name.startswith("TAXONOMY_BOT_")}


async def to_the_last_step(visitor: Visitor, github: Simulator, *repositories: int) -> None:
    "All steps but the choice."
    await visitor.comes_in()
    created = await visitor.describes()
    installing = await visitor.has_it_created(created)
    assert installing.url.path == "/install"
    await visitor.installs(github.url, "otter-bot", *repositories)


async def test_four_steps_leave_a_bot_that_can_start(
    github: Simulator, plan: Plan, kept: EnvFile, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    "The file that is left starts the bot as the App that GitHub has made, on the repository that was chosen."
    repo = github.state.repository("instruct/taxonomy")
    assert repo is not None
    async with first_run(plan, kept, clock) as visitor:
        await to_the_last_step(visitor, github, repo.id)
        choice = await visitor.opens("/install")
        assert "instruct/taxonomy" in choice.words
        done = await visitor.sends("/install", {"repository": str(repo.id)})
        assert "taxonomy-bot doctor" in done.words
        assert await visitor.ending
    for name, value in read_as_a_shell_does(kept.path).items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert settings.app_id == github.state.app.id
    assert settings.repositories == {repo.id}
    assert settings.webhook_secrets[0].get_secret_value() == github.webhook_secret
    assert settings.private_key.get_secret_value().strip() == github.private_key_pem.strip()
    assert settings.has_sign_in
    assert settings.public_url == "https://bot.example.org"
    assert settings.github_api_url == github.url


async def test_github_is_asked_for_what_the_code_uses(
    github: Simulator, plan: Plan, kept: EnvFile, clock: MovableClock
) -> None:
    "Nobody else may install it, and its webhook goes to us."
    async with first_run(plan, kept, clock) as visitor:
        await visitor.comes_in()
        await visitor.has_it_created(await visitor.describes())
        (asked,) = github.manifests.asked
        assert asked["redirect_url"] == f"{str(visitor.home).rstrip('/')}/created"
    assert asked["public"] is False
    assert asked["default_permissions"] == needed_permissions() == github.state.app.permissions
    assert asked["default_events"] == sorted(EVENTS)
    assert asked["callback_urls"] == ["https://bot.example.org/sign-in/done"]
    assert github.webhook_url == "https://bot.example.org/webhooks"


async def test_without_a_public_address_the_webhook_is_switched_off(
    github: Simulator, plan: Plan, kept: EnvFile, clock: MovableClock
) -> None:
    "GitHub would send to nobody; the secret is there for the day when it sends."
    async with first_run(plan, kept, clock) as visitor:
        await visitor.comes_in()
        await visitor.has_it_created(await visitor.describes(public_url=""))
    assert github.webhook_url is None
    left = read_as_a_shell_does(kept.path)
    assert "TAXONOMY_BOT_PUBLIC_URL" not in left
    assert left["TAXONOMY_BOT_WEBHOOK_SECRETS"]


async def test_a_webhook_for_which_github_made_no_secret_gets_one(
    github: Simulator, plan: Plan, kept: EnvFile, clock: MovableClock
) -> None:
    "What comes unsigned would never be taken."
    github.manifests.makes_secrets = False
    async with first_run(plan, kept, clock) as visitor:
        await visitor.comes_in()
        await visitor.has_it_created(await visitor.describes())
    made = read_as_a_shell_does(kept.path)["TAXONOMY_BOT_WEBHOOK_SECRETS"]
    assert len(made) == 64
    assert github._outbox.secret == made


async def test_the_secrets_are_kept_before_anything_else(
    github: Simulator, plan: Plan, kept: EnvFile, clock: MovableClock
) -> None:
    "GitHub tells them once: whoever closes the browser after that still has them, and nobody else can read them."
    async with first_run(plan, kept, clock) as visitor:
        await visitor.comes_in()
        await visitor.has_it_created(await visitor.describes())
    assert read_as_a_shell_does(kept.path)["TAXONOMY_BOT_APP_ID"] == str(github.state.app.id)
    for path in (kept.path, kept.key_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert github.private_key_pem.strip() == kept.key_path.read_text().strip()
    assert {p.name for p in kept.path.parent.iterdir()} == {kept.path.name, kept.key_path.name}


async def test_a_file_that_is_there_is_never_replaced(plan: Plan, kept: EnvFile, clock: MovableClock) -> None:
    "Not before the App is made, and not after; --force says otherwise."
    kept.path.write_text("mine")
    with pytest.raises(KeepingError, match="--force"):
        async with first_run(plan, kept, clock):
            pass
    kept.path.unlink()
    kept.check()
    kept.path.write_text("mine")
    with pytest.raises(KeepingError, match="appeared meanwhile"):
        kept.keep({"TAXONOMY_BOT_APP_ID": "1"})
    assert kept.path.read_text() == "mine"
    EnvFile(kept.path, may_replace=True).keep({"TAXONOMY_BOT_APP_ID": "1"})
    assert read_as_a_shell_does(kept.path) == {"TAXONOMY_BOT_APP_ID": "1"}


def test_a_disk_without_hard_links_keeps_the_keys_too(kept: EnvFile, monkeypatch: pytest.MonkeyPatch) -> None:
    "As FAT and some of a network's: what was there before is left alone there, too."

    def refuses(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuses)
    kept.check()
    assert list(kept.path.parent.iterdir()) == []
    kept.keep(KEYS)
    assert kept.key_path.read_text() == KEYS["TAXONOMY_BOT_PRIVATE_KEY"]
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    with pytest.raises(KeepingError, match="appeared meanwhile"):
        EnvFile(kept.path).keep(KEYS)
    assert {path.name for path in kept.path.parent.iterdir()} == {kept.path.name, kept.key_path.name}


def test_where_others_could_read_the_keys_none_are_made(kept: EnvFile, monkeypatch: pytest.MonkeyPatch) -> None:
    "A disk may take no permissions: that is told before GitHub makes an App."
    opens = os.open

    def opens_for_all(path: Path, flags: int, _mode: int) -> int:
        number = opens(path, flags, 0o600)
        os.fchmod(number, 0o644)
        return number

    monkeypatch.setattr(os, "open", opens_for_all)
    with pytest.raises(KeepingError, match="--write"):
        kept.check()
    assert list(kept.path.parent.iterdir()) == []


@pytest.mark.parametrize("written_before", [0, 1])
def test_a_disk_that_was_full_for_a_moment_keeps_the_keys_at_the_next_try(
    kept: EnvFile, monkeypatch: pytest.MonkeyPatch, written_before: int
) -> None:
    "What this run has written itself does not stand in its way; half a file is never left."
    kept.check()
    room = written_before

    def runs_full(_number: int) -> None:
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        room -= 1

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", runs_full)
        with pytest.raises(KeepingError, match="No space left"):
            kept.keep(KEYS)
        with pytest.raises(KeepingError, match="No space left"):
            EnvFile(kept.path.with_name("another.env")).check()
    assert [path.name for path in kept.path.parent.iterdir()] == [kept.key_path.name][:written_before]
    kept.keep(KEYS)
    assert read_as_a_shell_does(kept.path)["TAXONOMY_BOT_APP_ID"] == "1"


@pytest.mark.parametrize("is_for_kubernetes", [True, False])
async def test_whoever_breaks_off_is_told_where_the_keys_are(
    github: Simulator, tmp_path: Path, *, is_for_kubernetes: bool
) -> None:
    "On Ctrl-C, once GitHub has told them: a folder that nobody knows of is a secret that nobody removes."
    asked = ["--kubectl"] if is_for_kubernetes else ["--write", str(tmp_path / "bot.env")]
    start = [sys.executable, "-c", "from bot.cli import main; main()", "setup", *asked]
    program = await asyncio.create_subprocess_exec(
        *start,
        f"--github-web-url={github.url}",
        f"--github-api-url={github.url}",
        env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    address = ""
    while "token=" not in address:
        address = (await program.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        visitor = Browser(session, address)
        await visitor.comes_in()
        await visitor.has_it_created(await visitor.describes())
    program.send_signal(signal.SIGINT)
    _, told = await program.communicate()
    assert program.returncode == 2
    if is_for_kubernetes:
        assert f"rm -r {tmp_path}/taxonomy-bot-secret-" in told.decode()
    else:
        assert str(tmp_path / "bot.env.private-key.pem") in told.decode()
    assert github.webhook_secret not in told.decode()


async def test_for_kubernetes_no_secret_is_on_a_command_line(
    github: Simulator, plan: Plan, clock: MovableClock, tmp_path: Path
) -> None:
    "The line names a folder that only its owner reads; each file is one variable."
    keeping = KubernetesSecret("the-bot", "taxonomy", tmp_path / "it's a folder")
    assert keeping.folder is not None
    keeping.folder.mkdir(mode=0o700)
    repo = github.state.repository("instruct/taxonomy")
    assert repo is not None
    async with first_run(plan, keeping, clock) as visitor:
        await to_the_last_step(visitor, github, repo.id)
        await visitor.sends("/install", {"repository": str(repo.id)})
        assert await visitor.ending
    (line,) = keeping.next_steps()
    assert github.webhook_secret not in line
    words = shlex.split(line)
    assert words[:6] == ["kubectl", "create", "secret", "generic", "the-bot", "--namespace"]
    assert words[7] == f"--from-file={keeping.folder}"
    assert (keeping.folder / "TAXONOMY_BOT_PRIVATE_KEY").read_text().strip() == github.private_key_pem.strip()
    assert (keeping.folder / "TAXONOMY_BOT_REPOSITORIES").read_text() == str(repo.id)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keeping.folder.iterdir())


async def test_the_address_works_once_and_for_an_hour(
    plan: Plan, kept: EnvFile, clock: MovableClock, github: Simulator
) -> None:
    "A second browser is not let in, a guessed token never, and after the hour nobody: the program ends."
    async with first_run(plan, kept, clock) as visitor:
        assert (await visitor.opens("/?token=guessed")).status == 403
        assert (await visitor.opens("/describe")).status == 403
        assert (await visitor.comes_in()).status == 200
        again = await visitor.comes_in()
        assert again.status == 403
        assert "works once" in again.words
        await clock.advance(minutes=61)
        assert not await visitor.ending


async def test_other_pages_cannot_reach_in(
    plan: Plan, kept: EnvFile, clock: MovableClock, github: Simulator
) -> None:
    "Neither by a name that was made to lead here, nor by posting a form, nor by slipping in a code of their own."
    async with first_run(plan, kept, clock) as visitor:
        await visitor.comes_in()
        assert (await visitor.opens("/describe", Host="evil.example")).status == 403
        for origin in ("https://evil.example", "null", ""):
            assert (await visitor.sends("/describe", {"name": "x"}, Origin=origin)).status == 403
        assert (await visitor.opens("/created?code=abc&state=guessed")).status == 403
        assert (await visitor.opens("/created?code=abc")).status == 403
    assert not kept.path.exists()
    assert not [line for line in github.requests if "app-manifests" in line.path]


async def test_pages_ask_no_other_host(plan: Plan, kept: EnvFile, clock: MovableClock, github: Simulator) -> None:
    "Forms go to GitHub and to us; nothing is loaded from anywhere else, no script runs, nobody frames us."
    async with first_run(plan, kept, clock) as visitor:
        page = await visitor.comes_in()
        policy = page.headers["Content-Security-Policy"]
        assert f"form-action 'self' {github.url}" in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script" not in policy
        assert page.headers["Cache-Control"] == "no-store"
        cookie = next(iter(visitor._session.cookie_jar))
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


async def test_a_code_that_github_does_not_take_is_told(
    plan: Plan, kept: EnvFile, clock: MovableClock, github: Simulator
) -> None:
    "With what to do, and without a file; the next try has a form of its own, and brings the key."
    async with first_run(plan, kept, clock) as visitor:
        await visitor.comes_in()
        created = await visitor.describes()
        state = created.form_address.partition("state=")[2]
        refused = await visitor.opens(f"/created?code=unknown&state={state}")
        assert refused.status == 502
        assert "delete the App" in refused.words
        assert not kept.path.exists()
        assert (await visitor.opens(f"/created?code=slipped-in&state={state}")).status == 403

        installing = await visitor.has_it_created(await visitor.describes())
        assert installing.url.path == "/install"
    assert read_as_a_shell_does(kept.path)["TAXONOMY_BOT_APP_ID"] == str(github.state.app.id)


async def test_a_key_that_could_not_be_fetched_is_fetched_by_loading_the_page_again(
    plan: Plan, kept: EnvFile, clock: MovableClock, github: Simulator
) -> None:
    "GitHub was away for a moment: the code still counts, and the App that was made is not lost."
    async with first_run(plan, kept, clock) as visitor:
        await visitor.comes_in()
        github.manifests.hands_over = False
        refused = await visitor.has_it_created(await visitor.describes())
        assert refused.status == 502
        assert "Load this page again" in refused.words
        github.manifests.hands_over = True
        assert (await visitor.opens(refused.url)).url.path == "/install"
    assert kept.key_path.read_text().strip() == github.private_key_pem.strip()


async def test_a_code_works_once_and_for_an_hour_at_github(github: Simulator, clock: MovableClock) -> None:
    "As the real one does it."
    sent = manifest(Plan(web_url=github.url), "http://127.0.0.1:1/created")
    async with aiohttp.ClientSession() as session:
        codes = []
        for _ in range(2):
            url = f"{github.url}/settings/apps/new/made?state=s"
            async with session.post(url, data={"manifest": json.dumps(sent)}, allow_redirects=False) as a:
                codes.append(a.headers["Location"].partition("code=")[2].partition("&")[0])
        first, second = (f"{github.url}/app-manifests/{code}/conversions" for code in codes)
        assert [(await session.post(first)).status for _ in range(2)] == [201, 404]
        await clock.advance(minutes=61)
        assert (await session.post(second)).status == 404


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        pytest.param(Plan(name=""), "1 to 34", id="no name"),
        pytest.param(Plan(name="x" * 35), "1 to 34", id="a name too long for GitHub"),
        pytest.param(
            Plan(organisation="../../evil"), "no name of an organisation", id="a path for an organisation"
        ),
        pytest.param(Plan(public_url="bot.example.org"), "looks like", id="an address without https"),
        pytest.param(Plan(public_url="http://localhost:8080"), "cannot reach", id="an address of this machine"),
        pytest.param(Plan(web_url="javascript:alert(1)"), "no address of a GitHub", id="no GitHub"),
    ],
)
def test_what_cannot_be_is_said_at_once(said: Plan, problem: str) -> None:
    "Before anybody is sent to GitHub with it."
    with pytest.raises(PlanError, match=problem):
        checked_plan(said)


def test_an_enterprise_server_has_its_api_beside_its_pages() -> None:
    "Unless it is said where else."
    assert Plan(web_url="https://github.corp").api == "https://github.corp/api/v3"
    assert Plan().api == "https://api.github.com"
    assert Plan(organisation="acme").form_address == "https://github.com/organizations/acme/settings/apps/new"
    assert Plan().form_address == "https://github.com/settings/apps/new"


def test_names_that_kubernetes_refuses_are_refused_before() -> None:
    "A name could be an option of kubectl's."
    with pytest.raises(KeepingError, match="lower-case"):
        KubernetesSecret("--dry-run").check()
