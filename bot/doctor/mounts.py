"""What kind of disk a folder lies on."""

from __future__ import annotations

from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")


def kind_of_disk(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Return the file system of a folder as the kernel calls it, empty where it does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
        wanted = folder.resolve()
    except OSError:
        return ""
    nearest, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) < 5 or not rest:
            continue
        point = Path(fields[4].replace("\\040", " "))
        if wanted.is_relative_to(point) and len(point.parts) >= nearest:
            nearest, kind = len(point.parts), rest[0]
    return kind
