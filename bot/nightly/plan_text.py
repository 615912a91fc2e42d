"""A plan as JSON, and back: what the database keeps, and what `nightly plan --json` prints."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan, KeptLeaf, LeftOutLeaf, LeftOutPull, MergedPull, PlannedLeaf

_VERSION = 1


def plan_as_text(plan: BuildPlan, *, indent: int | None = None) -> str:
    """Return a plan as JSON. Which files a pull request changed is not kept: its leaves are."""
    told: dict[str, Any] = {"version": _VERSION, **asdict(plan)}
    for pull in told["pulls"]:
        del pull["paths"]
        pull["merged_at"] = pull["merged_at"].isoformat()
    return json.dumps(told, indent=indent)


def plan_from_text(text: str) -> BuildPlan:
    """Return the plan that a text tells."""
    told = json.loads(text)
    del told["version"]
    return BuildPlan(
        **told
        | {
            "leaves": tuple(_leaf(leaf) for leaf in told["leaves"]),
            "pulls": tuple(
                MergedPull(**pull | {"merged_at": datetime.fromisoformat(pull["merged_at"])})
                for pull in told["pulls"]
            ),
            "left_out_leaves": tuple(
                LeftOutLeaf(**leaf | {"pulls": tuple(leaf["pulls"])}) for leaf in told["left_out_leaves"]
            ),
            "left_out_pulls": tuple(LeftOutPull(**pull) for pull in told["left_out_pulls"]),
            "notes": tuple(told["notes"]),
            "kept": tuple(_kept(leaf) for leaf in told.get("kept", ())),
        }
    )


def _kept(told: dict[str, Any]) -> KeptLeaf:
    return KeptLeaf(**told | {"authors": tuple(told["authors"]), "licences": _licences(told)})


def _licences(told: dict[str, Any]) -> tuple[str, ...] | None:
    return None if told["licences"] is None else tuple(told["licences"])


def _leaf(told: dict[str, Any]) -> PlannedLeaf:
    return PlannedLeaf(
        **told
        | {
            "change": LeafChange(told["change"]),
            "pulls": tuple(told["pulls"]),
            "authors": tuple(told["authors"]),
            "licences": _licences(told),
            "earlier_authors": tuple(told.get("earlier_authors", ())),
        }
    )
