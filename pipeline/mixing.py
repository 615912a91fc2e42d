"""Mixing: many data sets become one to train on, by a recipe; in a fixed order, and with flat memory.

Samples stream from files to buckets by a digest of themselves and the seed, and each bucket is sorted alone. So the
order looks like chance, is the same on every machine, and a million samples need no more memory than one bucket.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.datasets import WrittenFile, read_jsonl, sha256_of, write_jsonl, write_manifest
from pipeline.sdg.blocks.dedupe import folded
from pipeline.sdg.rows import Split

_BUCKETS = 256
Row = dict[str, Any]
Tell = Callable[[str], None]


class RecipeError(Exception):
    """A recipe cannot be used; the text names what to put right."""


class Ingredient(BaseModel):
    """One file of samples. `times` is how often each sample is taken: 0.5 takes half of them, 2 takes all twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = ""  # empty: not checked
    times: Annotated[float, Field(gt=0, le=100)] = 1.0
    is_knowledge: bool = False


class Recipe(BaseModel):
    """What a mix is made of. `replay_share` is the share of the whole that comes from `replay`, earlier data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")] = "mix"
    seed: int = 42
    datasets: Annotated[tuple[Ingredient, ...], Field(min_length=1)]
    replay: tuple[Ingredient, ...] = ()
    replay_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    least_knowledge_share: Annotated[float, Field(ge=0, lt=1)] = 0.03  # where there is any: it is taken more often


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


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in a YAML file; its paths count from the file's folder. Raises RecipeError."""
    try:
        recipe = Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: this is not YAML: {error}") from None
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, d['loc'])) or 'the recipe'}: {d['msg']}" for d in error.errors())
        raise RecipeError(f"{path}: {said}.") from None

    def placed(each: Ingredient) -> Ingredient:
        return each.model_copy(update={"path": path.parent / each.path})

    changed = {"datasets": tuple(map(placed, recipe.datasets)), "replay": tuple(map(placed, recipe.replay))}
    return recipe.model_copy(update=changed)


def mix(recipe: Recipe, folder: Path, tell: Tell = lambda _: None) -> dict[str, Any]:
    """Write train, dev and test files and a manifest into the folder. Return the manifest's content.

    Only training samples are sampled and replayed. A training sample whose question is tested in the mix is
    left out, and counted. Raises RecipeError; DatasetError for a line that is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check(recipe)
    tell("counting samples")
    portions = portions_of(recipe, lambda path: sum(1 for _ in _of_split(path, Split.TRAIN)))
    tested = {_question_digest(row) for each in recipe.datasets for row in _of_split(each.path, Split.TEST)}
    left_out = 0

    def training() -> Iterator[tuple[str, Row]]:
        nonlocal left_out
        for number, portion in enumerate(portions):
            tell(f"{portion.ingredient.path.name}: {portion.taken} of {portion.there} samples")
            for key, row in _taken(portion, recipe.seed, number):
                if _question_digest(row) in tested:
                    left_out += 1
                else:
                    yield key, row

    files = [write_jsonl(folder / "train.jsonl", _in_order(training(), folder))]
    files += [_held_back(recipe, split, folder) for split in (Split.DEV, Split.TEST)]
    said = _said(recipe, portions, left_out)
    write_manifest(folder, said, files)
    return {**said, "files": {file.name: file.rows for file in files}}


def portions_of(recipe: Recipe, count: Callable[[Path], int]) -> list[Portion]:
    """Return how many samples of each file are taken."""
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


def _check(recipe: Recipe) -> None:
    for each in (*recipe.datasets, *recipe.replay):
        if not each.path.is_file():
            raise RecipeError(f"{each.path} is not there.")
        if each.sha256 and sha256_of(each.path) != each.sha256:
            raise RecipeError(f"{each.path} holds something else than the recipe says: its SHA-256 differs.")


def _of_split(path: Path, split: Split) -> Iterator[Row]:
    for row in read_jsonl(path):
        if row.get("metadata", {}).get("split", Split.TRAIN.value) == split.value:
            yield row


def _taken(portion: Portion, seed: int, number: int) -> Iterator[tuple[str, Row]]:
    """Yield what is taken of a file, each with the key that places it.

    The rest is chosen by selection sampling: exactly as many as wanted, in one pass (Knuth, The Art of Computer
    Programming 2, 3.4.2, algorithm S).
    """
    chance = random.Random(f"{seed}:{number}")  # noqa: S311 - not for secrets
    left, wanted = portion.there, portion.rest
    for row in _of_split(portion.ingredient.path, Split.TRAIN):
        is_chosen = chance.random() * left < wanted
        left, wanted = left - 1, wanted - is_chosen
        for copy in range(portion.whole + is_chosen):
            said = f"{seed}:{number}:{copy}:{row.get('id', '')}:{left}"
            yield hashlib.sha256(said.encode()).hexdigest(), row


def _in_order(rows: Iterator[tuple[str, Row]], folder: Path) -> Iterator[Row]:
    """Yield the rows in the order of their keys: through buckets on disk, of which one at a time is in memory."""
    place = Path(tempfile.mkdtemp(prefix=".buckets-", dir=folder))
    try:
        with ExitStack() as stack:
            buckets = [
                stack.enter_context((place / f"{i:02x}").open("w", encoding="utf-8")) for i in range(_BUCKETS)
            ]
            for key, row in rows:
                line = json.dumps(row, ensure_ascii=False, sort_keys=True)
                buckets[int(key[:2], 16)].write(f"{key}{line}\n")
        for i in range(_BUCKETS):
            with (place / f"{i:02x}").open(encoding="utf-8") as bucket:
                for line in sorted(bucket):
                    yield json.loads(line[64:])
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _held_back(recipe: Recipe, split: Split, folder: Path) -> WrittenFile:
    rows = (row for each in recipe.datasets for row in _of_split(each.path, split))
    return write_jsonl(folder / f"{split}.jsonl", rows)


def _question_digest(row: Mapping[str, Any]) -> bytes:
    asked = next((str(m["content"]) for m in row.get("messages", ()) if m.get("role") == "user"), "")
    return hashlib.blake2b(folded(asked).encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _said(recipe: Recipe, portions: Sequence[Portion], left_out: int) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "seed": recipe.seed,
        "left_out_because_tested": left_out,
        "ingredients": [
            {
                "name": portion.ingredient.path.name,
                "sha256": sha256_of(portion.ingredient.path),
                "there": portion.there,
                "taken": portion.taken,
                "is_replay": portion.is_replay,
                "is_knowledge": portion.ingredient.is_knowledge,
            }
            for portion in portions
        ],
    }
