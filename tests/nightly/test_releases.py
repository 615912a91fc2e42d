"""Releases: what is served is decided by one, found by all, taken back in a moment, and never cleaned up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.clock import MovableClock
from bot.nightly.builds import Build, BuildState, Counts
from bot.nightly.release_desk import PointerBehindError, ReleaseDesk, ReleaseRefusedError
from bot.nightly.releases import Keeping, Release, ReleaseState, removable
from bot.store.builds import BuildStore
from bot.store.database import open_engine
from bot.store.desk_log import DeskLog
from bot.store.releases import ReleaseStore
from pipeline.artifact_places import PlaceError
from pipeline.build_files import MANIFEST, canonical, files_in
from pipeline.build_results import PackageResult
from pipeline.model_store import ModelStore
from tests.nightly.test_builds import a_plan

REPOSITORY = 1
NIGHT = date(2026, 1, 5)


class Office:
    "Two processes of the bot, a store of models, and packages that workers publish."

    def __init__(self, engines: Sequence[AsyncEngine], folder: Path, repository_id: int = REPOSITORY) -> None:
        self.repository_id = repository_id
        self.engines = engines
        self.folder = folder
        self.clock = MovableClock(datetime(2026, 1, 5, 6, tzinfo=UTC))
        self.models = ModelStore(str(folder / "models"), repository_id)
        self.is_store_away = False
        self.desks = [self._desk(engine) for engine in engines]
        self.desk = self.desks[0]
        self.releases = ReleaseStore(engines[0])

    def _desk(self, engine: AsyncEngine) -> ReleaseDesk:
        return ReleaseDesk(ReleaseStore(engine), BuildStore(engine), DeskLog(engine), self._opened, self.clock)

    def _opened(self, repository_id: int) -> ModelStore:
        store = ModelStore(str(self.folder / "models"), repository_id)
        if self.is_store_away:
            store._place = Away(store._place)  # type: ignore[assignment]
        return store

    def built(self, day: int) -> tuple[Build, PackageResult]:
        "A worker has packaged the build of a night."
        build = Build(
            day,
            self.repository_id,
            NIGHT + timedelta(days=day),
            BuildState.RUNNING,
            1,
            "c" * 40,
            self.clock.now(),
            Counts(),
        )
        folder = self.folder / f"build-{day}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights of day %2d" % day)
        files = [{"path": file.path, "sha256": file.sha256, "size": file.size} for file in files_in(folder)]
        (folder / MANIFEST).write_bytes(canonical({"files": files}))
        published = self.models.write(build.name, folder)
        return build, PackageResult(published.name, published.manifest_sha256, 17, 2)

    async def takes(self, *days: int, auto_promote: bool = False) -> list[Release]:
        "The bot hears of packaged builds."
        found = []
        for day in days:
            found.append(await self.releases.add(*self.built(day), self.clock.now()))
            if auto_promote:
                assert await self.desk.promote_by_policy(found[-1]) == ""
            await self.clock.advance(hours=24)
        return found

    async def promotes(self, *names: str) -> None:
        for name in names:
            await self.desk.promote(self.repository_id, name, "max")
            await self.clock.advance(hours=1)

    async def states(self) -> dict[str, ReleaseState]:
        return {release.name: release.state for release in await self.releases.all_of(self.repository_id)}

    @property
    def latest(self) -> str:
        found = self.models.latest()
        return found.name if found else ""


class Away:
    "A store that answers questions and takes nothing."

    def __init__(self, place: Any) -> None:
        self._place = place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place, name)

    def write(self, *_: object) -> None:
        raise PlaceError("OSError: [Errno 5] Input/output error")


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    engines = [open_engine(database_url) for _ in range(2)]
    yield Office(engines, tmp_path)
    for engine in engines:
        await engine.dispose()


async def test_a_build_that_passed_is_a_candidate_until_somebody_promotes_it(office: Office) -> None:
    "It is served by a word of somebody, whom the audit names."
    [release] = await office.takes(0)
    assert (release.name, release.state, office.latest) == ("2026-01-05.1", ReleaseState.CANDIDATE, "")
    await office.promotes(release.name)
    assert office.latest == release.name
    assert await office.releases.last_good(REPOSITORY) == await office.releases.served(REPOSITORY)
    [entry] = await DeskLog(office.engines[0]).of_pull(REPOSITORY, 0)
    assert (entry.actor, entry.act, entry.arguments, entry.sha) == (
        "max",
        "nightly promote",
        release.name,
        "c" * 40,
    )


async def test_policy_may_promote_by_itself(office: Office) -> None:
    "Each good build is served at once; hearing of one again brings nothing back that was withdrawn."
    first, second = await office.takes(0, 1, auto_promote=True)
    assert office.latest == second.name
    assert (await office.states())[first.name] is ReleaseState.REPLACED
    await office.desk.rollback(REPOSITORY, "max")
    for release in await office.releases.all_of(REPOSITORY):
        assert await office.desk.promote_by_policy(release) == ""
    assert office.latest == first.name
    entries = await DeskLog(office.engines[0]).of_pull(REPOSITORY, 0)
    assert [(entry.actor, entry.role) for entry in entries[:2]] == [("taxonomy-bot", "policy")] * 2


async def test_policy_says_why_it_serves_nothing(office: Office) -> None:
    "What is damaged, or cannot be pointed at, is told; the build stays a candidate, or is made good later."
    [release] = await office.takes(0)
    path = office.folder / "models" / "1" / "builds" / release.name / "model.safetensors"
    path.rename(path.with_name("elsewhere"))
    assert "is gone from the store of models" in await office.desk.promote_by_policy(release)
    assert (await office.states())[release.name] is ReleaseState.CANDIDATE
    path.with_name("elsewhere").rename(path)
    office.is_store_away = True
    assert "the store could not be told" in await office.desk.promote_by_policy(release)
    office.is_store_away = False
    assert await office.desk.follow(REPOSITORY)
    assert office.latest == release.name


async def test_rolling_back_twice_goes_two_back(office: Office) -> None:
    "Then there is nothing left; what was withdrawn comes back only when somebody promotes it."
    names = [release.name for release in await office.takes(0, 1, 2)]
    await office.promotes(*names)
    began = time.monotonic()
    now, withdrawn = await office.desk.rollback(REPOSITORY, "max")
    assert time.monotonic() - began < 60
    assert (now.name, withdrawn.name, office.latest) == (names[1], names[2], names[1])
    await office.desk.rollback(REPOSITORY, "max")
    assert office.latest == names[0]
    with pytest.raises(ReleaseRefusedError, match="nothing that was promoted before it is left"):
        await office.desk.rollback(REPOSITORY, "max")
    await office.promotes(names[2])
    await office.desk.rollback(REPOSITORY, "max")
    assert office.latest == names[0]
    assert (await office.states())[names[1]] is ReleaseState.WITHDRAWN


async def test_builds_are_not_compared_with_what_was_withdrawn(office: Office) -> None:
    names = [release.name for release in await office.takes(0, 1)]
    await office.promotes(*names)
    await office.desk.rollback(REPOSITORY, "max")
    good = await office.releases.last_good(REPOSITORY)
    assert good is not None
    assert good.name == names[0]


async def test_of_two_who_promote_at_once_one_does(office: Office) -> None:
    "The other is told; all readers agree on what is served, whoever wrote last."
    names = [release.name for release in await office.takes(*range(6))]
    asked = [office.desks[n % 2].promote(REPOSITORY, name, f"p{n}") for n, name in enumerate(names)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    done = [answer for answer in answers if isinstance(answer, Release)]
    assert done
    assert all("Somebody else" in str(answer) for answer in answers if isinstance(answer, ReleaseRefusedError))
    assert len(done) + sum(isinstance(answer, ReleaseRefusedError) for answer in answers) == len(names)
    served = await office.releases.served(REPOSITORY)
    assert served is not None
    assert office.latest == served.name
    assert list((await office.states()).values()).count(ReleaseState.SERVED) == 1


async def test_of_two_who_roll_back_at_once_one_does(office: Office) -> None:
    "Nobody goes two back by pressing at the same time as a colleague."
    names = [release.name for release in await office.takes(0, 1, 2)]
    await office.promotes(*names)
    known = await office.releases.all_of(REPOSITORY)
    served, before = known[0], known[1]
    stores = [ReleaseStore(engine) for engine in office.engines]
    done = await asyncio.gather(*(stores[n % 2].rollback(before, served, office.clock.now()) for n in range(4)))
    assert sum(done) == 1


async def test_a_pointer_that_is_behind_follows(office: Office) -> None:
    "The store is away while somebody promotes: it is said, and made good later without anybody's doing."
    first, second = await office.takes(0, 1)
    await office.promotes(first.name)
    office.is_store_away = True
    with pytest.raises(PointerBehindError, match="is to be served, and that is written down"):
        await office.desk.promote(REPOSITORY, second.name, "max")
    assert office.latest == first.name
    office.is_store_away = False
    assert await office.desks[1].follow(REPOSITORY)
    assert office.latest == second.name
    assert not await office.desk.follow(REPOSITORY)
    (office.folder / "models" / "1" / "latest.json").write_text("scribble")
    assert await office.desk.promote(REPOSITORY, second.name, "max")
    assert office.latest == second.name


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("model.safetensors", b"weights", "7 bytes lie there, 17 were published"),
        ("model.safetensors", b"Weights of day  1", "its content is not what was published"),
        ("model.safetensors", None, "is gone from the store of models"),
        (MANIFEST, b"{}", "is not the one that was published"),
        (MANIFEST, None, "is not in the store of models, or not whole"),
    ],
)
async def test_what_is_not_as_it_was_published_is_not_served(
    office: Office, file: str, content: bytes | None, said: str
) -> None:
    "Whatever somebody did to the files, what is served stays."
    first, second = await office.takes(0, 1)
    await office.promotes(first.name)
    path = office.folder / "models" / "1" / "builds" / second.name / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(ReleaseRefusedError, match=said):
        await office.desk.promote(REPOSITORY, second.name, "max")
    assert office.latest == first.name
    assert (await office.states())[second.name] is ReleaseState.CANDIDATE


async def test_refusals_say_why(office: Office) -> None:
    "Unknown, failed, served already, nothing served: each in words."
    builds = BuildStore(office.engines[0])
    failed = await builds.add(a_plan(), NIGHT - timedelta(days=1), office.clock.now())
    assert failed is not None
    await builds.end(failed, BuildState.FAILED, office.clock.now())
    [release] = await office.takes(0)
    with pytest.raises(ReleaseRefusedError, match="Nothing is served yet"):
        await office.desk.rollback(REPOSITORY, "max")
    await office.promotes(release.name)
    for name, said in (
        ("2026-01-09.1", "There is no build '2026-01-09.1'"),
        ("../../etc", "There is no build"),
        (failed.name, "is not published: it came to nothing"),
        (release.name, "is what is served already"),
    ):
        with pytest.raises(ReleaseRefusedError, match=said):
            await office.desk.promote(REPOSITORY, name, "max")
    with pytest.raises(ReleaseRefusedError, match="There is no build"):
        await office.desk.pin(REPOSITORY, "2026-01-09.1", "max")
    with pytest.raises(ReleaseRefusedError, match="There is no build"):
        await office.desk.promote(2, release.name, "max")  # of another repository


async def test_one_release_is_pinned(office: Office) -> None:
    "Pinning another lets the first one go."
    first, second = await office.takes(0, 1)
    for release in (first, second):
        await office.desk.pin(REPOSITORY, release.name, "max")
        await office.clock.advance(hours=1)
        pinned = await office.releases.pinned(REPOSITORY)
        assert pinned is not None
        assert pinned.name == release.name


async def test_old_builds_are_cleaned_up_and_what_is_needed_stays(office: Office) -> None:
    "Served, pinned, the last good one, what a rollback brings back, and the newest stay; the rest goes, whole."
    names = [release.name for release in await office.takes(*range(8))]
    await office.promotes(names[1], names[2])
    await office.desk.pin(REPOSITORY, names[0], "max")
    await office.clock.advance(hours=24 * 100)
    cleaned = await office.desk.clean_up(REPOSITORY, 2, timedelta(days=90))
    assert cleaned.releases == tuple(names[3:6])
    assert office.models.names() == [names[n] for n in (0, 1, 2, 6, 7)]
    assert office.latest == names[2]
    with pytest.raises(ReleaseRefusedError, match="were cleaned up"):
        await office.desk.promote(REPOSITORY, names[4], "max")
    await office.desk.rollback(REPOSITORY, "max")
    assert office.latest == names[1]
    assert (await office.desk.clean_up(REPOSITORY, 2, timedelta(days=90))).releases == ()


async def test_what_was_served_lately_is_kept_for_a_while(office: Office) -> None:
    "Somebody may still be loading it, or want to know what it said."
    names = [release.name for release in await office.takes(*range(5))]
    await office.promotes(*names)
    await office.clock.advance(hours=24 * 10)
    assert (await office.desk.clean_up(REPOSITORY, 1, timedelta(days=30))).releases == ()
    await office.clock.advance(hours=24 * 30)
    assert (await office.desk.clean_up(REPOSITORY, 1, timedelta(days=30))).releases == tuple(names[:3])


async def test_a_clean_up_that_was_cut_off_goes_on(office: Office) -> None:
    "The database is told first: what could not be removed then is removed by the next clean-up."
    names = [release.name for release in await office.takes(0, 1)]
    [doomed] = [release for release in await office.releases.all_of(REPOSITORY) if release.name == names[0]]
    assert await office.releases.removed(doomed)
    assert office.models.names() == names
    await office.desk.clean_up(REPOSITORY, 2, timedelta(days=1))
    assert office.models.names() == names[1:]


async def test_nobody_removes_what_is_just_being_promoted(office: Office) -> None:
    "A clean-up and a promotion meet: the files of what is served are there."
    for _ in range(3):
        day = len(await office.releases.all_of(REPOSITORY))
        names = [release.name for release in await office.takes(day, day + 1)]

        async def promoted(name: str = names[0]) -> None:
            with suppress(ReleaseRefusedError):
                await office.desks[1].promote(REPOSITORY, name, "max")

        await asyncio.gather(office.desk.clean_up(REPOSITORY, 1, timedelta(0)), promoted())
        served = await office.releases.served(REPOSITORY)
        if served is not None:
            office.models.check(served.published, every_byte=True)
            assert office.latest == served.name


def test_what_may_be_removed_is_decided_without_looking_anywhere() -> None:
    "Nothing of nothing; never the only one."
    keeping = Keeping(1, datetime(2026, 1, 1, tzinfo=UTC))
    assert removable([], keeping) == []
    only = Release(1, 1, 1, "a", "", 1, 1, "", ReleaseState.WITHDRAWN, datetime(2025, 1, 1, tzinfo=UTC))
    assert removable([only], keeping) == []
