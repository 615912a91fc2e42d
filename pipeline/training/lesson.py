"""A lesson: the samples of an order as the model's tokens, those to learn from and those to look at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.sdg.rows import Split
from pipeline.training.batches import foretold
from pipeline.training.errors import SamplesError
from pipeline.training.samples import LeftOut, files_of, read_samples
from pipeline.training.templates import ChatTemplate, Encoded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_NOTHING_COUNTS = "nothing in it counts for the loss"


@dataclass(frozen=True)
class Lesson:
    """What is learnt, and what the model is looked at with; `left_out` tells what is not."""

    train: list[Encoded]
    dev: list[Encoded]
    left_out: LeftOut

    @cached_property
    def digest(self) -> str:
        """A digest of all tokens, and of which of them count."""
        digest = hashlib.sha256()
        for side in (self.train, self.dev):
            digest.update(f"{len(side)}\n".encode())
            for sample in side:
                digest.update(json.dumps([sample.tokens, sample.counted]).encode())
        return digest.hexdigest()

    @property
    def longest(self) -> int:
        """How many tokens the longest sample has."""
        return max(map(len, (*self.train, *self.dev)))

    def most_in_a_step(self, samples: int) -> int:
        """Return how many tokens a step of so many samples can have at most."""
        return sum(sorted(map(len, self.train), reverse=True)[:samples])


def read_lesson(data: Sequence[Path], tokenizer: PreTrainedTokenizerBase, longest: int) -> Lesson:
    """Return the samples as tokens. Raises SamplesError where nothing is left to learn from, and TemplateError."""
    template = ChatTemplate(tokenizer)
    samples, left_out = read_samples(files_of(data))
    train, dev = (
        _counting(template.encode(samples[s], longest, left_out), left_out) for s in (Split.TRAIN, Split.DEV)
    )
    if train:
        return Lesson(train, dev, left_out)
    named = ", ".join(map(str, data))
    there = sum(map(len, samples.values())) + left_out.counts.total()
    if not there:
        raise SamplesError(f"{named}: there are no samples in it. Generate some with `taxonomy-pipeline generate`.")
    if not left_out.counts:
        raise SamplesError(
            f"{named}: none of its {there} samples is for training; metadata.split says for all that they are for "
            "measuring."
        )
    raise SamplesError(f"{named}: there is nothing to train on. {'. '.join(left_out.lines())}.")


def _counting(encoded: Sequence[Encoded], left_out: LeftOut) -> list[Encoded]:
    kept = []
    for sample in encoded:
        if foretold(sample):
            kept.append(sample)
        else:
            left_out.add(_NOTHING_COUNTS, sample.id)
    return kept
