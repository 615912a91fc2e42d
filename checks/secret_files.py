"""Where secrets lie as files, each named like its variable: systemd's credentials, or those of a container."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_OF_A_CONTAINER = Path("/run/secrets")


def secrets_folder(environment: Mapping[str, str], of_a_container: Path = _OF_A_CONTAINER) -> Path | None:
    """Return the folder of files that stand in for variables, such as TAXONOMY_BOT_PRIVATE_KEY; None without one.

    systemd names it in CREDENTIALS_DIRECTORY (`LoadCredential=`); docker and podman mount one. A variable that is
    set goes before its file.
    """
    named = environment.get("CREDENTIALS_DIRECTORY", "")
    folder = Path(named) if named else of_a_container
    return folder if folder.is_dir() else None
