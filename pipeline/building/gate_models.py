"""The models that a gate measures: the build's own, the last good build, the pinned release, the student."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.build_orders import MIX, MODEL, Phase, PublishedBuild, selecting
from pipeline.build_results import MixResult, SelectResult
from pipeline.building.orders_at_hand import AtHand
from pipeline.building.seats import Seated
from pipeline.evaluation.students import identity_of
from pipeline.evaluation_results import ModelIdentity
from pipeline.model_store import ModelStore
from pipeline.tasks.inputs import InputError

STUDENT = "the student"  # what the build is held against where there is no build before it
_CONFIG = "config.json"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a candidate is held against. `is_trained`: it came out of a training whose chance counts."""

    against: str
    who: Seated
    is_trained: bool


def candidate(hand: AtHand, folder: Path) -> tuple[Seated, SelectResult]:
    """Return the model that the build ended with, fetched into a folder. Raises InputError."""
    phases = hand.result(MIX, MixResult).phases
    step = next((selecting(phase) for phase in reversed(Phase) if phase.value in phases), "")
    selected = hand.result(step, SelectResult)
    place = hand.fetch_folder(step, MODEL, folder)
    if identity_of(place).sha256 != selected.model.sha256:
        raise InputError(
            f"The model of the step {step!r} is not the one that was selected. An operator has the build begin "
            "anew."
        )
    return Seated(place, name=hand.order.build), selected


def references(
    hand: AtHand, repository_id: int, url: str, student: Path, here: ModelIdentity, folder: Path
) -> list[Reference]:
    """Return the last good build, and the pinned release where that is another; for one that lacks, the student.

    Raises ModelStoreError for a build that cannot be fetched whole.
    """
    found: dict[str, Reference] = {}
    for number, published in enumerate((hand.order.last, hand.order.pinned)):
        name = published.name if published else STUDENT
        if name in found:
            continue
        if published is None:
            found[name] = Reference(name, Seated(student, name=here.name), is_trained=False)
        else:
            place = fetched_build(published, ModelStore(url, repository_id), folder / str(number))
            found[name] = Reference(name, Seated(place, name=name), is_trained=True)
    return list(found.values())


def fetched_build(published: PublishedBuild, store: ModelStore, folder: Path) -> Path:
    """Fetch a published build; return the folder of its model. Raises ModelStoreError, InputError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    store.fetch(published, folder)
    for place in (folder / MODEL, folder):
        if (place / _CONFIG).is_file():
            return place
    raise InputError(f"The build {published.name} in the store of models holds no whole model.")
