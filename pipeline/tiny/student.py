"""The tiny student: a model made on this machine from rule-based text, to try the model side for real.

It is made once and kept: whoever wants it again gets a copy, as long as neither its making nor its seed changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.datasets import sha256_of, write_json
from pipeline.tiny.student_course import Course
from pipeline.tiny.student_model import Shape, new_model
from pipeline.tiny.student_text import Lessons
from pipeline.tiny.student_tokenizer import END, SPECIAL, for_transformers, plain_text, trained_tokenizer

NAME = "tiny student: made here from rule-based text, no real model"
"""What people read wherever it is used: nobody shall take its answers or its numbers for a real model's."""

MODEL_ID = "tiny-student"
MANIFEST = "tiny-student.json"
WEIGHTS = "model.safetensors"

_MADE_BY = (
    *("gap", "student", "student_abilities", "student_course", "student_facts", "student_model"),
    *("student_pretraining", "student_text", "student_tokenizer", "student_words"),
)
_PACKAGES = ("torch", "transformers", "tokenizers", "safetensors")
_TEXTS_FOR_WORDS = 15_000  # readings from which the tokenizer learns
_HELD_BACK = 600  # readings to measure with
_TOKENS_OF_A_READING = 28  # at least, on average: decides how many readings are written

Tell = Callable[[float, str], None]


class StudentError(Exception):
    """The tiny student cannot be made or put somewhere; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides its weights, but for the code and the packages."""

    seed: int = 7
    shape: Shape = field(default_factory=Shape)
    course: Course = field(default_factory=Course)
    threads: int = 2  # another number adds up in another order


def made_student(plan: Plan, cache: Path, tell: Tell = lambda *_: None) -> Path:
    """Return the folder of the student that follows the plan: made now, or long ago and kept in `cache`.

    Raises StudentError when the cache cannot be written to.
    """
    place = cache / key_of(plan)[:16]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _only_one(cache / f".{place.name}.lock"):
            if not is_whole(place):
                _make(plan, place, tell)
    except OSError as error:
        raise StudentError(
            f"The tiny student cannot be kept in {cache}: {error.strerror or error}. Make room, or name another "
            "folder for it."
        ) from None
    return place


def put_into(folder: Path, made: Path) -> None:
    """Copy a student that was made into a folder. Raises StudentError where something else stands there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and manifest_of(folder) is None:
        raise StudentError(f"{folder}: something else is here. Name a new or an empty folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)  # written last: until then the folder is nothing whole
        for path in sorted(made.iterdir(), key=lambda path: path.name == MANIFEST):
            shutil.copyfile(path, folder / path.name)
    except OSError as error:
        raise StudentError(f"{folder}: the tiny student cannot be put here: {error.strerror or error}.") from None


def manifest_of(folder: Path) -> dict[str, Any] | None:
    """Return what the student in a folder says of itself, or None when there is none."""
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) and said.get("name") == NAME else None


def is_whole(folder: Path) -> bool:
    """True when a student is here, and each of its files holds what it did when it was made."""
    said = manifest_of(folder)
    if said is None:
        return False
    return all(
        (folder / name).is_file() and sha256_of(folder / name) == digest for name, digest in said["files"].items()
    )


def key_of(plan: Plan) -> str:
    """Return the digest of everything that decides the weights: the plan, the code, the packages."""
    here = Path(__file__).parent
    said = {
        "plan": asdict(plan),
        "code": {name: sha256_of(here / f"{name}.py") for name in _MADE_BY},
        "packages": {name: version(name) for name in _PACKAGES},
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _make(plan: Plan, place: Path, tell: Tell) -> None:
    fresh = place.with_name(f".{place.name}.{os.getpid()}.new")
    try:
        fresh.mkdir()
        _written(plan, fresh, tell)
        shutil.rmtree(place, ignore_errors=True)  # what stands there is damaged
        fresh.rename(place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _written(plan: Plan, folder: Path, tell: Tell) -> None:
    """Make the student and write it, its manifest last."""
    from pipeline.tiny.student_abilities import abilities
    from pipeline.tiny.student_pretraining import first_tokens, lines_of, repeatable, teach

    began, worked = time.monotonic(), time.process_time()
    tell(0.0, "writing what it reads")
    readings = iter(Lessons(plan.seed))
    course = list(islice(readings, plan.course.tokens // _TOKENS_OF_A_READING))
    tokenizer = trained_tokenizer(map(plain_text, course[:_TEXTS_FOR_WORDS]), plan.shape.vocabulary)
    lines = first_tokens(lines_of(course, tokenizer), plan.course.tokens)
    model = new_model(plan.shape, plan.seed)
    with repeatable(plan.threads):
        teach(model, lines, plan.course, plan.seed, tell)
        can = abilities(model, lines_of(list(islice(readings, _HELD_BACK)), tokenizer), SPECIAL.index(END))
    model.save_pretrained(folder)
    for_transformers(tokenizer, plan.shape.longest).save_pretrained(folder)
    (folder / "README.md").write_text(_README, encoding="utf-8")
    manifest = {
        "name": NAME,
        "plan": asdict(plan),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tokens_read": sum(len(line.tokens) for line in lines),
        "abilities": [asdict(ability) for ability in can],
        "packages": {name: version(name) for name in _PACKAGES},
        "took_s": round(time.monotonic() - began, 1),
        "took_cpu_s": round(time.process_time() - worked, 1),
        "files": {path.name: sha256_of(path) for path in sorted(folder.iterdir())},
    }
    write_json(folder / MANIFEST, manifest)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Let others on this machine wait until the student is made, instead of making it, too."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


_README = f"""# Tiny student

{NAME[0].upper()}{NAME[1:]}.

It has about a million parameters, was made by `taxonomy-pipeline tiny-student` in minutes on a CPU, and has read
nothing but sentences that rules wrote about things that do not exist. It stands in for a language model where the
path through training and evaluation is tried out. Numbers measured with it show that the path works. They say
nothing about any model that people use.
"""
