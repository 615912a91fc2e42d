"""Adapters that come and go while a student is served: from one folder only, and by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.openai_protocol.fields import RequestError
from pipeline.serving.engine import Engine
from pipeline.serving.loading import Loaded
from pipeline.training.errors import TrainingError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")  # it becomes part of the names of the model's own parts
_MOST = 32


class AdapterDock:
    """Takes adapters on and lets them go, between two answers."""

    def __init__(self, engine: Engine, loaded: Loaded, folder: Path) -> None:
        self._engine = engine
        self._loaded = loaded
        self._folder = folder.resolve()

    async def load(self, name: str, folder: str, taken: Sequence[str]) -> str:
        """Take on the adapter in a folder; return its name. Raises RequestError."""
        if not _NAME.fullmatch(name):
            raise RequestError("'lora_name' has 1 to 100 of A-Z a-z 0-9 _ -", "lora_name")
        if name in taken:
            raise RequestError(f"There is a model '{name}' already.", "lora_name")
        if len(self._loaded.adapters) >= _MOST:
            raise RequestError(f"{_MOST} adapters are served already: unload one.", "lora_name")
        place = self._place(folder)
        try:
            await self._engine.change(lambda: self._loaded.adapted.take_on(name, place))
        except TrainingError as error:
            raise RequestError(str(error), "lora_path") from None
        return name

    async def unload(self, name: str) -> None:
        """Let an adapter go."""
        await self._engine.change(lambda: self._loaded.adapted.let_go(name))

    def _place(self, folder: str) -> Path:
        try:
            place = Path(folder).resolve()
        except (OSError, ValueError, RuntimeError):
            place = Path()
        if not place.is_relative_to(self._folder) or not place.is_dir():
            raise RequestError(
                "'lora_path' must be a folder below the one that adapters are taken from (--adapters-from).",
                "lora_path",
            )
        return place
