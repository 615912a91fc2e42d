"""Artifacts are handed out by signed links that expire, verified, and never as something a browser runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.artifact_downloads import ROUTE, ArtifactDownloads
from bot.artifact_links import ArtifactLinks, ExpiredLinkError, ForgedLinkError
from bot.clock import MovableClock
from bot.rule_workers import RuleWorkers
from bot.settings import SettingsError, read_settings
from bot.store.artifacts import ArtifactRows, KeptArtifact
from bot.store.database import migrate, open_engine
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact
from tests.world import World
from tests.world.world import SECRET

SHA = "ab" * 32
DAY_S = 24 * 3600
NOW = MovableClock().now()


def links(*secrets: str, lasts_s: int = 7 * DAY_S, public_url: str = "https://bot.example") -> ArtifactLinks:
    return ArtifactLinks([SecretStr(s) for s in secrets or ("a secret",)], public_url, lasts_s)


def said_in(link: str) -> tuple[str, str, str, str]:
    "Hash, name, end and signature, as a request brings them."
    path, _, query = link.partition("?")
    sha256, name = path.split("/")[-2:]
    expires, signature = (part.partition("=")[2] for part in query.split("&"))
    return sha256, name, expires, signature


def test_a_link_opens_its_file_for_as_long_as_is_set() -> None:
    "Seven days, and at most one more; then it is ours, but too old."
    ours = links()
    link = said_in(ours.link(SHA, "report.json", NOW))
    ours.check(*link, NOW)
    ours.check(*link, NOW + timedelta(days=7))
    with pytest.raises(ExpiredLinkError):
        ours.check(*link, NOW + timedelta(days=8))


@pytest.mark.parametrize("lasts_s", [60, 3600, 7 * DAY_S, 90 * DAY_S])
def test_every_life_of_a_link_is_kept_and_hardly_exceeded(lasts_s: int) -> None:
    "The rounding gives at most a seventh more, and never more than a day."
    ours = links(lasts_s=lasts_s)
    link = said_in(ours.link(SHA, "x", NOW))
    ours.check(*link, NOW + timedelta(seconds=lasts_s - 1))
    with pytest.raises(ExpiredLinkError):
        ours.check(*link, NOW + timedelta(seconds=lasts_s + min(DAY_S, lasts_s / 7) + 1))


def test_the_same_link_is_given_again_on_the_same_day() -> None:
    "A comment that is written anew does not change only because of its links."
    ours = links()
    assert ours.link(SHA, "x", NOW) == ours.link(SHA, "x", NOW + timedelta(hours=5))


def test_links_survive_the_rotation_of_the_secret() -> None:
    "While both secrets are listed, a link signed with the old one opens; afterwards it does not."
    link = said_in(links("old secret").link(SHA, "x", NOW))
    links("new secret", "old secret").check(*link, NOW)
    with pytest.raises(ForgedLinkError):
        links("new secret").check(*link, NOW)


def test_a_link_for_one_file_opens_no_other_and_not_for_longer() -> None:
    "Hash, name and end are what is signed."
    ours = links()
    sha256, name, expires, signature = said_in(ours.link(SHA, "report.json", NOW))
    for forged in (
        ("cd" * 32, name, expires, signature),
        (sha256, "model.safetensors", expires, signature),
        (sha256, name, str(int(expires) + 1), signature),
        (sha256, name, "0" + expires, signature),
        (sha256, name, expires, signature[:-1]),
        (sha256, name, expires, ""),
        (sha256, name, "", signature),
    ):
        with pytest.raises(ForgedLinkError):
            ours.check(*forged, NOW)


@given(st.text(), st.text(), st.text(), st.text())
def test_nothing_made_up_is_believed(sha256: str, name: str, expires: str, signature: str) -> None:
    "Whatever characters a request brings, it is refused and nothing breaks."
    with pytest.raises(ForgedLinkError):
        links().check(sha256, name, expires, signature, NOW)


def test_without_an_address_there_are_no_links() -> None:
    "A bot that does not know where people reach it gives no link that cannot work."
    assert links(public_url="").link(SHA, "x", NOW) == ""


@dataclass
class Door:
    "The bot's door for downloads, with what is behind it."

    client: TestClient[web.Request, web.Application]
    links: ArtifactLinks
    rows: ArtifactRows
    store: ArtifactStore
    clock: MovableClock
    folder: Path

    async def keep(self, name: str, content: bytes, media_type: str = "application/json") -> Artifact:
        "A job of pull request #7 stores a file."
        told = self.store.put(name, content, media_type)
        kept = KeptArtifact.told(told, 1, 7, self.clock.now())
        await self.rows.note([kept])
        return kept.artifact

    def link(self, artifact: Artifact) -> str:
        "The link that the bot gives now, as a path."
        return self.links.link(artifact.sha256, artifact.name, self.clock.now()).removeprefix("https://bot.example")

    def file_of(self, artifact: Artifact) -> Path:
        "Where the file lies."
        return next(self.folder.rglob(artifact.sha256))


@pytest.fixture
async def door(database_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    engine = open_engine(database_url)
    await migrate(engine)
    signer = links()
    clock, rows, store = MovableClock(), ArtifactRows(engine), ArtifactStore(str(tmp_path / "store"))
    app = web.Application()
    app.router.add_get(ROUTE, ArtifactDownloads(signer, rows, store, clock).handle, allow_head=False)
    async with TestClient(TestServer(app)) as client:
        yield Door(client, signer, rows, store, clock, tmp_path / "store")
    await engine.dispose()


async def test_a_file_comes_whole_and_only_to_be_saved(door: Door) -> None:
    "A browser saves it under its name and runs nothing of it."
    content = b'{"n": 1}' * 200_000
    artifact = await door.keep("report.json", content)
    async with door.client.get(door.link(artifact)) as answer:
        assert answer.status == 200
        assert await answer.read() == content
        assert answer.headers["Content-Disposition"] == 'attachment; filename="report.json"'
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox"


@pytest.mark.parametrize(
    "media_type", ["text/html", "image/svg+xml", "application/javascript", "x\r\nSet-Cookie: a"]
)
async def test_what_a_browser_would_run_is_only_bytes(door: Door, media_type: str) -> None:
    "A worker, or a model's answer in a file, cannot put a page under the bot's address."
    artifact = await door.keep("../<script>.html\r\nX: y", b"<script>alert(1)</script>", media_type)
    async with door.client.get(door.link(artifact)) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="script_.html_X_y"'
        assert "X" not in answer.headers


async def test_an_expired_link_says_so(door: Door) -> None:
    "The page says what to do, and holds nothing of the file."
    artifact = await door.keep("report.json", b"secret content")
    link = door.link(artifact)
    await door.clock.advance(days=8)
    async with door.client.get(link) as answer:
        assert answer.status == 403
        text = await answer.text()
    assert "has expired" in text
    assert "fresh links" in text
    assert "secret content" not in text
    async with door.client.get(door.link(artifact)) as answer:
        assert answer.status == 200


async def test_a_forged_link_learns_nothing(door: Door) -> None:
    "A file that exists and one that does not look the same to somebody without a signed link."
    artifact = await door.keep("report.json", b"{}")
    link = door.link(artifact)
    answers = []
    for forged in (
        link[:-1] + ("0" if link[-1] != "0" else "1"),
        link.partition("?")[0],
        link.replace(artifact.sha256, SHA),
        link.replace("expires=1", "expires=2"),
        link.replace("report.json", "%2e%2e%2fpasswd"),
        link + "&signature=x&expires=y",
    ):
        async with door.client.get(forged) as answer:
            answers.append((answer.status, "not made by this bot" in await answer.text()))
    assert answers == [(403, True)] * 5 + [(200, False)], "the first of two answers counts, as it was signed"


async def test_a_file_that_is_no_longer_kept_is_said_to_be_gone(door: Door) -> None:
    "Cleaned up, or lost from the store: the link was fine, the file is not there."
    artifact = await door.keep("report.json", b"{}")
    link = door.link(artifact)
    door.store.delete(artifact.sha256)
    with capture_logs() as logs:
        async with door.client.get(link) as answer:
            assert answer.status == 404
            assert "no longer kept" in await answer.text()
    assert [line["event"] for line in logs] == ["artifact.missing"]
    await door.rows.forget(door.clock.now() + timedelta(seconds=1))
    async with door.client.get(link) as answer:
        assert answer.status == 404


async def test_a_damaged_file_is_never_handed_out(door: Door) -> None:
    "Not one byte of it leaves; the page says that it is our fault, and the log has it."
    artifact = await door.keep("report.json", b"what was stored")
    door.file_of(artifact).write_bytes(b"what was STORED")
    with capture_logs() as logs:
        async with door.client.get(door.link(artifact)) as answer:
            assert answer.status == 500
            text = await answer.text()
    assert "our fault" in text
    assert "STORED" not in text
    assert [(line["event"], line["sha256"]) for line in logs] == [("artifact.corrupt", artifact.sha256)]


async def test_a_store_that_cannot_be_read_is_no_lost_file(door: Door) -> None:
    "The link is fine and the file may be, too: try again."
    artifact = await door.keep("report.json", b"{}")
    file = door.file_of(artifact)
    file.unlink()
    file.symlink_to(file.name)  # a loop: reading it is an error of the system, not a missing file
    with capture_logs() as logs:
        async with door.client.get(door.link(artifact)) as answer:
            assert answer.status == 503
            assert "Try again" in await answer.text()
    assert [line["event"] for line in logs] == ["artifact.store_unusable"]


@pytest.mark.parametrize(
    "told", [Artifact("x", "../../etc/passwd", 1), Artifact("x", SHA.upper(), 1), Artifact("x", SHA, -1)]
)
def test_what_names_no_file_is_not_written_down(told: Artifact) -> None:
    "A worker's message without a hash or a size names nothing that could be kept."
    with pytest.raises(ValueError, match="without a SHA-256 or a size"):
        KeptArtifact.told(told, 1, 7, NOW)


async def test_the_bot_serves_what_lies_beside_its_database(
    database_url: str, rule_workers: RuleWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    "The running bot hands out a file of its default store by a link under its public address."
    monkeypatch.chdir(tmp_path)
    async with World(database_url, rule_workers, public_url="https://bot.example/", artifacts_url="") as world:
        store = ArtifactStore(str(tmp_path / "taxonomy-bot-artifacts"))
        artifact = store.put("report.json", b"{}", "application/json")
        engine = open_engine(database_url)
        await ArtifactRows(engine).note([KeptArtifact.told(artifact, world.repo.id, 7, world.clock.now())])
        await engine.dispose()
        signer = ArtifactLinks([SecretStr(SECRET)], world.settings.public_url, 60)
        link = signer.link(artifact.sha256, artifact.name, world.clock.now())
        assert link.startswith("https://bot.example/artifacts/")

        here = link.replace("https://bot.example", world.webhook_url.removesuffix("/webhooks"))
        async with aiohttp.ClientSession() as session, session.get(here) as answer:
            assert await answer.read() == b"{}"


@pytest.mark.parametrize(
    ("database_url", "folder"),
    [
        ("sqlite+aiosqlite:////srv/bot/bot.sqlite", "/srv/bot/taxonomy-bot-artifacts"),
        ("sqlite+aiosqlite:////srv/bot/bot.sqlite?timeout=5", "/srv/bot/taxonomy-bot-artifacts"),
        ("sqlite+aiosqlite:///bot.sqlite", "HERE/taxonomy-bot-artifacts"),
        ("postgresql+asyncpg://user:word@db/bot", "HERE/taxonomy-bot-artifacts"),
    ],
)
def test_the_store_is_beside_the_database_unless_it_is_set(
    operator: pytest.MonkeyPatch, database_url: str, folder: str
) -> None:
    "A database of a server has no folder: then it is where the bot runs."
    operator.setenv("TAXONOMY_BOT_DATABASE_URL", database_url)
    assert read_settings().artifact_store_url == folder.replace("HERE", str(Path.cwd()))
    operator.setenv("TAXONOMY_BOT_ARTIFACTS_URL", "s3://bucket/folder")
    assert read_settings().artifact_store_url == "s3://bucket/folder"


@pytest.mark.parametrize(
    "wrong", ["bot.example", "ftp://bot.example", "https://bot.example/?x=1", "https://u:p@bot"]
)
def test_a_public_address_that_is_none_stops_the_start(operator: pytest.MonkeyPatch, wrong: str) -> None:
    "Links that lead nowhere are found before anybody is given one."
    operator.setenv("TAXONOMY_BOT_PUBLIC_URL", wrong)
    with pytest.raises(SettingsError, match=r"TAXONOMY_BOT_PUBLIC_URL: has to be the address of the bot"):
        read_settings()
