"""What a task works with: its settings, an empty folder, the artifact store, and how to tell how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.contract import Load, LogLevel
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


class Need(Protocol):
    """Has something loaded onto the GPU that all share; where nothing is shared, it is there already."""

    def __call__(self, load: Load) -> None:
        """Return when it is loaded. Raises ModelServerError."""
        ...


def nothing_to_load(load: Load) -> None:
    """Return at once: teacher and student each have a place of their own."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything a task may use. The folder is removed when the task ends, however it ends.

    Before `need(Load.TEACHER)` a task gives the student's memory back; what `needs` says is there at the beginning.
    """

    settings: PipelineSettings
    folder: Path
    tell: Tell
    note: Note
    need: Need = nothing_to_load
