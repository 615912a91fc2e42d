"""A mix's manifest: what it was made of, whose licences that has, and the key by which the same mix is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.datasets import read_manifest
from pipeline.portions import Portion
from pipeline.recipes import Recipe, Source

_METHOD = 2  # raised when the same recipe and files would give another mix


def key_of(recipe: Recipe, digests: Mapping[Path, str]) -> str:
    """Return the digest of everything that decides the mix; where files lie does not."""
    said = recipe.model_dump(mode="json", exclude={"datasets", "replay", "tests"})
    for part in ("datasets", "replay", "tests"):
        sources: tuple[Source, ...] = getattr(recipe, part)
        said[part] = [
            {
                **each.model_dump(mode="json", exclude={"path"}),
                "sha256": digests.get(each.path, ""),
                "is": each.title,
            }
            for each in sources
        ]
    return hashlib.sha256(json.dumps({"method": _METHOD, **said}, sort_keys=True).encode()).hexdigest()


def content_of(
    recipe: Recipe,
    portions: Sequence[Portion],
    left_out: Sequence[Mapping[str, int]],
    digests: Mapping[Path, str],
    key: str,
) -> dict[str, Any]:
    """Return what the manifest says besides the files; `left_out` counts by reason, for each portion."""
    ingredients = [
        {
            "name": portion.ingredient.title,
            "sha256": digests[portion.ingredient.path],
            "there": portion.there,
            "taken": portion.taken,
            "left_out": dict(sorted(reasons.items())),
            "is_replay": portion.is_replay,
            "is_knowledge": portion.ingredient.is_knowledge,
            **_origin(portion.ingredient.path, digests[portion.ingredient.path]),
        }
        for portion, reasons in zip(portions, left_out, strict=True)
    ]
    return {
        "name": recipe.name,
        "key": key,
        "seed": recipe.seed,
        "ingredients": ingredients,
        "tests": [{"name": each.title, "sha256": digests[each.path]} for each in recipe.tests],
        "licences": sorted({licence for each in ingredients for licence in each["licences"] or ()}),
    }


def _origin(path: Path, sha256: str) -> dict[str, Any]:
    """Return what the manifest beside a file says of its sources; licences are None where none says it."""
    manifest = read_manifest(path.parent) or {}
    if not any(file["sha256"] == sha256 for file in manifest.get("files", ())):
        manifest = {}
    said = {name: manifest[name] for name in ("leaf", "document", "teacher", "critic") if manifest.get(name)}
    return {"licences": manifest.get("licences"), **said}
