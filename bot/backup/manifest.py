"""What a backup says of itself: when and by what it was made, and what has to be in it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FORMAT: Final = "taxonomy-bot backup 1"
MANIFEST, ARTIFACT_INDEX = "manifest.json", "artifacts.jsonl"

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, lt=2**63)]


class BackupError(Exception):
    """A backup cannot be made or used; the text says why, and how to put it right."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lines(_Strict):
    """A member of lines: how many, how many bytes, and their SHA-256."""

    count: _Count
    size: _Count
    sha256: _Hash


class TableLines(_Strict):
    """The rows of a table, and the highest id that its rows ever had."""

    name: _Name
    columns: tuple[_Name, ...]
    last_id: _Count | None
    lines: Lines

    @property
    def member(self) -> str:
        """The name of the member that holds the rows."""
        return member_of(self.name)


class Manifest(_Strict):
    """All that is said of a backup before its content is read."""

    format: Literal["taxonomy-bot backup 1"] = FORMAT
    made_at: datetime
    made_by: Annotated[str, StringConstraints(max_length=100)]
    database: Literal["sqlite", "postgresql"]
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-z_]{1,32}$")]
    tables: tuple[TableLines, ...]
    artifacts: Lines


def member_of(table: str) -> str:
    """Return the name of the member with a table's rows."""
    return f"tables/{table}.jsonl"


def artifact_member(sha256: str) -> str:
    """Return the name of the member that is an artifact."""
    return f"artifacts/{sha256}"
