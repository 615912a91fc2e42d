"""The base model with all its adapters on it, loaded once; looked at before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from pipeline.serving.batch import check_batches
from pipeline.serving.prompts import Prompts
from pipeline.training.adapters import read_adapter
from pipeline.training.errors import AdapterError, StudentError
from pipeline.training.settings import Lora
from pipeline.training.student import load_student, read_config, read_tokenizer
from pipeline.training.weights import fingerprint

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(slots=True)
class Loaded:
    """A model that answers as itself or with one of its adapters. Only one thread may use it."""

    model: PreTrainedModel | PeftModel
    prompts: Prompts
    decoder: PreTrainedTokenizerBase  # for the model's thread: that of the prompts is another's
    adapters: tuple[str, ...]
    ends: frozenset[int]  # tokens that end an answer
    device: torch.device
    _worn: str = field(default="", init=False)

    def wear(self, adapter: str) -> None:
        """Answer with this adapter from now on; as the base model, where it is empty."""
        if adapter == self._worn or not self.adapters:
            return
        layers: Any = self.model.base_model
        if not adapter:
            layers.disable_adapter_layers()
        else:
            if not self._worn:
                layers.enable_adapter_layers()
            layers.set_adapter(adapter)
        self._worn = adapter


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
    config = read_config(folder)
    base = fingerprint(folder)
    read = {name: read_adapter(place, base) for name, place in adapters.items()}
    limit = _limit(folder, config, longest)
    prompts = Prompts(read_tokenizer(folder), limit)
    where = _device(device)
    student = load_student(folder, _dtype(dtype, where))
    model: Any = student.model
    model.set_attn_implementation(student.plain_attention)  # padded rows: packs have no place here
    for name, (lora, weights) in read.items():
        model = _with_adapter(model, name, lora, weights, adapters[name])
    model = model.to(where).eval().requires_grad_(requires_grad=False)
    ends = _ends(folder, model, student.tokenizer)
    loaded = Loaded(model, prompts, student.tokenizer, tuple(adapters), ends, where)
    if adapters:
        model.base_model.disable_adapter_layers()
    check_batches(model, where, folder)
    return loaded


def _with_adapter(model: Any, name: str, lora: Lora, weights: dict[str, torch.Tensor], folder: Path) -> Any:
    from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=0.0,
        target_modules=list(lora.targets),
        task_type="CAUSAL_LM",
        inference_mode=True,
    )
    try:
        if isinstance(model, PeftModel):
            model.add_adapter(name, config)
        else:
            model = get_peft_model(model, config, adapter_name=name)
        told: Any = set_peft_model_state_dict(model, weights, adapter_name=name)
    except (ValueError, RuntimeError, KeyError) as error:
        raise AdapterError(f"{folder}: it does not fit this model: {str(error)[:300]}") from None
    missing = [key for key in told.missing_keys if "lora_" in key and f".{name}." in key]
    if odd := missing or list(told.unexpected_keys):
        raise AdapterError(f"{folder}: it does not fit this model: {odd[0][:120]}.")
    return model


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


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError:
        raise StudentError(f'"{name[:40]}" is no device. Say cpu, cuda or such as cuda:1.') from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise StudentError("There is no GPU that torch can use on this machine. Leave the device out.")
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name not in DTYPES:
        raise StudentError(f'"{name[:40]}" is none of {", ".join(DTYPES)}.')
    if name != "auto":
        found: torch.dtype = getattr(torch, name)
        return found
    return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32


def quiet(threads: int = 0) -> None:
    """Keep the libraries' bars and hints off the screen; set how many cores are used, 0 leaves that to torch."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    if threads:
        torch.set_num_threads(threads)
