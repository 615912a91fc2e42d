"""Builds as pages show them, kept while people look: what is over is read from the artifact store only once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.artifact_links import ArtifactLinks
from bot.clock import Clock
from bot.comments.escape import short
from bot.nightly.build_view import BuildView
from bot.nightly.builds import Build
from bot.nightly.releases import Release, ReleaseState
from bot.nightly.reporting import make_view_room
from bot.settings import BotSettings
from bot.store.leaves import as_kept
from bot.store.quarantine import QuarantineStore
from bot.store.releases import ReleaseStore
from pipeline.model_store import ModelStore, ModelStoreError

_CARD, _LARGEST_CARD, _MOST_FILES = "README.md", 60_000, 500
_MOST_VIEWS, _MOST_CONTENTS = 64, 32
_OPEN_KEPT_FOR = timedelta(seconds=5)
_CLEANED_UP = "Its files were cleaned up: RELEASES_KEPT and RELEASE_DAYS say how many builds are kept, and how long."
_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file of a published build. `size` in bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a published build consists of. `trouble` says why it cannot be shown; empty where it can."""

    files: tuple[PublishedFile, ...] = ()
    more: int = 0  # files that are not listed
    card: str = ""  # the model card, as its Markdown
    trouble: str = ""


class BuildShelf:
    """Hands out views of builds and what they have published."""

    def __init__(self, settings: BotSettings, engine: AsyncEngine, links: ArtifactLinks, clock: Clock) -> None:
        self._room = make_view_room(settings, engine, links, clock)
        self._releases = ReleaseStore(engine)
        self._quarantine = QuarantineStore(engine)
        self._models_url = settings.models_url
        self._clock = clock
        self._views = _Shelf[tuple[object, ...], tuple[BuildView, datetime]](_MOST_VIEWS)
        self._contents = _Shelf[tuple[int, str, str], Contents](_MOST_CONTENTS)
        self._reading = asyncio.Lock()

    async def view(self, build: Build, repository: str) -> BuildView:
        """Return a build as its report sees it; of one that goes on what was seen within five seconds."""
        key = (build.id, build.attempt, build.state, build.ended_at)
        kept = self._views.get(key)
        if kept is None or (build.state.is_open and kept[1] + _OPEN_KEPT_FOR <= self._clock.now()):
            async with self._reading:  # many who come at once wait for one reading
                kept = self._views.get(key)
                if kept is None or (build.state.is_open and kept[1] + _OPEN_KEPT_FOR <= self._clock.now()):
                    view = await self._room.view(build, repository)
                    lean = replace(view, plan=replace(view.plan, kept=()))  # thousands of leaves that nobody shows
                    kept = (lean, self._clock.now())
                    self._views.put(key, kept)
        return await self._as_of_now(kept[0], build)

    async def contents(self, release: Release) -> Contents:
        """Return the files of a release."""
        if release.state is ReleaseState.REMOVED:
            return Contents(trouble=_CLEANED_UP)
        key = (release.repository_id, release.name, release.manifest_sha256)
        found = self._contents.get(key)
        if found is None:
            async with self._reading:
                found = self._contents.get(key) or await asyncio.to_thread(_read, self._models_url, release)
            if not found.trouble:
                self._contents.put(key, found)
        return found

    async def _as_of_now(self, view: BuildView, build: Build) -> BuildView:
        """Return a view with what may change about a build that is over."""
        release = await self._releases.of_build(build)
        quarantined = view.quarantined
        if view.blame is not None:
            standing = await self._quarantine.standing(build.repository_id)
            quarantined = frozenset(leaf.path for leaf in view.plan.leaves if as_kept(leaf.path) in standing)
        state = release.state if release else None
        return replace(view, build=build, release=state, quarantined=quarantined, now=self._clock.now())


class _Shelf(Generic[_Key, _Value]):
    """What was asked for lately, up to a number of things."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[_Key, _Value] = OrderedDict()

    def get(self, key: _Key) -> _Value | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: _Key, value: _Value) -> None:
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _read(models_url: str, release: Release) -> Contents:
    models = ModelStore(models_url, release.repository_id)
    try:
        files = models.files(release.published)
        card = next((file for file in files if file.path == _CARD and file.size <= _LARGEST_CARD), None)
        text = models.read(release.published, card).decode(errors="replace") if card else ""
    except ModelStoreError as error:
        return Contents(trouble=short(str(error), 400))
    shown = tuple(PublishedFile(file.path, file.size, file.sha256) for file in files[:_MOST_FILES])
    return Contents(shown, len(files) - len(shown), text)
