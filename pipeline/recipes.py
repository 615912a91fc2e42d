"""Recipes: which files a mix is made of, and in which shares; read strictly from a YAML file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.datasets import MANIFEST
from pipeline.generation import QUESTIONS, SAMPLES


class RecipeError(Exception):
    """A recipe cannot be used; the text names what to put right."""


class Source(BaseModel):
    """One file. `name` is what the manifest calls it: its path as the recipe has it, where none is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""  # empty: not checked
    name: Annotated[str, Field(max_length=300)] = ""

    @property
    def title(self) -> str:
        """What it is called."""
        return self.name or self.path.name


class Ingredient(Source):
    """A file of samples. `times` is how often each sample is taken: 0.5 takes half of them, 2 takes all twice."""

    times: Annotated[float, Field(gt=0, le=100)] = 1.0
    is_knowledge: bool = False


class Recipe(BaseModel):
    """What a mix is made of.

    `replay_share` is the share of the whole that comes from `replay`, earlier data. `tests` are files of questions
    that the model is measured with: what they ask is trained on nowhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")] = "mix"
    seed: int = 42
    datasets: Annotated[tuple[Ingredient, ...], Field(min_length=1)]
    replay: tuple[Ingredient, ...] = ()
    tests: tuple[Source, ...] = ()
    replay_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    least_knowledge_share: Annotated[float, Field(ge=0, lt=1)] = 0.03  # where there is any: it is taken more often

    @property
    def ingredients(self) -> tuple[Ingredient, ...]:
        """The files that are trained on, new and earlier ones."""
        return (*self.datasets, *(self.replay if self.replay_share else ()))


_Source = TypeVar("_Source", bound=Source)


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in a YAML file. Raises RecipeError.

    Its paths count from the file's folder. A path may be the folder of a leaf's data set: then its samples are
    meant, and the questions beside them join the tests.
    """
    try:
        recipe = Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: this is not text in UTF-8.") from None
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: this is not YAML: {error}") from None
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, d['loc'])) or 'the recipe'}: {d['msg']}" for d in error.errors())
        raise RecipeError(f"{path}: {said}.") from None
    datasets = tuple(_placed(each, path.parent) for each in recipe.datasets)
    changed = {
        "datasets": datasets,
        "replay": tuple(_placed(each, path.parent) for each in recipe.replay),
        "tests": (*(_placed(each, path.parent) for each in recipe.tests), *_questions_beside(datasets)),
    }
    return recipe.model_copy(update=changed)


def _placed(source: _Source, folder: Path) -> _Source:
    path, name = folder / source.path, source.name or source.path.as_posix()
    if (path / MANIFEST).is_file():
        path /= SAMPLES
    return source.model_copy(update={"path": path, "name": name})


def _questions_beside(datasets: tuple[Ingredient, ...]) -> Iterator[Source]:
    for each in datasets:
        path = each.path.with_name(QUESTIONS)
        if each.path.name == SAMPLES and path.is_file():
            yield Source(path=path, name=f"{each.title}: {QUESTIONS}")
