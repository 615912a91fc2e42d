"""Portions: how many samples of each file a recipe takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.recipes import Ingredient, Recipe


@dataclass(frozen=True, slots=True)
class Portion:
    """How many samples of a file go into the mix: `whole` times all of them, and `rest` of them once more."""

    ingredient: Ingredient
    there: int
    whole: int
    rest: int
    is_replay: bool = False

    @property
    def taken(self) -> int:
        """How many samples it gives."""
        return self.whole * self.there + self.rest


def portions_of(recipe: Recipe, count: Callable[[Path], int]) -> list[Portion]:
    """Return how many samples of each file are taken. Files are counted in their order, new ones first."""
    there = [count(each.path) for each in recipe.datasets]
    wanted = [each.times * n for each, n in zip(recipe.datasets, there, strict=True)]
    knowledge = sum(n for each, n in zip(recipe.datasets, wanted, strict=True) if each.is_knowledge)
    others = sum(wanted) - knowledge
    least = recipe.least_knowledge_share * others
    raised = least / knowledge if 0 < knowledge < least else 1.0
    portions = [
        _portion(each, n, each.times * (raised if each.is_knowledge else 1.0))
        for each, n in zip(recipe.datasets, there, strict=True)
    ]
    if not recipe.replay or not recipe.replay_share:
        return portions
    earlier = [count(each.path) for each in recipe.replay]
    weights = [each.times * n for each, n in zip(recipe.replay, earlier, strict=True)]
    total = sum(portion.taken for portion in portions) * recipe.replay_share / (1 - recipe.replay_share)
    factor = total / sum(weights) if sum(weights) else 0.0
    return portions + [
        _portion(each, n, each.times * factor, is_replay=True)
        for each, n in zip(recipe.replay, earlier, strict=True)
    ]


def _portion(ingredient: Ingredient, there: int, times: float, *, is_replay: bool = False) -> Portion:
    wanted = round(times * there)
    whole, rest = divmod(wanted, there) if there else (0, 0)
    return Portion(ingredient, there, whole, rest, is_replay)
