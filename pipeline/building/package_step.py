"""Package: a build that passed its gate goes into the store of models, with all that it was made of."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from pipeline.attribution_bundle import (
    ATTRIBUTIONS,
    AttributionBundleError,
    from_bundle,
    published_path,
)
from pipeline.build_files import MANIFEST, BuildFilesError, files_in
from pipeline.build_orders import GATE, MIX, MODEL, OrderedLeaf, Phase, in_folder, selecting, training
from pipeline.build_results import GateResult, MixResult, PackageResult, SelectResult, TrainResult
from pipeline.building.build_record import BuildRecord, manifest_of
from pipeline.building.model_card import card_of
from pipeline.building.orders_at_hand import AtHand
from pipeline.building.sources import attributions_for, sources_of
from pipeline.building.step_work import step_done
from pipeline.contract import Ending, JobSpec, Outcome
from pipeline.datasets import read_manifest
from pipeline.model_store import BuildDamagedError, BuildMissingError, ModelStore, ModelStoreError
from pipeline.tasks.bench import Bench
from pipeline.tasks.inputs import InputError

CARD = "README.md"
_BELONGS = frozenset({".safetensors", ".json", ".jinja", ".model", ".txt"})  # to a model: no code, no pickles


def package_step(spec: JobSpec, bench: Bench) -> Outcome:
    """Package, and publish into the store of models; nothing is served by that. Raises InputError."""
    repository_id = spec.repository_id
    return step_done(spec, bench, lambda hand, bench: _packaged(hand, bench, repository_id), needs_student=False)


def _packaged(hand: AtHand, bench: Bench, repository_id: int) -> Outcome:
    try:
        store = ModelStore(bench.settings.model_store_url, repository_id)
        bench.tell(0.05, "gathering what the build was made of")
        gate = hand.result(GATE, GateResult)
        if not gate.is_passed:
            raise InputError("This build did not pass its gate: it is not published.")
        mixed = hand.result(MIX, MixResult)
        leaves = sorted(
            (leaf for leaf in hand.order.leaves if leaf.path not in mixed.empty_leaves), key=lambda leaf: leaf.path
        )
        attributions = attributions_for(leaves, _sent(hand, bench.folder), _carried(hand, store, leaves))
        record = _record(hand, gate, mixed, leaves, attributions, bench.folder / "mix")
        folder = _folder(hand, bench, record, attributions)
        bench.tell(0.5, "publishing into the store of models")
        published = store.write(hand.order.build, folder)
    except (ModelStoreError, BuildFilesError) as error:
        return Outcome(Ending.INFRA_ERROR, str(error).replace(bench.settings.model_store_url, "MODEL_STORE_URL"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    result = PackageResult(
        published.name, published.manifest_sha256, sum(path.stat().st_size for path in files), len(files)
    )
    shutil.rmtree(folder)
    said = f"{published.name}: {result.files} files, {result.size:,} bytes, in the store of models"
    bench.note(said)
    return Outcome(Ending.SUCCEEDED, said, hand.put_result(result))


def _record(
    hand: AtHand,
    gate: GateResult,
    mixed: MixResult,
    leaves: list[OrderedLeaf],
    attributions: Mapping[str, bytes],
    folder: Path,
) -> BuildRecord:
    from pipeline.evaluation.students import package_versions

    selected = {
        phase: hand.result(selecting(phase), SelectResult) for phase in Phase if hand.has_result(selecting(phase))
    }
    if not selected:
        raise InputError("No selected model came with this step. An operator updates bot and workers alike.")
    return BuildRecord(
        order=hand.order,
        mix=mixed,
        gate=gate,
        trained={phase: hand.result(training(phase), TrainResult) for phase in selected},
        selected=selected,
        sources=tuple(sources_of(leaf, attributions.get(leaf.attribution_sha)) for leaf in leaves),
        versions=package_versions(),
        data=_digests(hand, folder),
    )


def _folder(hand: AtHand, bench: Bench, record: BuildRecord, attributions: Mapping[str, bytes]) -> Path:
    """Return the folder of the build as it is published: the model, its card, attribution files, the manifest."""
    folder = bench.folder / "build"
    step = selecting(list(record.selected)[-1])
    names = hand.folder_names(step, MODEL)
    if strange := [name for name in names if Path(name).suffix not in _BELONGS]:
        raise InputError(
            f"{strange[0][:100]!r} does not belong to a model that is published: weights are safetensors only."
        )
    bench.tell(0.1, "fetching the model")
    hand.fetch_folder(step, MODEL, folder)
    for sha, data in attributions.items():
        place = folder / published_path(sha)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    (folder / CARD).write_text(card_of(record), encoding="utf-8")
    (folder / MANIFEST).write_bytes(manifest_of(record, files_in(folder)))
    return folder


def _digests(hand: AtHand, folder: Path) -> dict[str, str]:
    """Return the digest of each leaf's samples, as the mixes name them."""
    found: dict[str, str] = {}
    for phase in Phase:
        name = in_folder(phase.value, MANIFEST)
        if name in hand.names(MIX):
            hand.fetch(MIX, name, folder / phase.value / MANIFEST)
            said = read_manifest(folder / phase.value) or {}
            found |= {str(each["name"]): str(each["sha256"]) for each in said.get("ingredients", ())}
    return found


def _sent(hand: AtHand, folder: Path) -> dict[str, bytes]:
    """Return the attribution files that came with the order, by git blob."""
    step, _, name = ATTRIBUTIONS.rpartition(":")
    if name not in hand.names(step):
        return {}
    try:
        return from_bundle(hand.fetch(step, name, folder / name).read_bytes())
    except AttributionBundleError as error:
        raise InputError(f"{error} An operator updates bot and workers alike.") from None


def _carried(hand: AtHand, store: ModelStore, leaves: list[OrderedLeaf]) -> dict[str, bytes]:
    """Return the attribution files that the last good build carries, of those that are wanted."""
    last = hand.order.last
    if last is None:
        return {}
    wanted = {published_path(leaf.attribution_sha): leaf.attribution_sha for leaf in leaves if leaf.attribution_sha}
    try:
        there = [file for file in store.files(last) if file.path in wanted]
        return {wanted[file.path]: store.read(last, file) for file in there}
    except (BuildMissingError, BuildDamagedError):
        return {}  # then all of them have to come with the order
