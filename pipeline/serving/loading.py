"""The base model with all its adapters on it, loaded once; looked at before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from pipeline.serving.batch import check_batches
from pipeline.serving.prompts import Prompts
from pipeline.training.adapted import Adapted, load_adapted
from pipeline.training.errors import StudentError
from pipeline.training.student import read_config, read_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that answers as itself or with one of its adapters. Only one thread may use it."""

    adapted: Adapted
    prompts: Prompts
    decoder: PreTrainedTokenizerBase  # for the model's thread: that of the prompts is another's
    ends: frozenset[int]  # tokens that end an answer

    @property
    def model(self) -> Any:
        """The model, as it is worn now."""
        return self.adapted.model

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of its adapters."""
        return self.adapted.adapters

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.adapted.device

    def wear(self, adapter: str) -> None:
        """Answer with this adapter from now on; as the base model, where it is empty."""
        self.adapted.wear(adapter)


def load(
    folder: Path,
    adapters: Mapping[str, Path],
    *,
    device: str = "",
    dtype: str = "auto",
    longest: int | None = None,
) -> Loaded:
    """Return the model in a folder with these adapters. `longest` is how many tokens it may hold at most.

    Raises StudentError and AdapterError, the latter before the model is loaded.
    """
    limit = _limit(folder, read_config(folder), longest)
    prompts = Prompts(read_tokenizer(folder), limit)
    adapted = load_adapted(folder, adapters, device=device, dtype=dtype)
    tokenizer = adapted.student.tokenizer
    loaded = Loaded(adapted, prompts, tokenizer, _ends(folder, adapted.model, tokenizer))
    check_batches(adapted.model, adapted.device, folder)
    return loaded


def _limit(folder: Path, config: Any, longest: int | None) -> int:
    most = int(getattr(config.get_text_config(), "max_position_embeddings", 0) or 0)
    if longest is not None and most and longest > most:
        raise StudentError(f"{folder}: this model holds {most} tokens at most, not {longest}.")
    if not (limit := longest or most):
        raise StudentError(f"{folder}: its config.json does not say how many tokens it holds: say so yourself.")
    return limit


def _ends(folder: Path, model: Any, tokenizer: Any) -> frozenset[int]:
    said = getattr(model.generation_config, "eos_token_id", None)
    ends = set(said) if isinstance(said, list) else {said}
    if not (found := {int(token) for token in (*ends, tokenizer.eos_token_id) if token is not None}):
        raise StudentError(f"{folder}: neither model nor tokenizer name a token that ends an answer.")
    return frozenset(found)


def quiet(threads: int = 0) -> None:
    """Keep the libraries' bars and hints off the screen; set how many cores are used, 0 leaves that to torch."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    if threads:
        torch.set_num_threads(threads)
