"""Everything that a build was made of and came to, by hash, and the manifest that is written from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.attribution_bundle import published_path
from pipeline.build_files import BuildFile, canonical
from pipeline.build_orders import BuildOrder, Phase
from pipeline.build_results import GateResult, MixResult, SelectResult, TrainResult
from pipeline.building.sources import LeafSources
from pipeline.evaluation_results import ModelIdentity

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """A build that passed its gate. `data` are the digests of each leaf's samples, by path."""

    order: BuildOrder
    mix: MixResult
    gate: GateResult
    trained: Mapping[Phase, TrainResult]
    selected: Mapping[Phase, SelectResult]
    sources: tuple[LeafSources, ...]  # of the leaves that are in the model
    versions: Mapping[str, str]
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def student(self) -> ModelIdentity:
        """The model that the build began with."""
        first = next(iter(self.trained.values()))
        return first.student or first.base

    @property
    def model(self) -> ModelIdentity:
        """The model that the build came to."""
        return list(self.selected.values())[-1].model

    @property
    def left_out(self) -> dict[str, str]:
        """Leaves that are in the taxonomy and not in the model, and why."""
        return dict(sorted({**self.order.left_out, **self.mix.empty_leaves}.items()))

    @property
    def licences(self) -> tuple[str, ...]:
        """Every licence that a leaf in the model names, sorted."""
        return tuple(sorted({name for each in self.sources for name in each.licences}, key=str.casefold))


def manifest_of(record: BuildRecord, files: Sequence[BuildFile]) -> bytes:
    """Return the manifest: the same inputs give the same bytes, whoever packages when."""
    order = record.order
    return canonical(
        {
            "format": _FORMAT,
            "name": order.build,
            "taxonomy": {"commit": order.commit, "removed": sorted(order.removed), "left_out": record.left_out},
            "leaves": [_leaf(each, record.data) for each in record.sources],
            "licences": record.licences,
            "pulls": sorted({number for each in record.sources for number in each.leaf.pulls}),
            "base_model": asdict(record.student),
            "model": asdict(record.model),
            "seed": order.seed,
            "replay_share": order.replay_share,
            "phases": {phase.value: _phase(record, phase) for phase in record.selected},
            "scores": _scores(record.gate),
            "compared_with": {
                name: asdict(build) for name, build in (("last", order.last), ("pinned", order.pinned)) if build
            },
            "versions": dict(record.versions),
            "steps": {role: file.sha256 for role, file in order.files.items()},
            "files": [{"path": file.path, "sha256": file.sha256, "size": file.size} for file in files],
        }
    )


def _leaf(each: LeafSources, data: Mapping[str, str]) -> dict[str, Any]:
    leaf = each.leaf
    carried = published_path(leaf.attribution_sha) if leaf.attribution_sha else ""
    return {
        "path": leaf.path,
        "is_knowledge": leaf.is_knowledge,
        "is_fresh": leaf.is_fresh,
        "qna": leaf.qna_sha,
        "attribution": leaf.attribution_sha,
        "attribution_file": carried,
        "data": data.get(leaf.path, ""),
        "data_of": leaf.data_of or "this build",
        "pulls": leaf.pulls,
        "authors": leaf.authors,
        "licences": each.licences,
        "is_own_work": each.is_own_work,
    }


def _phase(record: BuildRecord, phase: Phase) -> dict[str, Any]:
    selected, trained = record.selected[phase], record.trained.get(phase)
    said: dict[str, Any] = {
        "checkpoint": selected.checkpoint,
        "why": selected.why,
        "scores": [{"checkpoint": s.checkpoint, "score": s.score, "n": s.n} for s in selected.scores],
        "data": asdict(record.mix.phases[phase]) if phase in record.mix.phases else None,
    }
    if trained is not None:
        said |= {
            "base": asdict(trained.base),
            "settings": dict(trained.settings),
            "samples": trained.samples,
            "tokens": trained.tokens,
            "versions": dict(trained.versions),
        }
    return said


def _scores(gate: GateResult) -> dict[str, Any]:
    """Return every number of the gate, without questions and answers."""
    said = gate.to_data()
    return {name: value for name, value in said.items() if name not in ("contract", "kind", "gains", "losses")}
