"""Which blocks there are: every module of this folder that defines one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from pipeline.sdg import blocks
from pipeline.sdg.blocks.block import Block


@cache
def all_blocks() -> Mapping[str, type[Block]]:
    """Return every block by its kind. Raises ValueError when two share one."""
    found: dict[str, type[Block]] = {}
    for module in pkgutil.iter_modules(blocks.__path__, f"{blocks.__name__}."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ != module.name or not issubclass(kind, Block) or not hasattr(kind, "KIND"):
                continue
            if kind.KIND in found:
                raise ValueError(f"two blocks are called {kind.KIND!r}")
            found[kind.KIND] = kind
    return MappingProxyType(found)
