"""The student with an adapter that can be switched off: base and tuned model in one load, each with its hash."""

from __future__ import annotations

import contextlib
import gc
import hashlib
from collections.abc import Iterator
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

_COUNTED = (".safetensors", ".jinja", ".model")  # with the files below, what decides how a model answers
_COUNTED_TOO = frozenset(
    {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "adapter_config.json"}
    | {"special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt"}
)
_PACKAGES = ("taxonomy-bot", "torch", "transformers", "peft", "lm-eval", "numpy")


@dataclass(frozen=True, slots=True)
class EvaluatedStudent:
    """A base model with one adapter on it, ready to be measured. Within `as_base` it is what it was before."""

    model: PeftModel
    tokenizer: PreTrainedTokenizerBase
    base: ModelIdentity
    adapter: ModelIdentity

    @contextmanager
    def as_base(self) -> Iterator[None]:
        """Switch the adapter off meanwhile."""
        with self.model.disable_adapter():
            yield


@dataclass(frozen=True, slots=True)
class LoneStudent:
    """A model by itself, ready to be measured."""

    model: PreTrainedModel | PeftModel
    tokenizer: PreTrainedTokenizerBase
    identity: ModelIdentity


def load_alone(folder: Path, device: str = "") -> LoneStudent:
    """Return a whole model. `device` and errors as in `load_with_adapter`."""
    import torch

    from pipeline.training.student import load_student

    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    student = load_student(folder, torch.float32 if where == "cpu" else torch.bfloat16)
    student.model.set_attn_implementation(student.plain_attention)
    moved: Any = student.model.eval()
    return LoneStudent(moved.to(where), student.tokenizer, identity_of(folder))


def load_with_adapter(base: Path, adapter: Path, device: str = "") -> EvaluatedStudent:
    """Return the student. `device` is such as "cuda:0"; without one it is a GPU where there is one.

    Raises TrainingError for a model or an adapter that is damaged, a pickle, or not made for the other.
    """
    import torch

    from pipeline.training.adapters import with_adapter
    from pipeline.training.student import load_student

    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    student = load_student(base, torch.float32 if where == "cpu" else torch.bfloat16)
    student.model.set_attn_implementation(student.plain_attention)
    model = with_adapter(student, adapter)
    model.to(where)
    return EvaluatedStudent(model, student.tokenizer, identity_of(base), identity_of(adapter))


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
