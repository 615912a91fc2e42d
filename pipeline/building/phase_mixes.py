"""What each phase of a build learns: knowledge first, then skills with knowledge as replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.build_orders import Phase
from pipeline.building.leaf_data import LeafData
from pipeline.mixing import TRAIN, Mix, mix
from pipeline.recipes import Ingredient, Recipe, RecipeError, Source

Tell = Callable[[float, str], None]
_LONGEST_NAME = 300  # of an ingredient


@dataclass(frozen=True, slots=True)
class PhaseMix:
    """The mix of a phase, None where there is nothing to learn in it; `empty` are its leaves that gave nothing."""

    mix: Mix | None
    empty: Mapping[str, str]


def phase_mix(
    phase: Phase,
    leaves: Sequence[LeafData],
    tests: Sequence[Path],
    seed: int,
    replay_share: float,
    folder: Path,
    tell: Tell = lambda *_: None,
) -> PhaseMix:
    """Mix what a phase learns. Fresh leaves are taken whole, of unchanged ones the share.

    What `tests` ask is trained on nowhere. Knowledge in the phase of skills is at least 3 % of it. Raises
    DatasetError for a file that is damaged.
    """
    of_phase = [data for data in leaves if data.leaf.is_knowledge == (phase is Phase.KNOWLEDGE)]
    taken = [data for data in of_phase if _times(data, replay_share)]
    if not taken:
        return PhaseMix(None, {})
    replayed = [data for data in leaves if phase is Phase.SKILLS and data.leaf.is_knowledge]
    both = [*taken, *(data for data in replayed if _times(data, replay_share))]
    recipe = Recipe(
        name=phase.value,
        seed=seed,
        datasets=tuple(_ingredient(data, _times(data, replay_share)) for data in both),
        tests=tuple(Source(path=path, name=path.name) for path in tests),
    )
    try:
        mixed = mix(recipe, folder, tell)
    except RecipeError as error:
        return PhaseMix(None, {data.leaf.path: _first_small(str(error)) for data in taken})
    found = mixed.manifest["ingredients"][: len(taken)]
    empty = {
        data.leaf.path: _why_nothing(said) for data, said in zip(taken, found, strict=True) if not said["there"]
    }
    if not any(said["taken"] for said in found) or not mixed.rows(TRAIN):
        return PhaseMix(None, empty)
    return PhaseMix(mixed, empty)


def _times(data: LeafData, replay_share: float) -> float:
    return 1.0 if data.leaf.is_fresh else replay_share


def _ingredient(data: LeafData, times: float) -> Ingredient:
    return Ingredient(
        path=data.samples,
        name=data.leaf.path[:_LONGEST_NAME],
        times=times,
        is_knowledge=data.leaf.is_knowledge,
    )


def _why_nothing(said: Mapping[str, Any]) -> str:
    why = "; ".join(f"{count} of its samples: {reason}" for reason, count in sorted(said["left_out"].items()))
    return f"nothing of it is left to train on ({why})" if why else "its data set holds no sample to train on"


def _first_small(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
