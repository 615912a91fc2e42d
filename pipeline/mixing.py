"""Mixing: many data sets become one to train on, by a recipe; in a fixed order, and with flat memory.

Lines are passed on as the bytes they are, in four readings: for the digests, for what is held back, to look at each
sample, and to take. Between the last two only one byte a sample is remembered.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.datasets import (
    DatasetError,
    FreshFile,
    fresh_file,
    is_whole,
    read_manifest,
    sha256_of,
    write_manifest,
)
from pipeline.held_back import HeldBack
from pipeline.line_order import in_order
from pipeline.portions import Portion, portions_of
from pipeline.recipes import Ingredient, Recipe, RecipeError, Source
from pipeline.sample_lines import line_blocks, may_be_held_back, read_question, read_sample
from pipeline.sdg.rows import Split

TRAIN, DEV, TEST = "train.jsonl", "dev.jsonl", "test.jsonl"
_METHOD = 2  # raised when the same recipe and files would give another mix
_ON, _OFF = 1, 0  # of a line: a sample to train on, or not

Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Mix:
    """A mix in a folder. `is_old` when it stood there already, made from the same."""

    folder: Path
    manifest: Mapping[str, Any]
    is_old: bool

    def rows(self, name: str) -> int:
        """How many samples one of its files holds."""
        return int(next(file["rows"] for file in self.manifest["files"] if file["name"] == name))


@dataclass(slots=True)
class _Looked:
    """What a look at a file found: for each line whether it is trained on, and why others are not."""

    lines: bytearray = field(default_factory=bytearray)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def there(self) -> int:
        """How many samples there are to train on."""
        return self.lines.count(_ON)


def mix(recipe: Recipe, folder: Path, tell: Tell = lambda *_: None, *, again: bool = False) -> Mix:
    """Write train, dev and test files and a manifest into the folder, unless they stand there, made from the same.

    Only training samples are sampled and replayed. What would give away what is held back is left out, and counted.
    Raises RecipeError; DatasetError for a line that is no sample.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        share = _Share(tell, recipe)
        digests = _checked(recipe, share)
        key = _key(recipe, digests)
        there = read_manifest(folder)
        if not again and there is not None and there.get("key") == key and is_whole(folder, there):
            return Mix(folder, there, is_old=True)
        _write(recipe, folder, digests, key, share)
        return Mix(folder, read_manifest(folder) or {}, is_old=False)


def _write(recipe: Recipe, folder: Path, digests: Mapping[Path, str], key: str, share: _Share) -> None:
    before = {path: path.stat().st_mtime_ns for path in digests}
    held_back = _held_back(recipe, share)
    with fresh_file(folder / DEV) as dev, fresh_file(folder / TEST) as test:
        aside = {Split.DEV: dev, Split.TEST: test}
        looked = [_look(each, held_back, aside, share) for each in recipe.datasets]
        looked += [_look(each, held_back, {}, share) for each in recipe.ingredients[len(recipe.datasets) :]]
    found = iter(looked)
    portions = portions_of(recipe, lambda _: next(found).there)
    if not any(portion.taken for portion in portions):
        raise RecipeError(_nothing(looked))
    taken = (
        line
        for number, (portion, look) in enumerate(zip(portions, looked, strict=True))
        for line in _taken(portion, look, recipe.seed, number, share)
    )
    with fresh_file(folder / TRAIN) as train:
        for lines, count in in_order(taken, folder / ".mixing"):
            train.add(lines, count)
            share.add(len(lines), "writing")
    if any(path.stat().st_mtime_ns != at for path, at in before.items()):
        raise DatasetError("A file changed while it was mixed. Run it again when nothing writes to the files.")
    said = _said(recipe, portions, looked, digests, key)
    write_manifest(folder, said, [file.written for file in (train, dev, test)])


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder, so that nobody else writes a mix into it. Raises RecipeError when somebody does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise RecipeError(f"{folder}: another mix is being written here. Wait for it, or name another.") from None
    finally:
        os.close(descriptor)


def _checked(recipe: Recipe, share: _Share) -> dict[Path, str]:
    """Return the digest of every file. Raises RecipeError for one that is missing, or is not what was meant."""
    digests: dict[Path, str] = {}
    for each in _sources(recipe):
        if not each.path.is_file():
            raise RecipeError(f"{each.path} is not there. Put it there, or take it out of the recipe.")
        if each.path not in digests:
            digests[each.path] = sha256_of(each.path)
            share.add(each.path.stat().st_size, "checking the files")
        if each.sha256 and each.sha256 != digests[each.path]:
            raise RecipeError(
                f"{each.path} holds something else than the recipe says: its SHA-256 is {digests[each.path]}. "
                "Get the file that was meant or, if this is the one, write that into the recipe."
            )
    return digests


def _sources(recipe: Recipe) -> Sequence[Source]:
    return (*recipe.ingredients, *recipe.tests)


