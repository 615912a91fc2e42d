"""Mixing: many data sets become one to train on, by a recipe; in a fixed order, and with flat memory.

Lines are passed on as the bytes they are, in four readings: for the digests, to set aside what is held back, to
look at the others, and to take. In between one byte a line is remembered, and eight for each question held back.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.datasets import (
    DatasetError,
    FreshFile,
    WrittenFile,
    alone_in,
    fresh_file,
    is_whole,
    read_manifest,
    sha256_of,
    write_manifest,
)
from pipeline.held_back import HeldBack
from pipeline.line_order import in_order
from pipeline.mix_manifest import content_of, key_of
from pipeline.portions import Portion, portions_of
from pipeline.recipes import Ingredient, Recipe, RecipeError, Source
from pipeline.sample_lines import line_blocks, may_be_held_back, read_question, read_sample
from pipeline.sdg.rows import Split

TRAIN, DEV, TEST = "train.jsonl", "dev.jsonl", "test.jsonl"
_UNKNOWN, _ON, _OFF = 0, 1, 2  # of a line: not looked at yet, a sample to train on, or not

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
    Raises RecipeError; DatasetError for a line that is no sample, and while another run writes there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        share = _Share(tell, recipe)
        before = _times(recipe)
        digests = _checked(recipe, share)
        key = key_of(recipe, digests)
        there = read_manifest(folder)
        if not again and there is not None and there.get("key") == key and is_whole(folder, there):
            return Mix(folder, there, is_old=True)
        files, said = _write(recipe, folder, digests, key, share)
        if _times(recipe) != before:
            raise DatasetError("A file changed while it was mixed. Run it again when nothing writes to the files.")
        write_manifest(folder, said, files)
        return Mix(folder, read_manifest(folder) or {}, is_old=False)


def _write(
    recipe: Recipe, folder: Path, digests: Mapping[Path, str], key: str, share: _Share
) -> tuple[list[WrittenFile], dict[str, Any]]:
    with fresh_file(folder / TRAIN) as train, fresh_file(folder / DEV) as dev, fresh_file(folder / TEST) as test:
        looked = _looked(recipe, {Split.DEV: dev, Split.TEST: test}, share)
        found = iter(looked)
        portions = portions_of(recipe, lambda _: next(found).there)
        if not any(portion.taken for portion in portions):
            raise RecipeError(_nothing(looked))
        taken = (
            line
            for number, (portion, look) in enumerate(zip(portions, looked, strict=True))
            for line in _taken(portion, look, recipe.seed, number, share)
        )
        for lines, count in in_order(taken, folder / ".mixing"):
            train.add(lines, count)
            share.add(len(lines), "writing")
    said = content_of(recipe, portions, [look.left_out for look in looked], digests, key)
    return [file.written for file in (train, dev, test)], said


def _looked(recipe: Recipe, aside: Mapping[Split, FreshFile], share: _Share) -> list[_Looked]:
    """Return what is in each ingredient, once all that is held back is known."""
    held_back = HeldBack()
    looked = [_set_aside(each, held_back, aside, share) for each in recipe.datasets]
    looked += [_Looked() for _ in recipe.ingredients[len(looked) :]]
    for source in recipe.tests:
        _hold_back(source, held_back)
    for each, look in zip(recipe.ingredients, looked, strict=True):
        _look(each, look, held_back, share)
    return looked


def _checked(recipe: Recipe, share: _Share) -> dict[Path, str]:
    """Return the digest of every file. Raises RecipeError for one that is missing, or is not what was meant."""
    digests: dict[Path, str] = {}
    for each in _sources(recipe):
        if each.path.is_dir():
            raise RecipeError(
                f"{each.path} is a folder without a data set. Name the folder of a leaf's, or a file."
            )
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


def _times(recipe: Recipe) -> list[int]:
    return [each.path.stat().st_mtime_ns for each in _sources(recipe) if each.path.is_file()]


def _sources(recipe: Recipe) -> Sequence[Source]:
    return (*recipe.ingredients, *recipe.tests)


def _set_aside(each: Ingredient, held_back: HeldBack, aside: Mapping[Split, FreshFile], share: _Share) -> _Looked:
    """Write a file's samples of the other splits to `aside`, and remember what they hold back."""
    looked = _Looked()
    mark = looked.lines.append
    for first, lines in line_blocks(each.path):
        for number, line in enumerate(lines, start=first):
            if may_be_held_back(line):
                sample = read_sample(line, each.path, number)
                if sample.split is not Split.TRAIN:
                    held_back.add(sample)
                    aside[sample.split].add(line.strip() + b"\n")
                    mark(_OFF)
                    continue
            mark(_UNKNOWN)
        share.add(sum(map(len, lines)), f"setting aside of {each.title}")
    return looked


def _hold_back(source: Source, held_back: HeldBack) -> None:
    for first, lines in line_blocks(source.path):
        for number, line in enumerate(lines, start=first):
            if not line.isspace():
                held_back.add_question(read_question(line, source.path, number))


def _look(each: Ingredient, looked: _Looked, held_back: HeldBack, share: _Share) -> None:
    """Look at every sample of a file that was not set aside: whether it may be trained on."""
    marks = looked.lines
    for first, lines in line_blocks(each.path):
        marks.extend(bytes(max(0, first - 1 + len(lines) - len(marks))))
        for at, line in enumerate(lines, start=first - 1):
            if marks[at] == _OFF:
                continue
            marks[at] = _OFF
            if line.isspace():
                continue
            sample = read_sample(line, each.path, at + 1)
            if sample.split is not Split.TRAIN:
                continue
            reason = held_back.why_not(sample)
            if reason:
                looked.left_out[reason] += 1
            else:
                marks[at] = _ON
        share.add(sum(map(len, lines)), f"looking at {each.title}")


def _taken(portion: Portion, looked: _Looked, seed: int, number: int, share: _Share) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are taken of a file, each with the key that places it.

    The rest is chosen by selection sampling: exactly as many as wanted, in one pass (Knuth, The Art of Computer
    Programming 2, 3.4.2, algorithm S).
    """
    chance = random.Random(f"{seed}:{number}")  # noqa: S311 - not for secrets
    key, left, wanted, at = chance.getrandbits, portion.there, portion.rest, 0
    for _, lines in line_blocks(portion.ingredient.path):
        for line, mark in zip(lines, looked.lines[at : at + len(lines)], strict=False):
            if mark != _ON:
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
