"""What a step of a nightly build is told: versioned JSON between bot and workers, standard library only.

A build is a graph of steps, and every step is a job. Its `JobSpec` holds one input, the order, which names the
files of the steps before it: a build of thousands of leaves has more of them than a message should carry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from pipeline.contract import Artifact, Message

ORDER = "order"  # the role of the order among the inputs of a step's job
ORDER_TYPE = "application/vnd.taxonomy-bot.build-order+json"


class Phase(StrEnum):
    """The two trainings of a build, in their order; one without data is left out."""

    KNOWLEDGE = "knowledge"
    SKILLS = "skills"


MIX, GATE, PACKAGE = "mix", "gate", "package"  # the steps that there is one of


def generating(leaf: str) -> str:
    """Return the name of the step that generates from a leaf."""
    return f"generate/{leaf}"


def training(phase: Phase) -> str:
    """Return the name of the step that trains."""
    return f"train/{phase}"


def scoring(phase: Phase, checkpoint: str) -> str:
    """Return the name of the step that scores one checkpoint."""
    return f"score/{phase}/{checkpoint}"


def selecting(phase: Phase) -> str:
    """Return the name of the step that selects the best checkpoint."""
    return f"select/{phase}"


def variant(name: str) -> str:
    """Return the name of the step that trains and measures a variant: another seed, or without some leaves."""
    return f"variant/{name}"


def file_of(step: str, name: str) -> str:
    """Return the role of a file that a step has made; a result is named `result`."""
    return f"{step}:{name}"


RESULT = "result"  # in the place of a file's name: the result of a step
MODEL = "model"  # the folder of a selected model among a step's files


def in_folder(folder: str, file: str) -> str:
    """Return the name of a file of a step that is in a folder, such as a checkpoint: names hold no slash."""
    return f"{folder}.{file}"


def reads_files_of(step: str, steps: Iterable[str]) -> list[str]:
    """Return which of `steps` a step is handed the files and the result of, in their order."""
    kind, _, rest = step.partition("/")
    phase = rest.partition("/")[0]
    selected = [selecting(Phase.KNOWLEDGE)] if phase == Phase.SKILLS else []
    named = {
        "train": [MIX, *selected],
        "score": [MIX, f"train/{phase}", *selected],
        "select": [f"train/{phase}", *selected],
        "variant": [MIX, *map(training, Phase)],
        GATE: [MIX, *map(training, Phase), *map(selecting, Phase)],
        PACKAGE: [MIX, GATE, *map(training, Phase), *map(selecting, Phase)],
    }.get(kind, [])
    begins = {
        MIX: "generate/",
        "select": f"score/{phase}/",
        GATE: "variant/",
        PACKAGE: "score/",
    }.get(kind)
    return [each for each in steps if each in named or (begins is not None and each.startswith(begins))]


@dataclass(frozen=True, slots=True)
class OrderedLeaf:
    """A leaf whose data the build takes in. `is_fresh` when it is other than in the last good build.

    `pulls` are those that brought what is fresh of it. `seconds` of generation and `from_cache` are for the report.
    """

    path: str
    is_knowledge: bool
    is_fresh: bool = False
    pulls: tuple[int, ...] = ()
    authors: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    qna_sha: str = ""
    attribution_sha: str = ""
    data_of: str = ""  # the build that generated its data; empty: this one


@dataclass(frozen=True, slots=True)
class PublishedBuild:
    """A build that stands in the store of models: its name there, and the SHA-256 of its manifest."""

    name: str
    manifest_sha256: str


@dataclass(frozen=True, slots=True)
class Variant:
    """What a variant does otherwise: another seed, and none of the data of some leaves."""

    seed: int
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildOrder(Message):
    """What one step of a build is told.

    `files` are those of the steps before it (`reads_files_of`) by their role (`file_of`, of the names that they
    are stored under); the data of a leaf has the role of the step that generates from it, whichever build did.
    `last` is the last good build, `pinned` the release against which slow drift is measured; where there is none,
    the student as it is. `noise` are standard deviations between trainings with other seeds of earlier builds, by
    benchmark, known with so many degrees of freedom.
    """

    KIND: ClassVar[str] = "build-order"

    build: str  # such as 2026-01-05.1: the night and the attempt
    step: str
    commit: str
    seed: int
    leaves: tuple[OrderedLeaf, ...] = ()
    removed: tuple[str, ...] = ()  # leaves that the last good build had
    left_out: dict[str, str] = field(default_factory=dict)  # leaves that are in the taxonomy only, and why
    files: dict[str, Artifact] = field(default_factory=dict)
    checkpoint: str = ""  # to be scored
    variant: Variant | None = None
    last: PublishedBuild | None = None
    pinned: PublishedBuild | None = None
    noise: dict[str, float] = field(default_factory=dict)
    noise_freedom: int = 0
    replay_share: float = 0.0
