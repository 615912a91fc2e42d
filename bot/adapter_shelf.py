"""A folder that the student's server reads, too: adapters are laid there, and the server takes them on."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

import structlog

from bot.model_servers import ModelServer, ModelServerError
from pipeline.artifacts import ArtifactError, ArtifactStore, plain_name
from pipeline.contract import Artifact

log = structlog.get_logger()

_MOST_KEPT = 8
_MOST_BYTES = 4 * 1024**3  # of one adapter
_OURS = "pull-*"


class AdapterShelf:
    """Lays adapters into the folder; those used longest ago go, from the server and from the disk."""

    def __init__(self, folder: Path, artifacts: ArtifactStore) -> None:
        self._folder = folder
        self._artifacts = artifacts

    async def lend(self, server: ModelServer, name: str, files: Sequence[Artifact]) -> None:
        """Have the server take on an adapter under this name. Raises ModelServerError."""
        if not files:
            raise ModelServerError("The files of this adapter were cleaned up. /evaluate makes it anew.")
        if sum(file.size for file in files) > _MOST_BYTES:
            raise ModelServerError("This adapter is larger than what is lent to the student's server (4 GiB).")
        try:
            folder = await asyncio.to_thread(self._laid, name, files)
        except ArtifactError as error:
            raise ModelServerError(f"The adapter cannot be had from the artifact store: {error}") from None
        except OSError as error:
            log.warning("trying.shelf_broken", error=str(error))
            raise ModelServerError(
                f"The adapter cannot be laid where the student's server reads ({error.strerror}). Tell an operator."
            ) from None
        await server.load(name, str(folder))
        for old in await asyncio.to_thread(self._surplus, name):
            with contextlib.suppress(ModelServerError):  # it was started anew since, and knows nothing of it
                await server.unload(old.name)
            await asyncio.to_thread(shutil.rmtree, old, ignore_errors=True)

    def _laid(self, name: str, files: Sequence[Artifact]) -> Path:
        """Return the folder of an adapter, whole: whoever reads it meanwhile sees all of it, or nothing."""
        place = self._folder.absolute() / name
        if place.is_dir():
            place.touch()
            return place
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f".{secrets.token_hex(8)}"
        fresh.mkdir()
        try:
            for file in files:
                self._artifacts.fetch(file, fresh / plain_name(file.name))
            fresh.rename(place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return place

    def _surplus(self, kept: str) -> list[Path]:
        """Return the folders of ours that are too many, those used longest ago."""
        there = sorted(self._folder.glob(_OURS), key=lambda each: each.stat().st_mtime, reverse=True)
        return [each for each in there[_MOST_KEPT:] if each.name != kept]
