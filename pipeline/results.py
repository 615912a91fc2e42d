"""What jobs find out, as bot and workers exchange it: versioned JSON, standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.contract import Message

_TELLING = 5  # rows that a block must have seen for its share to tell anything


@dataclass(frozen=True, slots=True)
class BlockYield:
    """What one block of a flow did. `dropped` counts rows by the reason, in plain words."""

    flow: str
    block: str
    rows_in: int
    kept: int
    dropped: dict[str, int]
    asked_again: int = 0
    requests: int = 0
    from_cache: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LeafYield:
    """What was generated from one leaf. `blocks` made samples, those of `measuring` made the questions."""

    path: str
    kept: int
    questions: int  # to measure with
    seeds: int  # seed examples of the leaf
    held_back: int  # of these, not trained on
    blocks: tuple[BlockYield, ...]
    measuring: tuple[BlockYield, ...] = ()

    @property
    def candidates(self) -> int:
        """How many rows became a sample or were dropped on the way."""
        return self.kept + sum(self.dropped.values())

    @property
    def dropped(self) -> dict[str, int]:
        """Rows that were dropped on the way to a sample, by reason, the most frequent first."""
        found: dict[str, int] = {}
        for block in self.blocks:
            for reason, count in block.dropped.items():
                found[reason] = found.get(reason, 0) + count
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True)
class ShownSample:
    """A sample to be looked at. `origin` is the leaf that it was made from."""

    origin: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class GenerateResult(Message):
    """The yield of a generate job. `is_old` is true when all of it was there from an earlier job."""

    KIND: ClassVar[str] = "generate-result"

    head_sha: str
    teacher: str
    least_samples: int
    leaves: tuple[LeafYield, ...]
    samples: tuple[ShownSample, ...]
    is_old: bool = False

    @property
    def too_few(self) -> tuple[LeafYield, ...]:
        """The leaves that gave fewer samples than the community asks for."""
        return tuple(leaf for leaf in self.leaves if leaf.kept < self.least_samples)


def why_so_few(leaf: LeafYield, least: int) -> str:
    """Return in plain words why a leaf gave so few samples: the reason that dropped the largest share."""
    head = f"{leaf.path} gave {_samples(leaf.kept)}, and {least} are the least"
    if not leaf.candidates:
        return f"{head}: the teacher wrote nothing that could be used."
    block = max((block for block in leaf.blocks if block.dropped), key=_loss, default=None)
    if block is None:
        return f"{head}."
    reason, count = max(block.dropped.items(), key=lambda item: (item[1], item[0]))
    return f"{head}: {count / block.rows_in:.0%} of {block.rows_in} were dropped because {reason}."


def _loss(block: BlockYield) -> tuple[float, int]:
    """Return which share a block dropped, and how many; few rows tell nothing by their share."""
    count = sum(block.dropped.values())
    return (count / block.rows_in if block.rows_in >= _TELLING else 0.0, count)


def _samples(count: int) -> str:
    return "no sample" if count == 0 else "1 sample" if count == 1 else f"{count} samples"
