"""What a job was given: each input read and verified, or an error that says which one and what an operator does."""

from __future__ import annotations

from pipeline.artifacts import ArtifactCorruptError, ArtifactError, ArtifactMissingError, ArtifactStore
from pipeline.contract import Artifact, JobSpec


class InputError(Exception):
    """An input of the job cannot be used. That is ours to mend: the text names its role and says how."""


def read_input(spec: JobSpec, role: str, store: ArtifactStore) -> bytes:
    """Return the content of an input, verified. Raises InputError."""
    artifact = spec.inputs.get(role)
    if artifact is None:
        raise InputError(
            f"The bot sent no input {role!r} with this job. An operator updates bot and workers alike."
        )
    try:
        return store.get(artifact)
    except ArtifactError as error:
        raise trouble_with(role, artifact, error) from error


def trouble_with(role: str, artifact: Artifact, error: ArtifactError) -> InputError:
    """Return what to raise where the store does not give an input."""
    return InputError(f"The input {role!r} of this job {_trouble(error, artifact.sha256[:12])}")


def _trouble(error: ArtifactError, begins: str) -> str:
    """Say what is wrong and what an operator does; the store's address stays out of what people see."""
    match error:
        case ArtifactMissingError():
            return (
                f"({begins}) is not in the artifact store. An operator sees to it that bot and workers are given "
                "the same store in ARTIFACTS_URL, and that its files live longer than jobs wait."
            )
        case ArtifactCorruptError():
            return (
                f"({begins}) is damaged in the artifact store. An operator deletes the file whose name begins like "
                "that, so that it is stored anew, and looks after the disk."
            )
        case _:
            return (
                "cannot be read, because the artifact store does not work. An operator looks into the worker's log "
                "and mends the store or ARTIFACTS_URL."
            )
