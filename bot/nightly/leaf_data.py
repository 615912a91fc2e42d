"""The data of a leaf: what was generated from it, for every build in which the leaf is the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.build_orders import RESULT, file_of, generating
from pipeline.contract import Artifact, Outcome


@dataclass(frozen=True, slots=True)
class LeafData:
    """What was generated from one content of a leaf. `build` is the one that did, by its name.

    It is this leaf's as long as its `qna.yaml` is the same, and the operator's version of how data are made.
    """

    repository_id: int
    leaf: str  # its path
    qna_sha: str
    data_version: str
    build: str
    job_id: int
    files: tuple[Artifact, ...]
    result: Artifact | None
    stored_at: datetime
    used_at: datetime  # by the newest build that took it in

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """Everything that has to be kept."""
        return (*self.files, self.result) if self.result is not None else self.files

    def roles(self) -> Iterator[tuple[str, Artifact]]:
        """Yield the files by their role in an order."""
        yield from roles_of(generating(self.leaf), self.files, self.result)


def roles_of(step: str, files: tuple[Artifact, ...], result: Artifact | None) -> Iterator[tuple[str, Artifact]]:
    """Yield what a step has made by its role in an order."""
    for artifact in files:
        yield file_of(step, artifact.name), artifact
    if result is not None:
        yield file_of(step, RESULT), result


def made_by(step: str, outcome: Outcome | None) -> Mapping[str, Artifact]:
    """Return what the job of a step has made by its role in an order."""
    return dict(roles_of(step, outcome.artifacts, outcome.result)) if outcome is not None else {}
