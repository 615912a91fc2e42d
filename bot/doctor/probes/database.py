"""The database: what it is, whether its schema is ours, and whether it lies where it is safe."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bot.doctor.findings import Line, attention, broken, fine
from bot.doctor.mounts import kind_of_disk
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.doctor.threads import beside
from bot.store.address import DatabaseError, driver_url
from bot.store.board_processes import database_version
from bot.store.database import open_engine, standing_of

_ON_A_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs", "lustre"}
)
_REMEDY = "Is it running, and is TAXONOMY_BOT_DATABASE_URL right?"


@probe("database", "Database", order=60, needs=("database_url",), remedy=_REMEDY)
async def database(patient: Patient) -> Sequence[Line]:
    """Its kind, version and schema; a SQLite file also by where it lies."""
    address = patient.settings.database_url
    url = driver_url(address)
    try:
        standing = await standing_of(address)
    except DatabaseError as error:
        return [broken(str(error), f"{_REMEDY} Nothing was changed.")]
    found = [fine(standing)]
    if "made at the first start" not in standing:
        found.append(fine(await _version(address)))
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        found += await beside(lambda: _of_file(Path(str(url.database)).absolute()))
    return found


async def _version(address: str) -> str:
    engine = open_engine(address, 1)
    try:
        return f"It is {await database_version(engine)}."
    finally:
        await engine.dispose()


def _of_file(path: Path) -> list[Line]:
    folder = path.parent
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        return [broken(f"Nothing can be written to {path}.", "Give the bot's user the folder and the file.")]
    if (kind := kind_of_disk(folder)) in _ON_A_NETWORK:
        return [
            attention(
                f"{path} lies on a network's disk ({kind}), whose locks SQLite cannot rely on: it may be damaged.",
                "Move it to a disk of this machine, or use PostgreSQL.",
            )
        ]
    return []
