"""The report as JSON: for programs, and for whoever wants all of it. Described in docs/nightly.md."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bot.nightly.build_view import BuildView, PastBuild
from bot.nightly.judgement import judgement

REPORT_VERSION = 1


def report_as_json(view: BuildView, *, indent: int | None = 2) -> str:
    """Return the report as JSON: everything of it, nothing shortened."""
    return json.dumps(report_as_data(view), indent=indent, ensure_ascii=False)


def report_as_data(view: BuildView) -> dict[str, Any]:
    """Return the report as plain data."""
    found, build, inside = judgement(view), view.build, set(view.included_pulls)
    out = {leaf.path for leaf in view.left_out}
    return {
        "version": REPORT_VERSION,
        "build": view.name,
        "repository": view.repository,
        "call": found.call.value,
        "reason": found.reason,
        "also": list(found.also),
        "command": found.command,
        "stands_in": view.stands_in,
        "state": build.state.value,
        "release": view.release.value if view.release else None,
        "commit": build.commit,
        "began_at": build.began_at.isoformat() if build.began_at else None,
        "ended_at": build.ended_at.isoformat() if build.ended_at else None,
        "eta": view.eta.isoformat() if view.eta else None,
        "gpu_hours": round(view.gpu_h, 4),
        "samples": view.samples,
        "from_cache": view.from_cache,
        "unchanged": view.plan.unchanged,
        "leaves": [
            {"path": leaf.path, "change": leaf.change.value, "pulls": list(leaf.pulls)}
            for leaf in view.plan.leaves
            if leaf.path not in out
        ],
        "pulls": [
            {"number": pull.number, "author": pull.author} for pull in view.plan.pulls if pull.number in inside
        ],
        "left_out": {
            "leaves": [asdict(leaf) for leaf in view.left_out],
            "pulls": [asdict(pull) for pull in view.plan.left_out_pulls],
        },
        "gate": view.gate.to_data() if view.gate else None,
        "package": view.package.to_data() if view.package else None,
        "blame": asdict(view.blame) if view.blame else None,
        "quarantined": sorted(view.quarantined & view.suspected),
        "failure": asdict(view.failure) if view.failure else None,
        "remarks": list(view.remarks),
        "stages": [asdict(stage) for stage in view.stages],
        "past": [_past(past) for past in view.past],
    }


def _past(past: PastBuild) -> dict[str, Any]:
    return {
        "build": past.name,
        "call": past.judgement,
        "reason": past.reason,
        "state": past.state,
        "release": past.release.value if past.release else None,
        "scores": {name: asdict(score) for name, score in past.scores.items()},
    }
