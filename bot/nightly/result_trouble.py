"""What is wrong with what a step says it found out: workers are believed within what they were asked. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator

from bot.nightly.steps import variant_from_text
from pipeline.build_orders import Phase, Variant, training
from pipeline.build_results import GateResult, MixResult, PackageResult, TrainResult, VariantResult
from pipeline.contract import Message

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")  # of a checkpoint: it becomes a part of steps and files
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_CHECKPOINTS = 1_000
_MOST_COUNTED = 10**9  # questions, samples, files, degrees of freedom
_LARGEST = 1_000.0  # of a score, or of a difference between two


def trouble_with(found: Message, build: str, step: str, variant: str, leaves: Collection[str]) -> str:
    """Return why what a step found out cannot be used, in a sentence for operators; empty when it can.

    `variant` is what the row of its job keeps, `leaves` are those of the build's plan.
    """
    match found:
        case MixResult():
            return next(_with_mix(found, leaves), "")
        case TrainResult():
            return next(_with_training(found, step), "")
        case VariantResult():
            return next(_with_variant(found, variant), "")
        case GateResult():
            return next(_with_gate(found), "")
        case PackageResult():
            return next(_with_package(found, build), "")
        case _:
            return ""


def _with_mix(found: MixResult, leaves: Collection[str]) -> Iterator[str]:
    if found.phases.keys() - set(Phase):
        yield "It names a phase that there is none of."
    if found.empty_leaves.keys() - set(leaves):
        yield "It names a leaf that is not in the build."
    if not _are_counts(data.samples for data in found.phases.values()):
        yield "It counts impossible numbers of samples."


def _with_training(found: TrainResult, step: str) -> Iterator[str]:
    names = [checkpoint.name for checkpoint in found.checkpoints]
    if training(found.phase) != step:
        yield "It is about another phase."
    if len(names) > _MOST_CHECKPOINTS or len(set(names)) < len(names):
        yield "It has too many checkpoints, or two of one name."
    if not all(map(_NAME.fullmatch, names)):
        yield "It gives a checkpoint a name that no file can have."


def _with_variant(found: VariantResult, variant: str) -> Iterator[str]:
    asked = variant_from_text(variant)
    if asked is None or Variant(found.seed, tuple(sorted(found.without))) != _sorted(asked):
        yield "It is about another variant."
    if not _are_counts((*found.counts.values(), *(each.n for each in found.leaves))):
        yield "It counts impossible numbers of questions."
    if not _are_sane((*found.scores.values(), *(each.score for each in found.leaves))):
        yield "It names impossible scores."


def _with_gate(found: GateResult) -> Iterator[str]:
    gates = [gate for each in found.comparisons for gate in each.gates]
    numbers = [number for gate in gates for number in (gate.delta, gate.low, gate.high, gate.margin)]
    if not _are_sane((*numbers, *found.noise.values())) or any(each < 0 for each in found.noise.values()):
        yield "It names impossible scores."
    if not all(0 <= gate.p <= 1 for gate in gates):
        yield "It names a probability that is none."
    if not _are_counts((found.noise_freedom, found.noise_seeds)):
        yield "It counts impossible numbers of trainings."


def _with_package(found: PackageResult, build: str) -> Iterator[str]:
    if found.name != build:
        yield "It has published under the name of another build."
    if not _SHA256.fullmatch(found.manifest_sha256):
        yield "It names no manifest."
    if not 0 <= found.size < 2**63 or not _are_counts((found.files,)):
        yield "It names an impossible size."


def _sorted(variant: Variant) -> Variant:
    return Variant(variant.seed, tuple(sorted(variant.without)))


def _are_counts(numbers: Iterable[int]) -> bool:
    return all(0 <= number <= _MOST_COUNTED for number in numbers)


def _are_sane(numbers: Iterable[float]) -> bool:
    return all(math.isfinite(number) and abs(number) <= _LARGEST for number in numbers)
