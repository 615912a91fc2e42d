"""Adapters: made, written, put onto the model they were made for and no other, and merged into it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors.torch import load_file, save

from pipeline.datasets import write_json
from pipeline.training.errors import AdapterError, StudentError
from pipeline.training.folders import appearing, write_bytes
from pipeline.training.settings import ALL_LINEAR, Lora, Quantized
from pipeline.training.weights import tensors_of, weight_files

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from pipeline.training.student import Student

CONFIG, WEIGHTS, BASE = "adapter_config.json", "adapter_model.safetensors", "base.json"

# what adapters may differ in from a plain one; with anything else one might do here what it did not elsewhere
_FREE = {
    *("r", "lora_alpha", "lora_dropout", "target_modules", "init_lora_weights", "inference_mode"),
    *("task_type", "base_model_name_or_path", "peft_version", "revision", "auto_mapping"),
}


def with_new_adapter(model: PreTrainedModel, lora: Lora) -> PeftModel:
    """Return the model with a fresh adapter, the only thing that learns. Raises AdapterError for other targets."""
    from peft import get_peft_model, prepare_model_for_kbit_training

    if lora.quantized is not Quantized.NO:
        prepare: Any = prepare_model_for_kbit_training
        model = prepare(model, use_gradient_checkpointing=False)
    try:
        adapted: Any = get_peft_model(model, _config(lora))
    except ValueError as error:
        raise AdapterError(
            f"This model has no layers {', '.join(lora.targets)} to adapt: name others in --targets, or "
            f"{ALL_LINEAR}. ({str(error).splitlines()[0][:200]})"
        ) from None
    return cast("PeftModel", adapted)


def _config(lora: Lora) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=ALL_LINEAR if lora.targets == (ALL_LINEAR,) else list(lora.targets),
        task_type="CAUSAL_LM",
    )


def write_adapter(folder: Path, weights: Mapping[str, torch.Tensor], model: PeftModel, base: str) -> None:
    """Write an adapter for the model of this fingerprint; it appears whole, the same weights as the same bytes."""
    said = model.peft_config["default"].to_dict()
    config = {name: _in_json(value) for name, value in said.items()}
    config |= {"base_model_name_or_path": None, "inference_mode": True}
    with appearing(folder) as fresh:
        held = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(weights.items())}
        write_bytes(fresh / WEIGHTS, save(held, metadata={"format": "pt"}))
        write_json(fresh / CONFIG, config)
        write_json(fresh / BASE, {"fingerprint": base})


def _in_json(value: Any) -> Any:
    """Return a setting as JSON can hold it, sets in order."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, dict):
        return {str(name): _in_json(each) for name, each in value.items()}
    return value if isinstance(value, str | int | float | bool | list | None) else str(value)


def read_adapter(folder: Path, base: str) -> tuple[Lora, dict[str, torch.Tensor]]:
    """Return an adapter for the model with this fingerprint. Raises AdapterError for others, and damaged ones."""
    for file in weight_files(folder, AdapterError):
        for _ in tensors_of(file, AdapterError):
            pass
    made_for = _json(folder / BASE).get("fingerprint")
    if made_for != base:
        raise AdapterError(
            f"{folder}: this adapter was made for another model ({str(made_for)[:12]}, and this is {base[:12]}). "
            "Name the model that it was trained on."
        )
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise AdapterError(f"{folder}: {WEIGHTS} is missing. Copy the adapter anew.")
    return _lora(folder), load_file(weights)


def _lora(folder: Path) -> Lora:
    said = _json(folder / CONFIG)
    if said.get("peft_type") != "LORA":
        raise AdapterError(f"{folder}: this is no LoRA adapter.")
    plain = {name: _in_json(value) for name, value in _config(Lora()).to_dict().items()}
    for name in sorted(said.keys() - _FREE):
        if said[name] and said[name] != plain.get(name):
            raise AdapterError(f"{folder}: {CONFIG} sets {name}, which adapters made here do not.")
    targets = said.get("target_modules")
    names = (targets,) if isinstance(targets, str) else tuple(targets or ())
    try:
        return Lora(int(said["r"]), int(said["lora_alpha"]), 0.0, tuple(sorted(map(str, names))))
    except (KeyError, TypeError, ValueError):
        raise AdapterError(f"{folder}: {CONFIG} has no rank and alpha. Copy the adapter anew.") from None


def _json(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise AdapterError(
            f"{path.parent}: there is no {path.name}, so nobody knows what this adapter is for. "
            "Take one that `taxonomy-pipeline train` made."
        ) from None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise AdapterError(f"{path}: this is no JSON object. Copy the adapter anew.")
    return said


def with_adapter(student: Student, folder: Path) -> PeftModel:
    """Return the student with an adapter from a folder, ready to answer. Raises AdapterError."""
    model: Any = put_on(student.model, "default", *read_adapter(folder, student.fingerprint), folder)
    return cast("PeftModel", model.eval())


def put_on(
    model: PreTrainedModel | PeftModel, name: str, lora: Lora, weights: Mapping[str, torch.Tensor], folder: Path
) -> PeftModel:
    """Return a model with one more adapter, which was read from the folder. Raises AdapterError."""
    from peft import PeftModel, get_peft_model, set_peft_model_state_dict

    try:
        adapted: Any = model
        if isinstance(model, PeftModel):
            model.add_adapter(name, _config(lora))
        else:
            adapted = get_peft_model(model, _config(lora), adapter_name=name)
        told: Any = set_peft_model_state_dict(adapted, dict(weights), adapter_name=name)
    except (ValueError, RuntimeError, KeyError) as error:
        raise AdapterError(f"{folder}: it does not fit this model: {str(error)[:300]}") from None
    missing = [key for key in told.missing_keys if "lora_" in key and f".{name}." in key]
    if odd := missing or list(told.unexpected_keys):
        raise AdapterError(f"{folder}: it does not fit this model: {odd[0][:120]}.")
    return cast("PeftModel", adapted)


def merge(student: Student, adapter: Path, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write the student with the adapter in its weights, and its tokenizer, as a model of its own.

    With `dtype` the weights are held in that precision once they are added up.
    """
    if folder.exists():
        raise StudentError(f"{folder} is there already. Name a folder that is not.")
    adapted: Any = with_adapter(student, adapter)
    merged = adapted.merge_and_unload()
    merged.set_attn_implementation(student.plain_attention)
    if dtype is not None:
        merged = merged.to(dtype)
    with appearing(folder) as fresh:
        merged.save_pretrained(fresh)
        student.tokenizer.save_pretrained(fresh)


def copied(source: Path, target: Path) -> None:
    """Let a folder appear as another whole one, without a second copy of its files where the disk can do that."""
    with appearing(target) as fresh:
        for file in sorted(source.iterdir()):
            try:
                (fresh / file.name).hardlink_to(file)
            except OSError:
                shutil.copyfile(file, fresh / file.name)
