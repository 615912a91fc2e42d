"""Single files of npm packages, fetched once into a cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

FETCH_TIMEOUT_S = 60


class NpmUnavailableError(Exception):
    """A file is neither in the cache nor to be had; the tests that need it are skipped."""


def _cache_folder() -> Path:
    chosen = os.environ.get("TAXONOMY_BOT_CACHE")
    root = Path(chosen) if chosen else Path(__file__).parents[2] / ".cache"
    return root / "npm"


def fetched(package: str, member: str) -> bytes:
    """Return one file of an npm package at a fixed version, from the cache where it is there."""
    name = package.removeprefix("@").replace("/", "-")
    kept = _cache_folder() / f"{name}-{Path(member).name}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            fresh = Path(folder) / "fresh"
            fresh.write_bytes(_packed(package, member, Path(folder)))
            fresh.replace(kept)
    return kept.read_bytes()


def _packed(package: str, member: str, folder: Path) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise NpmUnavailableError(f"{package} is not in the cache and there is no npm to fetch it")
    command = [npm, "pack", package, "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=FETCH_TIMEOUT_S, cwd=folder)
    except (subprocess.SubprocessError, OSError) as error:
        raise NpmUnavailableError(f"{package} is not in the cache and npm could not fetch it: {error}") from error
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        found = archive.extractfile(member)
        assert found is not None, f"{package} holds no {member}"
        return found.read()
