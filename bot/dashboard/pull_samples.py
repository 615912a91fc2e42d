"""The generated data of one pull request: which leaves gave what, and where it lies."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bot.dashboard.sample_reading import FILE_OF, MOST_BYTES, Pile, SampleRows, Sought, read_rows
from bot.dashboard.visit import Visit
from bot.store.stored_jobs import StoredJob
from pipeline.artifacts import ArtifactError
from pipeline.contract import Artifact
from pipeline.results import GenerateResult, LeafYield


@dataclass(frozen=True, slots=True)
class Loss:
    """Rows that a step dropped, and why."""

    step: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class LeafOfSamples:
    """What was generated from one leaf, and its files by what they hold."""

    key: str  # how an address names it
    path: str
    kept: int
    candidates: int
    losses: tuple[Loss, ...]
    files: tuple[tuple[Pile, Artifact], ...]

    def file_of(self, pile: Pile) -> Artifact | None:
        """Return the file of that kind, if there is one."""
        return dict(self.files).get(pile)


def leaves_of_job(job: StoredJob, result: GenerateResult | None) -> tuple[LeafOfSamples, ...]:
    """Return the leaves of a generate job, in order. Without its result only their files are known."""
    artifacts = job.life.outcome.artifacts if job.life.outcome else ()
    names = {name: pile for pile, name in FILE_OF.items()}
    found: dict[str, list[tuple[Pile, Artifact]]] = {}
    for artifact in artifacts:
        for name, pile in names.items():
            if artifact.name.endswith(f".{name}"):
                found.setdefault(artifact.name.removesuffix(f".{name}"), []).append((pile, artifact))
    yields = result.leaves if result is not None and len(result.leaves) == len(found) else ()
    return tuple(
        _leaf(prefix, tuple(files), yields[at] if yields else None)
        for at, (prefix, files) in enumerate(found.items())
    )


def _leaf(prefix: str, files: tuple[tuple[Pile, Artifact], ...], told: LeafYield | None) -> LeafOfSamples:
    if told is None:
        return LeafOfSamples(prefix, prefix, 0, 0, (), files)
    losses = [
        Loss(block.block, reason, count)
        for block in told.blocks
        for reason, count in sorted(block.dropped.items(), key=lambda item: -item[1])
    ]
    return LeafOfSamples(prefix, told.path, told.kept, told.candidates, tuple(losses), files)


class UnreadableSamplesError(Exception):
    """A file that cannot be shown; the text says why, and what to do."""


async def samples_in(visit: Visit, artifact: Artifact, pile: Pile, sought: Sought, start: int) -> SampleRows:
    """Return some rows of a file. Raises UnreadableSamplesError."""
    if artifact.size > MOST_BYTES:
        raise UnreadableSamplesError("This file is too large to be shown here: download it instead.")

    def read() -> SampleRows:
        with tempfile.TemporaryDirectory(prefix="samples-") as folder:
            path = Path(folder) / "rows.jsonl"
            visit.house.artifacts.fetch(artifact, path)
            return read_rows(path, pile, sought, start)

    try:
        async with visit.house.reading:
            return await asyncio.to_thread(read)
    except (ArtifactError, OSError) as error:
        raise UnreadableSamplesError(
            "This file cannot be read: it is no longer kept, or the place where files lie is away. Load the page "
            "again in a minute; if that does not help, have the data generated again."
        ) from error
