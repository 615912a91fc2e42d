"""What a task works with: its settings, an empty folder, the artifact store, and how to tell how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.contract import LogLevel
from pipeline.settings import PipelineSettings


class ContributionError(Exception):
    """The contribution cannot be worked with; the text is for its author and says what to mend."""


class Tell(Protocol):
    """Says how far the work is: a share between 0 and 1, and the stage in a few words."""

    def __call__(self, share: float, stage: str) -> None:
        """Tell it."""
        ...


class Note(Protocol):
    """Writes a line of the log."""

    def __call__(self, text: str, level: LogLevel = LogLevel.INFO) -> None:
        """Write it."""
        ...


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything a task may use. The folder is removed when the task ends, however it ends."""

    settings: PipelineSettings
    folder: Path
    tell: Tell
    note: Note
