"""The student: a model and its tokenizer from a folder on this machine; never code of theirs, never the network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipeline.training.attention import PACKED
from pipeline.training.errors import StudentError
from pipeline.training.settings import Quantized
from pipeline.training.weights import fingerprint, tensors_of, weight_files

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Student:
    """A loaded model. `plain_attention` is what it attends with where packs are not for it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    folder: Path
    fingerprint: str
    plain_attention: str


def read_config(folder: Path) -> PretrainedConfig:
    """Return the model's configuration, having looked at its weights. Raises StudentError."""
    from transformers import AutoConfig

    for file in weight_files(folder):
        for _ in tensors_of(file):
            pass
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise StudentError(f"{folder}: {_why(folder, error)}") from None
    return config


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the model's tokenizer. Raises StudentError."""
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise StudentError(f"{folder}: the tokenizer cannot be read: {_why(folder, error)}") from None
    return tokenizer


def load_student(folder: Path, dtype: torch.dtype, quantized: Quantized = Quantized.NO) -> Student:
    """Return the model and its tokenizer, with the attention for packs where it can have it. Raises StudentError.

    A quantized model is put on the GPU; all else stays where there is no accelerator involved yet.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    read_config(folder)
    more: dict[str, Any] = {}
    if quantized is Quantized.FOUR_BIT:
        more = {"quantization_config": _four_bits(), "device_map": {"": torch.cuda.current_device()}}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False, **more
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise StudentError(f"{folder}: {_why(folder, error)}") from None
    plain = str(model.config._attn_implementation)
    attend_in_packs(model)
    return Student(model, read_tokenizer(folder), folder, fingerprint(folder), plain)


def attend_in_packs(model: PreTrainedModel) -> bool:
    """Give a model the attention for packs; return whether it takes it. That it works is for a trial to say."""
    try:
        model.set_attn_implementation(PACKED)
    except (ValueError, ImportError, AttributeError):
        return False
    return True


def _four_bits() -> Any:
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None or not torch.cuda.is_available():
        raise StudentError(
            'Four bits need a GPU and bitsandbytes: install it with  pip install "taxonomy-bot[gpu]"  on a machine '
            "with a GPU, or train without --quantized 4bit."
        )
    kind: Any = BitsAndBytesConfig
    return kind(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _why(folder: Path, error: Exception) -> str:
    """Return why a model cannot be loaded, in a sentence."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except OSError:
        return "there is no config.json here, so this is no model."
    except ValueError:
        return "its config.json is no JSON. Copy the model anew."
    if isinstance(config, dict) and config.get("auto_map"):
        return "it brings code of its own, which is never run. Take a model of a kind that transformers knows."
    return f"{str(error).splitlines()[0][:300] if str(error) else type(error).__name__}"
