"""Paths of the taxonomy tree: names as they should be, and where a leaf had better lie."""

from __future__ import annotations

import difflib
import re
import unicodedata

from checks.contribution import (
    FOUNDATIONAL_ROOT,
    KNOWLEDGE_ROOT,
    LEAF_FILE,
    ROOTS,
    SKILL_ROOT,
    Leaf,
)
from checks.yaml_tree import Scalar

GROUNDED = "grounded"
_GOOD_NAME = re.compile(r"[a-z0-9_]+")
_ROOT_BY_NICKNAME = {
    "skill": SKILL_ROOT,
    "skills": SKILL_ROOT,
    "compositional": SKILL_ROOT,
    "composition_skills": SKILL_ROOT,
    "freeform": SKILL_ROOT,
    "grounded": SKILL_ROOT,
    "knowledges": KNOWLEDGE_ROOT,
    "foundational": FOUNDATIONAL_ROOT,
}
_PLACEHOLDER = re.compile(r"specify|your|string|knowledge|removed")
_MOST_WORDS = 3
_LONGEST_NAME = 40


def is_good_name(folder: str) -> bool:
    """True for a folder name of lower-case letters, digits and underscores."""
    return _GOOD_NAME.fullmatch(folder) is not None


def better_name(folder: str) -> str:
    """Return the name in snake_case; empty when nothing of it can be written in plain letters."""
    plain = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def better_path(path: str) -> str:
    """Return the path with every folder's name in snake_case; empty when one cannot be written so."""
    *folders, name = path.split("/")
    named = [f if is_good_name(f) else better_name(f) for f in folders]
    return "/".join([*named, name]) if all(named) else ""


def meant_root(folder: str) -> str | None:
    """Return the root that a folder's name was probably meant to be."""
    name = better_name(folder)
    if name in ROOTS:
        return name
    if name in _ROOT_BY_NICKNAME:
        return _ROOT_BY_NICKNAME[name]
    near = difflib.get_close_matches(name[:60], ROOTS, n=1, cutoff=0.75)
    return near[0] if near else None


def without_wrapper(path: str) -> str | None:
    """Return the part of the path that begins at a root, when folders were put around it."""
    steps = path.split("/")
    for place, step in enumerate(steps[1:-1], 1):
        if step in ROOTS:
            return "/".join(steps[place:])
    return None


def category(path: str) -> str | None:
    """Return the root category a leaf lies directly in (such as knowledge/technology), or None when deeper."""
    folders = path.split("/")[:-1]
    deep_enough = 4 if folders[:2] == [SKILL_ROOT, GROUNDED] else 3
    return "/".join(folders) if len(folders) < deep_enough else None


def proposed_leaf(leaf: Leaf, parent: str) -> str:
    """Return a path below `parent`, named after the domain where that makes a short name."""
    node = leaf.mapping.get("domain") if leaf.mapping else None
    name = better_name(node.text[: _LONGEST_NAME + 1]) if isinstance(node, Scalar) else ""
    fits = 0 < len(name) <= _LONGEST_NAME and len(name.split("_")) <= _MOST_WORDS
    if not fits or name in parent.split("/") or _PLACEHOLDER.search(name):
        name = "your_topic"
    return f"{parent}/{name}/{LEAF_FILE}"
