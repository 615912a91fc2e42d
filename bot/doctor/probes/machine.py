"""This machine: the tokenizer, the artifact store, and room on its disks."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.doctor.findings import Line, attention, broken, fine
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.doctor.threads import beside
from bot.store.address import driver_url
from pipeline.artifacts import ArtifactError, ArtifactStore

_LITTLE_GIB, _TOO_LITTLE_GIB = 5.0, 0.5
_GIB = 1024.0**3
_REINSTALL = "Install the bot anew: pip install --force-reinstall taxonomy-bot"


@probe("tokenizer", "Tokenizer", order=100, remedy=_REINSTALL, within_s=15.0)
async def tokenizer(patient: Patient) -> Sequence[Line]:
    """It loads, and counts."""

    def count() -> int:
        from checks.tokens import count_tokens

        return count_tokens("The otter sleeps on its back.")

    found = await beside(count)
    if not 5 <= found <= 12:
        return [broken(f"The tokenizer counts {found} tokens in a sentence of eight.", _REINSTALL)]
    return [fine("The teacher's tokenizer loads and counts.")]


@probe(
    "artifacts",
    "Artifact store",
    order=80,
    needs=("artifacts_url", "database_url"),
    remedy="Can this machine reach it, and is TAXONOMY_BOT_ARTIFACTS_URL right?",
)
async def artifacts(patient: Patient) -> Sequence[Line]:
    """A file is written, read and deleted."""
    address = patient.settings.artifact_store_url

    def try_out() -> bool:
        store = ArtifactStore(address)
        content = f"the doctor was here: {secrets.token_hex(16)}".encode()
        artifact = store.put("doctor.txt", content, "text/plain")
        try:
            return store.get(artifact) == content
        finally:
            store.delete(artifact.sha256)

    remedy = "Is TAXONOMY_BOT_ARTIFACTS_URL right, and may the bot write there? For s3://: look at its key."
    try:
        is_whole = await beside(try_out)
    except (ArtifactError, OSError) as error:
        return [broken(f"The artifact store cannot be used: {error}", remedy)]
    if not is_whole:
        return [broken("The artifact store gives back other bytes than it was given.", "Look at its disk.")]
    return [fine(f"Artifacts can be written, read and deleted in {address}.")]


@probe("disk", "Disks", order=110, needs=("database_url",), remedy="A disk hangs: look at its mount.")
async def disk(patient: Patient) -> Sequence[Line]:
    """Room where things are kept."""
    return await beside(lambda: list(_rooms(patient)))


def _rooms(patient: Patient) -> Iterator[Line]:
    seen: set[int] = set()
    for what, folder in _folders(patient):
        here = _existing(folder)
        device = here.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free_gib = shutil.disk_usage(here).free / _GIB
        said = f"{free_gib:.1f} GiB are free where {what} is ({here})."
        remedy = "Make room, or keep artifacts, models and indexes elsewhere (docs/settings.md)."
        if free_gib < _TOO_LITTLE_GIB:
            yield broken(said, remedy)
        elif free_gib < _LITTLE_GIB:
            yield attention(said, remedy)
        else:
            yield fine(said)


def _folders(patient: Patient) -> Iterator[tuple[str, Path]]:
    held = patient.settings
    url = driver_url(held.database_url)
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        yield "the database", Path(str(url.database)).absolute().parent
    for what, place in (("the artifact store", held.artifact_store_url), ("the model store", held.models_url)):
        if "://" not in place:
            yield what, Path(place)
    yield "the index of passages", held.indexes_folder


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
