"""Mix: the data of all leaves become a training file for each phase, and what is measured with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.build_orders import Phase, in_folder
from pipeline.build_results import MixedData, MixResult
from pipeline.building.errors import NothingToTrainError
from pipeline.building.leaf_data import (
    HELD_BACK,
    HELD_OUT,
    Kept,
    LeafData,
    damaged,
    fetched,
    keep_aside,
)
from pipeline.building.orders_at_hand import AtHand
from pipeline.building.phase_mixes import PhaseMix, phase_mix
from pipeline.building.step_work import step_done
from pipeline.contract import Artifact, Ending, JobSpec, LogLevel, Outcome
from pipeline.datasets import MANIFEST, DatasetError
from pipeline.generation import QUESTIONS
from pipeline.mixing import DEV, TRAIN
from pipeline.tasks.bench import Bench

_SHOWN = 20  # leaves that the log names


def mix_step(spec: JobSpec, bench: Bench) -> Outcome:
    """Mix. Raises ContributionError when nothing is left to train on, InputError."""
    return step_done(spec, bench, _mixed, needs_student=False)


def _mixed(hand: AtHand, bench: Bench) -> Outcome:
    bench.folder.mkdir(parents=True, exist_ok=True)
    leaves, empty = fetched(hand, bench.folder / "data", lambda share, said: bench.tell(0.25 * share, said))
    kept = keep_aside(leaves, bench.folder, lambda share, said: bench.tell(0.25 + 0.15 * share, said))
    empty |= kept.empty
    leaves = [data for data in leaves if data.leaf.path not in empty]
    try:
        mixes = _phases(hand, leaves, bench)
    except DatasetError:
        found = damaged(leaves)
        if not found:
            raise
        empty |= found
        mixes = _phases(hand, [data for data in leaves if data.leaf.path not in found], bench)
    for each in mixes.values():
        empty |= each.empty
    return _stored(hand, bench, mixes, kept, empty)


def _phases(hand: AtHand, leaves: Sequence[LeafData], bench: Bench) -> dict[Phase, PhaseMix]:
    found: dict[Phase, PhaseMix] = {}
    tests = [bench.folder / QUESTIONS, bench.folder / HELD_BACK]
    for number, phase in enumerate(Phase):

        def told(share: float, said: str, begins: float = 0.4 + 0.25 * number, phase: Phase = phase) -> None:
            bench.tell(begins + 0.25 * share, f"{phase}: {said}")

        order = hand.order
        found[phase] = phase_mix(
            phase, leaves, tests, order.seed, order.replay_share, bench.folder / phase.value, told
        )
    return found


def _stored(hand: AtHand, bench: Bench, mixes: dict[Phase, PhaseMix], kept: Kept, empty: dict[str, str]) -> Outcome:
    bench.tell(0.9, "storing the mix")
    phases = {phase.value: _data_of(phase, each.mix.manifest) for phase, each in mixes.items() if each.mix}
    remarks = list(_remarks(hand, kept))
    result = MixResult(phases, kept.questions, dict(sorted(empty.items())), tuple(remarks))
    _note(result, bench)
    if not phases:
        raise NothingToTrainError(_nothing(empty))
    files = tuple(_files(hand, bench.folder, [phase for phase in mixes if phase.value in phases]))
    said = ", ".join(f"{data.samples} samples for the {phase} phase" for phase, data in phases.items())
    return Outcome(Ending.SUCCEEDED, said, hand.put_result(result), files)


def _data_of(phase: Phase, manifest: object) -> MixedData:
    assert isinstance(manifest, dict)  # noqa: S101 - as it was written
    file = next(file for file in manifest["files"] if file["name"] == TRAIN)
    return MixedData(in_folder(phase.value, TRAIN), file["sha256"], file["rows"])


def _files(hand: AtHand, folder: Path, phases: Sequence[Phase]) -> Iterator[Artifact]:
    for phase in phases:
        for name in (TRAIN, DEV, MANIFEST):
            yield hand.put(in_folder(phase.value, name), folder / phase.value / name)
    for name in (QUESTIONS, HELD_OUT):
        yield hand.put(name, folder / name)


def _remarks(hand: AtHand, kept: Kept) -> Iterator[str]:
    yield from kept.remarks
    if kept.repeated:
        yield f"{kept.repeated} questions are left out of measuring: another leaf asks the same."
    unchanged = sum(not leaf.is_fresh for leaf in hand.order.leaves)
    if unchanged and not hand.order.replay_share:
        yield f"The build learns nothing of {unchanged} unchanged leaves: NIGHTLY_REPLAY_SHARE is 0."


def _note(result: MixResult, bench: Bench) -> None:
    for phase, data in result.phases.items():
        bench.note(f"{phase}: {data.samples} samples to train on")
    bench.note(f"{result.questions} multiple choice questions to measure with")
    for number, (leaf, why) in enumerate(result.empty_leaves.items()):
        if number == _SHOWN:
            bench.note(f"... and {len(result.empty_leaves) - _SHOWN} more leaves are left out", LogLevel.WARNING)
            break
        bench.note(f"{leaf} is left out: {why}", LogLevel.WARNING)
    for remark in result.remarks:
        bench.note(remark, LogLevel.WARNING)


def _nothing(empty: dict[str, str]) -> str:
    first = [f"{leaf}: {why}" for leaf, why in sorted(empty.items())[:3]]
    more = f"; and {len(empty) - 3} more leaves" if len(empty) > 3 else ""
    return f"Nothing is left to train on. {'; '.join(first)}{more}".strip()[:500]
