"""The order of a build's step at hand: what it is told, the files of the steps before it, and where its own go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pipeline.artifacts import ArtifactError, ArtifactStore
from pipeline.build_orders import ORDER, RESULT, BuildOrder, file_of, in_folder
from pipeline.building.errors import OtherStudentError
from pipeline.contract import Artifact, ContractError, JobSpec, Message, NewerVersionError
from pipeline.evaluation_results import ModelIdentity
from pipeline.tasks.inputs import InputError, read_input, trouble_with

_MEDIA_TYPES = {".jsonl": "application/jsonl", ".json": "application/json"}
_ALIKE = "An operator updates bot and workers alike."

_Result = TypeVar("_Result", bound=Message)


@dataclass(frozen=True, slots=True)
class AtHand:
    """What a step works with: its order, the files of the steps before it by step and name, and the store."""

    order: BuildOrder
    files: Mapping[str, Mapping[str, Artifact]]
    store: ArtifactStore

    def names(self, step: str) -> list[str]:
        """Return the names of the files of a step before this one, sorted; its result is not among them."""
        return sorted(name for name in self.files.get(step, {}) if name != RESULT)

    def folder_names(self, step: str, folder: str) -> list[str]:
        """Return the names that the files in a folder of a step have there, such as those of a checkpoint."""
        begins = in_folder(folder, "")
        return [name.removeprefix(begins) for name in self.names(step) if name.startswith(begins)]

    def fetch(self, step: str, name: str, path: Path) -> Path:
        """Fetch a file of a step before this one, verified, and return the path. Raises InputError."""
        artifact = self._artifact(step, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.store.fetch(artifact, path)
        except ArtifactError as error:
            raise trouble_with(file_of(step, name), artifact, error) from error
        return path

    def fetch_folder(self, step: str, folder: str, place: Path) -> Path:
        """Fetch all files in a folder of a step into a place. Raises InputError."""
        names = self.folder_names(step, folder)
        if not names:
            raise InputError(f"The bot sent no file of {folder!r} of the step {step!r} with this one. {_ALIKE}")
        for name in names:
            self.fetch(step, in_folder(folder, name), place / Path(name).name)
        return place

    def has_result(self, step: str) -> bool:
        """True where the result of a step came with the order."""
        return RESULT in self.files.get(step, {})

    def result(self, step: str, kind: type[_Result]) -> _Result:
        """Return what a step before this one found out. Raises InputError."""
        artifact = self._artifact(step, RESULT)
        try:
            return kind.from_json(self.store.get(artifact))
        except ArtifactError as error:
            raise trouble_with(file_of(step, RESULT), artifact, error) from error
        except NewerVersionError as error:
            raise InputError(f"The result of the step {step!r}: {error}") from error
        except ContractError as error:
            raise InputError(f"The result of the step {step!r} cannot be read: {error} {_ALIKE}") from error

    def results(self, begins: str, kind: type[_Result]) -> list[_Result]:
        """Return what the steps whose names begin so found out, in the order of their names. Raises InputError."""
        steps = (step for step, files in self.files.items() if RESULT in files)
        return [self.result(step, kind) for step in sorted(step for step in steps if step.startswith(begins))]

    def _artifact(self, step: str, name: str) -> Artifact:
        artifact = self.files.get(step, {}).get(name)
        if artifact is None:
            what = "the result" if name == RESULT else repr(name)
            raise InputError(f"The bot sent no file {what} of the step {step!r} with this one. {_ALIKE}")
        return artifact

    def put(self, name: str, path: Path) -> Artifact:
        """Store a file of this step."""
        return self.store.put(name, path, _MEDIA_TYPES.get(path.suffix, "application/octet-stream"))

    def put_folder(self, folder: str, place: Path) -> Iterator[Artifact]:
        """Store all files of a place as a folder of this step, one after the other."""
        for path in sorted(place.iterdir()):
            if path.is_file():
                yield self.put(in_folder(folder, path.name), path)

    def put_result(self, result: Message) -> Artifact:
        """Store what this step found out, as `<kind of step>.json`."""
        name = result.KIND.removesuffix("-result")
        return self.store.put(
            f"{name}.json", result.to_json().encode(), f"application/vnd.taxonomy-bot.{result.KIND}+json"
        )


def at_hand(spec: JobSpec, store: ArtifactStore) -> AtHand:
    """Return the order of a job. Raises InputError in plain words."""
    try:
        order = BuildOrder.from_json(read_input(spec, ORDER, store))
    except NewerVersionError as error:
        raise InputError(f"The order of this step: {error}") from error
    except ContractError as error:
        raise InputError(f"The order of this step cannot be read: {error} {_ALIKE}") from error
    files: dict[str, dict[str, Artifact]] = {}
    for role, artifact in order.files.items():
        step, _, name = role.rpartition(":")  # paths of leaves may hold a colon, names of files do not
        files.setdefault(step, {})[name] = artifact
    return AtHand(order, files, store)


def same_student(model: Path, before: Iterable[ModelIdentity | None]) -> ModelIdentity:
    """Return which student this worker has. Raises OtherStudentError where steps before had another one."""
    from pipeline.evaluation.students import identity_of
    from pipeline.training.weights import weight_files

    weight_files(model)
    here = replace(identity_of(model), name=model.resolve().name)
    for student in before:
        if student is not None and student.sha256 != here.sha256:
            raise OtherStudentError(
                f"This build began with the student {student.name} ({student.sha256[:12]}), and this worker has "
                f"{here.name} ({here.sha256[:12]}). An operator sets STUDENT_MODEL to the same model on every "
                "worker, or has the build begin anew."
            )
    return here
