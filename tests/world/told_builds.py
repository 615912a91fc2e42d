"""Nights whose builds came to something, for the pages that tell of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.jobs import JobKind, JobState
from bot.nightly.builds import Build, BuildState
from pipeline.build_files import canonical, files_in
from pipeline.build_results import Comparison, PackageResult
from pipeline.evaluation_results import BenchmarkRow
from pipeline.model_store import ModelStore
from tests.nightly.views import BROKEN, GAINED, HELD, LOST, MMLU
from tests.stories.test_nightly import merged
from tests.world.nights import nights_of
from tests.world.people import PullRequest
from tests.world.reports import Newsroom, a_gate, a_newsroom, rows
from tests.world.world import World

CARD = "# The model of the night\n\nIt is small. <script>alert('card')</script>\n"


@contextlib.asynccontextmanager
async def told_builds(world: World, folder: Path) -> AsyncIterator[Newsroom]:
    "A newsroom before any night; tess is a triager, max a maintainer. The bot has been started anew."
    world.repo.permissions |= {"tess": "triage", "max": "maintain"}
    async with nights_of(world) as nights:
        async with a_newsroom(nights, folder) as newsroom:
            yield newsroom
            await world.settled()
        for pr in world._seen.values():
            pr.has_been_read()


async def passes(
    newsroom: Newsroom, night: date, name: str, score: float = 0.618, files: Mapping[str, str] | None = None
) -> tuple[PullRequest, Build]:
    "A night in which a new leaf was built, passed, was published and reported."
    pr = await merged(newsroom.world, name)
    build = await newsroom.begins(night)
    gate = a_gate(
        *rows([pr.number], [name]),
        comparisons=(Comparison("the build before", (scored(score),), (HELD,)),),
        gains=(GAINED,),
        losses=(LOST,),
    )
    package = publish(newsroom, build.name, files or {"model.bin": "weights", "README.md": CARD})
    ended = await newsroom.ends(build, BuildState.GOOD, gate, package=package)
    await newsroom.looks()
    pr.has_been_read()
    return pr, ended


async def falls(newsroom: Newsroom, night: date, name: str) -> tuple[PullRequest, Build]:
    "A night whose build did not pass its gate."
    pr = await merged(newsroom.world, name)
    build = await newsroom.begins(night)
    fell = replace(MMLU, tuned=0.561, delta=-0.051, low=-0.068, high=-0.034)
    gate = a_gate(*rows([pr.number], [name]), comparisons=(Comparison("the build before", (fell,), (BROKEN,)),))
    ended = await newsroom.ends(build, BuildState.FAILED, gate, "It did not pass its gate.")
    await newsroom.looks()
    return pr, ended


async def breaks(newsroom: Newsroom, night: date, name: str) -> tuple[PullRequest, Build]:
    "A night in which a step broke down."
    pr = await merged(newsroom.world, name)
    build = await newsroom.begins(night)
    await newsroom.step(build, "train/skills", JobKind.TRAIN, None, JobState.INFRA_ERROR)
    ended = await newsroom.ends(build, BuildState.FAILED, None, "train/skills: it ran out of memory")
    await newsroom.looks()
    return pr, ended


def scored(score: float) -> BenchmarkRow:
    "A benchmark that came to a score."
    return replace(MMLU, tuned=score, delta=score - MMLU.base)


def publish(newsroom: Newsroom, name: str, files: Mapping[str, str]) -> PackageResult:
    "Put a build into the store of models."
    world = newsroom.world
    models = ModelStore(world.settings.models_url, world.repo.id)
    with TemporaryDirectory() as place:
        for path, text in files.items():
            (Path(place) / path).write_text(text)
        told = [{"path": each.path, "sha256": each.sha256, "size": each.size} for each in files_in(Path(place))]
        (Path(place) / "manifest.json").write_bytes(canonical({"name": name, "files": told}))
        published = models.write(name, Path(place))
    return PackageResult(name, published.manifest_sha256, sum(map(len, files.values())), len(files) + 1)
