"""The student with an adapter that can be switched off: base and tuned model in one load.

Weights are safetensors, or are not loaded; nothing is fetched, and no code that lies beside a model is run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.datasets import sha256_of
from pipeline.evaluation_results import ModelIdentity

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase

_ADAPTER = "adapter_model.safetensors"
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_COUNTED = (".safetensors", ".json", ".jinja", ".model")  # what decides how a model answers
_NOT_COUNTED = frozenset({"manifest.json", "trainer_state.json", "training.json"})


class StudentLoadError(Exception):
    """A model or adapter cannot be measured; the text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Student:
    """A base model with one adapter on it, ready to be measured. Use `as_base` for what it was before."""

    model: PeftModel
    tokenizer: PreTrainedTokenizerBase
    base: ModelIdentity
    adapter: ModelIdentity

    @contextmanager
    def as_base(self) -> Iterator[None]:
        """Switch the adapter off meanwhile."""
        with self.model.disable_adapter():
            yield


def load_student(base: Path, adapter: Path, device: str = "") -> Student:
    """Return the student. `device` is such as "cuda:0"; without, a GPU where there is one. Raises StudentLoadError."""
    _check_base(base)
    _check_adapter(adapter)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    given: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with _said_of(f"the model {base}"):
        dtype = torch.float32 if where == "cpu" else torch.bfloat16
        plain = AutoModelForCausalLM.from_pretrained(base, use_safetensors=True, dtype=dtype, **given)
        tokenizer = AutoTokenizer.from_pretrained(base, **given)
    with (
        _said_of(f"the adapter {adapter} on {base}, for which it may not have been made"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # of keys that are missing; they are counted below
        model = PeftModel.from_pretrained(plain, str(adapter), is_trainable=False)
    _check_fits(model, base, adapter)
    return Student(model.to(where).eval(), tokenizer, identity_of(base), identity_of(adapter))


def identity_of(folder: Path) -> ModelIdentity:
    """Return the name of a model or adapter, and the SHA-256 over its files, wherever the folder lies."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in _COUNTED and path.name not in _NOT_COUNTED:
            digest.update(f"{path.name}\0{sha256_of(path)}\n".encode())
    return ModelIdentity(folder.name, digest.hexdigest())


def _check_base(base: Path) -> None:
    if not (base / "config.json").is_file():
        raise StudentLoadError(f"{base} is no folder of a model: it holds no config.json.")
    if not any(base.glob("*.safetensors")):
        raise StudentLoadError(
            f"The model {base} holds no safetensors. Other weights can run code when they are loaded, and are never "
            "loaded: convert them first."
        )


def _check_adapter(adapter: Path) -> None:
    if not (adapter / "adapter_config.json").is_file():
        raise StudentLoadError(f"{adapter} is no folder of an adapter: it holds no adapter_config.json.")
    if not (adapter / _ADAPTER).is_file():
        others = sorted(path.name for path in adapter.iterdir() if path.suffix in _PICKLES)
        there = (
            f" It holds {others[0]}, which can run code when it is loaded, and is never loaded." if others else ""
        )
        raise StudentLoadError(f"The adapter {adapter} holds no {_ADAPTER}.{there}")


def _check_fits(model: PeftModel, base: Path, adapter: Path) -> None:
    """Refuse an adapter of which a part has no place in the model, or the other way round."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(adapter / _ADAPTER, framework="pt") as file:
        written = set(file.keys())
    wanted = set(get_peft_model_state_dict(model))
    if odd := sorted(written ^ wanted):
        raise StudentLoadError(
            f"The adapter {adapter} was not made for {base}: {len(odd)} of its weights have no counterpart, "
            f"such as {odd[0][:120]}. Name the model that it was trained on."
        )


@contextmanager
def _said_of(what: str) -> Iterator[None]:
    """Turn what the libraries raise for bad files into one error."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise StudentLoadError(f"Could not load {what}: {reason[:300]}") from error


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that numbers hang on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("taxonomy-bot", "torch", "transformers", "peft", "lm-eval", "numpy"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