def _key(recipe: Recipe, digests: Mapping[Path, str]) -> str:
    """Return the digest of everything that decides the mix; where files lie does not."""
    said = recipe.model_dump(mode="json", exclude={"datasets", "replay", "tests"})
    for part in ("datasets", "replay", "tests"):
        sources: tuple[Source, ...] = getattr(recipe, part)
        said[part] = [
            {
                **each.model_dump(mode="json", exclude={"path"}),
                "sha256": digests.get(each.path, ""),
                "is": each.title,
            }
            for each in sources
        ]
    return hashlib.sha256(json.dumps({"method": _METHOD, **said}, sort_keys=True).encode()).hexdigest()


def _held_back(recipe: Recipe, share: _Share) -> HeldBack:
    held = HeldBack()
    for each in recipe.datasets:
        for first, lines in line_blocks(each.path):
            for number, line in enumerate(lines, start=first):
                if may_be_held_back(line):
                    sample = read_sample(line, each.path, number)
                    if sample.split is not Split.TRAIN:
                        held.add(sample)
            share.add(sum(map(len, lines)), "finding what is held back")
    for source in recipe.tests:
        for first, lines in line_blocks(source.path):
            for number, line in enumerate(lines, start=first):
                if not line.isspace():
                    held.add_question(read_question(line, source.path, number))
    return held


def _look(each: Ingredient, held_back: HeldBack, aside: Mapping[Split, FreshFile], share: _Share) -> _Looked:
    """Look at every sample of a file; those of the other splits are written to `aside`."""
    looked = _Looked()
    note = looked.lines.append
    for first, lines in line_blocks(each.path):
        for number, line in enumerate(lines, start=first):
            if line.isspace():
                note(_OFF)
                continue
            sample = read_sample(line, each.path, number)
            if sample.split is not Split.TRAIN:
                note(_OFF)
                if sample.split in aside:
                    aside[sample.split].add(line.strip() + b"\n")
                continue
            reason = held_back.why_not(sample)
            note(_OFF if reason else _ON)
            if reason:
                looked.left_out[reason] += 1
        share.add(sum(map(len, lines)), f"looking at {each.title}")
    return looked


def _taken(portion: Portion, looked: _Looked, seed: int, number: int, share: _Share) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are taken of a file, each with the key that places it.

    The rest is chosen by selection sampling: exactly as many as wanted, in one pass (Knuth, The Art of Computer
    Programming 2, 3.4.2, algorithm S).
    """
    chance = random.Random(f"{seed}:{number}")  # noqa: S311 - not for secrets
    key, left, wanted, at = chance.getrandbits, portion.there, portion.rest, 0
    for _, lines in line_blocks(portion.ingredient.path):
        for line, is_on in zip(lines, looked.lines[at : at + len(lines)], strict=False):
            if not is_on:
                continue
            copies = portion.whole
            if wanted and chance.random() * left < wanted:
                copies, wanted = copies + 1, wanted - 1
            left -= 1
            for _ in range(copies):
                yield key(64), line.strip() + b"\n"
        at += len(lines)
        share.add(sum(map(len, lines)), f"taking from {portion.ingredient.title}")


def _nothing(looked: Iterable[_Looked]) -> str:
    left_out = sum((look.left_out for look in looked), Counter[str]())
    why = "; ".join(f"{count}: {reason}" for reason, count in sorted(left_out.items()))
    return "Nothing is left to train on: " + (
        f"every sample had to be left out ({why})." if why else "the files hold no sample of the split train."
    )


def _said(
    recipe: Recipe,
    portions: Sequence[Portion],
    looked: Sequence[_Looked],
    digests: Mapping[Path, str],
    key: str,
) -> dict[str, Any]:
    ingredients = [
        {
            "name": portion.ingredient.title,
            "sha256": digests[portion.ingredient.path],
            "there": portion.there,
            "taken": portion.taken,
            "left_out": dict(sorted(look.left_out.items())),
            "is_replay": portion.is_replay,
            "is_knowledge": portion.ingredient.is_knowledge,
            **_origin(portion.ingredient.path, digests[portion.ingredient.path]),
        }
        for portion, look in zip(portions, looked, strict=True)
    ]
    return {
        "name": recipe.name,
        "key": key,
        "seed": recipe.seed,
        "ingredients": ingredients,
        "tests": [{"name": each.title, "sha256": digests[each.path]} for each in recipe.tests],
        "licences": sorted({licence for each in ingredients for licence in each["licences"] or ()}),
    }


def _origin(path: Path, sha256: str) -> dict[str, Any]:
    """Return what the manifest beside a file says of its sources; licences are None where none says it."""
    manifest = read_manifest(path.parent) or {}
    if not any(file["sha256"] == sha256 for file in manifest.get("files", ())):
        manifest = {}
    said = {name: manifest[name] for name in ("leaf", "document", "teacher", "critic") if manifest.get(name)}
    return {"licences": manifest.get("licences"), **said}


class _Share:
    """Tells how much is done, by bytes: every file is read four times, and what is taken is written."""

    def __init__(self, tell: Tell, recipe: Recipe) -> None:
        self._tell, self._done = tell, 0
        size = sum(each.path.stat().st_size for each in _sources(recipe) if each.path.is_file())
        self._whole = max(1, 5 * size)

    def add(self, size: int, stage: str) -> None:
        """So many bytes more."""
        self._done += size
        self._tell(min(self._done / self._whole, 1.0), stage)
