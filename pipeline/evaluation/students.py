"""The student with adapters that can be switched off: base and tuned models in one load, each with its hash."""

from __future__ import annotations

import contextlib
import gc
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.datasets import sha256_of
from pipeline.evaluation_results import ModelIdentity

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from pipeline.training.adapted import Adapted

_COUNTED = (".safetensors", ".jinja", ".model")  # with the files below, what decides how a model answers
_COUNTED_TOO = frozenset(
    {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "adapter_config.json"}
    | {"special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt"}
)
_PACKAGES = ("taxonomy-bot", "torch", "transformers", "peft", "lm-eval", "numpy")


@dataclass(frozen=True, slots=True)
class EvaluatedStudent:
    """A base model with adapters on it, ready to be measured. It wears the first, unless it is told otherwise."""

    adapted: Adapted
    base: ModelIdentity
    adapters: tuple[ModelIdentity, ...]

    @property
    def model(self) -> Any:
        """The model, as it is worn now."""
        return self.adapted.model

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Its tokenizer."""
        return self.adapted.student.tokenizer

    @contextmanager
    def as_base(self) -> Iterator[None]:
        """Let it be what it was before meanwhile."""
        with self.adapted.wearing(""):
            yield

    @contextmanager
    def as_tuned(self, number: int) -> Iterator[None]:
        """Let it wear one of its adapters meanwhile, by number from 0."""
        with self.adapted.wearing(self.adapted.adapters[number]):
            yield


@dataclass(frozen=True, slots=True)
class LoneStudent:
    """A model by itself, ready to be measured."""

    model: PreTrainedModel | PeftModel
    tokenizer: PreTrainedTokenizerBase
    identity: ModelIdentity


def load_alone(folder: Path, adapter: Path | None = None, device: str = "") -> LoneStudent:
    """Return a whole model, or one that wears an adapter for good. Errors as in `load_with_adapters`."""
    from pipeline.training.adapted import load_adapted

    adapted = load_adapted(folder, {"tuned": adapter} if adapter is not None else {}, device=device)
    if adapter is not None:
        adapted.wear("tuned")
    return LoneStudent(adapted.model, adapted.student.tokenizer, identity_of(adapter or folder))


def load_with_adapters(base: Path, adapters: Sequence[Path], device: str = "") -> EvaluatedStudent:
    """Return the student with all of these adapters. `device` is such as "cuda:0"; without, a GPU if there is one.

    Raises TrainingError for a model or an adapter that is damaged, a pickle, or not made for the other.
    """
    from pipeline.training.adapted import load_adapted

    named = {f"tuned-{number}": adapter for number, adapter in enumerate(adapters, start=1)}
    adapted = load_adapted(base, named, device=device)
    adapted.wear(next(iter(named)))
    return EvaluatedStudent(adapted, identity_of(base), tuple(map(identity_of, adapters)))


def free_memory() -> None:
    """Give the memory of models that nobody uses any more back, on a GPU also to other processes."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def identity_of(folder: Path) -> ModelIdentity:
    """Return the name of a model or adapter, and the SHA-256 over its files, wherever the folder lies."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and (path.suffix in _COUNTED or path.name in _COUNTED_TOO):
            digest.update(f"{path.name}\0{sha256_of(path)}\n".encode())
    return ModelIdentity(folder.name, digest.hexdigest())


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that numbers hang on, as far as they are installed."""
    found = {}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
